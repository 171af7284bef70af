/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A method call that is answered later, by who may have gone by then.
 */
#ifndef IPECTLD_BUS_CALL_H
#define IPECTLD_BUS_CALL_H

#include "bus.h"

typedef struct BusCall {
        Bus *bus; /* borrowed */
        sd_bus_message *message;
        PresenceWatch *caller;
} BusCall;

/* gone: called with the BusCall when its caller has left the bus. ret: to be freed. Returns 0 or a negative errno. */
int bus_call_new(Bus *bus, sd_bus_message *message, PresenceGone gone, BusCall **ret);

BusCall *bus_call_free(BusCall *call);

static inline void bus_call_freep(BusCall **call) {
        bus_call_free(*call);
}

/* Answers with what a function of the manager returned, which is no success. Returns 0 or a negative errno. */
int bus_call_refuse(const BusCall *call, int result, const Failure *failure);

#endif
