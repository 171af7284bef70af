/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shared by the parts of ipe-load: entries in the journal, and reads of the store.
 */
#ifndef IPE_LOAD_LOAD_H
#define IPE_LOAD_LOAD_H

#include "kernel.h"
#include "log.h"
#include "store.h"

#define LOAD_UNIT "ipe-load.service"

/* Logs that the active policy stays, as its version is higher than that of the policy that ipe-load was to load.
 * wanted: name or path of the latter. Returns 0, or a negative errno if no policy is active. */
int load_keep(const Kernel *kernel, const char *wanted);

/* Logs that the kernel has no IPE. wanted: what ipe-load was to load. */
void load_log_no_ipe(const char *wanted);

/* Reads a policy of the store as its owner. Returns as store_read(). */
int load_read(const Store *store, const VersionRecord *record, void **ret, size_t *ret_size);

/* Writes an entry about a version of the store; the text follows its name and version. */
void load_log(int priority, const char *message_id, const VersionRecord *record, const char *format, ...)
        _printf_(4, 5);

#endif
