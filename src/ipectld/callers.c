/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections whose user is known, and budgets of users. Both tables have a fixed size, and the entry that was used the
 * longest time ago makes room: a connection is looked up again then, and a user begins with a full budget.
 *
 * The bus never gives a unique name to a second connection, so that an entry is never wrong.
 */

#include "callers.h"
#include "clock.h"

#define SENDERS_MAX 1024
#define USERS_MAX 64
/* What a user may ask for at once, and in each second. */
#define UNITS_MAX 200
#define UNITS_PER_SEC 100

typedef struct Sender {
        char *name; /* NULL: free */
        uid_t uid;
        uint64_t used;
} Sender;

typedef struct User {
        bool taken;
        uid_t uid;
        int64_t units;
        uint64_t refilled_usec;
        uint64_t used;
} User;

struct Callers {
        Sender senders[SENDERS_MAX];
        User users[USERS_MAX];
        uint64_t clock; /* counts uses */
};

Callers *callers_new(void) {
        return calloc(1, sizeof(Callers));
}

Callers *callers_free(Callers *callers) {
        if (!callers)
                return NULL;
        for (size_t i = 0; i < SENDERS_MAX; i++)
                free(callers->senders[i].name);
        free(callers);
        return NULL;
}

static int ask_bus(sd_bus_message *message, uid_t *ret) {
        sd_bus_creds *creds = NULL;
        int r;

        r = sd_bus_query_sender_creds(message, SD_BUS_CREDS_EUID, &creds);
        if (r >= 0)
                r = sd_bus_creds_get_euid(creds, ret);
        sd_bus_creds_unref(creds);
        return r < 0 ? r : 0;
}

int callers_find_uid(Callers *callers, sd_bus_message *message, uid_t *ret) {
        const char *name = sd_bus_message_get_sender(message);
        Sender *oldest = &callers->senders[0];
        char *copy;
        int r;

        if (!name)
                return -ENXIO;
        for (Sender *sender = callers->senders; sender < callers->senders + SENDERS_MAX; sender++) {
                if (sender->name && streq(sender->name, name)) {
                        sender->used = ++callers->clock;
                        *ret = sender->uid;
                        return 0;
                }
                if (sender->used < oldest->used)
                        oldest = sender;
        }
        r = ask_bus(message, ret);
        if (r < 0)
                return r;
        copy = strdup(name);
        if (!copy)
                return -ENOMEM;
        free(oldest->name);
        *oldest = (Sender) { .name = copy, .uid = *ret, .used = ++callers->clock };
        return 0;
}

static User *find_user(Callers *callers, uid_t uid, uint64_t now) {
        User *oldest = &callers->users[0];

        for (User *user = callers->users; user < callers->users + USERS_MAX; user++) {
                if (user->taken && user->uid == uid)
                        return user;
                if (user->used < oldest->used)
                        oldest = user;
        }
        *oldest = (User) { .taken = true, .uid = uid, .units = UNITS_MAX, .refilled_usec = now };
        return oldest;
}

static void refill(User *user, uint64_t now) {
        uint64_t units = (now - user->refilled_usec) * UNITS_PER_SEC / USEC_PER_SEC;

        if (units == 0)
                return;
        user->units = units >= (uint64_t) (UNITS_MAX - user->units) ? UNITS_MAX : user->units + (int64_t) units;
        user->refilled_usec = now;
}

bool callers_charge(Callers *callers, uid_t uid, uint64_t units) {
        uint64_t now = clock_usec(CLOCK_MONOTONIC);
        User *user;

        if (uid == 0)
                return true;
        user = find_user(callers, uid, now);
        user->used = ++callers->clock;
        refill(user, now);
        if (user->units <= 0)
                return false;
        user->units -= (int64_t) (units < INT32_MAX ? units : INT32_MAX);
        return true;
}
