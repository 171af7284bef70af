/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dm-verity volumes as they come and go, and what the policy in force says of each.
 */
#ifndef IPECTLD_VOLUMES_H
#define IPECTLD_VOLUMES_H

#include "inspection.h"
#include "manager.h"
#include "simulate.h"

/* Begins to watch, and logs the volumes that are there already. Without udev no volume is noticed, which is logged. */
void volumes_attach(Manager *manager);
void volumes_detach(Manager *manager);

#endif
