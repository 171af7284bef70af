/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Notices when connections leave the bus.
 */
#ifndef IPECTLD_PRESENCE_H
#define IPECTLD_PRESENCE_H

#include <systemd/sd-bus.h>

#include "base.h"

typedef struct Presence Presence;
typedef struct PresenceWatch PresenceWatch;

/* The connection has left. The function may free the watch. */
typedef void (*PresenceGone)(void *userdata);

/* Asks the bus once, and waits for its answer. bus: borrowed. Returns 0 or a negative errno. */
int presence_new(sd_bus *bus, Presence **ret);

/* All watches must be freed before. */
Presence *presence_free(Presence *presence);

/* Watches the sender of a message whose handler runs. gone: may be NULL. ret: to be freed. Returns 0 or a negative
 * errno. */
int presence_watch(Presence *presence, sd_bus_message *message, PresenceGone gone, void *userdata, PresenceWatch **ret);

PresenceWatch *presence_watch_free(PresenceWatch *watch);

#endif
