/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stage, activate, confirm, rollback, deactivate, discard, reload, enforce and success-audit: calls that change something,
 * so the daemon asks polkit about each. What happened is said plainly, because it depends on the kernel.
 *
 * With --json each prints one object: the same sentences as "message", and what the change came to.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus-value.h"
#include "client.h"
#include "clock.h"
#include "input.h"
#include "io.h"
#include "output.h"
#include "wait.h"

/* How often the daemon may go away while it is asked about the boot. */
#define BOOT_CALLS_MAX 10

typedef struct Change {
        Client client;
        const Options *options;
        sd_bus_message *reply;
        struct json_object *answer;  /* for --json */
        struct json_object *manager; /* its properties, after the change; NULL if they were not asked for */
        char *message;
} Change;

static ExitStatus change_open(Change *change, const Options *options) {
        *change = (Change){ .options = options, .answer = json_new_object() };
        return client_open_to_ask(&change->client, options);
}

/* A sentence about what was done; several follow each other. The arguments are not escaped yet. */
__attribute__((format(printf, 2, 3))) static void tell(Change *change, const char *format, ...) {
        char *sentence, *message = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&sentence, format, arguments) < 0)
                oom();
        va_end(arguments);
        if (change->options->json == JSON_OFF && !change->options->quiet)
                say("%s", sentence);
        if (asprintf(&message, "%s%s%s", change->message ?: "", change->message ? " " : "", sentence) < 0)
                oom();
        free(change->message);
        free(sentence);
        change->message = message;
}

/* status: of what was done so far; if that went well, the answer is printed. Frees everything, and returns it. */
static ExitStatus change_finish(Change *change, ExitStatus status) {
        if (status == STATUS_OK && change->options->json != JSON_OFF) {
                if (change->message)
                        json_set(change->answer, "message", json_string(change->message));
                json_print(change->answer, change->options->json);
        }
        free(change->message);
        json_object_put(change->manager);
        json_object_put(change->answer);
        sd_bus_message_unref(change->reply);
        client_close(&change->client);
        return status;
}

static bool has_feature(struct json_object *manager, const char *feature) {
        struct json_object *features = json_get(manager, "features");

        for (size_t i = 0; i < json_length(features); i++)
                if (strcmp(json_object_get_string(json_at(features, i)), feature) == 0)
                        return true;
        return false;
}

/* The path of the object that a call returned, alone or in a dictionary. ret: to be freed. */
static int read_path(sd_bus_message *reply, char **ret) {
        struct json_object *outcome = NULL;
        const char *path;
        int r;

        if (sd_bus_message_has_signature(reply, "o")) {
                r = sd_bus_message_read(reply, "o", &path);
                if (r >= 0)
                        *ret = strdup(path);
        } else {
                r = bus_read_dictionary(reply, &outcome);
                if (r >= 0)
                        *ret = strdup(json_get_text(outcome, "policy"));
                json_object_put(outcome);
        }
        if (r >= 0 && !*ret)
                oom();
        return r;
}

/* The call went well; what it came to is read from the object that it returned, into the answer. */
static ExitStatus read_outcome(Change *change) {
        _cleanup_free_ char *path = NULL;
        Client *client = &change->client;
        struct json_object *policy = NULL;
        int r;

        r = read_path(change->reply, &path);
        if (r >= 0 && strcmp(path, "/") != 0)
                r = client_get_all(client, path, POLICY_INTERFACE, &policy);
        if (r >= 0)
                r = client_get_all(client, MANAGER_PATH, MANAGER_INTERFACE, &change->manager);
        if (policy) {
                json_object_put(change->answer);
                change->answer = policy;
                json_set(policy, "object_path", json_string(path));
        }
        if (r >= 0)
                return STATUS_OK;
        client_doing(client, "It is done, but ipectld does not say what it came to");
        (void) client_fail(client, r);
        /* Whatever the reason: of the other statuses, each says that nothing was done. */
        return STATUS_FAILED;
}

/* A sealed copy: the daemon reads what cannot change any more, and need not be able to read the file itself.
 * Returns a descriptor, or -1 after saying why there is none. */
static int open_policy(const char *path) {
        size_t size;
        char *data;
        int r;

        r = input_read(path, &data, &size);
        if (r < 0) {
                say_error("Failed to read '%s': %s", input_name(path), strerror(-r));
                return -1;
        }
        r = seal_memory("policy", data, size);
        free(data);
        if (r < 0) {
                say_error("Failed to copy '%s' for ipectld: %s", input_name(path), strerror(-r));
                return -1;
        }
        return r;
}

ExitStatus verb_stage(int argc, char **argv, const Options *options) {
        ExitStatus status;
        Change change;
        int r, fd;

        fd = open_policy(argv[1]);
        if (fd < 0)
                return STATUS_FAILED;
        status = change_open(&change, options);
        if (status == STATUS_OK) {
                client_doing(&change.client, "Failed to stage '%s'", input_name(argv[1]));
                r = client_call(&change.client, "Stage", &change.reply, "ha{sv}", fd, 0);
                status = r < 0 ? client_fail(&change.client, r) : read_outcome(&change);
        }
        if (status == STATUS_OK)
                tell(&change, "Staged '%s' %s. 'ipectl activate %s' puts it in force.",
                     json_get_text(change.answer, "name"), json_get_text(change.answer, "version"),
                     json_get_text(change.answer, "name"));
        close(fd);
        return change_finish(&change, status);
}

static void explain_trial(Change *change) {
        const char *name = json_get_text(change->answer, "name");

        tell(change, "'%s' %s is in force, on trial for %llu seconds.", name, json_get_text(change->answer, "version"),
             seconds_until(json_get_number(change->manager, "trial_deadline_usec")));
        if (strcmp(json_get_text(change->manager, "trial_confirm"), "auto") == 0)
                tell(change, "It is confirmed then if all health checks pass, which 'ipectl watch' shows; 'ipectl confirm "
                     "%s' keeps it now, 'ipectl end-trial %s' ends the trial.", name, name);
        else
                tell(change, "'ipectl confirm %s' keeps it, 'ipectl end-trial %s' ends the trial, and so does its time.",
                     name, name);
        if (!has_feature(change->manager, "trial"))
                tell(change, "This kernel cannot go back while it runs: a policy that is not confirmed stays in force until "
                     "the next boot.");
}

static void explain_activated(Change *change) {
        const char *state = json_get_text(change->answer, "state");

        if (strcmp(state, "trial") == 0)
                explain_trial(change);
        else
                tell(change, "Activated '%s' %s; it is %s, without a trial.", json_get_text(change->answer, "name"),
                     json_get_text(change->answer, "version"), state);
        if (!json_get_boolean(change->manager, "enforce"))
                tell(change, "IPE does not enforce: denials are only logged. 'ipectl enforce yes' changes that.");
}

/* A version that is not on trial any more has nothing to wait for. */
static ExitStatus wait_for_end(Change *change) {
        _cleanup_free_ char *path = strdup(json_get_text(change->answer, "object_path"));
        struct json_object *policy = NULL;
        bool was_on_trial = strcmp(json_get_text(change->answer, "state"), "trial") == 0;
        int r;

        if (!path)
                oom();
        fflush(stdout);
        client_doing(&change->client, "Failed to wait for the end of the trial, which goes on");
        r = wait_for_trial(&change->client, path, &policy);
        if (r < 0)
                return client_fail(&change->client, r);
        json_object_put(change->answer);
        change->answer = policy;
        json_set(policy, "object_path", json_string(path));
        if (strcmp(json_get_text(policy, "state"), "confirmed") != 0) {
                say_error("The trial of '%s' %s has ended, and it is %s. 'ipectl log %s' says why.", json_get_text(policy, "name"),
                          json_get_text(policy, "version"), json_get_text(policy, "state"), json_get_text(policy, "name"));
                return STATUS_FAILED;
        }
        if (was_on_trial)
                tell(change, "Confirmed '%s' %s.", json_get_text(policy, "name"), json_get_text(policy, "version"));
        return STATUS_OK;
}

static int append_activate_options(sd_bus_message *message, const Options *options) {
        int r = sd_bus_message_open_container(message, 'a', "{sv}");

        if (r >= 0 && options->policy_version)
                r = sd_bus_message_append(message, "{sv}", "version", "s", options->policy_version);
        if (r >= 0 && options->given & OPTION_TRIAL_SEC)
                r = sd_bus_message_append(message, "{sv}", "trial-sec", "t", options->trial_sec);
        if (r >= 0 && options->confirm)
                r = sd_bus_message_append(message, "{sv}", "confirm", "s", options->confirm);
        if (r >= 0 && options->accept)
                r = sd_bus_message_append(message, "{sv}", "accept", "s", options->accept);
        if (r >= 0 && options->force)
                r = sd_bus_message_append(message, "{sv}", "force", "b", 1);
        return r < 0 ? r : sd_bus_message_close_container(message);
}

static int call_activate(Client *client, const char *name, const Options *options, sd_bus_message **ret) {
        sd_bus_message *message = NULL;
        int r;

        if (!(options->given & (OPTION_VERSION_OF_POLICY | OPTION_TRIAL_SEC | OPTION_CONFIRM | OPTION_ACCEPT |
                                OPTION_FORCE)))
                return client_call(client, "Activate", ret, "s", name);
        r = client_new_call(client, "ActivateWithOptions", &message);
        if (r >= 0)
                r = sd_bus_message_append(message, "s", name);
        if (r >= 0)
                r = append_activate_options(message, options);
        if (r >= 0)
                r = sd_bus_call(client->bus, message, 0, &client->error, ret);
        sd_bus_message_unref(message);
        return r;
}

ExitStatus verb_activate(int argc, char **argv, const Options *options) {
        ExitStatus status;
        Change change;
        int r;

        status = change_open(&change, options);
        if (status == STATUS_OK) {
                client_doing(&change.client, "Failed to activate '%s'%s%s", argv[1], options->policy_version ? " " : "",
                             options->policy_version ?: "");
                r = call_activate(&change.client, argv[1], options, &change.reply);
                status = r < 0 ? client_fail(&change.client, r) : read_outcome(&change);
        }
        if (status == STATUS_OK)
                explain_activated(&change);
        if (status == STATUS_OK && options->wait)
                status = wait_for_end(&change);
        return change_finish(&change, status);
}

/* A daemon of before does not say. */
static void explain_record(Change *change) {
        if (json_get(change->manager, "state_recorded") && !json_get_boolean(change->manager, "state_recorded"))
                tell(change, "This is not on disk yet, as /var/lib/ipe cannot be written: a boot before that loads what was in force until "
                     "now. 'ipectl status' shows when it is.");
}

static void explain_rolled_back(Change *change) {
        const char *name = json_get_text(change->answer, "name"), *version = json_get_text(change->answer, "version");

        if (!*name)
                tell(change, "The trial has ended. No policy was confirmed before, so none of ipectld's is in force.");
        else if (strcmp(json_get_text(change->answer, "state"), "pending-reboot") != 0)
                tell(change, "Rolled back to '%s' %s; it is in force.", name, version);
        else {
                tell(change, "Selected '%s' %s for the next boot.", name, version);
                tell(change, "A reboot is needed: the running kernel cannot go back, so what is active now stays in force "
                     "until then.");
        }
        explain_record(change);
}

/* value: of the only option; NULL for none. */
static int call_with_option(Client *client, const char *method, const char *name, const char *option, const char *value,
                            sd_bus_message **ret) {
        return value ? client_call(client, method, ret, "sa{sv}", name, 1, option, "s", value)
                     : client_call(client, method, ret, "sa{sv}", name, 0);
}

ExitStatus verb_end_trial(int argc, char **argv, const Options *options) {
        ExitStatus status;
        Change change;
        int r;

        status = change_open(&change, options);
        if (status == STATUS_OK) {
                client_doing(&change.client, "Failed to end the trial of '%s'", argv[1]);
                r = call_with_option(&change.client, "EndTrial", argv[1], "version", options->policy_version, &change.reply);
                status = r < 0 ? client_fail(&change.client, r) : read_outcome(&change);
        }
        if (status == STATUS_OK)
                explain_rolled_back(&change);
        return change_finish(&change, status);
}

ExitStatus verb_rollback(int argc, char **argv, const Options *options) {
        ExitStatus status;
        Change change;
        int r;

        status = change_open(&change, options);
        if (status == STATUS_OK) {
                client_doing(&change.client, "Failed to roll back '%s'", argv[1]);
                r = options->from ? call_with_option(&change.client, "RollbackWithOptions", argv[1], "from", options->from, &change.reply)
                                  : client_call(&change.client, "Rollback", &change.reply, "s", argv[1]);
                status = r < 0 ? client_fail(&change.client, r) : read_outcome(&change);
        }
        if (status == STATUS_OK)
                explain_rolled_back(&change);
        return change_finish(&change, status);
}

ExitStatus verb_confirm(int argc, char **argv, const Options *options) {
        ExitStatus status;
        Change change;
        int r;

        status = change_open(&change, options);
        if (status == STATUS_OK) {
                client_doing(&change.client, "Failed to confirm '%s'", argv[1]);
                r = options->policy_version ? call_with_option(&change.client, "ConfirmWithOptions", argv[1], "version",
                                                               options->policy_version, NULL)
                                            : client_call(&change.client, "Confirm", NULL, "s", argv[1]);
                if (r < 0)
                        status = client_fail(&change.client, r);
        }
        if (status == STATUS_OK) {
                json_set(change.answer, "name", json_string(argv[1]));
                tell(&change, "Confirmed '%s'.", argv[1]);
        }
        return change_finish(&change, status);
}

/* Where the policy in force is none of ipectld's, the daemon names no object. */
static void explain_deactivated(Change *change) {
        struct json_object *active = json_get(change->manager, "active_policy");

        tell(change, "No policy is loaded from the next boot on, until one is activated and confirmed.");
        if (active)
                tell(change, "A reboot is needed: no kernel lets go of the policy that it enforces, so '%s' %s stays in force until then.",
                     json_get_text(active, "name"), json_get_text(active, "version"));
}

static int call_deactivate(Client *client, const char *name, sd_bus_message **ret) {
        return name ? client_call(client, "Deactivate", ret, "a{sv}", 1, "name", "s", name)
                    : client_call(client, "Deactivate", ret, "a{sv}", 0);
}

ExitStatus verb_deactivate(int argc, char **argv, const Options *options) {
        ExitStatus status;
        Change change;
        int r;

        if (!options->force) {
                say_error("From the next boot on no policy would be enforced, and nothing denied. If that is meant, --force does it.");
                return STATUS_FAILED;
        }
        status = change_open(&change, options);
        if (status == STATUS_OK) {
                client_doing(&change.client, "Failed to deactivate");
                r = call_deactivate(&change.client, argv[1], &change.reply);
                status = r < 0 ? client_fail(&change.client, r) : read_outcome(&change);
        }
        if (status == STATUS_OK)
                explain_deactivated(&change);
        return change_finish(&change, status);
}

/* The daemon may be restarted while it is waited for. Its time ends the trial, and so bounds this. */
static int call_about_boot(Client *client, const char *method) {
        int r = -EIO;

        for (unsigned i = 0; i < BOOT_CALLS_MAX; i++) {
                if (i > 0)
                        sleep(1);
                sd_bus_error_free(&client->error);
                r = client_call_for(client, UINT64_MAX, method, NULL, "");
                if (r >= 0 || !sd_bus_error_has_name(&client->error, SD_BUS_ERROR_NO_REPLY))
                        break;
        }
        return r;
}

static ExitStatus change_boot(const char *method, const char *what, const char *done, const Options *options) {
        ExitStatus status;
        Change change;
        int r;

        status = change_open(&change, options);
        if (status == STATUS_OK) {
                client_doing(&change.client, "%s", what);
                r = call_about_boot(&change.client, method);
                if (r < 0)
                        status = client_fail(&change.client, r);
        }
        if (status == STATUS_OK)
                tell(&change, "%s", done);
        return change_finish(&change, status);
}

ExitStatus verb_boot_check(int argc, char **argv, const Options *options) {
        return change_boot("CheckBoot", "This boot does not pass", "Nothing is wrong with this boot under its policy.", options);
}

ExitStatus verb_boot_confirm(int argc, char **argv, const Options *options) {
        return change_boot("ConfirmBoot", "Failed to confirm what is on trial", "Nothing waits for this boot any more.", options);
}

ExitStatus verb_discard(int argc, char **argv, const Options *options) {
        ExitStatus status;
        Change change;
        int r;

        status = change_open(&change, options);
        if (status == STATUS_OK) {
                client_doing(&change.client, "Failed to discard '%s' %s", argv[1], argv[2]);
                r = client_call(&change.client, "Discard", NULL, "ss", argv[1], argv[2]);
                if (r < 0)
                        status = client_fail(&change.client, r);
        }
        if (status == STATUS_OK) {
                json_set(change.answer, "name", json_string(argv[1]));
                json_set(change.answer, "version", json_string(argv[2]));
                tell(&change, "Discarded '%s' %s.", argv[1], argv[2]);
        }
        return change_finish(&change, status);
}

ExitStatus verb_reload(int argc, char **argv, const Options *options) {
        ExitStatus status;
        Change change;
        int r;

        status = change_open(&change, options);
        if (status == STATUS_OK) {
                client_doing(&change.client, "Failed to read policies, certificates and settings again");
                r = client_call(&change.client, "Reload", NULL, "");
                if (r < 0)
                        status = client_fail(&change.client, r);
        }
        if (status == STATUS_OK)
                tell(&change, "Read policies, certificates and settings again. 'ipectl list' shows what is known, 'ipectl log' what was refused.");
        return change_finish(&change, status);
}

static int parse_boolean(const char *text) {
        static const char *const yes[] = { "yes", "true", "on", "1" }, *const no[] = { "no", "false", "off", "0" };

        for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
                if (strcmp(text, yes[i]) == 0)
                        return 1;
                if (strcmp(text, no[i]) == 0)
                        return 0;
        }
        return -EINVAL;
}

/* "success-audit" -> "success_audit"; to be freed. */
static char *switch_key(const char *verb) {
        char *key = strdup(verb);

        if (!key)
                oom();
        for (char *c = key; *c; c++)
                if (*c == '-')
                        *c = '_';
        return key;
}

static int ask_for_switch(Client *client, char **argv, struct json_object **ret) {
        char *key = switch_key(argv[0]);
        struct json_object *manager = NULL;
        int r;

        client_doing(client, "Failed to ask ipectld about %s", argv[0]);
        r = client_get_all(client, MANAGER_PATH, MANAGER_INTERFACE, &manager);
        if (r >= 0) {
                *ret = json_new_object();
                json_set(*ret, key, json_boolean(json_get_boolean(manager, key)));
        }
        json_object_put(manager);
        free(key);
        return r;
}

static void print_switch(struct json_object *answer, char **argv, const Options *options) {
        char *key = switch_key(argv[0]);

        say("%s", json_get_boolean(answer, key) ? "yes" : "no");
        free(key);
}

static ExitStatus change_switch(char **argv, const Options *options, const char *method) {
        int r, wanted = parse_boolean(argv[1]);
        ExitStatus status;
        Change change;

        if (wanted < 0) {
                say_error("'%s' is neither 'yes' nor 'no'.", argv[1]);
                return STATUS_USAGE;
        }
        status = change_open(&change, options);
        if (status == STATUS_OK) {
                client_doing(&change.client, "Failed to switch %s %s", argv[0], wanted ? "on" : "off");
                r = client_call(&change.client, method, NULL, "b", wanted);
                if (r < 0)
                        status = client_fail(&change.client, r);
        }
        if (status == STATUS_OK) {
                char *key = switch_key(argv[0]);

                json_set(change.answer, key, json_boolean(wanted));
                free(key);
                tell(&change, "%s is %s now.", argv[0], wanted ? "on" : "off");
        }
        return change_finish(&change, status);
}

/* Without an argument the switch is shown, which needs no privilege. */
static ExitStatus show_or_change_switch(char **argv, const Options *options, const char *method) {
        static const Question question = { .ask = ask_for_switch, .print = print_switch };

        return argv[1] ? change_switch(argv, options, method) : client_ask(&question, argv, options);
}

ExitStatus verb_enforce(int argc, char **argv, const Options *options) {
        return show_or_change_switch(argv, options, "SetEnforce");
}

ExitStatus verb_success_audit(int argc, char **argv, const Options *options) {
        return show_or_change_switch(argv, options, "SetSuccessAudit");
}
