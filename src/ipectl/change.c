/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The run that all commands have in common that change something.
 */

#include <stdarg.h>

#include "bus-value.h"
#include "change.h"
#include "output.h"

void change_say(Change *change, const char *format, ...) {
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

void change_set_policy(Change *change, struct json_object *policy, const char *path) {
        json_set(policy, "object_path", json_string(path));
        json_object_put(change->answer);
        change->answer = policy;
}

/* ret: to be freed. */
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

static ExitStatus read_outcome(Change *change) {
        _cleanup_free_ char *path = NULL;
        Client *client = &change->client;
        struct json_object *policy = NULL;
        int r;

        r = read_path(change->reply, &path);
        if (r >= 0 && !streq(path, "/"))
                r = client_get_all(client, path, POLICY_INTERFACE, &policy);
        if (r >= 0)
                r = client_get_all(client, MANAGER_PATH, MANAGER_INTERFACE, &change->manager);
        if (policy)
                change_set_policy(change, policy, path);
        if (r >= 0)
                return STATUS_OK;
        client_doing(client, "The change was made, but its result cannot be read");
        (void) client_fail(client, r);
        /* Whatever the reason: each of the other statuses would mean that nothing was done. */
        return STATUS_FAILED;
}

static ExitStatus run(const ChangeVerb *verb, char **argv, Change *change) {
        ExitStatus status = client_open_to_ask(&change->client, change->options);
        int r;

        if (status != STATUS_OK)
                return status;
        r = verb->call(change, argv);
        if (r < 0)
                return client_fail(&change->client, r);
        if (verb->returns_policy)
                status = read_outcome(change);
        return status == STATUS_OK ? verb->conclude(change, argv) : status;
}

ExitStatus change_run(const ChangeVerb *verb, char **argv, const Options *options, const void *input) {
        Change change = { .options = options, .input = input, .answer = json_new_object() };
        ExitStatus status = run(verb, argv, &change);

        if (status == STATUS_OK && options->json != JSON_OFF) {
                if (change.message)
                        json_set(change.answer, "message", json_string(change.message));
                json_print(change.answer, options->json);
        }
        free(change.message);
        json_object_put(change.manager);
        json_object_put(change.answer);
        sd_bus_message_unref(change.reply);
        client_close(&change.client);
        return status;
}
