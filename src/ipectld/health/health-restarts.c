/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds services that fail, are restarted by Restart=, and fail again: they never become "failed". The service manager
 * signals each change of a service, with the result of its latest run and the number of its restarts. A number that
 * grows after bad results is a loop; a service that ends well and is restarted, as some are by design, is none.
 *
 * Signals of any other sender are ignored: any user can send one to the daemon's address.
 */

#include "health-internal.h"

#define MATCH                                                                                          \
        "type='signal',sender='org.freedesktop.systemd1',interface='org.freedesktop.DBus.Properties'," \
        "member='PropertiesChanged',arg0='" SERVICE_INTERFACE "'"
#define SERVICE_INTERFACE "org.freedesktop.systemd1.Service"
#define UNIT_PREFIX "/org/freedesktop/systemd1/unit"
/* This many restarts after a failure, within a trial, are a loop. */
#define RESTARTS_LOOP 2
/* How many services are tracked; no system has so many that fail. */
#define RESTARTING_MAX 256

typedef struct Restarting {
        Health *health;
        char *name;
        sd_bus_slot *call; /* of GetAll() */
        bool failing;      /* the latest run ended badly */
        bool known;        /* first is set */
        uint32_t first;    /* restarts at the first failure */
        struct Restarting *next;
} Restarting;

/* From the signal of a change, or from GetAll(). */
typedef struct ServiceProperties {
        const char *result; /* borrowed; NULL if missing */
        bool has_restarts;
        uint32_t restarts;
} ServiceProperties;

static int read_property(sd_bus_message *message, ServiceProperties *ret) {
        const char *key;
        int r = sd_bus_message_read(message, "s", &key);

        if (r < 0)
                return r;
        if (streq(key, "Result"))
                return sd_bus_message_read(message, "v", "s", &ret->result);
        if (streq(key, "NRestarts")) {
                ret->has_restarts = true;
                return sd_bus_message_read(message, "v", "u", &ret->restarts);
        }
        return sd_bus_message_skip(message, "v");
}

static int read_properties(sd_bus_message *message, ServiceProperties *ret) {
        int r = sd_bus_message_enter_container(message, 'a', "{sv}");

        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = read_property(message, ret);
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
        }
        return r < 0 ? r : ret->result && ret->has_restarts ? 0 : -ENODATA;
}

static Restarting *find(const Health *health, const char *name) {
        for (Restarting *unit = health->restarting; unit; unit = unit->next)
                if (streq(unit->name, name))
                        return unit;
        return NULL;
}

/* NULL if there are too many, or no memory. */
static Restarting *find_or_add(Health *health, const char *name) {
        Restarting *unit = find(health, name);
        size_t n = 0;

        if (unit)
                return unit;
        for (unit = health->restarting; unit; unit = unit->next)
                n++;
        unit = n < RESTARTING_MAX ? calloc(1, sizeof(*unit)) : NULL;
        if (!unit)
                return NULL;
        *unit = (Restarting) { .health = health, .name = strdup(name), .next = health->restarting };
        if (!unit->name) {
                free(unit);
                return NULL;
        }
        health->restarting = unit;
        return unit;
}

static void judge(Restarting *unit, const ServiceProperties *properties) {
        unit->failing = !streq(properties->result, "success");
        if (!unit->failing)
                return;
        /* A start by hand resets the number. */
        if (!unit->known || properties->restarts < unit->first) {
                unit->known = true;
                unit->first = properties->restarts;
        }
        if (properties->restarts - unit->first >= RESTARTS_LOOP)
                health_fail(unit->health, CHECK_UNITS, "'%s' fails again and again", unit->name);
}

static bool is_of_service_manager(const Health *health, sd_bus_message *message) {
        const char *sender = sd_bus_message_get_sender(message);

        return sender && health->service_manager && streq(sender, health->service_manager);
}

static bool had_failed_before(const Health *health, const char *name) {
        const StoreTrial *trial = &health->manager->state->trial;

        return strv_contains(trial->failed_units, name) || strv_contains(trial->restarting_units, name);
}

static int on_changed(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        _cleanup_free_ char *name = NULL;
        ServiceProperties properties = {};
        Health *health = userdata;
        const char *interface;
        Restarting *unit;

        if (!health->running || !is_of_service_manager(health, message) ||
            sd_bus_path_decode(sd_bus_message_get_path(message), UNIT_PREFIX, &name) <= 0 ||
            sd_bus_message_read(message, "s", &interface) < 0 || !streq(interface, SERVICE_INTERFACE) ||
            read_properties(message, &properties) < 0)
                return 0;
        if (!health_unit_counts(health, name) || had_failed_before(health, name))
                return 0;
        unit = streq(properties.result, "success") ? find(health, name) : find_or_add(health, name);
        if (unit)
                judge(unit, &properties);
        return 0;
}

static void forget(Restarting *unit) {
        for (Restarting **link = &unit->health->restarting; *link; link = &(*link)->next)
                if (*link == unit) {
                        *link = unit->next;
                        break;
                }
        sd_bus_slot_unref(unit->call);
        free(unit->name);
        free(unit);
}

static int on_properties(sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        ServiceProperties properties = {};
        Restarting *unit = userdata;
        Health *health = unit->health;

        unit->call = sd_bus_slot_unref(unit->call);
        if (!error && read_properties(reply, &properties) >= 0) {
                judge(unit, &properties);
                return 0;
        }
        /* The unit has vanished, or the next list asks for it again. */
        forget(unit);
        if (!error || health_is_of_the_bus(reply))
                health_not_answered(health, error ? health_error_text(error) : "its answer is invalid");
        return 0;
}

RestartsSeen health_see_restart(Health *health, const UnitRow *row) {
        _cleanup_free_ char *path = NULL;
        Restarting *unit = find(health, row->name);

        if (unit)
                return unit->call ? RESTARTS_UNKNOWN : unit->failing ? RESTARTS_FAILING : RESTARTS_FINE;
        unit = find_or_add(health, row->name);
        if (!unit)
                return RESTARTS_FINE;
        if (sd_bus_path_encode(UNIT_PREFIX, row->name, &path) < 0 ||
            sd_bus_call_method_async(health->bus, &unit->call, "org.freedesktop.systemd1", path,
                                     "org.freedesktop.DBus.Properties", "GetAll", on_properties, unit, "s",
                                     SERVICE_INTERFACE) < 0)
                forget(unit);
        return RESTARTS_UNKNOWN;
}

int health_watch_restarts(Health *health) {
        int r = 0;

        if (!health->restarts_match)
                r = sd_bus_add_match_async(health->bus, &health->restarts_match, MATCH, on_changed, NULL, health);
        /* Without a subscription the service manager signals as little as it must. A second one is an error that does
         * no harm. */
        if (r >= 0)
                r = sd_bus_call_method_async(health->bus, NULL, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                             "org.freedesktop.systemd1.Manager", "Subscribe", NULL, NULL, NULL);
        return r;
}

/* The connection is lost, and the subscription with it. */
void health_forget_restart_calls(Health *health) {
        Restarting *next;

        health->restarts_match = sd_bus_slot_unref(health->restarts_match);
        for (Restarting *unit = health->restarting; unit; unit = next) {
                next = unit->next;
                if (unit->call)
                        forget(unit);
        }
}

void health_forget_restarts(Health *health) {
        if (health->restarts_match && sd_bus_is_open(health->bus) > 0)
                (void) sd_bus_call_method_async(health->bus, NULL, "org.freedesktop.systemd1",
                                                "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
                                                "Unsubscribe", NULL, NULL, NULL);
        health->restarts_match = sd_bus_slot_unref(health->restarts_match);
        free(health->service_manager);
        health->service_manager = NULL;
        while (health->restarting)
                forget(health->restarting);
}
