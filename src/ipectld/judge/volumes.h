/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dm-verity volumes as they come and go, and what the policy in force says of each.
 */
#ifndef IPECTLD_VOLUMES_H
#define IPECTLD_VOLUMES_H

#include "inspection.h"
#include "manager.h"
#include "simulate.h"

/* Begins to watch, and tells of what is there already. Without udev nothing is noticed, which is said; ret: NULL then. */
void volumes_start(Manager *manager, Volumes **ret);

/* Another policy may be in force. NULL is fine. */
void volumes_look_soon(Volumes *volumes);

/* Returns NULL. */
Volumes *volumes_free(Volumes *volumes);

#endif
