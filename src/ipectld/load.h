/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parts of ipe-load have in common.
 */
#ifndef IPECTLD_LOAD_H
#define IPECTLD_LOAD_H

#include "log.h"
#include "store.h"

/* Writes an entry about a version of the store. */
void load_log(int priority, const char *message_id, const VersionRecord *record, const char *format, ...) _printf_(4, 5);

#endif
