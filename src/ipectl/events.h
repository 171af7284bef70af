/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Events of the daemon: reads its signals, and puts signals and changed properties into sentences.
 */
#ifndef IPECTL_EVENTS_H
#define IPECTL_EVENTS_H

#include <systemd/sd-bus.h>

#include "json-value.h"

/* Reads a signal of the manager into an event: "event" is its name, made by bus_json_key(), and each argument has a
 * name.
 * ret: to be put.
 *
 * Returns 1; 0 if this program does not know the signal, or not with these types: an older or newer daemon may run. */
int event_read(sd_bus_message *message, struct json_object **ret);

/* Whether PropertiesChanged names a property without its value. message: read up to the list of these names. */
bool event_has_invalidated(sd_bus_message *message, const char *property);

/* Makes sentences of an event: an array of strings, not yet escaped; to be put.
 * checks: the health checks as last reported, which are not repeated; may be NULL. */
struct json_object *event_describe(struct json_object *event, struct json_object *checks);

/* Describes the remaining time of a trial and its checks; not yet escaped, to be freed. state: the manager's
 * properties. */
char *event_countdown(struct json_object *state);

#endif
