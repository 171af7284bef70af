/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * enforce and success-audit: show a switch of the kernel, which needs no privilege, or change it.
 */

#include "change.h"
#include "output.h"

static int parse_boolean(const char *text) {
        static const char *const yes[] = { "yes", "true", "on", "1" }, *const no[] = { "no", "false", "off", "0" };

        for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
                if (streq(text, yes[i]))
                        return 1;
                if (streq(text, no[i]))
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
        _cleanup_free_ char *key = switch_key(argv[0]);
        struct json_object *manager = NULL;
        int r;

        client_doing(client, "Failed to ask ipectld about %s", argv[0]);
        r = client_get_all(client, MANAGER_PATH, MANAGER_INTERFACE, &manager);
        if (r >= 0) {
                *ret = json_new_object();
                json_set(*ret, key, json_boolean(json_get_boolean(manager, key)));
        }
        json_object_put(manager);
        return r;
}

static void print_switch(struct json_object *answer, char **argv, const Options *options) {
        _cleanup_free_ char *key = switch_key(argv[0]);

        say("%s", json_get_boolean(answer, key) ? "yes" : "no");
}

typedef struct SwitchCall {
        const char *method;
        int wanted; /* a boolean, as sd-bus reads it */
} SwitchCall;

static int call_switch(Change *change, char **argv) {
        const SwitchCall *call = change->input;

        client_doing(&change->client, "Failed to switch %s %s", argv[0], call->wanted ? "on" : "off");
        return client_call(&change->client, call->method, &change->reply, "b", call->wanted);
}

static ExitStatus conclude_switch(Change *change, char **argv) {
        _cleanup_free_ char *key = switch_key(argv[0]);
        const SwitchCall *call = change->input;

        json_set(change->answer, key, json_boolean(call->wanted));
        change_say(change, "%s is %s now.", argv[0], call->wanted ? "on" : "off");
        return STATUS_OK;
}

static ExitStatus show_or_change(char **argv, const Options *options, const char *method) {
        static const Question show = { .ask = ask_for_switch, .print = print_switch };
        static const ChangeVerb change = { call_switch, false, conclude_switch };
        SwitchCall call = { .method = method };

        if (!argv[1])
                return client_ask(&show, argv, options);
        call.wanted = parse_boolean(argv[1]);
        if (call.wanted < 0) {
                say_error("Invalid value '%s': expected 'yes' or 'no'.", argv[1]);
                return STATUS_USAGE;
        }
        return change_run(&change, argv, options, &call);
}

ExitStatus verb_enforce(int argc, char **argv, const Options *options) {
        return show_or_change(argv, options, "SetEnforce");
}

ExitStatus verb_success_audit(int argc, char **argv, const Options *options) {
        return show_or_change(argv, options, "SetSuccessAudit");
}
