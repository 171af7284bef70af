/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What can be known again after a file of the store was damaged.
 */
#ifndef IPECTLD_RECOVER_H
#define IPECTLD_RECOVER_H

#include "manager.h"

/* Adds to a state that was lost, or whose latest change was, the stored policies and what the kernel enforces. Returns 0 or a
 * negative errno. */
int recover_state(Manager *manager);

/* Writes the object of a version again from what the kernel has loaded. Returns 1 if that was possible, 0 if not, or
 * a negative errno. */
int recover_object(Manager *manager, const VersionRecord *record);

#endif
