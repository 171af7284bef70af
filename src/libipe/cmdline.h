/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Root hashes on the kernel command line, as the kernel's dmverity_cmdline reads them.
 */
#ifndef LIBIPE_CMDLINE_H
#define LIBIPE_CMDLINE_H

#include "inspection.h"

/* Whether a command line has a root hash as roothash= or usrhash=. If one of these occurs again, the last one counts. */
bool cmdline_has_root_hash(const char *cmdline, const FactDigest *root_hash);

#endif
