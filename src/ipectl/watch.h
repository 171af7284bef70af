/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What "watch" says of an event; reading and wording, without a connection.
 */
#ifndef IPECTL_WATCH_H
#define IPECTL_WATCH_H

#include <systemd/sd-bus.h>

#include "json-value.h"

/* Reads a signal of the manager into an event: "event" is its name as bus_json_key() has it, and each argument has a name.
 * ret: to be put.
 *
 * Returns 1; 0 if the signal is not known to this program, or not as it should be: an older or newer daemon may run. */
int watch_read_signal(sd_bus_message *message, struct json_object **ret);

/* Whether PropertiesChanged names a property without its value; what is in front of the names was read. */
bool watch_is_invalidated(sd_bus_message *message, const char *property);

/* An event in sentences, not yet escaped: an array of strings, to be put. checks: health checks that were told before and
 * are not told again; may be NULL. */
struct json_object *watch_describe(struct json_object *event, struct json_object *checks);

/* How much is left of a trial, and of its checks; not yet escaped, to be freed. state: the manager's properties. */
char *watch_countdown(struct json_object *state);

#endif
