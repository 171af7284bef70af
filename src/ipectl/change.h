/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The run that all commands have in common that change something: they call the daemon, which asks polkit, and say what
 * has changed, as that depends on the kernel.
 *
 * With --json each prints one object: the same sentences as "message", and the properties of the policy, or the values
 * that were set.
 */
#ifndef IPECTL_CHANGE_H
#define IPECTL_CHANGE_H

#include "client.h"

typedef struct Change {
        Client client;
        const Options *options;
        const void *input;           /* of change_run() */
        sd_bus_message *reply;       /* of the call */
        struct json_object *answer;  /* for --json; with returns_policy, the properties of that policy */
        struct json_object *manager; /* with returns_policy: the manager's properties after the change */
        char *message;               /* all sentences of change_say() */
} Change;

typedef struct ChangeVerb {
        /* Calls client_doing() and the daemon. Returns what sd-bus does. */
        int (*call)(Change *change, char **argv);
        /* The reply has the object path of a policy, alone or as "policy" in a dictionary; "/" stands for none. */
        bool returns_policy;
        /* After a call that went well: says so by change_say(). Returns STATUS_OK, or another status after an error
         * message. */
        ExitStatus (*conclude)(Change *change, char **argv);
} ChangeVerb;

/* input: for the functions of the verb; may be NULL. */
ExitStatus change_run(const ChangeVerb *verb, char **argv, const Options *options, const void *input);

/* Adds a sentence about what was done: to stdout, or for --json to "message". */
_printf_(2, 3) void change_say(Change *change, const char *format, ...);

/* Replaces the answer by the properties of a policy (taken over), and adds its object path. */
void change_set_policy(Change *change, struct json_object *policy, const char *path);

#endif
