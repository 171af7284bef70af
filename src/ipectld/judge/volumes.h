/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Watches dm-verity volumes as they come and go, and logs what the active policy says about each.
 */
#ifndef IPECTLD_VOLUMES_H
#define IPECTLD_VOLUMES_H

#include "inspection.h"
#include "manager.h"
#include "simulate.h"

/* Begins to watch, and logs the volumes that exist already. A failure is logged; then no volume is noticed. */
void volumes_attach(Manager *manager);
void volumes_detach(Manager *manager);

#endif
