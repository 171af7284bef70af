/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * boot-check and boot-confirm: units run these at boot, to wait for the checks of a boot on trial.
 */

#include "change.h"

typedef struct BootCall {
        const char *method;
        const char *failed, *done; /* start of the error message; sentence */
} BootCall;

/* The end of the trial bounds the wait, so the call has no time-out. The daemon may restart meanwhile. */
static int call_boot(Change *change, char **argv) {
        const BootCall *boot = change->input;
        Client *client = &change->client;
        unsigned tries = 0;
        int r;

        client_doing(client, "%s", boot->failed);
        do
                r = client_call_for(client, UINT64_MAX, boot->method, NULL, "");
        while (client_shall_repeat(client, r, &tries));
        return r;
}

static ExitStatus conclude_boot(Change *change, char **argv) {
        const BootCall *boot = change->input;

        change_say(change, "%s", boot->done);
        return STATUS_OK;
}

static const ChangeVerb boot_verb = { call_boot, false, conclude_boot };

ExitStatus verb_boot_check(int argc, char **argv, const Options *options) {
        static const BootCall call = { "CheckBoot", "This boot does not pass",
                                       "This boot has no problem with its policy." };

        return change_run(&boot_verb, argv, options, &call);
}

ExitStatus verb_boot_confirm(int argc, char **argv, const Options *options) {
        static const BootCall call = { "ConfirmBoot", "Failed to confirm the policy on trial",
                                       "No policy is on trial in this boot any more." };

        return change_run(&boot_verb, argv, options, &call);
}
