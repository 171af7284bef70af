/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A method call that is answered later. Its caller may have left the bus by then.
 */
#ifndef IPECTLD_BUS_CALL_H
#define IPECTLD_BUS_CALL_H

#include "bus.h"

typedef struct BusCall {
        Bus *bus; /* borrowed */
        sd_bus_message *message;
        PresenceWatch *caller;
} BusCall;

/* gone: called with userdata when the caller leaves the bus. ret: to be freed. Returns 0 or a negative errno. */
int bus_call_new(Bus *bus, sd_bus_message *message, PresenceGone gone, void *userdata, BusCall **ret);

BusCall *bus_call_free(BusCall *call);

static inline void bus_call_freep(BusCall **call) {
        bus_call_free(*call);
}

#endif
