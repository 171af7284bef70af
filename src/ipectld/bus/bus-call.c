/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls that wait for their answer.
 */

#include "bus-call.h"

BusCall *bus_call_free(BusCall *call) {
        if (!call)
                return NULL;
        presence_watch_free(call->caller);
        sd_bus_message_unref(call->message);
        free(call);
        return NULL;
}

int bus_call_new(Bus *bus, sd_bus_message *message, PresenceGone gone, void *userdata, BusCall **ret) {
        _cleanup_(bus_call_freep) BusCall *call = calloc(1, sizeof(*call));
        int r;

        if (!call)
                return -ENOMEM;
        call->bus = bus;
        call->message = sd_bus_message_ref(message);
        r = presence_watch(bus->presence, message, gone, userdata, &call->caller);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(call);
        return 0;
}
