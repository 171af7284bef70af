/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The checks "health-command" and "health-target": the service manager runs two units of ours, so this daemon cannot
 * choose what runs. ipe-health.service runs HealthCommand=, which it reads by itself; ipe-health.target requires or
 * wants the units that administrators have added to it. Both are restarted, not started, as the result of an earlier
 * trial means nothing. So a daemon that is restarted during a trial begins these checks again.
 *
 * A target without units is not started: it would succeed, and prove nothing.
 */

#include "health-internal.h"
#include "log.h"

#define COMMAND_UNIT "ipe-health.service"
#define TARGET_UNIT "ipe-health.target"
#define TARGET_PATH "/org/freedesktop/systemd1/unit/ipe_2dhealth_2etarget"

static const char *const member_properties[] = { "Requires", "Requisite", "Wants", "BindsTo", "Upholds", NULL };

void health_prepare_units(Health *health) {
        health->command = (HealthUnit) {
                .health = health,
                .name = COMMAND_UNIT,
                .check = CHECK_HEALTH_COMMAND,
                .wanted = health->settings.command,
        };
        health->target = (HealthUnit) { .health = health, .name = TARGET_UNIT, .check = CHECK_HEALTH_TARGET };
        health->members = MEMBERS_UNKNOWN;
}

static bool is_pending(const Health *health, const HealthUnit *unit) {
        return unit->wanted && health->checks[unit->check].state == HEALTH_PENDING;
}

bool health_units_are_pending(const Health *health) {
        return is_pending(health, &health->command) || is_pending(health, &health->target);
}

bool health_units_are_known(const Health *health) {
        return !health->starts ||
               (health->members != MEMBERS_UNKNOWN && (!health->command.wanted || health->command.accepted) &&
                (!health->target.wanted || health->target.accepted));
}

static int on_restarted(sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        HealthUnit *unit = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(reply);

        unit->call = sd_bus_slot_unref(unit->call);
        unit->accepted = !error;
        if (error && health_is_of_the_bus(reply))
                health_not_answered(unit->health, health_error_text(error));
        else if (error)
                health_fail(unit->health, unit->check, "'%s' cannot be started: %s", unit->name,
                            health_error_text(error));
        return 0;
}

static int restart(HealthUnit *unit) {
        if (!unit->wanted || unit->accepted || unit->call)
                return 0;
        return sd_bus_call_method_async(unit->health->bus, &unit->call, "org.freedesktop.systemd1",
                                        "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "RestartUnit",
                                        on_restarted, unit, "ss", unit->name, "replace");
}

/* Reads one property of a unit. Returns whether it names another unit, or a negative errno. */
static int read_property(sd_bus_message *reply) {
        const char *key, *name;
        bool names = false;
        int r = sd_bus_message_read(reply, "s", &key);

        if (r < 0 || !strv_contains((char *const *) member_properties, key))
                return r < 0 ? r : sd_bus_message_skip(reply, "v") < 0 ? -EBADMSG : 0;
        r = sd_bus_message_enter_container(reply, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read(reply, "s", &name)) > 0)
                names = true;
        if (r >= 0)
                r = sd_bus_message_exit_container(reply);
        if (r >= 0)
                r = sd_bus_message_exit_container(reply);
        return r < 0 ? r : names;
}

/* Returns whether the target has any unit, or a negative errno. */
static int read_members(sd_bus_message *reply) {
        int r = sd_bus_message_enter_container(reply, 'a', "{sv}"), found = 0;

        while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
                r = read_property(reply);
                found = r > 0 ? 1 : found;
                if (r >= 0)
                        r = sd_bus_message_exit_container(reply);
        }
        return r < 0 ? r : found;
}

static int on_members(sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        Health *health = userdata;
        int r = error ? 0 : read_members(reply);

        health->members_call = sd_bus_slot_unref(health->members_call);
        if (error || r < 0) {
                health_not_answered(health, error ? health_error_text(error) : "its answer is invalid");
                return 0;
        }
        health->members = r > 0 ? MEMBERS_SOME : MEMBERS_NONE;
        health->target.wanted = r > 0;
        if (!health->target.wanted)
                health_set_check(health, CHECK_HEALTH_TARGET, HEALTH_NONE);
        /* This may have been the last missing answer. */
        health_answered(health, NULL);
        if (health->target.wanted && restart(&health->target) < 0)
                log_debug("Cannot ask for '%s' to be started yet.", health->target.name);
        return 0;
}

static int ask_members(Health *health) {
        if (health->members != MEMBERS_UNKNOWN || health->members_call)
                return 0;
        return sd_bus_call_method_async(health->bus, &health->members_call, "org.freedesktop.systemd1", TARGET_PATH,
                                        "org.freedesktop.DBus.Properties", "GetAll", on_members, health, "s",
                                        "org.freedesktop.systemd1.Unit");
}

int health_start_units(Health *health) {
        int r = ask_members(health);

        if (r >= 0)
                r = restart(&health->command);
        return r < 0 ? r : restart(&health->target);
}

static void judge_command(Health *health, const UnitRow *row) {
        if (row->job == 0 && streq(row->state, "failed"))
                health_fail(health, CHECK_HEALTH_COMMAND,
                            "HealthCommand= has failed; see 'journalctl -u " COMMAND_UNIT "'");
        else if (row->job == 0 && streq(row->state, "inactive"))
                health_fail(health, CHECK_HEALTH_COMMAND, "'" COMMAND_UNIT "' was stopped");
        else if (health->concluding)
                health_fail(health, CHECK_HEALTH_COMMAND, "HealthCommand= has not ended");
}

static void judge_target(Health *health, const UnitRow *row) {
        if (row->job == 0)
                health_fail(health, CHECK_HEALTH_TARGET,
                            "'" TARGET_UNIT "' was not reached: a unit that it requires "
                            "has failed; see 'systemctl list-dependencies " TARGET_UNIT "'");
        else if (health->concluding)
                health_fail(health, CHECK_HEALTH_TARGET,
                            "'" TARGET_UNIT "' was not reached in time; see 'systemctl list-jobs'");
}

/* As long as a job is queued, the state is the one before it, which may come from an earlier trial. */
void health_judge_started(Health *health, HealthUnit *unit, const UnitRow *row) {
        if (streq(row->state, "active") && row->job == 0)
                health_set_check(health, unit->check, HEALTH_PASSED);
        else if (unit == &health->command)
                judge_command(health, row);
        else
                judge_target(health, row);
}

static void stop(HealthUnit *unit) {
        sd_bus *bus = unit->health ? unit->health->bus : NULL;

        if (bus && (unit->accepted || unit->call) &&
            sd_bus_call_method_async(bus, NULL, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                     "org.freedesktop.systemd1.Manager", "StopUnit", NULL, NULL, "ss", unit->name,
                                     "replace") < 0)
                log_debug("Cannot ask the service manager to stop '%s', ignoring.", unit->name);
        unit->call = sd_bus_slot_unref(unit->call);
        unit->accepted = unit->asked = false;
}

void health_stop_units(Health *health) {
        stop(&health->command);
        stop(&health->target);
}
