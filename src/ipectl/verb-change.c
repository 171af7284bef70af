/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stage, activate, confirm, rollback, discard, reload, enforce and success-audit: calls that change something,
 * so the daemon asks polkit about each. What happened is said plainly, because it depends on the kernel.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent.h"
#include "client.h"
#include "input.h"
#include "output.h"

typedef struct Change {
        Client client;
        pid_t agent;
} Change;

static ExitStatus change_open(Change *change, const Options *options) {
        ExitStatus status = client_open(&change->client, options);

        if (status == STATUS_OK && options->ask_password)
                change->agent = agent_open();
        return status;
}

static void change_close(Change *change) {
        agent_close(change->agent);
        client_close(&change->client);
}

static const char *get_string(struct json_object *object, const char *key) {
        return json_object_get_string(json_object_object_get(object, key)) ?: "";
}

static bool get_boolean(struct json_object *object, const char *key) {
        return json_object_get_boolean(json_object_object_get(object, key));
}

static bool has_feature(struct json_object *manager, const char *feature) {
        struct json_object *features = json_object_object_get(manager, "features");

        if (!json_object_is_type(features, json_type_array))
                return false;
        for (size_t i = 0; i < json_object_array_length(features); i++)
                if (strcmp(json_object_get_string(json_object_array_get_idx(features, i)), feature) == 0)
                        return true;
        return false;
}

/* After a call that returns nothing: a sentence, or an object that holds it. */
__attribute__((format(printf, 2, 3))) static void say_done(const Options *options, const char *format, ...) {
        struct json_object *object;
        va_list arguments;
        char *sentence;

        va_start(arguments, format);
        if (vasprintf(&sentence, format, arguments) < 0)
                oom();
        va_end(arguments);
        if (options->json != JSON_OFF) {
                object = json_object_new_object();
                if (!object)
                        oom();
                json_set(object, "message", json_string(sentence));
                json_print(object, options->json);
                json_object_put(object);
        } else if (!options->quiet)
                say("%s", sentence);
        free(sentence);
}

/* policy: NULL if the call returned none. */
typedef void (*ExplainFunction)(struct json_object *policy, struct json_object *manager);

/* The call went well; what it came to is read from the object that it returned. */
static ExitStatus finish_with_object(Client *client, sd_bus_message *reply, const Options *options,
                                     ExplainFunction explain) {
        struct json_object *policy = NULL, *manager = NULL;
        ExitStatus status = STATUS_OK;
        const char *path = NULL;
        int r;

        r = sd_bus_message_read(reply, "o", &path);
        if (r >= 0 && strcmp(path, "/") != 0)
                r = client_get_all(client, path, POLICY_INTERFACE, &policy);
        if (r >= 0)
                r = client_get_all(client, MANAGER_PATH, MANAGER_INTERFACE, &manager);
        if (r < 0) {
                client_doing(client, "It is done, but ipectld does not say what it came to");
                status = client_fail(client, r);
        } else if (options->json != JSON_OFF) {
                if (policy)
                        json_set(policy, "object_path", json_string(path));
                json_print(policy, options->json);
        } else if (!options->quiet)
                explain(policy, manager);
        json_object_put(manager);
        json_object_put(policy);
        return status;
}

/* A sealed copy: what the daemon reads cannot change below it, and it need not be able to read the file itself. */
static int copy_to_memfd(const char *data, size_t size) {
        int fd = memfd_create("policy", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        if (fd < 0)
                return -errno;
        for (size_t done = 0; done < size;) {
                ssize_t n = write(fd, data + done, size - done);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        int error = -errno;

                        close(fd);
                        return error;
                }
                done += n;
        }
        if (lseek(fd, 0, SEEK_SET) < 0 ||
            fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0) {
                int error = -errno;

                close(fd);
                return error;
        }
        return fd;
}

static void explain_staged(struct json_object *policy, struct json_object *manager) {
        say("Staged '%s' %s. 'ipectl activate %s' puts it in force.", get_string(policy, "name"),
            get_string(policy, "version"), get_string(policy, "name"));
}

ExitStatus verb_stage(int argc, char **argv, const Options *options) {
        sd_bus_message *message = NULL, *reply = NULL;
        Change change = {};
        Client *client = &change.client;
        ExitStatus status;
        size_t size;
        char *data;
        int r, fd;

        r = input_read(argv[1], &data, &size);
        if (r < 0) {
                say_error("Failed to read '%s': %s", input_name(argv[1]), strerror(-r));
                return STATUS_FAILED;
        }
        fd = copy_to_memfd(data, size);
        free(data);
        if (fd < 0) {
                say_error("Failed to copy '%s' for ipectld: %s", input_name(argv[1]), strerror(-fd));
                return STATUS_FAILED;
        }
        status = change_open(&change, options);
        if (status != STATUS_OK) {
                close(fd);
                return status;
        }
        client_doing(client, "Failed to stage '%s'", input_name(argv[1]));
        r = sd_bus_message_new_method_call(client->bus, &message, MANAGER_NAME, MANAGER_PATH, MANAGER_INTERFACE,
                                           "Stage");
        if (r >= 0)
                r = sd_bus_message_append(message, "ha{sv}", fd, 0);
        if (r >= 0)
                r = sd_bus_call(client->bus, message, 0, &client->error, &reply);
        status = r < 0 ? client_fail(client, r) : finish_with_object(client, reply, options, explain_staged);
        sd_bus_message_unref(reply);
        sd_bus_message_unref(message);
        close(fd);
        change_close(&change);
        return status;
}

static void explain_trial(struct json_object *policy, struct json_object *manager) {
        unsigned long long deadline =
                json_object_get_uint64(json_object_object_get(manager, "trial_deadline_usec"));
        const char *name = get_string(policy, "name");

        say("'%s' %s is in force, on trial for %llu seconds.", name, get_string(policy, "version"),
            seconds_until(deadline));
        say("'ipectl confirm %s' keeps it, 'ipectl rollback %s' ends the trial; without either the kernel goes back by "
            "itself.", name, name);
}

static void explain_activated(struct json_object *policy, struct json_object *manager) {
        const char *name = get_string(policy, "name"), *version = get_string(policy, "version");
        const char *state = get_string(policy, "state");

        if (strcmp(state, "trial") == 0)
                explain_trial(policy, manager);
        else if (strcmp(state, "confirmed") == 0 && !has_feature(manager, "trial"))
                say("Activated '%s' %s and confirmed it at once: this kernel cannot put a policy on trial.", name,
                    version);
        else
                say("Activated '%s' %s; it is %s, without a trial.", name, version, state);
        if (!get_boolean(manager, "enforce"))
                say("IPE does not enforce: denials are only logged. 'ipectl enforce yes' changes that.");
}

static int call_activate(Client *client, const char *name, const Options *options, sd_bus_message **ret) {
        bool trial = options->given & OPTION_TRIAL_SEC;

        if (options->policy_version && trial)
                return client_call(client, "ActivateWithOptions", ret, "sa{sv}", name, 2, "version", "s",
                                   options->policy_version, "trial-sec", "t", options->trial_sec);
        if (options->policy_version)
                return client_call(client, "ActivateWithOptions", ret, "sa{sv}", name, 1, "version", "s",
                                   options->policy_version);
        if (trial)
                return client_call(client, "ActivateWithOptions", ret, "sa{sv}", name, 1, "trial-sec", "t",
                                   options->trial_sec);
        return client_call(client, "Activate", ret, "s", name);
}

ExitStatus verb_activate(int argc, char **argv, const Options *options) {
        sd_bus_message *reply = NULL;
        Change change = {};
        Client *client = &change.client;
        ExitStatus status;
        int r;

        status = change_open(&change, options);
        if (status != STATUS_OK)
                return status;
        client_doing(client, "Failed to activate '%s'%s%s", argv[1], options->policy_version ? " " : "",
                     options->policy_version ?: "");
        r = call_activate(client, argv[1], options, &reply);
        status = r < 0 ? client_fail(client, r) : finish_with_object(client, reply, options, explain_activated);
        sd_bus_message_unref(reply);
        change_close(&change);
        return status;
}

static void explain_rolled_back(struct json_object *policy, struct json_object *manager) {
        const char *name = get_string(policy, "name"), *version = get_string(policy, "version");

        if (!policy) {
                say("The trial has ended. No policy was confirmed before, so none of ipectld's is in force.");
                return;
        }
        if (strcmp(get_string(policy, "state"), "pending-reboot") != 0) {
                say("Rolled back to '%s' %s; it is in force.", name, version);
                return;
        }
        say("Selected '%s' %s for the next boot.", name, version);
        say("A reboot is needed: the running kernel cannot go back, so what is active now stays in force until "
            "then.");
}

ExitStatus verb_rollback(int argc, char **argv, const Options *options) {
        sd_bus_message *reply = NULL;
        Change change = {};
        ExitStatus status;
        int r;

        status = change_open(&change, options);
        if (status != STATUS_OK)
                return status;
        client_doing(&change.client, "Failed to roll back '%s'", argv[1]);
        r = client_call(&change.client, "Rollback", &reply, "s", argv[1]);
        status = r < 0 ? client_fail(&change.client, r)
                       : finish_with_object(&change.client, reply, options, explain_rolled_back);
        sd_bus_message_unref(reply);
        change_close(&change);
        return status;
}

ExitStatus verb_confirm(int argc, char **argv, const Options *options) {
        Change change = {};
        ExitStatus status;
        int r;

        status = change_open(&change, options);
        if (status != STATUS_OK)
                return status;
        client_doing(&change.client, "Failed to confirm '%s'", argv[1]);
        r = client_call(&change.client, "Confirm", NULL, "s", argv[1]);
        if (r < 0)
                status = client_fail(&change.client, r);
        else
                say_done(options, "Confirmed '%s'.", argv[1]);
        change_close(&change);
        return status;
}

ExitStatus verb_discard(int argc, char **argv, const Options *options) {
        Change change = {};
        ExitStatus status;
        int r;

        status = change_open(&change, options);
        if (status != STATUS_OK)
                return status;
        client_doing(&change.client, "Failed to discard '%s' %s", argv[1], argv[2]);
        r = client_call(&change.client, "Discard", NULL, "ss", argv[1], argv[2]);
        if (r < 0)
                status = client_fail(&change.client, r);
        else
                say_done(options, "Discarded '%s' %s.", argv[1], argv[2]);
        change_close(&change);
        return status;
}

ExitStatus verb_reload(int argc, char **argv, const Options *options) {
        Change change = {};
        ExitStatus status;
        int r;

        status = change_open(&change, options);
        if (status != STATUS_OK)
                return status;
        client_doing(&change.client, "Failed to read policy.d again");
        r = client_call(&change.client, "Reload", NULL, "");
        if (r < 0)
                status = client_fail(&change.client, r);
        else
                say_done(options, "Read policy.d again. 'ipectl list' shows what is known, 'journalctl -u ipectld' "
                                  "what was refused.");
        change_close(&change);
        return status;
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

static ExitStatus show_switch(Client *client, const char *key, const Options *options) {
        struct json_object *manager = NULL;
        int r;

        r = client_get_all(client, MANAGER_PATH, MANAGER_INTERFACE, &manager);
        if (r < 0)
                return client_fail(client, r);
        if (options->json != JSON_OFF) {
                struct json_object *object = json_object_new_object();

                if (!object)
                        oom();
                json_set(object, key, json_object_get(json_object_object_get(manager, key)));
                json_print(object, options->json);
                json_object_put(object);
        } else
                say("%s", get_boolean(manager, key) ? "yes" : "no");
        json_object_put(manager);
        return STATUS_OK;
}

/* Without an argument the switch is shown, which needs no privilege. */
static ExitStatus change_switch(int argc, char **argv, const Options *options, const char *method,
                                const char *key) {
        int r, wanted = argc > 1 ? parse_boolean(argv[1]) : 0;
        Change change = {};
        Client *client = &change.client;
        ExitStatus status;

        if (wanted < 0) {
                say_error("'%s' is neither 'yes' nor 'no'.", argv[1]);
                return STATUS_USAGE;
        }
        status = argc > 1 ? change_open(&change, options) : client_open(client, options);
        if (status != STATUS_OK)
                return status;
        if (argc > 1) {
                client_doing(client, "Failed to switch %s %s", argv[0], wanted ? "on" : "off");
                r = client_call(client, method, NULL, "b", wanted);
                if (r < 0)
                        status = client_fail(client, r);
                else
                        say_done(options, "%s is %s now.", argv[0], wanted ? "on" : "off");
        } else {
                client_doing(client, "Failed to ask ipectld about %s", argv[0]);
                status = show_switch(client, key, options);
        }
        change_close(&change);
        return status;
}

ExitStatus verb_enforce(int argc, char **argv, const Options *options) {
        return change_switch(argc, argv, options, "SetEnforce", "enforce");
}

ExitStatus verb_success_audit(int argc, char **argv, const Options *options) {
        return change_switch(argc, argv, options, "SetSuccessAudit", "success_audit");
}
