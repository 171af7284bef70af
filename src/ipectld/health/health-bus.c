/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The connection to the service manager (org.freedesktop.systemd1), and the lists of units that it returns. Nothing
 * here waits. After a lost connection, or with another service manager on the same one, the daemon repeats all calls
 * and subscriptions.
 */

#include "clock.h"
#include "health-internal.h"

#define SERVICE_MANAGER "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"

int health_new_call(sd_bus *bus, const char *method, sd_bus_message **ret) {
        return sd_bus_message_new_method_call(bus, ret, SERVICE_MANAGER, method);
}

int health_new_failed_call(sd_bus *bus, sd_bus_message **ret) {
        int r = health_new_call(bus, "ListUnitsFiltered", ret);

        return r < 0 ? r : sd_bus_message_append(*ret, "as", 3, "failed", "auto-restart", "auto-restart-queued");
}

int health_read_row(sd_bus_message *reply, UnitRow *ret) {
        return sd_bus_message_read(reply, UNIT_ROWS, &ret->name, NULL, NULL, &ret->state, &ret->sub_state, NULL, NULL,
                                   &ret->job, NULL, NULL);
}

bool health_row_restarts(const UnitRow *row) {
        return streq(row->sub_state, "auto-restart") || streq(row->sub_state, "auto-restart-queued");
}

const char *health_error_text(const sd_bus_error *error) {
        return error->message ?: error->name;
}

bool health_is_of_the_bus(sd_bus_message *reply) {
        const char *sender = sd_bus_message_get_sender(reply);

        return !sender || streq(sender, "org.freedesktop.DBus");
}

void health_forget(Question *question) {
        sd_bus_slot_unref(question->call);
        *question = (Question) {};
}

void health_forget_calls(Health *health) {
        health_forget(&health->failed);
        health_forget(&health->states);
        health->command.call = sd_bus_slot_unref(health->command.call);
        health->target.call = sd_bus_slot_unref(health->target.call);
        health->members_call = sd_bus_slot_unref(health->members_call);
        health_forget_restart_calls(health);
}

int health_connect(Health *health) {
        sd_bus *bus = NULL;
        int r;

        if (health->bus && sd_bus_is_open(health->bus) > 0)
                return 0;
        r = sd_bus_open_system_with_description(&bus, "ipectld-health");
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(bus, HEALTH_ANSWER_USEC);
        if (r >= 0)
                r = sd_bus_attach_event(bus, health->manager->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0) {
                sd_bus_close_unref(bus);
                return r;
        }
        health_forget_calls(health);
        sd_bus_close_unref(health->bus);
        health->bus = bus;
        free(health->service_manager);
        health->service_manager = NULL;
        return 0;
}
