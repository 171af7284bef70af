/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * confirm, end-trial, rollback, deactivate, discard and reload: each is one call of the daemon.
 */

#include "change.h"
#include "output.h"

/* value: of the only option; NULL for none. */
static int call_with_option(Change *change, const char *method, const char *name, const char *option,
                            const char *value) {
        return value ? client_call(&change->client, method, &change->reply, "sa{sv}", name, 1, option, "s", value)
                     : client_call(&change->client, method, &change->reply, "sa{sv}", name, 0);
}

static int call_confirm(Change *change, char **argv) {
        const char *version = change->options->policy_version;

        client_doing(&change->client, "Failed to confirm '%s'", argv[1]);
        return version ? call_with_option(change, "ConfirmWithOptions", argv[1], "version", version)
                       : client_call(&change->client, "Confirm", &change->reply, "s", argv[1]);
}

static ExitStatus conclude_confirm(Change *change, char **argv) {
        json_set(change->answer, "name", json_string(argv[1]));
        change_say(change, "Confirmed '%s'.", argv[1]);
        return STATUS_OK;
}

ExitStatus verb_confirm(int argc, char **argv, const Options *options) {
        static const ChangeVerb confirm = { call_confirm, false, conclude_confirm };

        return change_run(&confirm, argv, options, NULL);
}

/* A daemon of an earlier release does not say whether the change is recorded. */
static void explain_record(Change *change) {
        if (json_get(change->manager, "state_recorded") && !json_get_boolean(change->manager, "state_recorded"))
                change_say(change,
                           "ipectld cannot write /var/lib/ipe and keeps trying. If the machine reboots before it "
                           "succeeds, the policy that was active until now is loaded. 'ipectl status' shows when it "
                           "has succeeded.");
}

static ExitStatus conclude_return(Change *change, char **argv) {
        const char *name = json_get_text(change->answer, "name"), *version = json_get_text(change->answer, "version");

        if (!*name)
                change_say(change,
                           "The trial has ended. No policy was confirmed before, so no policy of ipectld is active.");
        else if (!streq(json_get_text(change->answer, "state"), "pending-reboot"))
                change_say(change, "Rolled back to '%s' %s; it is active.", name, version);
        else {
                change_say(change, "Selected '%s' %s for the next boot.", name, version);
                change_say(change,
                           "A reboot is needed: the running kernel cannot go back, so the active policy stays until "
                           "then.");
        }
        explain_record(change);
        return STATUS_OK;
}

static int call_end_trial(Change *change, char **argv) {
        client_doing(&change->client, "Failed to end the trial of '%s'", argv[1]);
        return call_with_option(change, "EndTrial", argv[1], "version", change->options->policy_version);
}

ExitStatus verb_end_trial(int argc, char **argv, const Options *options) {
        static const ChangeVerb end_trial = { call_end_trial, true, conclude_return };

        return change_run(&end_trial, argv, options, NULL);
}

static int call_rollback(Change *change, char **argv) {
        const char *from = change->options->from;

        client_doing(&change->client, "Failed to roll back '%s'", argv[1]);
        return from ? call_with_option(change, "RollbackWithOptions", argv[1], "from", from)
                    : client_call(&change->client, "Rollback", &change->reply, "s", argv[1]);
}

ExitStatus verb_rollback(int argc, char **argv, const Options *options) {
        static const ChangeVerb rollback = { call_rollback, true, conclude_return };

        return change_run(&rollback, argv, options, NULL);
}

static int call_deactivate(Change *change, char **argv) {
        Client *client = &change->client;

        client_doing(client, "Failed to deactivate");
        return argv[1] ? client_call(client, "Deactivate", &change->reply, "a{sv}", 1, "name", "s", argv[1])
                       : client_call(client, "Deactivate", &change->reply, "a{sv}", 0);
}

/* The active policy comes from the manager, as ipectld has no object for one that it did not load. */
static ExitStatus conclude_deactivate(Change *change, char **argv) {
        struct json_object *active = json_get(change->manager, "active_policy");

        change_say(change, "No policy is loaded from the next boot on, until one is activated and confirmed.");
        if (active)
                change_say(change,
                           "A reboot is needed: no kernel drops its active policy, so '%s' %s stays active until then.",
                           json_get_text(active, "name"), json_get_text(active, "version"));
        return STATUS_OK;
}

ExitStatus verb_deactivate(int argc, char **argv, const Options *options) {
        static const ChangeVerb deactivate = { call_deactivate, true, conclude_deactivate };

        if (!options->force) {
                say_error("From the next boot on no policy would be active, and nothing would be denied. To do that, "
                          "add --force.");
                return STATUS_FAILED;
        }
        return change_run(&deactivate, argv, options, NULL);
}

static int call_discard(Change *change, char **argv) {
        client_doing(&change->client, "Failed to discard '%s' %s", argv[1], argv[2]);
        return client_call(&change->client, "Discard", &change->reply, "ss", argv[1], argv[2]);
}

static ExitStatus conclude_discard(Change *change, char **argv) {
        json_set(change->answer, "name", json_string(argv[1]));
        json_set(change->answer, "version", json_string(argv[2]));
        change_say(change, "Discarded '%s' %s.", argv[1], argv[2]);
        return STATUS_OK;
}

ExitStatus verb_discard(int argc, char **argv, const Options *options) {
        static const ChangeVerb discard = { call_discard, false, conclude_discard };

        return change_run(&discard, argv, options, NULL);
}

static int call_reload(Change *change, char **argv) {
        client_doing(&change->client, "Failed to read policies, certificates and settings again");
        return client_call(&change->client, "Reload", &change->reply, "");
}

static ExitStatus conclude_reload(Change *change, char **argv) {
        change_say(change, "Read policies, certificates and settings again. 'ipectl list' shows the policies, 'ipectl "
                           "log' those "
                           "that were refused.");
        return STATUS_OK;
}

ExitStatus verb_reload(int argc, char **argv, const Options *options) {
        static const ChangeVerb reload = { call_reload, false, conclude_reload };

        return change_run(&reload, argv, options, NULL);
}
