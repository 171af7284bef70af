/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The connection to ipectld: calls, and what came back as JSON values; see bus-value.h.
 */
#ifndef IPECTL_CLIENT_H
#define IPECTL_CLIENT_H

#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "ipectl.h"
#include "json-value.h"

#define MANAGER_NAME "org.ipe.Manager"
#define MANAGER_PATH "/org/ipe/Manager"
#define MANAGER_INTERFACE "org.ipe.Manager"
#define POLICY_INTERFACE "org.ipe.Policy"

/* One invocation of a verb. what: "Failed to activate 'corp-base'", the start of the sentence for stderr. */
typedef struct Client {
        sd_bus *bus;
        sd_bus_error error;
        char *what;
        pid_t agent; /* polkit's, for passwords; 0: none */
} Client;

/* Connects. STATUS_OK, or STATUS_NO_DAEMON after saying why. */
ExitStatus client_open(Client *client, const Options *options);

/* The same for a call that the daemon asks polkit about: a person at a terminal may be asked for a password. */
ExitStatus client_open_to_ask(Client *client, const Options *options);

void client_close(Client *client);

/* Names what is about to be done, for client_fail(). */
__attribute__((format(printf, 2, 3))) void client_doing(Client *client, const char *format, ...);

/* Says on stderr what failed, why, and what to do about it; frees the error.
 * r: negative errno of the sd-bus call that failed. Returns the exit status that goes with the error. */
ExitStatus client_fail(Client *client, int r);

/* A call of a method of the manager, to be filled; ret: to be unreferenced. */
int client_new_call(Client *client, const char *method, sd_bus_message **ret);

/* Calls a method of the manager; types and arguments as of sd_bus_call_method(). Returns its result. */
int client_call(Client *client, const char *method, sd_bus_message **ret, const char *types, ...);

/* The same with a time-out of its own, in usec. */
int client_call_for(Client *client, uint64_t usec, const char *method, sd_bus_message **ret, const char *types, ...);

/* All properties of an interface of an object of the daemon. ret: to be put. */
int client_get_all(Client *client, const char *path, const char *interface, struct json_object **ret);

/* What ListPolicies() says: an array of objects. ret: to be put. */
int client_list(Client *client, struct json_object **ret);

/* What a verb asks the daemon for, and shows. */
typedef struct Question {
        bool needs_authorization;
        /* Says client_doing(), and returns what sd-bus does. ret: to be put. */
        int (*ask)(Client *client, char **argv, struct json_object **ret);
        /* For people; JSON prints itself. */
        void (*print)(struct json_object *answer, char **argv, const Options *options);
        /* The exit status that goes with an answer; NULL: STATUS_OK. */
        ExitStatus (*judge)(struct json_object *answer, char **argv);
} Question;

ExitStatus client_ask(const Question *question, char **argv, const Options *options);

#endif
