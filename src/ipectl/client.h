/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The connection to ipectld: calls, and what came back as JSON values.
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

/* "StagedUSec" -> "staged_usec"; to be freed. */
char *client_json_key(const char *name);

/* Reads an a{sv}: a key is as client_json_key() has it, a pair of strings is {"name", "version"}, or null where both are
 * empty, and three strings are a health check, {"check", "state", "detail"}. ret: to be put. */
int client_read_dictionary(sd_bus_message *message, struct json_object **ret);

/* All properties of an interface of an object of the daemon. ret: to be put. */
int client_get_all(Client *client, const char *path, const char *interface, struct json_object **ret);

/* What ListPolicies() says: an array of objects. ret: to be put. */
int client_list(Client *client, struct json_object **ret);

#endif
