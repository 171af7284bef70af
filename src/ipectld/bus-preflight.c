/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preflight() is answered when its time is over.
 */

#include "bus.h"
#include "log.h"
#include "preflight.h"

static int append_findings(sd_bus_message *reply, const PreflightFinding *findings, size_t n) {
        int r = sd_bus_message_open_container(reply, 'a', "(ssss)");

        for (size_t i = 0; r >= 0 && i < n; i++)
                r = sd_bus_message_append(reply, "(ssss)", findings[i].path, findings[i].operation, findings[i].rule,
                                          findings[i].processes);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int answer(sd_bus_message *message, const PreflightFinding *findings, size_t n) {
        sd_bus_message *reply = NULL;
        int r = sd_bus_message_new_method_return(message, &reply);

        if (r >= 0)
                r = append_findings(reply, findings, n);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static int answer_error(sd_bus_message *message, int result, const Failure *failure) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = bus_refuse(&error, result, failure);

        r = sd_bus_error_is_set(&error) ? sd_bus_reply_method_error(message, &error)
                                        : sd_bus_reply_method_errno(message, r, NULL);
        sd_bus_error_free(&error);
        return r;
}

static void on_done(int result, const Failure *failure, const PreflightFinding *findings, size_t n, void *userdata) {
        sd_bus_message *message = userdata;
        int r = result == 0 ? answer(message, findings, n) : answer_error(message, result, failure);

        if (r < 0)
                log_warning("Cannot answer a call of Preflight(): %s", strerror(-r));
        sd_bus_message_unref(message);
}

int method_preflight(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        Bus *bus = userdata;
        Failure failure = {};
        const char *name;
        int r;

        r = sd_bus_message_read(message, "s", &name);
        if (r >= 0)
                r = polkit_check(bus->polkit, message, ACTION("stage"), reterr);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = preflight_start(bus->manager, name, on_done, message, &failure);
        if (r != 0)
                return bus_refuse(reterr, r, &failure);
        sd_bus_message_ref(message);
        return 1;
}
