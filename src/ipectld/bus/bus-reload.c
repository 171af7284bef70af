/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reload(): answers once all files were read.
 */

#include "bus-reload.h"
#include "bus-reply.h"
#include "log.h"
#include "source.h"

static void on_scanned(int result, const Failure *failure, void *userdata) {
        sd_bus_message *message = userdata;
        int r;

        r = result == 0 ? sd_bus_reply_method_return(message, "") : bus_reply_with_error(message, result, failure);
        sd_bus_message_unref(message);
        /* source_free() calls this when the bus is gone already. */
        if (r < 0 && result != -ECANCELED)
                log_warning("Cannot answer a call of Reload(), ignoring: %s", strerror(-r));
}

int method_reload(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        Bus *bus = userdata;
        Failure failure = {};
        int r;

        r = polkit_check(bus->polkit, message, ACTION("stage"), NULL, reterr);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = source_scan(bus->source, true, on_scanned, sd_bus_message_ref(message), &failure);
        if (r != 0) {
                sd_bus_message_unref(message);
                return bus_refuse(reterr, r, &failure);
        }
        return 1;
}
