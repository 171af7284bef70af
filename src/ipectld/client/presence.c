/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One match for all connections, from the start. sd_bus_track has a match for each caller, so it asks the bus twice for
 * each call; if an answer takes 25 seconds, in a flood, libsystemd closes the daemon's own connection.
 *
 * The bus delivers a call before the signal that its caller has left, so no such signal is missed.
 */

#include "presence.h"

#define MATCH                                                                                                        \
        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',interface='org.freedesktop.DBus'," \
        "member='NameOwnerChanged',arg2=''"

struct PresenceWatch {
        Presence *presence;
        char *name; /* unique: ":1.7" */
        PresenceGone gone;
        void *userdata;
        PresenceWatch *next;
};

struct Presence {
        sd_bus_slot *match;
        PresenceWatch *watches;
};

static PresenceWatch *find_watch(const Presence *presence, const char *name) {
        for (PresenceWatch *watch = presence->watches; watch; watch = watch->next)
                if (streq(watch->name, name))
                        return watch;
        return NULL;
}

/* Takes a watch out of the list, unless it is out already. */
static void unlink_watch(PresenceWatch *watch) {
        for (PresenceWatch **link = &watch->presence->watches; *link; link = &(*link)->next)
                if (*link == watch) {
                        *link = watch->next;
                        return;
                }
}

/* A callback may free any watch, also its own, so each round searches the list from the start. */
static int on_name_gone(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        Presence *presence = userdata;
        PresenceWatch *watch;
        const char *name;

        if (sd_bus_message_read(message, "s", &name) < 0)
                return 0;
        while ((watch = find_watch(presence, name))) {
                unlink_watch(watch);
                if (watch->gone)
                        watch->gone(watch->userdata);
        }
        return 0;
}

int presence_new(sd_bus *bus, Presence **ret) {
        Presence *presence = calloc(1, sizeof(*presence));
        int r = presence ? sd_bus_add_match(bus, &presence->match, MATCH, on_name_gone, presence) : -ENOMEM;

        if (r < 0) {
                free(presence);
                return r;
        }
        *ret = presence;
        return 0;
}

Presence *presence_free(Presence *presence) {
        if (!presence)
                return NULL;
        assert(!presence->watches);
        sd_bus_slot_unref(presence->match);
        free(presence);
        return NULL;
}

int presence_watch(Presence *presence, sd_bus_message *message, PresenceGone gone, void *userdata,
                   PresenceWatch **ret) {
        const char *name = sd_bus_message_get_sender(message);
        PresenceWatch *watch = name ? calloc(1, sizeof(*watch)) : NULL;

        if (!name)
                return -ENXIO;
        if (!watch)
                return -ENOMEM;
        *watch = (PresenceWatch) { .presence = presence, .name = strdup(name), .gone = gone, .userdata = userdata };
        if (!watch->name) {
                free(watch);
                return -ENOMEM;
        }
        watch->next = presence->watches;
        presence->watches = watch;
        *ret = watch;
        return 0;
}

PresenceWatch *presence_watch_free(PresenceWatch *watch) {
        if (!watch)
                return NULL;
        unlink_watch(watch);
        free(watch->name);
        free(watch);
        return NULL;
}
