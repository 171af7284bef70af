/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preflight() is answered when its time is over; who asked may have gone by then. StartPreflight() in bus-job.c keeps no call waiting.
 */

#include "bus-call.h"
#include "bus-details.h"
#include "bus-options.h"
#include "log.h"
#include "preflight.h"

int bus_append_findings(sd_bus_message *reply, const Findings *findings) {
        int r = sd_bus_message_open_container(reply, 'a', "(ssss)");

        for (size_t i = 0; r >= 0 && i < findings->n; i++)
                r = sd_bus_message_append(reply, "(ssss)", findings->list[i].path, findings->list[i].operation,
                                          findings->list[i].rule, findings->list[i].processes.text ?: "");
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int answer(sd_bus_message *message, const Findings *findings) {
        sd_bus_message *reply = NULL;
        int r = sd_bus_message_new_method_return(message, &reply);

        if (r >= 0)
                r = bus_append_findings(reply, findings);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r < 0 ? r : 0;
}

static void on_done(int result, const Failure *failure, const Findings *findings, void *userdata) {
        _cleanup_(bus_call_freep) BusCall *call = userdata;
        int r = result == 0 ? answer(call->message, findings) : result;

        if (r != 0)
                r = bus_call_refuse(call, r, failure);
        if (r < 0)
                log_warning("Cannot answer a call of Preflight(): %s", strerror(-r));
        bus_job_next(call->bus);
}

/* There is one preflight at a time: nobody else is to wait for an answer that nobody wants. */
static void on_caller_gone(void *userdata) {
        const BusCall *call = userdata;

        preflight_cancel(call->bus->manager);
}

static int may_inspect(Bus *bus, sd_bus_message *message, const char *name, sd_bus_error *reterr) {
        _cleanup_(bus_details_done) BusDetails details = {};
        int r = bus_details_add_names(&details, name, NULL);

        return r < 0 ? r : polkit_check_all(bus->polkit, message, (const char *const[]) { ACTION("inspect"), NULL }, details.list, reterr);
}

int method_preflight(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        _cleanup_(bus_call_freep) BusCall *call = NULL;
        Bus *bus = userdata;
        Failure failure = {};
        const char *name;
        int r;

        r = bus_read_text(message, "name", &name, reterr);
        if (r >= 0)
                r = may_inspect(bus, message, name, reterr);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = bus_call_new(bus, message, on_caller_gone, &call);
        if (r < 0)
                return r;
        r = preflight_start(bus->manager, name, NULL, on_done, call, &failure);
        if (r != 0)
                return bus_refuse(reterr, r, &failure);
        call = NULL;
        return 1;
}
