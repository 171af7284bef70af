/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Discards a version.
 */
#ifndef IPECTLD_DISCARD_H
#define IPECTLD_DISCARD_H

#include "manager.h"

/* Removes a version that is neither active nor selected. A file of policy.d with this version is not staged again. */
int discard_version(Manager *manager, const char *name, const char *version, Failure *reterr);

#endif
