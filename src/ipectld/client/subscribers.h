/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections that get signals with paths and with programs of other users, which not everybody may see. Each
 * subscriber gets a signal of its own; apart from it the bus passes that only to monitors of root.
 */
#ifndef IPECTLD_SUBSCRIBERS_H
#define IPECTLD_SUBSCRIBERS_H

#include <systemd/sd-bus.h>

#include "callers.h"
#include "presence.h"

/* Connections of root, and of all other users. */
#define SUBSCRIBERS_ROOT_MAX 32U
#define SUBSCRIBERS_MAX 32U
/* Of the latter, connections of one user. */
#define SUBSCRIBERS_PER_USER_MAX 8U

typedef struct Subscribers Subscribers;

/* bus, callers, presence: borrowed. Returns NULL if there is no memory. */
Subscribers *subscribers_new(sd_bus *bus, Callers *callers, Presence *presence);

Subscribers *subscribers_free(Subscribers *subscribers);

/* Adds the sender of a message, until it leaves the bus. Returns 0, also for one that is there already; -EDQUOT if
 * there are too many; or another errno. */
int subscribers_add(Subscribers *subscribers, sd_bus_message *message);

/* Removes a connection, if it is there. */
void subscribers_remove(Subscribers *subscribers, const char *name);

bool subscribers_has(const Subscribers *subscribers, const char *name);

/* Appends the arguments of a signal. Returns 0 or more, or a negative errno. */
typedef int (*SubscribersFill)(sd_bus_message *message, const void *userdata);

/* Sends a signal of the manager to each subscriber; logs failures. subscribers: may be NULL. */
void subscribers_send(const Subscribers *subscribers, const char *member, SubscribersFill fill, const void *userdata);

#endif
