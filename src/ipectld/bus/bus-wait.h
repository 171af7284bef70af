/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A list of calls that wait for the same event. It has room for 16 calls of root, and for 16 of all other users, 4 of
 * each.
 */
#ifndef IPECTLD_BUS_WAIT_H
#define IPECTLD_BUS_WAIT_H

#include "bus-call.h"

typedef struct BusWaiter {
        BusCall *call;
        uid_t uid;
        bool mark; /* its meaning is up to the owner of the list */
        struct BusWaiter **list;
        struct BusWaiter *next;
} BusWaiter;

/* Whether the list has room for one more call of that user. */
bool bus_wait_has_room(const BusWaiter *list, uid_t uid);

/* Makes a waiter that is in no list yet. It ends when its caller leaves the bus. ret: to be freed. Returns 0 or a
 * negative errno. */
int bus_wait_new(Bus *bus, sd_bus_message *message, uid_t uid, BusWaiter **ret);

/* Puts a waiter into a list, which owns it from then on. */
void bus_wait_add(BusWaiter **list, BusWaiter *waiter);

/* Frees a waiter, and takes it out of its list. */
BusWaiter *bus_wait_free(BusWaiter *waiter);

static inline void bus_wait_freep(BusWaiter **waiter) {
        bus_wait_free(*waiter);
}

void bus_wait_free_all(BusWaiter **list);

#endif
