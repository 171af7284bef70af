/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parts of ipe-load have in common.
 */
#ifndef IPE_LOAD_LOAD_H
#define IPE_LOAD_LOAD_H

#include "kernel.h"
#include "log.h"
#include "store.h"

#define LOAD_UNIT "ipe-load.service"

/* What the kernel enforces already is of a version that it does not go below; it stays. wanted: what was to be loaded.
 * Returns 0, or a negative errno if the kernel enforces nothing. Logged. */
int load_keep(const Kernel *kernel, const char *wanted);

/* wanted: what was to be loaded. */
void load_log_no_ipe(const char *wanted);

/* Reads a policy of the store as its owner. Returns as store_read(). */
int load_read(const Store *store, const VersionRecord *record, void **ret, size_t *ret_size);

/* Writes an entry about a version of the store. */
void load_log(int priority, const char *message_id, const VersionRecord *record, const char *format, ...) _printf_(4, 5);

#endif
