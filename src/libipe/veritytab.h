/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lines of veritytab(5), as systemd-veritysetup-generator(8) reads them: five fields between white space, of which the last
 * may be missing, without quotes or escapes.
 */
#ifndef LIBIPE_VERITYTAB_H
#define LIBIPE_VERITYTAB_H

#include "base.h"

#define VERITYTAB_SIZE_MAX (1U << 20)

typedef struct VeritytabEntry {
        char *name;
        char *data;      /* device, as written: a path, or "UUID=..." */
        char *hash;
        char *root_hash; /* as written: hex in any case, or "-" */
        char *options;   /* between commas; empty for none */
} VeritytabEntry;

void veritytab_entry_done(VeritytabEntry *entry);

#define _cleanup_veritytab_entry_ _cleanup_(veritytab_entry_done)

/* Where veritytab is: $SYSTEMD_VERITYTAB, or /etc/veritytab. */
const char *veritytab_path(void);

/* Reads the next entry; comments, and lines that systemd takes for none, are passed over.
 *
 * text, size: what is left, from which the entry is taken. ret: to be freed, unless 0 or an errno is returned.
 *
 * Returns 1, 0 at the end, or -ENOMEM. */
int veritytab_next(const char **text, size_t *size, VeritytabEntry *ret);

bool veritytab_has_option(const VeritytabEntry *entry, const char *option);

/* The instance of systemd-veritysetup@.service for a volume, as systemd-escape(1) makes it of the name.
 * Returns 0, -ENAMETOOLONG for what is no name of a unit any more, or -ENOMEM. */
int veritytab_unit(const char *name, char **ret);

#endif
