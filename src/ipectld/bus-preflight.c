/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preflight() is answered when its time is over; who asked may have gone by then.
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

/* A call that waits for its answer. */
typedef struct Call {
        sd_bus_message *message;
        sd_bus_track *caller;
        Manager *manager; /* borrowed */
} Call;

static Call *call_free(Call *call) {
        if (!call)
                return NULL;
        sd_bus_track_unref(call->caller);
        sd_bus_message_unref(call->message);
        free(call);
        return NULL;
}

static void call_freep(Call **call) {
        call_free(*call);
}

static void on_done(int result, const Failure *failure, const PreflightFinding *findings, size_t n, void *userdata) {
        _cleanup_(call_freep) Call *call = userdata;
        int r = result == 0 ? answer(call->message, findings, n) : answer_error(call->message, result, failure);

        if (r < 0)
                log_warning("Cannot answer a call of Preflight(): %s", strerror(-r));
}

/* There is one preflight at a time: nobody else is to wait for an answer that nobody wants. */
static int on_caller_gone(sd_bus_track *track, void *userdata) {
        Call *call = userdata;

        preflight_cancel(call->manager);
        return 0;
}

static int call_new(Bus *bus, sd_bus_message *message, Call **ret) {
        _cleanup_(call_freep) Call *call = calloc(1, sizeof(*call));
        int r;

        if (!call)
                return -ENOMEM;
        call->manager = bus->manager;
        call->message = sd_bus_message_ref(message);
        r = sd_bus_track_new(bus->bus, &call->caller, on_caller_gone, call);
        if (r >= 0)
                r = sd_bus_track_add_sender(call->caller, message);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(call);
        return 0;
}

int method_preflight(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        _cleanup_(call_freep) Call *call = NULL;
        Bus *bus = userdata;
        Failure failure = {};
        const char *name;
        int r;

        r = sd_bus_message_read(message, "s", &name);
        if (r >= 0)
                r = polkit_check(bus->polkit, message, ACTION("inspect"), reterr);
        if (r <= 0)
                return r < 0 ? r : 1;
        r = call_new(bus, message, &call);
        if (r < 0)
                return r;
        r = preflight_start(bus->manager, name, on_done, call, &failure);
        if (r != 0)
                return bus_refuse(reterr, r, &failure);
        call = NULL;
        return 1;
}
