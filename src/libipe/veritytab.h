/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lines of veritytab(5), as systemd-veritysetup-generator(8) reads them: five fields between white space, without
 * quotes or escapes; the last one may be missing.
 */
#ifndef LIBIPE_VERITYTAB_H
#define LIBIPE_VERITYTAB_H

#include "base.h"

#define VERITYTAB_SIZE_MAX (1U << 20)

typedef struct VeritytabEntry {
        char *name;
        char *data; /* device, as written: a path, or "UUID=..." */
        char *hash;
        char *root_hash; /* as written: hex in any case, or "-" */
        char *options;   /* between commas; empty for none */
} VeritytabEntry;

void veritytab_entry_done(VeritytabEntry *entry);

#define _cleanup_veritytab_entry_ _cleanup_(veritytab_entry_done)

/* $SYSTEMD_VERITYTAB, or /etc/veritytab. */
const char *veritytab_path(void);

/* Reads the next entry; skips comments, and lines that systemd skips.
 *
 * text, size: the rest of the file; moved past the entry. ret: to be freed if 1 is returned.
 *
 * Returns 1, 0 at the end, or -ENOMEM. */
int veritytab_next(const char **text, size_t *size, VeritytabEntry *ret);

/* Whether an option without a value, as "nofail", is there. */
bool veritytab_has_option(const VeritytabEntry *entry, const char *option);

/* The value of an option, as "hash="; systemd takes the last one of several.
 * key: with the '='. Returns where it begins in the options, or NULL if there is none. */
const char *veritytab_find_option(const VeritytabEntry *entry, const char *key, size_t *ret_size);

/* The instance of systemd-veritysetup@.service for a volume, as systemd-escape(1) makes it from the name.
 * Returns 0, -ENAMETOOLONG if that is no name of a unit, or -ENOMEM. */
int veritytab_unit(const char *name, char **ret);

#endif
