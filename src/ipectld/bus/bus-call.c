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

int bus_call_new(Bus *bus, sd_bus_message *message, PresenceGone gone, BusCall **ret) {
        _cleanup_(bus_call_freep) BusCall *call = calloc(1, sizeof(*call));
        int r;

        if (!call)
                return -ENOMEM;
        call->bus = bus;
        call->message = sd_bus_message_ref(message);
        r = presence_watch(bus->presence, message, gone, call, &call->caller);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(call);
        return 0;
}

int bus_call_refuse(const BusCall *call, int result, const Failure *failure) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = bus_refuse(&error, result, failure);

        r = sd_bus_error_is_set(&error) ? sd_bus_reply_method_error(call->message, &error)
                                        : sd_bus_reply_method_errno(call->message, r, NULL);
        sd_bus_error_free(&error);
        return r < 0 ? r : 0;
}
