/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The daemon on the bus.
 */
#ifndef IPECTLD_BUS_CONNECTION_H
#define IPECTLD_BUS_CONNECTION_H

#include "bus.h"
#include "source.h"

/* Connects to the system bus, offers the objects and takes the name. manager, source, event: borrowed.
 * Returns 0 or a negative errno, which was logged. */
int bus_new(Manager *manager, Source *source, sd_event *event, Bus **ret);

Bus *bus_free(Bus *bus);

static inline void bus_freep(Bus **bus) {
        bus_free(*bus);
}

#endif
