/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lists of calls that wait. The latest call comes first.
 */

#include "bus-wait.h"
#include "shares.h"

bool bus_wait_has_room(const BusWaiter *list, uid_t uid) {
        static const ShareLimits limits = { .root = 16, .others = 16, .per_user = 4 };
        Shares shares = { .uid = uid };

        for (; list; list = list->next)
                shares_count(&shares, list->uid);
        return shares_have_room(&shares, &limits);
}

static void on_caller_gone(void *userdata) {
        bus_wait_free(userdata);
}

int bus_wait_new(Bus *bus, sd_bus_message *message, uid_t uid, BusWaiter **ret) {
        _cleanup_(bus_wait_freep) BusWaiter *waiter = calloc(1, sizeof(*waiter));
        int r;

        if (!waiter)
                return -ENOMEM;
        waiter->uid = uid;
        r = bus_call_new(bus, message, on_caller_gone, waiter, &waiter->call);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(waiter);
        return 0;
}

void bus_wait_add(BusWaiter **list, BusWaiter *waiter) {
        waiter->list = list;
        waiter->next = *list;
        *list = waiter;
}

static void take_out(BusWaiter *waiter) {
        for (BusWaiter **link = waiter->list; *link; link = &(*link)->next)
                if (*link == waiter) {
                        *link = waiter->next;
                        return;
                }
}

BusWaiter *bus_wait_free(BusWaiter *waiter) {
        if (!waiter)
                return NULL;
        if (waiter->list)
                take_out(waiter);
        bus_call_free(waiter->call);
        free(waiter);
        return NULL;
}

void bus_wait_free_all(BusWaiter **list) {
        while (*list)
                bus_wait_free(*list);
}
