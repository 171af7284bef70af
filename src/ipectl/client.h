/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The connection to ipectld: makes calls, and returns the answers as JSON values; see bus-value.h.
 */
#ifndef IPECTL_CLIENT_H
#define IPECTL_CLIENT_H

#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "base.h"
#include "ipectl.h"
#include "json-value.h"

#define MANAGER_NAME "org.ipe.Manager"
#define MANAGER_PATH "/org/ipe/Manager"
#define MANAGER_INTERFACE "org.ipe.Manager"
#define POLICY_INTERFACE "org.ipe.Policy"

typedef struct Client {
        sd_bus *bus;
        sd_bus_error error;
        char *what;  /* "Failed to activate 'corp-base'", the start of an error message */
        pid_t agent; /* polkit's, for passwords; 0: none */
        const Options *options;
} Client;

/* Connects. options: must outlive the client. Returns STATUS_OK, or STATUS_NO_DAEMON after an error message. */
ExitStatus client_open(Client *client, const Options *options);

/* The same for calls that need an authorization: polkit may ask a person at a terminal for a password. */
ExitStatus client_open_to_ask(Client *client, const Options *options);

void client_close(Client *client);

/* Sets the start of the error message that client_fail() writes. */
_printf_(2, 3) void client_doing(Client *client, const char *format, ...);

/* Writes an error message: what failed, why, and what to do about it. Frees the error.
 * r: negative errno of the sd-bus call that failed. Returns the exit status that goes with the error. */
ExitStatus client_fail(Client *client, int r);

/* Makes a message that calls a method of the manager; the caller adds the arguments. ret: to be unreferenced. */
int client_new_call(Client *client, const char *method, sd_bus_message **ret);

/* Calls a method of the manager; types and arguments as for sd_bus_call_method(), whose result it returns. */
int client_call(Client *client, const char *method, sd_bus_message **ret, const char *types, ...);

/* The same with a time-out of its own, in usec. */
int client_call_for(Client *client, uint64_t usec, const char *method, sd_bus_message **ret, const char *types, ...);

/* Decides whether to repeat a call, as the daemon ended before it answered; waits a second before that.
 * r: result of the call. tries: 0 at first; after 10 the call has failed. */
bool client_shall_repeat(Client *client, int r, unsigned *tries);

/* Reads all properties of an object of the daemon. ret: to be put. */
int client_get_all(Client *client, const char *path, const char *interface, struct json_object **ret);

/* Calls ListPolicies(). ret: an array of objects; to be put. */
int client_list(Client *client, struct json_object **ret);

/* Watches for another owner of the daemon's name: handler gets NameOwnerChanged.
 * ret: to be unreferenced; NULL: the match stays as long as the connection. */
int client_match_owner(Client *client, sd_bus_slot **ret, sd_bus_message_handler_t handler, void *userdata);

/* A verb that asks the daemon for something, and shows the answer. */
typedef struct Question {
        bool needs_authorization;
        /* Calls client_doing(), and returns what sd-bus does. ret: to be put. */
        int (*ask)(Client *client, char **argv, struct json_object **ret);
        /* Prints an answer for people. */
        void (*print)(struct json_object *answer, char **argv, const Options *options);
        bool prints_json; /* print() takes care of --json, too; otherwise the whole answer is printed as it is */
        /* Returns the exit status that goes with an answer; NULL: STATUS_OK. */
        ExitStatus (*judge)(struct json_object *answer, char **argv);
} Question;

ExitStatus client_ask(const Question *question, char **argv, const Options *options);

#endif
