/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A connection of its own asks the bus. On the connection that has the calls, the answer would wait behind all of them:
 * libsystemd would read them into memory meanwhile, and with a full queue of the bus there would be no answer. By the
 * policy of the bus, only the bus itself may send to this connection.
 *
 * The table of connections has a fixed size; the entry that was last used the longest time ago makes room. The bus
 * never gives a unique name to a second connection, so an entry is never wrong; the entry of a connection that has left
 * keeps its error.
 */

#include "budgets.h"
#include "callers.h"
#include "clock.h"
#include "log.h"

#define SENDERS_MAX 1024
/* A question blocks the event loop for so long at most. If the bus does not answer, there are no questions for so long.
 */
#define ANSWER_USEC (2 * USEC_PER_SEC)
#define SILENCE_USEC (4 * USEC_PER_SEC)

typedef struct Sender {
        char *name; /* NULL: free */
        int error;  /* 0 or a negative errno */
        uid_t uid;
        uint64_t used;
} Sender;

struct Callers {
        sd_bus *bus;
        uint64_t silent_until_usec; /* CLOCK_MONOTONIC: after no answer, the bus is not asked again before */
        Sender senders[SENDERS_MAX];
        Budgets budgets;
        uint64_t clock; /* counts uses */
};

static int connect_bus(Callers *callers, sd_event *event) {
        const char *name;
        int r = sd_bus_open_system_with_description(&callers->bus, "ipectld-callers");

        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(callers->bus, true);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(callers->bus, ANSWER_USEC);
        /* Waits here for the greeting of the bus, so that no caller waits for it. */
        if (r >= 0)
                r = sd_bus_get_unique_name(callers->bus, &name);
        if (r >= 0)
                r = sd_bus_attach_event(callers->bus, event, SD_EVENT_PRIORITY_NORMAL);
        return r;
}

int callers_new(sd_event *event, Callers **ret) {
        Callers *callers = calloc(1, sizeof(*callers));
        int r = callers ? connect_bus(callers, event) : -ENOMEM;

        if (r < 0) {
                callers_free(callers);
                return r;
        }
        *ret = callers;
        return 0;
}

Callers *callers_free(Callers *callers) {
        if (!callers)
                return NULL;
        for (size_t i = 0; i < SENDERS_MAX; i++)
                free(callers->senders[i].name);
        sd_bus_close_unref(callers->bus);
        free(callers);
        return NULL;
}

int callers_ask(Callers *callers, sd_bus_message *message, uint64_t mask, sd_bus_creds **ret) {
        const char *name = sd_bus_message_get_sender(message);
        int r;

        if (!name)
                return -ENXIO;
        if (clock_usec(CLOCK_MONOTONIC) < callers->silent_until_usec)
                return -EBUSY;
        r = sd_bus_get_name_creds(callers->bus, name, mask, ret);
        if (r != -ETIMEDOUT)
                return r < 0 ? r : 0;
        log_warning("The bus does not tell which user calls, refusing calls of unknown connections.");
        callers->silent_until_usec = clock_usec(CLOCK_MONOTONIC) + SILENCE_USEC;
        return -EBUSY;
}

static int ask_uid(Callers *callers, sd_bus_message *message, uid_t *ret) {
        sd_bus_creds *creds = NULL;
        int r = callers_ask(callers, message, SD_BUS_CREDS_EUID, &creds);

        if (r >= 0)
                r = sd_bus_creds_get_euid(creds, ret);
        sd_bus_creds_unref(creds);
        return r < 0 ? r : 0;
}

/* Returns the entry of that name, or the one that makes room for it. */
static Sender *find_sender(Callers *callers, const char *name, bool *ret_found) {
        Sender *oldest = &callers->senders[0];

        for (Sender *sender = callers->senders; sender < callers->senders + SENDERS_MAX; sender++) {
                *ret_found = sender->name && streq(sender->name, name);
                if (*ret_found)
                        return sender;
                if (sender->used < oldest->used)
                        oldest = sender;
        }
        return oldest;
}

/* Without an answer the entry stays as it is. */
static int learn_sender(Callers *callers, sd_bus_message *message, Sender *ret) {
        uid_t uid = (uid_t) -1;
        int r = ask_uid(callers, message, &uid);
        char *name;

        if (r == -EBUSY || r == -ENOMEM)
                return r;
        name = strdup(sd_bus_message_get_sender(message));
        if (!name)
                return -ENOMEM;
        free(ret->name);
        *ret = (Sender) { .name = name, .error = r, .uid = uid };
        return 0;
}

int callers_find_uid(Callers *callers, sd_bus_message *message, uid_t *ret) {
        const char *name = sd_bus_message_get_sender(message);
        Sender *sender;
        bool found;
        int r;

        if (!name)
                return -ENXIO;
        sender = find_sender(callers, name, &found);
        r = found ? 0 : learn_sender(callers, message, sender);
        if (r < 0)
                return r;
        sender->used = ++callers->clock;
        *ret = sender->uid;
        return sender->error;
}

bool callers_charge(Callers *callers, uid_t uid, uint64_t units) {
        return budgets_charge(&callers->budgets, uid, units, clock_usec(CLOCK_MONOTONIC));
}
