/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The checks "units" and "health-units". The service manager gives two lists: the units that have failed, to find those
 * that had not failed before the trial, and the states of the units of HealthUnits= and of our own.
 *
 * A unit of a user, a session or a connection fails whenever its user wants: killing one's own service manager, or
 * dumping 100 GB of core, would end every trial. So such units do not count.
 */

#include <fnmatch.h>

#include "health-internal.h"

#define HEX4 "[0-9a-f][0-9a-f][0-9a-f][0-9a-f]"
#define HEX16 HEX4 HEX4 HEX4 HEX4
#define DIGITS "+([0-9])"

static const char *const of_users[] = {
        "user@*.service",
        "user-runtime-dir@*.service",
        "run-user-*.mount",
        "*.scope",
        /* transient commands that systemd-run has named */
        "run-u[0-9]*.service",
        "run-p[0-9]*-i[0-9]*.service",
        "run-r" HEX16 HEX16 ".service",
        /* a connection to a socket with Accept=yes, which its peer can make fail: a number, and then the peer's process
         * and user (a number below 100 is no process of a user, but the month of a date), or both addresses with their
         * ports */
        "*@" DIGITS "-[1-9][0-9][0-9]*([0-9])?(_" DIGITS ")-" DIGITS ".service",
        "*@" DIGITS "-*:" DIGITS "-*:" DIGITS ".service",
        /* dumps the core of a user's program */
        "systemd-coredump@*.service",
        /* ends when somebody at the terminal wants */
        "*getty@*.service",
        "console-getty.service",
        "autovt@*.service",
        NULL,
};

static bool matches(const char *const *globs, const char *name) {
        for (; globs && *globs; globs++)
                if (fnmatch(*globs, name, FNM_EXTMATCH) == 0)
                        return true;
        return false;
}

/* Our own units have checks of their own. */
bool health_unit_counts(const Health *health, const char *name) {
        return !streq(name, health->command.name) && !streq(name, health->target.name) && !matches(of_users, name) &&
               !matches((const char *const *) health->settings.ignore_units, name);
}

/* Remembers the sender, so that signals of others are ignored. */
static void remember_service_manager(Health *health, sd_bus_message *reply) {
        const char *sender = sd_bus_message_get_sender(reply);
        int r;

        if (!sender || (health->service_manager && streq(health->service_manager, sender)))
                return;
        free(health->service_manager);
        health->service_manager = strdup(sender);
        r = health->service_manager ? health_watch_restarts(health) : -ENOMEM;
        if (r < 0) {
                /* The next answer retries. */
                free(health->service_manager);
                health->service_manager = NULL;
        }
}

/* Returns whether the reply has the list that was asked for, and enters it. */
static bool has_list(Health *health, Question *question, sd_bus_message *reply) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);

        question->call = sd_bus_slot_unref(question->call);
        question->answered = false;
        if (!error && sd_bus_message_enter_container(reply, 'a', UNIT_ROWS) >= 0) {
                remember_service_manager(health, reply);
                return true;
        }
        health_not_answered(health, error ? health_error_text(error) : "its answer is invalid");
        return false;
}

static void fail_unit(Health *health, const char *name, const char *more) {
        const char *path = health_find_denied(health, name);

        if (path)
                health_fail(health, CHECK_UNITS, "'%s' has failed%s; it was denied '%s'", name, more, path);
        else
                health_fail(health, CHECK_UNITS, "'%s' has failed%s", name, more);
}

/* Returns whether it is known that the unit is well, or not. */
static bool judge_failed(Health *health, const UnitRow *row) {
        const StoreTrial *trial = &health->manager->state->trial;
        RestartsSeen seen;

        if (!health_unit_counts(health, row->name) || strv_contains(trial->failed_units, row->name))
                return true;
        if (!health_row_restarts(row)) {
                fail_unit(health, row->name, "");
                return true;
        }
        if (strv_contains(trial->restarting_units, row->name))
                return true;
        seen = health_see_restart(health, row);
        if (seen == RESTARTS_FAILING && health->concluding)
                fail_unit(health, row->name, ", and waits for an automatic restart");
        return seen != RESTARTS_UNKNOWN;
}

static int on_failed_units(sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        Health *health = userdata;
        bool known = true;
        UnitRow row;
        int r;

        if (!has_list(health, &health->failed, reply))
                return 0;
        while ((r = health_read_row(reply, &row)) > 0)
                known = judge_failed(health, &row) && known;
        if (r < 0)
                health_not_answered(health, "its answer is invalid");
        else if (known)
                health_answered(health, &health->failed);
        return 0;
}

/* Returns whether the unit is active. */
static bool judge_unit(Health *health, const UnitRow *row) {
        bool active = streq(row->state, "active") || streq(row->state, "reloading") || streq(row->state, "refreshing");

        if (streq(row->state, "failed") || (health->concluding && !active))
                health_fail(health, CHECK_HEALTH_UNITS, "'%s' is %s", row->name, row->state);
        return active;
}

/* Returns whether the unit is in the state that it needs at the end. */
static bool judge_state(Health *health, const UnitRow *row) {
        HealthUnit *units[] = { &health->command, &health->target };

        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (streq(row->name, units[i]->name) && units[i]->asked) {
                        health_judge_started(health, units[i], row);
                        return true;
                }
        return judge_unit(health, row);
}

static int on_states(sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        Health *health = userdata;
        bool ready = true;
        size_t n = 0;
        UnitRow row;
        int r;

        if (!has_list(health, &health->states, reply))
                return 0;
        for (; (r = health_read_row(reply, &row)) > 0; n++)
                ready = judge_state(health, &row) && ready;
        if (r < 0 || n != health->n_asked) {
                health_not_answered(health, "its answer is invalid");
                return 0;
        }
        if (health->up && !health->concluding && ready && health_units_are_known(health) &&
            !health_units_are_pending(health)) {
                (void) health_conclude(health->manager);
                return 0;
        }
        health_answered(health, &health->states);
        return 0;
}

bool health_has_states(const Health *health) {
        return health->settings.units || health->command.wanted || health->target.wanted;
}

static int ask(Health *health, Question *question, sd_bus_message *message, sd_bus_message_handler_t handler) {
        return sd_bus_call_async(health->bus, &question->call, message, handler, health, 0);
}

int health_ask_failed(Health *health) {
        sd_bus_message *message = NULL;
        int r = health_new_failed_call(health->bus, &message);

        if (r >= 0)
                r = ask(health, &health->failed, message, on_failed_units);
        sd_bus_message_unref(message);
        return r;
}

static int append_name(Health *health, sd_bus_message *message, const char *name) {
        health->n_asked++;
        return sd_bus_message_append(message, "s", name);
}

/* The answer has a row for each name; an alias comes under the name of its unit. Our own units are asked for once they
 * are started: before that they are in the state of an earlier trial. */
static int append_names(Health *health, sd_bus_message *message) {
        HealthUnit *ours[] = { &health->command, &health->target };
        int r = sd_bus_message_open_container(message, 'a', "s");

        health->n_asked = 0;
        for (char **units = health->settings.units; r >= 0 && units && *units; units++)
                r = append_name(health, message, *units);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(ours); i++) {
                ours[i]->asked = ours[i]->accepted;
                if (ours[i]->asked)
                        r = append_name(health, message, ours[i]->name);
        }
        return r < 0 ? r : sd_bus_message_close_container(message);
}

int health_ask_states(Health *health) {
        sd_bus_message *message = NULL;
        int r;

        if (!health->settings.units && !health->command.accepted && !health->target.accepted)
                return 0;
        r = health_new_call(health->bus, "ListUnitsByNames", &message);
        if (r >= 0)
                r = append_names(health, message);
        if (r >= 0)
                r = ask(health, &health->states, message, on_states);
        sd_bus_message_unref(message);
        return r;
}
