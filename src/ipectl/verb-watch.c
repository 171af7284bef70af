/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * watch: shows the daemon's signals, its properties as they change, and the remaining time of a trial, until Ctrl-C.
 * If the daemon ends, watch waits for it to come back.
 *
 * The matches precede the first read of the properties, so that no change falls between. Only signals from the owner
 * of the daemon's name count, as any client of the bus may send one.
 *
 * Only subscribers get denials and the sources of refused policies: polkit may ask for a password for that, at the
 * start and for each daemon that comes back. Without it, watch shows the rest.
 */

#include <time.h>

#include "bus-value.h"
#include "client.h"
#include "clock.h"
#include "events.h"
#include "loop.h"
#include "output.h"
#include "terminal.h"

/* Interval of the countdown, in seconds. */
#define COUNTDOWN_TERMINAL 1
#define COUNTDOWN_LINES 10

typedef struct Watch {
        Client client;
        const Options *options;
        sd_event *event;
        sd_event_source *countdown; /* NULL without a trial */
        struct json_object *state;  /* the properties as last reported by the daemon */
        char *owner;                /* of the daemon's name; NULL while there is none */
        sd_bus_slot *question;      /* pending: all properties of a daemon that has come back */
        sd_bus_slot *subscription;  /* pending */
        sd_bus_slot *checks;        /* pending: the health checks that have changed */
        bool subscribed;
        bool live; /* stdout is a terminal; its last line counts down */
        bool drawn;
} Watch;

static void erase_countdown(Watch *watch) {
        if (watch->drawn)
                fputs("\r\033[K", stdout);
        watch->drawn = false;
}

static void print_clock(void) {
        time_t now = time(NULL);
        struct tm local;
        char text[16];

        if (localtime_r(&now, &local) && strftime(text, sizeof(text), "%H:%M:%S", &local) > 0)
                printf("%s ", text);
}

/* event: taken over. checks: the health checks as last reported. */
static void report(Watch *watch, struct json_object *event, struct json_object *checks) {
        erase_countdown(watch);
        if (watch->options->json != JSON_OFF) {
                json_set(event, "time_usec", json_number(clock_usec(CLOCK_REALTIME)));
                json_print(event, JSON_SHORT);
        } else {
                struct json_object *sentences = event_describe(event, checks);

                for (size_t i = 0; i < json_length(sentences); i++) {
                        print_clock();
                        say("%s", json_object_get_string(json_at(sentences, i)));
                }
                json_object_put(sentences);
        }
        json_object_put(event);
        loop_flush(watch->event);
}

static struct json_object *new_event(const char *kind) {
        struct json_object *event = json_new_object();

        json_set(event, "event", json_string(kind));
        return event;
}

/* The countdown */

static void draw_countdown(Watch *watch) {
        char *text = event_countdown(watch->state), *escaped = escape(text);
        size_t columns = terminal_columns();

        erase_countdown(watch);
        escaped_print(escaped, columns > 1 ? columns - 1 : strlen(escaped));
        watch->drawn = true;
        free(escaped);
        free(text);
        loop_flush(watch->event);
}

static void report_countdown(Watch *watch) {
        struct json_object *event = new_event("countdown"), *trial = json_get(watch->state, "trial_policy");

        json_set(event, "name", json_string(json_get_text(trial, "name")));
        json_set(event, "version", json_string(json_get_text(trial, "version")));
        json_set(event, "seconds_left",
                 json_number(seconds_until(json_get_number(watch->state, "trial_deadline_usec"))));
        report(watch, event, NULL);
}

static int on_countdown(sd_event_source *source, uint64_t usec, void *userdata) {
        Watch *watch = userdata;
        int r;

        if (watch->live)
                draw_countdown(watch);
        else if (seconds_until(json_get_number(watch->state, "trial_deadline_usec")) > 0)
                report_countdown(watch);
        r = sd_event_source_set_time(source,
                                     usec + (watch->live ? COUNTDOWN_TERMINAL : COUNTDOWN_LINES) * USEC_PER_SEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return r;
}

/* Starts or stops the countdown, as the properties say. */
static void set_countdown(Watch *watch) {
        if (json_get_number(watch->state, "trial_deadline_usec") == 0) {
                watch->countdown = sd_event_source_disable_unref(watch->countdown);
                erase_countdown(watch);
                loop_flush(watch->event);
        } else if (!watch->countdown)
                (void) sd_event_add_time_relative(watch->event, &watch->countdown, CLOCK_BOOTTIME, 0, 0, on_countdown,
                                                  watch);
}

/* Properties */

/* Puts values into the state, and reports those that differ as an event of this kind.
 * values: taken over. always: report even if none differs. */
static void take_properties(Watch *watch, const char *kind, struct json_object *values, bool always) {
        struct json_object *event = new_event(kind), *changed = json_new_object();
        struct json_object *checks = json_object_get(json_get(watch->state, "trial_checks"));

        json_object_object_foreach(values, key, value) {
                struct json_object *known = NULL;

                if (json_object_object_get_ex(watch->state, key, &known) && json_object_equal(known, value))
                        continue;
                json_set(watch->state, key, json_object_get(value));
                json_set(changed, key, json_object_get(value));
        }
        json_object_put(values);
        json_set(event, "properties", changed);
        if (always || json_object_object_length(changed) > 0)
                report(watch, event, checks);
        else
                json_object_put(event);
        json_object_put(checks);
        set_countdown(watch);
}

static bool is_from_daemon(const Watch *watch, sd_bus_message *message) {
        const char *sender = sd_bus_message_get_sender(message);

        return sender && watch->owner && streq(sender, watch->owner);
}

static int on_checks(sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        struct json_object *values = NULL;
        Watch *watch = userdata;

        watch->checks = sd_bus_slot_unref(watch->checks);
        if (!sd_bus_message_is_method_error(reply, NULL) && bus_read_property(reply, "TrialChecks", &values) >= 0)
                take_properties(watch, "properties_changed", values, false);
        return 0;
}

/* Signals do not contain the checks, as not every user may know them. */
static void ask_checks(Watch *watch) {
        watch->checks = sd_bus_slot_unref(watch->checks);
        (void) sd_bus_call_method_async(watch->client.bus, &watch->checks, MANAGER_NAME, MANAGER_PATH,
                                        "org.freedesktop.DBus.Properties", "Get", on_checks, watch, "ss",
                                        MANAGER_INTERFACE, "TrialChecks");
}

static int on_properties(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        struct json_object *values = NULL;
        Watch *watch = userdata;
        const char *interface;

        if (is_from_daemon(watch, message) && sd_bus_message_read(message, "s", &interface) > 0 &&
            streq(interface, MANAGER_INTERFACE) && bus_read_dictionary(message, &values) >= 0) {
                take_properties(watch, "properties_changed", values, false);
                if (event_has_invalidated(message, "TrialChecks"))
                        ask_checks(watch);
        }
        return 0;
}

static int on_all_properties(sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        struct json_object *values = NULL;
        Watch *watch = userdata;

        watch->question = sd_bus_slot_unref(watch->question);
        if (!sd_bus_message_is_method_error(reply, NULL) && bus_read_dictionary(reply, &values) >= 0)
                take_properties(watch, "properties_changed", values, false);
        return 0;
}

/* Signals */

/* The daemon broadcasts PolicyRejected without the source, and sends subscribers the full one as well. */
static bool is_short_form(sd_bus_message *message) {
        return streq(sd_bus_message_get_member(message), "PolicyRejected") && !sd_bus_message_get_destination(message);
}

static int on_signal(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        struct json_object *event = NULL;
        Watch *watch = userdata;

        if (!is_from_daemon(watch, message) || (watch->subscribed && is_short_form(message)))
                return 0;
        if (event_read(message, &event) > 0)
                report(watch, event, NULL);
        return 0;
}

/* Two cases need no message: an older daemon broadcasts everything, and one that has ended is asked again later. */
static void say_not_subscribed(Watch *watch, const sd_bus_error *error) {
        if (sd_bus_error_has_names(error, SD_BUS_ERROR_UNKNOWN_METHOD, SD_BUS_ERROR_NO_REPLY,
                                   SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
                return;
        erase_countdown(watch);
        say_error("Denials, and the sources of refused policies, are not shown: %s", error->message ?: error->name);
}

static void ask_properties(Watch *watch) {
        (void) sd_bus_call_method_async(watch->client.bus, &watch->question, MANAGER_NAME, MANAGER_PATH,
                                        "org.freedesktop.DBus.Properties", "GetAll", on_all_properties, watch, "s",
                                        MANAGER_INTERFACE);
}

static int on_subscribed(sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        Watch *watch = userdata;

        watch->subscription = sd_bus_slot_unref(watch->subscription);
        if (geteuid() == 0 && watch->owner)
                ask_properties(watch);
        watch->subscribed = !sd_bus_message_is_method_error(reply, NULL);
        if (!watch->subscribed)
                say_not_subscribed(watch, sd_bus_message_get_error(reply));
        else
                ask_checks(watch);
        return 0;
}

/* Does not wait for the answer, as a person may have to type a password first. */
static int subscribe(Watch *watch) {
        sd_bus_message *message = NULL;
        int r;

        watch->subscribed = false;
        watch->subscription = sd_bus_slot_unref(watch->subscription);
        r = client_new_call(&watch->client, "Subscribe", &message);
        if (r >= 0)
                r = sd_bus_message_append(message, "a{sv}", 0);
        if (r >= 0)
                r = sd_bus_call_async(watch->client.bus, &watch->subscription, message, on_subscribed, watch, 0);
        sd_bus_message_unref(message);
        return r;
}

static void set_owner(Watch *watch, const char *owner) {
        free(watch->owner);
        watch->owner = *owner ? strdup(owner) : NULL;
        if (*owner && !watch->owner)
                oom();
}

static int on_owner(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        const char *name, *before, *after;
        Watch *watch = userdata;

        if (sd_bus_message_read(message, "sss", &name, &before, &after) < 0 || !streq(name, MANAGER_NAME) ||
            streq(after, watch->owner ?: ""))
                return 0;
        set_owner(watch, after);
        report(watch, new_event(watch->owner ? "daemon_started" : "daemon_stopped"), NULL);
        watch->question = sd_bus_slot_unref(watch->question);
        /* Root needs no password: on_subscribed() asks, so that nothing after the first lines is missed. */
        if (watch->owner && (subscribe(watch) < 0 || geteuid() != 0))
                ask_properties(watch);
        return 0;
}

/* sd-bus sends this signal itself. */
static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        Watch *watch = userdata;

        erase_countdown(watch);
        say_error("Lost the connection to the system bus.");
        return sd_event_exit(watch->event, STATUS_NO_DAEMON);
}

static int add_matches(Watch *watch) {
        sd_bus *bus = watch->client.bus;
        int r;

        r = sd_bus_match_signal(bus, NULL, MANAGER_NAME, MANAGER_PATH, MANAGER_INTERFACE, NULL, on_signal, watch);
        if (r >= 0)
                r = sd_bus_match_signal(bus, NULL, MANAGER_NAME, MANAGER_PATH, "org.freedesktop.DBus.Properties",
                                        "PropertiesChanged", on_properties, watch);
        if (r >= 0)
                r = client_match_owner(&watch->client, NULL, on_owner, watch);
        if (r >= 0)
                r = sd_bus_match_signal(bus, NULL, "org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local",
                                        "org.freedesktop.DBus.Local", "Disconnected", on_disconnected, watch);
        if (r >= 0)
                r = sd_bus_attach_event(bus, watch->event, SD_EVENT_PRIORITY_NORMAL);
        return r;
}

/* This call starts the daemon if it does not run. */
static int read_state(Watch *watch) {
        struct json_object *values = NULL;
        sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_call_method(watch->client.bus, MANAGER_NAME, MANAGER_PATH, "org.freedesktop.DBus.Properties",
                               "GetAll", &watch->client.error, &reply, "s", MANAGER_INTERFACE);
        if (r >= 0)
                r = bus_read_dictionary(reply, &values);
        if (r >= 0) {
                set_owner(watch, sd_bus_message_get_sender(reply) ?: "");
                take_properties(watch, "status", values, true);
        }
        sd_bus_message_unref(reply);
        return r;
}

static ExitStatus run(Watch *watch) {
        ExitStatus status;
        int r;

        client_doing(&watch->client, "Failed to watch ipectld");
        r = loop_new(&watch->event);
        if (r >= 0)
                r = add_matches(watch);
        if (r >= 0)
                r = read_state(watch);
        if (r >= 0)
                r = subscribe(watch);
        if (r < 0)
                return client_fail(&watch->client, r);
        status = loop_run(watch->event);
        erase_countdown(watch);
        return status;
}

ExitStatus verb_watch(int argc, char **argv, const Options *options) {
        Watch watch = { .options = options, .live = options->json == JSON_OFF && terminal_is_smart() };
        ExitStatus status;

        status = client_open_to_ask(&watch.client, options);
        if (status != STATUS_OK)
                return status;
        watch.state = json_new_object();
        status = run(&watch);
        sd_event_source_disable_unref(watch.countdown);
        sd_bus_slot_unref(watch.question);
        sd_bus_slot_unref(watch.subscription);
        sd_bus_slot_unref(watch.checks);
        client_close(&watch.client);
        sd_event_unref(watch.event);
        json_object_put(watch.state);
        free(watch.owner);
        return status;
}
