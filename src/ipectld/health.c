/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Health checks by way of the service manager (org.freedesktop.systemd1), over a connection of their own, so that its answers
 * do not wait behind the calls of others. The daemon never waits for one in the course of a trial: under that policy the
 * service manager may be what does not work. No answer is no result: the daemon asks again, until some seconds after the
 * end of the trial.
 *
 * HealthCommand= is a transient unit with RemainAfterExit=: it is active once the command has succeeded, failed if it has not.
 * The daemon holds a reference as long as it wants to know that; then the service manager forgets it, whatever became of it. A
 * daemon that is started again in the middle finds it, or starts it again if it had failed.
 */

#include <stdarg.h>

#include "clock.h"
#include "denials.h"
#include "essential.h"
#include "health.h"
#include "kernel-trial.h"
#include "log.h"

#define LOOK_USEC (2 * USEC_PER_SEC)
/* Reloading its units takes the service manager some seconds. */
#define ANSWER_USEC (10 * USEC_PER_SEC)
/* After the end of the trial the last answers may take so long; the kernel's own timer runs for longer. */
#define LAST_ANSWER_USEC (20 * USEC_PER_SEC)

static_assert(LAST_ANSWER_USEC < KERNEL_TRIAL_NET_SEC * USEC_PER_SEC,
              "the daemon ends a trial before the kernel does");

typedef enum CheckIndex {
        CHECK_UNITS,
        CHECK_DENIALS,
        CHECK_HEALTH_UNITS,
        CHECK_HEALTH_COMMAND,
        _CHECK_MAX,
} CheckIndex;

static const char *const check_names[_CHECK_MAX] = { "units", "denials", "health-units", "health-command" };
static const char *const state_names[_HEALTH_STATE_MAX] = { "pending", "passed", "failed" };

/* One of the two lists of units that are asked for again and again. */
typedef struct Question {
        sd_bus_slot *call; /* NULL while nothing is asked */
        bool answered;     /* the latest one, of those that count: since "concluding" began, if it has */
} Question;

struct Health {
        Manager *manager;
        sd_bus *bus; /* NULL before the first question */
        HealthGood good;
        HealthBad bad;
        sd_event_source *timer;
        char **essential; /* what must not be denied */
        Question failed, states;
        sd_bus_slot *command_call;
        char command_unit[64]; /* empty where there is no command */
        bool command_started;  /* the service manager has it, or was asked for it */
        size_t n_asked;        /* units of "states" */
        bool running;
        bool up;         /* the boot is: conclude once nothing is pending */
        bool concluding; /* what is asked now is the last */
        Failure reason; /* empty as long as nothing is wrong */
        HealthCheck checks[_CHECK_MAX];
};

const char *health_state_to_string(HealthState state) {
        return state_names[state];
}

static void fail(Health *health, CheckIndex index, const char *format, ...) _printf_(3, 4);

static void set_check(Health *health, CheckIndex index, HealthState state) {
        if (health->checks[index].state == state)
                return;
        health->checks[index].state = state;
        announce_checks(&health->manager->announcer);
}

static void fail(Health *health, CheckIndex index, const char *format, ...) {
        HealthCheck *check = &health->checks[index];
        char detail[sizeof(check->detail.sentence)];
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(detail, sizeof(detail), format, arguments);
        va_end(arguments);
        (void) failure_set(&check->detail, FAILURE_INVALID_ARGUMENT, "%s", detail);
        set_check(health, index, HEALTH_FAILED);
        if (health->reason.sentence[0] != '\0')
                return;
        (void) failure_set(&health->reason, FAILURE_INVALID_ARGUMENT, "was ended by a health check: %s", detail);
        /* Not from here: who calls is in the middle of something. */
        if (sd_event_source_set_time_relative(health->timer, 0) < 0 ||
            sd_event_source_set_enabled(health->timer, SD_EVENT_ONESHOT) < 0)
                log_error("Cannot set a timer, the trial that %s goes on until its end.", health->reason.sentence);
}

/* The kernel keeps what nobody has read yet: it may have been denied before the trial began. Where nobody says by which policy
 * it is taken for the one on trial. */
static bool is_by_trial(const Manager *manager, const Denial *denial) {
        const VersionRecord *ours = store_state_find_state(manager->state, VERSION_TRIAL);
        char version[IPE_VERSION_STRLEN];

        if (!ours || !denial->policy_name || !denial->policy_version)
                return ours;
        ipe_version_print(&ours->version, version);
        return streq(denial->policy_name, ours->name) && streq(denial->policy_version, version);
}

/* The check has no result from here on. */
static void doubt_denials(Health *health, const Failure *why) {
        HealthCheck *check = &health->checks[CHECK_DENIALS];

        if (check->detail.sentence[0] != '\0')
                return;
        check->detail = *why;
        log_warning("What is denied says nothing of the policy on trial from here on: %s", why->sentence);
        announce_checks(&health->manager->announcer);
}

/* Memory that was mapped from a file, and written, is denied by its path, too: any user maps what he likes. */
static bool is_execution(const Denial *denial) {
        return denial->hook && streq(denial->hook, "BPRM_CHECK");
}

static void judge_denial(Health *health, const Denial *denial) {
        EssentialMatch match = essential_match(health->essential, denial->path, denial->device, denial->file_system, denial->inode);
        Failure why = {};

        if (match == ESSENTIAL_NO)
                return;
        if (match == ESSENTIAL_YES && is_execution(denial)) {
                fail(health, CHECK_DENIALS, "'%s' was denied, which is essential", denial->path);
                return;
        }
        (void) failure_set(&why, FAILURE_NOT_SUPPORTED, "'%s' was denied, but nobody can tell if %s; if so, 'ipectl rollback' ends the "
                           "trial", denial->path, match == ESSENTIAL_UNSURE ? "its file system is the essential one" :
                           "the system needs what was mapped");
        doubt_denials(health, &why);
}

static void on_denial(const Denial *denial, void *userdata) {
        Health *health = userdata;

        if (denial->lost > 0)
                doubt_denials(health, &(const Failure) { "some denials were lost, of which nothing is known" });
        else if (denial->path && is_by_trial(health->manager, denial))
                judge_denial(health, denial);
}

/* Without a source of denials, or where it has lost some, that check has no result; the others count. */
static int watch_denials(Health *health) {
        int r = essential_watched(&health->manager->config, &health->essential);

        if (r < 0)
                return r;
        denials_watch(health->manager->denials, on_denial, health);
        if (!health->manager->denials)
                (void) failure_set(&health->checks[CHECK_DENIALS].detail, FAILURE_NOT_SUPPORTED,
                                   "the kernel tells of no denials here");
        return 0;
}

/* One element of ListUnits...(): name and state. Returns 1, 0 at the end, or a negative errno. */
static int read_unit(sd_bus_message *reply, const char **ret_name, const char **ret_state) {
        return sd_bus_message_read(reply, "(ssssssouso)", ret_name, NULL, NULL, ret_state, NULL, NULL, NULL, NULL, NULL, NULL);
}

static int new_call(sd_bus *bus, const char *method, sd_bus_message **ret) {
        return sd_bus_message_new_method_call(bus, ret, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                              "org.freedesktop.systemd1.Manager", method);
}

static int new_failed_call(sd_bus *bus, sd_bus_message **ret) {
        int r = new_call(bus, "ListUnitsFiltered", ret);

        return r < 0 ? r : sd_bus_message_append(*ret, "as", 1, "failed");
}

static int read_names(sd_bus_message *reply, char ***ret) {
        _cleanup_(strv_freep) char **names = NULL;
        const char *name, *state;
        size_t n = 0;
        int r = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");

        while (r >= 0 && (r = read_unit(reply, &name, &state)) > 0) {
                char **larger = reallocarray(names, n + 2, sizeof(*names));

                if (!larger)
                        return -ENOMEM;
                names = larger;
                names[n] = strdup(name);
                names[n + 1] = NULL;
                if (!names[n++])
                        return -ENOMEM;
        }
        if (r >= 0)
                *ret = TAKE_PTR(names);
        return r;
}

int health_list_failed_units(char ***ret, Failure *reterr) {
        sd_bus_message *message = NULL, *reply = NULL;
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus *bus = NULL;
        int r = sd_bus_open_system(&bus);

        if (r >= 0)
                r = new_failed_call(bus, &message);
        if (r >= 0)
                r = sd_bus_call(NULL, message, ANSWER_USEC, &error, &reply);
        if (r >= 0)
                r = read_names(reply, ret);
        if (r < 0 && r != -ENOMEM)
                r = failure_set(reterr, FAILURE_NOT_SUPPORTED, "Cannot ask the service manager which units have failed (%s): "
                            "health checks are not possible, confirm the policy by hand (confirm=manual).",
                            error.message ?: strerror(-r));
        sd_bus_message_unref(message);
        sd_bus_message_unref(reply);
        sd_bus_error_free(&error);
        sd_bus_close_unref(bus);
        return r;
}

static bool has_states(const Health *health) {
        return health->manager->config.health_units || health->command_unit[0] != '\0';
}

/* Asked of the present configuration: it may change while the last answers are waited for. A list of failed units that is under way
 * may have one that the list before had not: it is waited for. */
static bool has_all_answers(const Health *health) {
        return health->failed.answered && !health->failed.call && (health->states.answered || !has_states(health));
}

static void conclude(Health *health) {
        if (!health->concluding || !has_all_answers(health) || health->reason.sentence[0] != '\0')
                return;
        for (size_t i = 0; i < _CHECK_MAX; i++)
                if (health->checks[i].state == HEALTH_PENDING && health->checks[i].detail.sentence[0] == '\0')
                        set_check(health, (CheckIndex) i, HEALTH_PASSED);
        /* May be asked for again, if what follows fails. */
        health->concluding = false;
        health->good(health->manager);
}

static const char *error_text(const sd_bus_error *error) {
        return error->message ?: error->name;
}

/* The state of the units stays unknown. At the very end that is not good enough; of a boot trial trial.c ends the time. */
static void on_no_answer(Health *health, const char *why) {
        HealthCheck *check = &health->checks[CHECK_UNITS];
        Failure detail = {};

        /* A reason that is there already is the one to tell. */
        if (health->reason.sentence[0] != '\0')
                return;
        if (health->concluding && !health->up &&
            clock_usec(CLOCK_BOOTTIME) >= health->manager->trial_deadline_usec + LAST_ANSWER_USEC) {
                fail(health, CHECK_UNITS, "the service manager does not answer: %s", why);
                return;
        }
        (void) failure_set(&detail, FAILURE_NOT_SUPPORTED, "the service manager does not answer: %s", why);
        if (check->state != HEALTH_PENDING || streq(check->detail.sentence, detail.sentence))
                return;
        check->detail = detail;
        announce_checks(&health->manager->announcer);
}

static void on_answer(Health *health, Question *question) {
        HealthCheck *check = &health->checks[CHECK_UNITS];

        question->answered = true;
        if (!has_all_answers(health) || check->state != HEALTH_PENDING || check->detail.sentence[0] == '\0')
                return;
        check->detail = (Failure) {};
        announce_checks(&health->manager->announcer);
}

/* Whether the reply to a question has the list that was asked for, and enters it. */
static bool has_list(Health *health, Question *question, sd_bus_message *reply) {
        const sd_bus_error *error = sd_bus_message_get_error(reply);

        question->call = sd_bus_slot_unref(question->call);
        question->answered = false;
        if (!error && sd_bus_message_enter_container(reply, 'a', "(ssssssouso)") >= 0)
                return true;
        on_no_answer(health, error ? error_text(error) : "its answer makes no sense");
        return false;
}

static int on_failed_units(sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        Health *health = userdata;
        char **before = health->manager->state->trial.failed_units;
        const char *name, *state;
        int r;

        if (!has_list(health, &health->failed, reply))
                return 0;
        while ((r = read_unit(reply, &name, &state)) > 0)
                if (!strv_contains(before, name) && !streq(name, health->command_unit)) {
                        fail(health, CHECK_UNITS, "'%s' has failed", name);
                        return 0;
                }
        if (r < 0)
                on_no_answer(health, "its answer makes no sense");
        else
                on_answer(health, &health->failed);
        conclude(health);
        return 0;
}

static void judge_command(Health *health, const char *state) {
        if (streq(state, "active"))
                set_check(health, CHECK_HEALTH_COMMAND, HEALTH_PASSED);
        else if (streq(state, "failed"))
                fail(health, CHECK_HEALTH_COMMAND, "HealthCommand= has failed; see 'journalctl -u %s'", health->command_unit);
        else if (health->concluding)
                fail(health, CHECK_HEALTH_COMMAND, "HealthCommand= has not ended");
}

/* Returns whether it is active. */
static bool judge_unit(Health *health, const char *name, const char *state) {
        bool active = streq(state, "active") || streq(state, "reloading") || streq(state, "refreshing");

        if (streq(state, "failed") || (health->concluding && !active))
                fail(health, CHECK_HEALTH_UNITS, "'%s' is %s", name, state);
        return active;
}

static bool is_command_pending(const Health *health) {
        return health->manager->config.health_command && health->checks[CHECK_HEALTH_COMMAND].state == HEALTH_PENDING;
}

static int on_states(sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        Health *health = userdata;
        const char *name, *state;
        bool ready = true;
        size_t n = 0;
        int r;

        if (!has_list(health, &health->states, reply))
                return 0;
        for (; (r = read_unit(reply, &name, &state)) > 0; n++)
                if (streq(name, health->command_unit))
                        judge_command(health, state);
                else
                        ready = judge_unit(health, name, state) && ready;
        if (r < 0 || n != health->n_asked) {
                on_no_answer(health, "its answer makes no sense");
                return 0;
        }
        on_answer(health, &health->states);
        if (health->up && !health->concluding && ready && !is_command_pending(health))
                (void) health_conclude(health->manager);
        else
                conclude(health);
        return 0;
}

static void tell_command(const Health *health, const char *method, const char *types, const char *mode) {
        if (health->bus && sd_bus_call_method_async(health->bus, NULL, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                                    "org.freedesktop.systemd1.Manager", method, NULL, NULL, types,
                                                    health->command_unit, mode) < 0)
                log_debug("Cannot ask the service manager to %s '%s', ignoring.", method, health->command_unit);
}

static void forget(Question *question) {
        sd_bus_slot_unref(question->call);
        *question = (Question) {};
}

static void forget_calls(Health *health) {
        forget(&health->failed);
        forget(&health->states);
        /* Nobody knows whether the service manager has got it: if so, it answers the next one with UnitExists. */
        if (health->command_call)
                health->command_started = false;
        health->command_call = sd_bus_slot_unref(health->command_call);
}

/* Opens the connection where there is none, or not any more: the service manager forgets a reference with it. */
static int connect_bus(Health *health) {
        sd_bus *bus = NULL;
        int r;

        if (health->bus && sd_bus_is_open(health->bus) > 0)
                return 0;
        r = sd_bus_open_system_with_description(&bus, "ipectld-health");
        if (r >= 0)
                r = sd_bus_attach_event(bus, health->manager->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0) {
                sd_bus_close_unref(bus);
                return r;
        }
        forget_calls(health);
        sd_bus_close_unref(health->bus);
        health->bus = bus;
        if (health->command_started)
                tell_command(health, "RefUnit", "s", NULL);
        return 0;
}

static int ask(Health *health, Question *question, sd_bus_message *message, sd_bus_message_handler_t handler) {
        return sd_bus_call_async(health->bus, &question->call, message, handler, health, ANSWER_USEC);
}

static int ask_failed(Health *health) {
        sd_bus_message *message = NULL;
        int r = new_failed_call(health->bus, &message);

        if (r >= 0)
                r = ask(health, &health->failed, message, on_failed_units);
        sd_bus_message_unref(message);
        return r;
}

/* What is asked is answered one by one; an alias under the name of its unit. */
static int ask_states(Health *health) {
        char **units = health->manager->config.health_units;
        sd_bus_message *message = NULL;
        int r;

        r = new_call(health->bus, "ListUnitsByNames", &message);
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'a', "s");
        health->n_asked = 0;
        for (; r >= 0 && units && *units; units++, health->n_asked++)
                r = sd_bus_message_append(message, "s", *units);
        if (r >= 0 && health->command_unit[0] != '\0') {
                r = sd_bus_message_append(message, "s", health->command_unit);
                health->n_asked++;
        }
        if (r >= 0)
                r = sd_bus_message_close_container(message);
        if (r >= 0)
                r = ask(health, &health->states, message, on_states);
        sd_bus_message_unref(message);
        return r;
}

/* An error of the bus, or of the library in its name: the service manager itself has not answered. */
static bool is_of_the_bus(sd_bus_message *reply) {
        const char *sender = sd_bus_message_get_sender(reply);

        return !sender || streq(sender, "org.freedesktop.DBus");
}

static int on_command(sd_bus_message *reply, void *userdata, sd_bus_error *reterr) {
        Health *health = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(reply);

        health->command_call = sd_bus_slot_unref(health->command_call);
        if (error && sd_bus_error_has_name(error, "org.freedesktop.systemd1.UnitExists"))
                tell_command(health, "RefUnit", "s", NULL);
        else if (error && is_of_the_bus(reply))
                health->command_started = false;
        else if (error)
                fail(health, CHECK_HEALTH_COMMAND, "HealthCommand= cannot be started: %s", error_text(error));
        return 0;
}

static int append_exec(sd_bus_message *message, char **command) {
        int r = sd_bus_message_open_container(message, 'r', "sv");

        if (r >= 0)
                r = sd_bus_message_append(message, "s", "ExecStart");
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'v', "a(sasb)");
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'a', "(sasb)");
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'r', "sasb");
        if (r >= 0)
                r = sd_bus_message_append(message, "s", command[0]);
        if (r >= 0)
                r = sd_bus_message_append_strv(message, command);
        if (r >= 0)
                r = sd_bus_message_append(message, "b", false);
        for (int depth = 0; r >= 0 && depth < 4; depth++)
                r = sd_bus_message_close_container(message);
        return r;
}

/* Where the daemon is not there any more to end it, the service manager does. */
static uint64_t time_left(const Health *health) {
        return (seconds_until(health->manager->trial_deadline_usec) + KERNEL_TRIAL_NET_SEC) * USEC_PER_SEC;
}

static int append_command_unit(sd_bus_message *message, const Health *health) {
        char **command = health->manager->config.health_command;
        int r = sd_bus_message_append(message, "ss", health->command_unit, "fail");

        if (r >= 0)
                r = sd_bus_message_open_container(message, 'a', "(sv)");
        if (r >= 0)
                r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)(sv)(sv)", "Description", "s",
                                          "Health check of a policy on trial", "Type", "s", "oneshot", "RemainAfterExit", "b",
                                          true, "TimeoutStartUSec", "t", time_left(health), "CollectMode", "s",
                                          "inactive-or-failed", "AddRef", "b", true);
        if (r >= 0)
                r = append_exec(message, command);
        if (r >= 0)
                r = sd_bus_message_close_container(message);
        return r < 0 ? r : sd_bus_message_append(message, "a(sa(sv))", 0);
}

/* Where the connection is lost it is tried again with the next one. */
static void start_command(Health *health) {
        sd_bus_message *message = NULL;
        int r;

        r = new_call(health->bus, "StartTransientUnit", &message);
        if (r >= 0)
                r = append_command_unit(message, health);
        if (r >= 0)
                r = sd_bus_call_async(health->bus, &health->command_call, message, on_command, health, ANSWER_USEC);
        sd_bus_message_unref(message);
        health->command_started = r >= 0;
        if (r < 0 && sd_bus_is_open(health->bus) > 0)
                fail(health, CHECK_HEALTH_COMMAND, "HealthCommand= cannot be started: %s", strerror(-r));
}

static void name_command(Health *health) {
        const VersionRecord *ours = store_state_find_state(health->manager->state, VERSION_TRIAL);

        if (health->manager->config.health_command)
                snprintf(health->command_unit, sizeof(health->command_unit), "ipe-health-%s.service", ours->transaction);
}

static void end_command(Health *health) {
        if (health->command_unit[0] == '\0')
                return;
        tell_command(health, "StopUnit", "ss", "replace");
        tell_command(health, "UnrefUnit", "s", NULL);
        health->command_unit[0] = '\0';
        health->command_started = false;
}

static void look(Health *health) {
        int r = 0;

        if (health->up && !health->concluding && !has_states(health)) {
                (void) health_conclude(health->manager);
                return;
        }
        r = connect_bus(health);
        if (r >= 0 && health->command_unit[0] != '\0' && !health->command_started)
                start_command(health);
        if (r >= 0 && has_states(health) && !health->states.call)
                r = ask_states(health);
        /* What has failed is the last thing that is looked at. */
        if (r >= 0 && !health->failed.call)
                r = ask_failed(health);
        if (r < 0)
                on_no_answer(health, strerror(-r));
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata) {
        Health *health = userdata;

        if (health->reason.sentence[0] != '\0') {
                health->bad(health->manager, health->reason.sentence);
                return 0;
        }
        look(health);
        if (sd_event_source_set_time_relative(timer, health->reason.sentence[0] != '\0' ? 0 : LOOK_USEC) < 0 ||
            sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT) < 0)
                log_error("Cannot set a timer, health is looked at again at the end of the trial only.");
        return 0;
}

static int start(Health *health) {
        int r;

        for (size_t i = 0; i < _CHECK_MAX; i++)
                health->checks[i] = (HealthCheck) { .name = check_names[i] };
        health->running = true;
        health->up = health->concluding = false;
        health->reason = (Failure) {};
        r = sd_event_add_time_relative(health->manager->event, &health->timer, CLOCK_MONOTONIC, 0, 0, on_timer, health);
        return r < 0 ? r : watch_denials(health);
}

void health_start(Manager *manager, HealthGood good, HealthBad bad) {
        Health *health = manager->health ?: calloc(1, sizeof(*health));
        int r = health ? 0 : -ENOMEM;

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
                log_error("Cannot watch over the trial, which ends without a confirmation: %s", strerror(-r));
                health_stop(manager);
                return;
        }
        if (manager->state->trial.boots == 0)
                name_command(health);
        announce_checks(&manager->announcer);
}

bool health_boot_is_up(Manager *manager) {
        Health *health = manager->health;

        if (!health || !health->running)
                return false;
        if (health->up)
                return true;
        health->up = true;
        name_command(health);
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
        /* Answers to earlier questions do not count. */
        forget(&health->failed);
        forget(&health->states);
        look(health);
        return true;
}

const char *health_failure(const Manager *manager) {
        const Health *health = manager->health;

        return health && health->running && health->reason.sentence[0] != '\0' ? health->reason.sentence : NULL;
}

void health_stop(Manager *manager) {
        Health *health = manager->health;

        if (!health)
                return;
        denials_watch(manager->denials, NULL, NULL);
        health->essential = strv_free(health->essential);
        end_command(health);
        forget_calls(health);
        health->timer = sd_event_source_disable_unref(health->timer);
        health->running = false;
}

size_t health_checks(const Manager *manager, const HealthCheck **ret) {
        *ret = manager->health ? manager->health->checks : NULL;
        return manager->health ? _CHECK_MAX : 0;
}

void health_free(Manager *manager) {
        health_stop(manager);
        if (manager->health)
                sd_bus_close_unref(manager->health->bus);
        free(manager->health);
        manager->health = NULL;
}
