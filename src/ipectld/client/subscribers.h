/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections that get signals which are not for everybody: paths, and programs of other users. Signals go to each of them
 * alone; the bus hands such a signal to nobody else but to root's monitors.
 */
#ifndef IPECTLD_SUBSCRIBERS_H
#define IPECTLD_SUBSCRIBERS_H

#include <systemd/sd-bus.h>

#include "callers.h"
#include "presence.h"

/* Connections of root, and of all others. */
#define SUBSCRIBERS_ROOT_MAX 32U
#define SUBSCRIBERS_MAX 32U
/* Of these, of one user. */
#define SUBSCRIBERS_PER_USER_MAX 8U

typedef struct Subscribers Subscribers;

/* All are borrowed. Returns NULL if there is no memory. */
Subscribers *subscribers_new(sd_bus *bus, Callers *callers, Presence *presence);

Subscribers *subscribers_free(Subscribers *subscribers);

/* Adds the sender of a message, until it leaves the bus; one that is there already stays.
 * Returns 0, -EDQUOT if there are too many, or another errno. */
int subscribers_add(Subscribers *subscribers, sd_bus_message *message);

/* Removes a connection, if it is there. */
void subscribers_remove(Subscribers *subscribers, const char *name);

bool subscribers_has(const Subscribers *subscribers, const char *name);

/* Appends the arguments of a signal. Returns 0 or more, or a negative errno. */
typedef int (*SubscribersFill)(sd_bus_message *message, const void *userdata);

/* Sends a signal of the manager to each of them; what fails is logged. subscribers: may be NULL. */
void subscribers_send(const Subscribers *subscribers, const char *member, SubscribersFill fill, const void *userdata);

#endif
