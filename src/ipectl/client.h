/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The connection to ipectld: calls, and what came back as JSON objects.
 *
 * An object is what both kinds of output are made of, so that --json and the tables cannot disagree.
 */
#ifndef IPECTL_CLIENT_H
#define IPECTL_CLIENT_H

#include <systemd/sd-bus.h>

#include <json-c/json.h>

#include "ipectl.h"

#define MANAGER_NAME "org.ipe.Manager"
#define MANAGER_PATH "/org/ipe/Manager"
#define MANAGER_INTERFACE "org.ipe.Manager"
#define POLICY_INTERFACE "org.ipe.Policy"

/* One invocation of a verb. what: "Failed to activate 'corp-base'", the start of the sentence for stderr. */
typedef struct Client {
        sd_bus *bus;
        sd_bus_error error;
        char *what;
} Client;

/* Connects. STATUS_OK, or STATUS_NO_DAEMON after saying why. */
ExitStatus client_open(Client *client, const Options *options);

void client_close(Client *client);

/* Names what is about to be done, for client_fail(). */
__attribute__((format(printf, 2, 3))) void client_doing(Client *client, const char *format, ...);

/* Says on stderr what failed, why, and what to do about it; frees the error.
 * r: negative errno of the sd-bus call that failed. Returns the exit status that goes with the error. */
ExitStatus client_fail(Client *client, int r);

/* Calls a method of the manager; types and arguments as of sd_bus_call_method(). Returns its result. */
int client_call(Client *client, const char *method, sd_bus_message **ret, const char *types, ...);

/* The same with a time-out of its own, in usec. */
int client_call_for(Client *client, uint64_t usec, const char *method, sd_bus_message **ret, const char *types, ...);

/* Reads an a{sv}: keys become lower case with underscores ("StagedUSec" is "staged_usec"), a pair of strings is
 * {"name", "version"}, or null where both are empty. ret: to be put. */
int client_read_dictionary(sd_bus_message *message, struct json_object **ret);

/* All properties of an interface of an object of the daemon. ret: to be put. */
int client_get_all(Client *client, const char *path, const char *interface, struct json_object **ret);

/* What ListPolicies() says: an array of objects. ret: to be put. */
int client_list(Client *client, struct json_object **ret);

#endif
