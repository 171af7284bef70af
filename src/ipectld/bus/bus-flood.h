/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counts the calls of each user, and refuses those that are too many.
 */
#ifndef IPECTLD_BUS_FLOOD_H
#define IPECTLD_BUS_FLOOD_H

#include "bus.h"

/* Returns 0 or a negative errno. */
int bus_flood_start(Bus *bus, sd_event *event);

BusFlood *bus_flood_free(BusFlood *flood);

#endif
