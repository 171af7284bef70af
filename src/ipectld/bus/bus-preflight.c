/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preflight() answers when its time is over; its caller may have gone by then. StartPreflight() in bus-job.c keeps no
 * call waiting.
 */

#include "bus-call.h"
#include "bus-findings.h"
#include "bus-job.h"
#include "bus-options.h"
#include "bus-preflight.h"
#include "bus-reply.h"
#include "log.h"
#include "preflight.h"

static int answer(sd_bus_message *message, const Findings *findings) {
        sd_bus_message *reply = NULL;
        int r = sd_bus_message_new_method_return(message, &reply);

        if (r >= 0)
                r = bus_findings_append(reply, findings);
        r = bus_send_reply(reply, r);
        return r < 0 ? r : 0;
}

static void on_done(int result, const Failure *failure, const Findings *findings, void *userdata) {
        _cleanup_(bus_call_freep) BusCall *call = userdata;
        int r = result == 0 ? answer(call->message, findings) : result;

        if (r != 0)
                r = bus_reply_with_error(call->message, r, failure);
        if (r < 0)
                log_warning("Cannot answer a call of Preflight(): %s", strerror(-r));
        bus_job_next(call->bus);
}

/* Only one preflight runs at a time: others must not wait for an answer that nobody wants. */
static void on_caller_gone(void *userdata) {
        const Bus *bus = userdata;

        preflight_cancel(bus->manager);
}

int method_preflight(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        _cleanup_(bus_call_freep) BusCall *call = NULL;
        Bus *bus = userdata;
        Failure failure = {};
        const char *name;
        int r;

        r = bus_read_text(message, "name", &name, reterr);
        if (r >= 0)
                r = bus_findings_authorise(bus, message, name, NULL, reterr);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = bus_call_new(bus, message, on_caller_gone, bus, &call);
        if (r < 0)
                return r;
        r = preflight_start(bus->manager, name, NULL, on_done, call, &failure);
        if (r != 0)
                return bus_refuse(reterr, r, &failure);
        TAKE_PTR(call);
        return 1;
}
