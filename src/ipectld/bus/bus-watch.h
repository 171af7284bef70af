/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Announces on the bus what others change in the kernel.
 */
#ifndef IPECTLD_BUS_WATCH_H
#define IPECTLD_BUS_WATCH_H

#include "bus.h"

/* Returns 0 or -ENOMEM; other failures are logged. Without IPE in the kernel there is nothing to watch. */
int bus_watch_start(Bus *bus);

BusWatch *bus_watch_free(BusWatch *watch);

/* A switch is about to be set: announces first the value that others have given it. watch: may be NULL. */
void bus_watch_before_switch(BusWatch *watch, KernelSwitch which);

/* Notes that the change of a switch was announced. watch: may be NULL. */
void bus_watch_switch_announced(BusWatch *watch, KernelSwitch which, bool value);

#endif
