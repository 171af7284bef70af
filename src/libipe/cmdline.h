/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Root hashes on the kernel command line, as the kernel's dmverity_cmdline reads them.
 */
#ifndef LIBIPE_CMDLINE_H
#define LIBIPE_CMDLINE_H

#include "inspection.h"

/* Room for the value of roothash= or usrhash=. A longer value is cut, to more digits than any root hash has. */
#define CMDLINE_HASH_SIZE (2 * sizeof(((FactDigest *) NULL)->value) + 2)

/* The value of a parameter; if it occurs again, the last one counts. key: "roothash" or "usrhash".
 * Returns whether it occurs. */
bool cmdline_get_root_hash(const char *cmdline, const char *key, char ret[CMDLINE_HASH_SIZE]);

/* Whether a command line has a root hash as roothash= or usrhash=. If one of these occurs again, the last one counts.
 */
bool cmdline_has_root_hash(const char *cmdline, const FactDigest *root_hash);

#endif
