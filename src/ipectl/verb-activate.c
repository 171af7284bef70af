/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * activate: makes a staged policy the active one, on trial; with --wait until the end of the trial.
 */

#include "change.h"
#include "clock.h"
#include "output.h"
#include "trial-wait.h"

static int append_options(sd_bus_message *message, const Options *options) {
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

static int call_with_options(Client *client, const char *name, const Options *options, sd_bus_message **ret) {
        sd_bus_message *message = NULL;
        int r;

        r = client_new_call(client, "ActivateWithOptions", &message);
        if (r >= 0)
                r = sd_bus_message_append(message, "s", name);
        if (r >= 0)
                r = append_options(message, options);
        if (r >= 0)
                r = sd_bus_call(client->bus, message, 0, &client->error, ret);
        sd_bus_message_unref(message);
        return r;
}

static int call_activate(Change *change, char **argv) {
        const Options *options = change->options;

        client_doing(&change->client, "Failed to activate '%s'%s%s", argv[1], options->policy_version ? " " : "",
                     options->policy_version ?: "");
        if (options->given & (OPTION_VERSION | OPTION_TRIAL_SEC | OPTION_CONFIRM | OPTION_ACCEPT | OPTION_FORCE))
                return call_with_options(&change->client, argv[1], options, &change->reply);
        return client_call(&change->client, "Activate", &change->reply, "s", argv[1]);
}

static bool has_feature(struct json_object *manager, const char *feature) {
        struct json_object *features = json_get(manager, "features");

        for (size_t i = 0; i < json_length(features); i++)
                if (streq(json_object_get_string(json_at(features, i)), feature))
                        return true;
        return false;
}

static void explain_trial(Change *change) {
        const char *name = json_get_text(change->answer, "name");

        change_say(change, "'%s' %s is active, on trial for %llu seconds.", name,
                   json_get_text(change->answer, "version"),
                   seconds_until(json_get_number(change->manager, "trial_deadline_usec")));
        if (streq(json_get_text(change->manager, "trial_confirm"), "auto"))
                change_say(change,
                           "It is confirmed then if all health checks pass, which 'ipectl watch' shows; 'ipectl "
                           "confirm "
                           "%s' confirms it now, 'ipectl end-trial %s' ends the trial.",
                           name, name);
        else
                change_say(change,
                           "'ipectl confirm %s' confirms it; 'ipectl end-trial %s' ends the trial, as does the end of "
                           "this time.",
                           name, name);
        if (!has_feature(change->manager, "trial"))
                change_say(change, "This kernel cannot go back while it runs: a policy that is not confirmed stays "
                                   "active until "
                                   "the next boot.");
}

static void explain_activated(Change *change) {
        const char *state = json_get_text(change->answer, "state");

        if (streq(state, "trial"))
                explain_trial(change);
        else
                change_say(change, "Activated '%s' %s; it is %s, without a trial.",
                           json_get_text(change->answer, "name"), json_get_text(change->answer, "version"), state);
        if (!json_get_boolean(change->manager, "enforce"))
                change_say(change, "IPE does not enforce: denials are only logged. 'ipectl enforce yes' changes that.");
}

/* Returns at once if the trial has ended already. */
static ExitStatus wait_for_end(Change *change) {
        _cleanup_free_ char *path = strdup(json_get_text(change->answer, "object_path"));
        struct json_object *policy = NULL;
        bool was_on_trial = streq(json_get_text(change->answer, "state"), "trial");
        const char *name, *version, *state;
        int r;

        if (!path)
                oom();
        fflush(stdout);
        client_doing(&change->client, "Failed to wait for the end of the trial, which goes on");
        r = trial_wait(&change->client, path, &policy);
        if (r < 0)
                return client_fail(&change->client, r);
        change_set_policy(change, policy, path);
        name = json_get_text(policy, "name");
        version = json_get_text(policy, "version");
        state = json_get_text(policy, "state");
        if (!streq(state, "confirmed")) {
                say_error("The trial of '%s' %s has ended, and it is %s. 'ipectl log %s' shows why.", name, version,
                          state, name);
                return STATUS_FAILED;
        }
        if (was_on_trial)
                change_say(change, "Confirmed '%s' %s.", name, version);
        return STATUS_OK;
}

static ExitStatus conclude_activate(Change *change, char **argv) {
        explain_activated(change);
        return change->options->wait ? wait_for_end(change) : STATUS_OK;
}

ExitStatus verb_activate(int argc, char **argv, const Options *options) {
        static const ChangeVerb activate = { call_activate, true, conclude_activate };

        return change_run(&activate, argv, options, NULL);
}
