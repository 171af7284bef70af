/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A version that nobody wants any more.
 */
#ifndef IPECTLD_DISCARD_H
#define IPECTLD_DISCARD_H

#include "manager.h"

/* Forgets a version that is neither in force nor selected. A file of policy.d that is this version is not staged again. */
int discard_version(Manager *manager, const char *name, const char *version, Failure *reterr);

#endif
