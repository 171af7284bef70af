/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reload(): answered when all files were read.
 */

#include "bus.h"
#include "log.h"

static void on_scanned(int result, const Failure *failure, void *userdata) {
        sd_bus_message *message = userdata;
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        if (result == 0)
                r = sd_bus_reply_method_return(message, "");
        else {
                r = bus_refuse(&error, result, failure);
                r = sd_bus_error_is_set(&error) ? sd_bus_reply_method_error(message, &error)
                                                : sd_bus_reply_method_errno(message, r, NULL);
        }
        sd_bus_error_free(&error);
        sd_bus_message_unref(message);
        /* From source_free() the bus is gone already. */
        if (r < 0 && result != -ECANCELED)
                log_warning("Cannot answer a call of Reload(), ignoring: %s", strerror(-r));
}

int method_reload(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        Bus *bus = userdata;
        Failure failure = {};
        int r;

        r = polkit_check(bus->polkit, message, ACTION("stage"), reterr);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = source_scan(bus->source, true, on_scanned, sd_bus_message_ref(message), &failure);
        if (r != 0) {
                sd_bus_message_unref(message);
                return bus_refuse(reterr, r, &failure);
        }
        return 1;
}
