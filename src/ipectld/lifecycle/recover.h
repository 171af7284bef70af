/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rebuilds what a damaged file of the store contained.
 */
#ifndef IPECTLD_RECOVER_H
#define IPECTLD_RECOVER_H

#include "manager.h"

/* Adds the stored policies and the active one to a state that was lost, or that lacks the latest change. Returns 0 or a
 * negative errno. */
int recover_state(Manager *manager);

/* Writes the object of a version again from the kernel's copy. Returns 1, 0 if the kernel has none, or a negative
 * errno. */
int recover_object(Manager *manager, const VersionRecord *record);

#endif
