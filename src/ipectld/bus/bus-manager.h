/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The interface org.ipe.Manager.
 */
#ifndef IPECTLD_BUS_MANAGER_H
#define IPECTLD_BUS_MANAGER_H

#include "bus.h"

/* Returns 0 or a negative errno. */
int bus_manager_register(Bus *bus);

#endif
