/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A list is enough, as there are few subscribers.
 */

#include "log.h"
#include "object-path.h"
#include "shares.h"
#include "subscribers.h"

typedef struct Subscriber {
        Subscribers *subscribers;
        char *name; /* unique: ":1.7"; no other connection ever gets it */
        uid_t uid;
        PresenceWatch *watch;
        struct Subscriber *next;
} Subscriber;

struct Subscribers {
        sd_bus *bus; /* borrowed, as the next two */
        Callers *callers;
        Presence *presence;
        Subscriber *list;
};

Subscribers *subscribers_new(sd_bus *bus, Callers *callers, Presence *presence) {
        Subscribers *subscribers = calloc(1, sizeof(*subscribers));

        if (subscribers)
                *subscribers = (Subscribers) { .bus = bus, .callers = callers, .presence = presence };
        return subscribers;
}

static void subscriber_free(Subscriber *subscriber) {
        for (Subscriber **link = &subscriber->subscribers->list; *link; link = &(*link)->next)
                if (*link == subscriber) {
                        *link = subscriber->next;
                        break;
                }
        presence_watch_free(subscriber->watch);
        free(subscriber->name);
        free(subscriber);
}

static void subscriber_freep(Subscriber **subscriber) {
        if (*subscriber)
                subscriber_free(*subscriber);
}

Subscribers *subscribers_free(Subscribers *subscribers) {
        if (!subscribers)
                return NULL;
        while (subscribers->list)
                subscriber_free(subscribers->list);
        free(subscribers);
        return NULL;
}

static Subscriber *find(const Subscribers *subscribers, const char *name) {
        for (Subscriber *subscriber = subscribers->list; subscriber; subscriber = subscriber->next)
                if (streq(subscriber->name, name))
                        return subscriber;
        return NULL;
}

static bool has_room(const Subscribers *subscribers, uid_t uid) {
        static const ShareLimits limits = { .root = SUBSCRIBERS_ROOT_MAX,
                                            .others = SUBSCRIBERS_MAX,
                                            .per_user = SUBSCRIBERS_PER_USER_MAX };
        Shares shares = { .uid = uid };

        for (const Subscriber *subscriber = subscribers->list; subscriber; subscriber = subscriber->next)
                shares_count(&shares, subscriber->uid);
        return shares_have_room(&shares, &limits);
}

static void on_gone(void *userdata) {
        subscriber_free(userdata);
}

int subscribers_add(Subscribers *subscribers, sd_bus_message *message) {
        _cleanup_(subscriber_freep) Subscriber *new = NULL;
        const char *name = sd_bus_message_get_sender(message);
        uid_t uid;
        int r;

        if (!name)
                return -EINVAL;
        if (find(subscribers, name))
                return 0;
        r = callers_find_uid(subscribers->callers, message, &uid);
        if (r < 0)
                return r;
        if (!has_room(subscribers, uid))
                return -EDQUOT;
        new = calloc(1, sizeof(*new));
        if (!new)
                return -ENOMEM;
        new->subscribers = subscribers;
        new->uid = uid;
        new->name = strdup(name);
        if (!new->name)
                return -ENOMEM;
        r = presence_watch(subscribers->presence, message, on_gone, new, &new->watch);
        if (r < 0)
                return r;
        new->next = subscribers->list;
        subscribers->list = TAKE_PTR(new);
        return 0;
}

void subscribers_remove(Subscribers *subscribers, const char *name) {
        Subscriber *subscriber = name ? find(subscribers, name) : NULL;

        if (subscriber)
                subscriber_free(subscriber);
}

bool subscribers_has(const Subscribers *subscribers, const char *name) {
        return name && find(subscribers, name);
}

static int send_to(sd_bus *bus, const char *name, const char *member, SubscribersFill fill, const void *userdata) {
        sd_bus_message *message = NULL;
        int r = sd_bus_message_new_signal(bus, &message, MANAGER_PATH, MANAGER_INTERFACE, member);

        if (r >= 0)
                r = fill(message, userdata);
        if (r >= 0)
                r = sd_bus_send_to(bus, message, name, NULL);
        sd_bus_message_unref(message);
        return r;
}

void subscribers_send(const Subscribers *subscribers, const char *member, SubscribersFill fill, const void *userdata) {
        if (!subscribers)
                return;
        for (const Subscriber *subscriber = subscribers->list; subscriber; subscriber = subscriber->next) {
                int r = send_to(subscribers->bus, subscriber->name, member, fill, userdata);

                if (r < 0)
                        log_debug("Cannot send %s to %s, ignoring: %s", member, subscriber->name, strerror(-r));
        }
}
