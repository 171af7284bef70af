/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The states of the health checks, and when the daemon looks at them. It asks the service manager over a connection of
 * its own, so that the answers do not wait behind the calls of others. It never waits for an answer during a trial, as
 * the service manager may be what the policy breaks. Without an answer there is no result: the daemon asks again, until
 * some seconds after the end of the trial.
 *
 *       timer, every 2 s    enforcement; start units (health-start.c); ask for both lists (health-units.c)
 *       answers             judge; a check that fails sets "reason", and the timer to this moment
 *       timer, reason set   bad(): called from here, as the place that found the reason is in the middle of something
 *       concluding          ask for both lists again; once all calls are answered and nothing is wrong, good()
 *
 * A policy that is not enforced breaks nothing, so then the checks say nothing about it: such a trial is never
 * confirmed by itself.
 */

#include <stdarg.h>

#include "clock.h"
#include "health-internal.h"
#include "kernel-extended.h"
#include "log.h"

#define LOOK_USEC (2 * USEC_PER_SEC)
/* Time for the last answers after the end of the trial; the kernel's own timer runs longer. */
#define LAST_ANSWER_USEC (20 * USEC_PER_SEC)

static_assert(LAST_ANSWER_USEC < KERNEL_TRIAL_NET_SEC * USEC_PER_SEC, "the daemon ends a trial before the kernel does");

static const char *const check_names[_CHECK_MAX] = { "units",          "denials",       "health-units",
                                                     "health-command", "health-target", "enforcement" };
static const char *const state_names[_HEALTH_STATE_MAX] = { "pending", "passed", "failed", "none" };

static const char not_enforced[] = "the kernel did not enforce all the time, so nobody knows what the policy breaks";

const char *health_state_to_string(HealthState state) {
        return state_names[state];
}

void health_set_check(Health *health, CheckIndex index, HealthState state) {
        if (health->checks[index].state == state)
                return;
        health->checks[index].state = state;
        announce_checks(&health->manager->announcer);
}

void health_set_detail(Health *health, CheckIndex index, const Failure *detail) {
        HealthCheck *check = &health->checks[index];

        if (streq(check->detail.sentence, detail->sentence))
                return;
        check->detail = *detail;
        announce_checks(&health->manager->announcer);
}

bool health_has_failed(const Health *health) {
        return health->reason.sentence[0] != '\0';
}

void health_fail(Health *health, CheckIndex index, const char *format, ...) {
        HealthCheck *check = &health->checks[index];
        char detail[sizeof(check->detail.sentence)];
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(detail, sizeof(detail), format, arguments);
        va_end(arguments);
        (void) failure_set(&check->detail, FAILURE_INVALID_ARGUMENT, "%s", detail);
        health_set_check(health, index, HEALTH_FAILED);
        if (health_has_failed(health))
                return;
        (void) failure_set(&health->reason, FAILURE_INVALID_ARGUMENT, "was ended by a health check: %s", detail);
        /* Not from here: the caller is in the middle of something. */
        if (sd_event_source_set_time_relative(health->timer, 0) < 0 ||
            sd_event_source_set_enabled(health->timer, SD_EVENT_ONESHOT) < 0)
                log_error("Cannot set a timer, so the trial that %s goes on until its time has passed.",
                          health->reason.sentence);
}

void health_note_unenforced(Health *health) {
        Failure detail = {};

        if (health->unenforced)
                return;
        health->unenforced = true;
        (void) failure_set(&detail, FAILURE_NOT_SUPPORTED,
                           "%s; at its end the trial is rolled back, unless 'ipectl "
                           "confirm' keeps the policy",
                           not_enforced);
        health_set_detail(health, CHECK_ENFORCEMENT, &detail);
        log_warning("Enforcement is off during a trial: %s.", detail.sentence);
}

/* Records it for a daemon that is restarted. If the disk fails, the next look retries. */
static void record_unenforced(const Health *health) {
        _cleanup_(store_state_freep) StoreState *new = NULL;
        Failure ignored = {};

        if (!health->unenforced || health->manager->state->trial.unenforced)
                return;
        new = store_state_copy(health->manager->state);
        if (new) {
                new->trial.unenforced = true;
                (void) manager_commit(health->manager, &new, &ignored);
        }
}

/* Returns whether enforcement lets the trial be confirmed. */
static bool check_enforcement(Health *health) {
        int enforce = kernel_get_switch(health->manager->kernel, KERNEL_ENFORCE);

        if (enforce == 0)
                health_note_unenforced(health);
        if (enforce < 0 && health->concluding)
                health_fail(health, CHECK_ENFORCEMENT, "it is not known whether the kernel enforces: %s",
                            kernel_strerror(enforce));
        else if (health->unenforced && (health->concluding || health->up))
                health_fail(health, CHECK_ENFORCEMENT, "%s", not_enforced);
        return !health_has_failed(health);
}

/* Whether every call was answered that the settings and the started units need. If a list of failed units is still
 * running, it may have a unit that the list before lacks: wait for it. */
static bool has_all_answers(const Health *health) {
        return health->failed.answered && !health->failed.call &&
               (health->states.answered || !health_has_states(health)) && health_units_are_known(health);
}

static void conclude(Health *health) {
        if (!health->concluding || health_units_are_pending(health) || health_has_failed(health) ||
            !check_enforcement(health))
                return;
        for (size_t i = 0; i < _CHECK_MAX; i++)
                if (health->checks[i].state == HEALTH_PENDING)
                        health_set_check(health, (CheckIndex) i,
                                         health->checks[i].detail.sentence[0] == '\0' ? HEALTH_PASSED : HEALTH_NONE);
        /* The caller may conclude again if what follows fails. */
        health->concluding = false;
        health->good(health->manager);
}

/* trial.c times the trial of a boot itself. */
static bool is_too_late(const Health *health) {
        return health->concluding && !health->up &&
               clock_usec(CLOCK_BOOTTIME) >= health->deadline_usec + LAST_ANSWER_USEC;
}

/* The state of the units stays unknown, which fails the check only at the very end. */
void health_not_answered(Health *health, const char *why) {
        Failure detail = {};

        /* The first reason stays. */
        if (health_has_failed(health))
                return;
        if (is_too_late(health)) {
                health_fail(health, CHECK_UNITS, "the service manager does not answer: %s", why);
                return;
        }
        (void) failure_set(&detail, FAILURE_NOT_SUPPORTED, "the service manager does not answer: %s", why);
        if (health->checks[CHECK_UNITS].state == HEALTH_PENDING)
                health_set_detail(health, CHECK_UNITS, &detail);
}

void health_answered(Health *health, Question *question) {
        if (question)
                question->answered = true;
        if (!has_all_answers(health))
                return;
        if (health->checks[CHECK_UNITS].state == HEALTH_PENDING)
                health_set_detail(health, CHECK_UNITS, &(const Failure) {});
        conclude(health);
}

/* Whether there is nothing to wait for: the system is up, and no check asks for the state of a unit. */
static bool is_up_already(const Health *health) {
        return health->up && !health->concluding && !health_has_states(health) && health_units_are_known(health);
}

static int ask(Health *health) {
        int r = health_connect(health);

        if (r >= 0 && health->starts)
                r = health_start_units(health);
        if (r >= 0 && !health->states.call)
                r = health_ask_states(health);
        /* Ask for failed units last, so that a failure during the other calls counts. */
        if (r >= 0 && !health->failed.call)
                r = health_ask_failed(health);
        return r;
}

static void look(Health *health) {
        int r;

        if (!check_enforcement(health))
                return;
        if (is_up_already(health)) {
                (void) health_conclude(health->manager);
                return;
        }
        r = ask(health);
        if (r < 0)
                health_not_answered(health, strerror(-r));
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata) {
        Health *health = userdata;

        if (health_has_failed(health)) {
                health->bad(health->manager, health->reason.sentence);
                return 0;
        }
        look(health);
        record_unenforced(health);
        if (sd_event_source_set_time_relative(timer, health_has_failed(health) ? 0 : LOOK_USEC) < 0 ||
            sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT) < 0)
                log_error("Cannot set a timer, so ipectld checks health again only at the end of the trial.");
        return 0;
}

/* A trial that an earlier release began has no recorded settings. */
static int take_settings(Health *health) {
        const Config *config = &health->manager->config;
        const TrialHealth now = {
                .known = true,
                .command = config->health_command,
                .units = config->health_units,
                .ignore_units = config->health_ignore_units,
                .essential_paths = config->essential_paths,
        };
        const TrialHealth *trial = &health->manager->state->trial.health;

        trial_health_done(&health->settings);
        return trial_health_copy(trial->known ? trial : &now, &health->settings);
}

static void reset_checks(Health *health) {
        for (size_t i = 0; i < _CHECK_MAX; i++)
                health->checks[i] = (HealthCheck) { .name = check_names[i] };
        if (!health->settings.units)
                health->checks[CHECK_HEALTH_UNITS].state = HEALTH_NONE;
        if (!health->settings.command)
                health->checks[CHECK_HEALTH_COMMAND].state = HEALTH_NONE;
}

static int start(Health *health) {
        int r = take_settings(health);

        reset_checks(health);
        health->running = true;
        health->up = health->concluding = false;
        health->starts = health->manager->state->trial.boots == 0;
        health->unenforced = false;
        health->reason = (Failure) {};
        if (r < 0)
                return r;
        health_prepare_units(health);
        r = sd_event_add_time_relative(health->manager->event, &health->timer, CLOCK_MONOTONIC, 0, 0, on_timer, health);
        if (r >= 0 && health->manager->state->trial.unenforced)
                health_note_unenforced(health);
        return r < 0 ? r : health_watch_denials(health);
}

void health_start(Manager *manager, uint64_t deadline_usec, HealthGood good, HealthBad bad) {
        Health *health = manager->health ?: calloc(1, sizeof(*health));
        int r = health ? 0 : -ENOMEM;

        if (health)
                health->deadline_usec = deadline_usec;
        if (health && health->running)
                return;
        if (health) {
                manager->health = health;
                health->manager = manager;
                health->good = good;
                health->bad = bad;
                r = start(health);
        }
        if (r < 0) {
                log_error("Cannot watch the health of the trial, so it ends without a confirmation: %s", strerror(-r));
                health_stop(manager);
                return;
        }
        announce_checks(&manager->announcer);
}

bool health_begin_boot_checks(Manager *manager) {
        Health *health = manager->health;

        if (!health || !health->running)
                return false;
        if (health->up)
                return true;
        health->up = health->starts = true;
        look(health);
        return true;
}

bool health_conclude(Manager *manager) {
        Health *health = manager->health;

        if (!health || !health->running)
                return false;
        if (health->concluding)
                return true;
        health->concluding = true;
        /* Answers to earlier calls do not count. */
        health_forget(&health->failed);
        health_forget(&health->states);
        look(health);
        return true;
}

bool health_check_enforcement(Manager *manager) {
        Health *health = manager->health;

        return health && health->running && check_enforcement(health) && !health->unenforced;
}

const char *health_failure(const Manager *manager) {
        const Health *health = manager->health;

        return health && health->running && health_has_failed(health) ? health->reason.sentence : NULL;
}

void health_stop(Manager *manager) {
        Health *health = manager->health;

        if (!health)
                return;
        health_end_denials(health);
        health_stop_units(health);
        /* In this order: the first unsubscribes, and the second drops the match. */
        health_forget_restarts(health);
        health_forget_calls(health);
        trial_health_done(&health->settings);
        health->timer = sd_event_source_disable_unref(health->timer);
        health->running = false;
}

size_t health_checks(const Manager *manager, const HealthCheck **ret) {
        *ret = manager->health ? manager->health->checks : NULL;
        return manager->health ? _CHECK_MAX : 0;
}

void health_free(Manager *manager) {
        Health *health = manager->health;

        health_stop(manager);
        if (!health)
                return;
        sd_bus_close_unref(health->bus);
        free(health->service_manager);
        free(health);
        manager->health = NULL;
}
