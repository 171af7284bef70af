/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The details of a call, for polkit, its rules and its dialogs.
 */
#ifndef IPECTLD_BUS_DETAILS_H
#define IPECTLD_BUS_DETAILS_H

#include "store.h"

#define BUS_DETAILS_MAX 8U

/* A list as polkit_check() takes it. */
typedef struct BusDetails {
        const char
                *list[2 * BUS_DETAILS_MAX + 1]; /* a key, which is a constant, and a value by turns; ends with NULL */
        size_t n;                               /* strings in the list */
} BusDetails;

void bus_details_done(BusDetails *details);

/* Adds a pair; escapes characters of the value that are not safe to show. Returns 0 or -ENOMEM. */
int bus_details_add(BusDetails *details, const char *key, const char *value);

/* Adds name and version as a caller gives them. version: NULL or "" for the newest that waits to be activated.
 * Returns 0 or -ENOMEM. */
int bus_details_add_names(BusDetails *details, const char *name, const char *version);

/* Adds a name, and version and digest of a record unless that is NULL. Returns 0 or -ENOMEM. */
int bus_details_add_version(BusDetails *details, const char *name, const VersionRecord *record);

/* The same for a version on trial or confirmed, with the transaction that made it so. */
int bus_details_add_state(BusDetails *details, const char *name, const VersionRecord *record);

#endif
