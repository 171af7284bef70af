/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Only Subscribe() asks polkit: questions for each signal, and for each read of a property, would be too many.
 */

#include "bus-options.h"
#include "bus-subscribe.h"
#include "subscribers.h"

static int reply_to_subscribe(sd_bus_message *message, const Manager *manager) {
        return sd_bus_reply_method_return(message, "a{sv}", 1, "Denials", "b", manager->denials != NULL);
}

int method_subscribe(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        Bus *bus = userdata;
        int r;

        r = bus_read_options(message, &(const BusOption) {}, reterr);
        if (r >= 0)
                r = polkit_check(bus->polkit, message, ACTION("inspect"), NULL, reterr);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = subscribers_add(bus->subscribers, message);
        if (r == -EDQUOT)
                return sd_bus_error_set(reterr, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                        "Too many connections have subscribed already.");
        return r < 0 ? r : reply_to_subscribe(message, bus->manager);
}

/* No question to polkit: a connection ends its own subscription. */
int method_unsubscribe(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        Bus *bus = userdata;

        subscribers_remove(bus->subscribers, sd_bus_message_get_sender(message));
        return sd_bus_reply_method_return(message, "");
}

/* A message without destination is a signal to all, even if the daemon makes it while it handles a call of root. */
bool bus_may_inspect(const Bus *bus, sd_bus_message *reply) {
        const char *destination = sd_bus_message_get_destination(reply), *sender;
        sd_bus_message *call = sd_bus_get_current_message(bus->bus);

        if (!destination)
                return false;
        if (subscribers_has(bus->subscribers, destination))
                return true;
        sender = call ? sd_bus_message_get_sender(call) : NULL;
        return sender && streq(sender, destination) && polkit_is_root(bus->polkit, call);
}
