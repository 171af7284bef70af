/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asks PID 1 over a connection that lives as long as the query: PID 1 may be what does not answer, and nobody else must
 * wait for it.
 *
 * An event of its own hands the answer on: libsystemd aborts if a connection is closed while it calls back for a
 * time-out on it.
 */

#include "clock.h"
#include "health-before.h"
#include "health-internal.h"
#include "log.h"

struct UnitsBeforeQuery {
        sd_bus *bus;
        sd_bus_slot *call;
        sd_event_source *answered; /* off before the answer */
        UnitsBeforeDone done;
        void *userdata;
        int result;
        Failure failure;
        UnitsBefore before;
};

void units_before_done(UnitsBefore *before) {
        strv_free(before->failed);
        strv_free(before->restarting);
        *before = (UnitsBefore) {};
}

UnitsBeforeQuery *units_before_cancel(UnitsBeforeQuery *query) {
        if (!query)
                return NULL;
        sd_event_source_disable_unref(query->answered);
        sd_bus_slot_unref(query->call);
        sd_bus_close_unref(query->bus);
        units_before_done(&query->before);
        free(query);
        return NULL;
}

static int refuse(const char *why, Failure *reterr) {
        return failure_set(reterr, FAILURE_NOT_SUPPORTED,
                           "Cannot ask the service manager which units have failed "
                           "(%s), so there are no health checks: confirm the policy by hand (confirm=manual).",
                           why);
}

static int append(char ***list, const char *name) {
        size_t n = 0;
        char **larger;

        while (*list && (*list)[n])
                n++;
        larger = reallocarray(*list, n + 2, sizeof(**list));
        if (!larger)
                return -ENOMEM;
        *list = larger;
        larger[n] = strdup(name);
        larger[n + 1] = NULL;
        return larger[n] ? 0 : -ENOMEM;
}

static int read_rows(sd_bus_message *reply, UnitsBefore *ret) {
        UnitRow row;
        int r = sd_bus_message_enter_container(reply, 'a', UNIT_ROWS);

        while (r >= 0 && (r = health_read_row(reply, &row)) > 0)
                r = append(health_row_restarts(&row) ? &ret->restarting : &ret->failed, row.name);
        return r;
}

static int on_answered(sd_event_source *source, void *userdata) {
        UnitsBeforeQuery *query = userdata;
        UnitsBefore before = query->before;
        UnitsBeforeDone done = query->done;
        Failure failure = query->failure;
        void *asker = query->userdata;
        int result = query->result;

        query->before = (UnitsBefore) {};
        units_before_cancel(query);
        done(result, &failure, &before, asker);
        units_before_done(&before);
        return 0;
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        UnitsBeforeQuery *query = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        int r = error ? 0 : read_rows(reply, &query->before);

        if (r != -ENOMEM && (error || r < 0))
                r = refuse(error ? health_error_text(error) : "its answer is invalid", &query->failure);
        if (r != 0)
                units_before_done(&query->before);
        query->result = r;
        if (sd_event_source_set_enabled(query->answered, SD_EVENT_ONESHOT) < 0)
                log_error("Cannot report which units have failed, so an activation waits until its caller leaves.");
        return 0;
}

static int ask(UnitsBeforeQuery *query, sd_event *event) {
        sd_bus_message *message = NULL;
        int r = sd_bus_open_system_with_description(&query->bus, "ipectld-before");

        if (r >= 0)
                r = sd_bus_attach_event(query->bus, event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_event_add_defer(event, &query->answered, on_answered, query);
        if (r >= 0)
                r = sd_event_source_set_enabled(query->answered, SD_EVENT_OFF);
        if (r >= 0)
                r = health_new_failed_call(query->bus, &message);
        if (r >= 0)
                r = sd_bus_call_async(query->bus, &query->call, message, on_answer, query, HEALTH_ANSWER_USEC);
        sd_bus_message_unref(message);
        return r;
}

int units_before_ask(Manager *manager, UnitsBeforeDone done, void *userdata, UnitsBeforeQuery **ret, Failure *reterr) {
        UnitsBeforeQuery *query = calloc(1, sizeof(*query));
        int r = query ? ask(query, manager->event) : -ENOMEM;

        if (r < 0) {
                units_before_cancel(query);
                return r == -ENOMEM ? r : refuse(strerror(-r), reterr);
        }
        query->done = done;
        query->userdata = userdata;
        *ret = query;
        return 0;
}
