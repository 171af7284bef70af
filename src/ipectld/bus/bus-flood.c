/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A filter counts the calls of users other than root before they reach a handler. An answer about one object costs a
 * unit. A list of all versions costs more, the more versions there are, and is refused if it is larger than the bus
 * carries.
 *
 * Users whose budget is used up get the refusal a second later, the latest call first. So the daemon answers the
 * calls of others that arrive in that second first. And dbus-daemon has less to do: for each answer it searches its
 * list of calls that wait, which begins with the latest; in a flood that search costs more than all work of this
 * daemon.
 */

#include "bus-flood.h"
#include "bus-reply.h"
#include "clock.h"
#include "log.h"
#include "object-path.h"
#include "timer.h"

/* A unit pays for so many versions in a list. */
#define VERSIONS_PER_UNIT 20
/* The buses of distributions end a connection that sends more than 32 MiB at once. */
#define REPLY_SIZE_MAX (16U << 20)
/* Of one version without its strings. A list may repeat the name several times. */
#define ENTRY_SIZE 1024
#define STRING_COPIES 8

/* So many refusals wait, of less than 1 KiB each. Further refusals go out at once. */
#define HELD_MAX 32768U
#define HOLD_USEC USEC_PER_SEC
/* After so many refusals the daemon serves others for a moment. */
#define SENT_AT_ONCE 500U
#define PAUSE_USEC (20 * USEC_PER_MSEC)

struct BusFlood {
        Bus *bus;
        sd_event_source *timer;
        sd_bus_message **held;
        size_t n;
};

static bool is_list(const char *member) {
        static const char *const members[] = { "ListPolicies", "GetManagedObjects", "Introspect", NULL };

        return strv_contains((char *const *) members, member);
}

static size_t summary_size(const PolicySummary *summary) {
        size_t size = summary->keyring_warning ? strlen(summary->keyring_warning) : 0;

        for (char **warning = summary->warnings; warning && *warning; warning++)
                size += strlen(*warning);
        return size;
}

/* The size of a list of all versions, in bytes, rounded up. */
static size_t list_size(const StoreState *state) {
        size_t size = 0;

        for (size_t i = 0; i < state->n_versions; i++) {
                const VersionRecord *record = &state->versions[i];

                size += ENTRY_SIZE + STRING_COPIES * strlen(record->name) + strlen(record->signer) +
                        strlen(record->source) + summary_size(&record->summary);
        }
        return size;
}

static int refuse_unknown(sd_bus_error *reterr) {
        Failure failure = {};
        int r = failure_set(&failure, FAILURE_TOO_MANY_CALLS,
                            "The bus did not say who is calling: try again in a few seconds.");

        return bus_refuse(reterr, r, &failure);
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata) {
        BusFlood *flood = userdata;
        int r;

        for (size_t sent = 0; sent < SENT_AT_ONCE && flood->n > 0; sent++)
                (void) bus_send_reply(flood->held[--flood->n], 0);
        if (flood->n == 0)
                return 0;
        r = timer_start(timer, PAUSE_USEC);
        if (r < 0)
                log_warning("Cannot start a timer, %zu callers wait for their refusals until the next one: %s",
                            flood->n, strerror(-r));
        return 0;
}

static int hold(BusFlood *flood, sd_bus_message *reply) {
        int r, enabled;

        /* Grows by doubling. */
        if ((flood->n & (flood->n - 1)) == 0) {
                sd_bus_message **larger = reallocarray(flood->held, flood->n > 0 ? 2 * flood->n : 1, sizeof(*larger));

                if (!larger)
                        return -ENOMEM;
                flood->held = larger;
        }
        r = sd_event_source_get_enabled(flood->timer, &enabled);
        if (r >= 0 && enabled == SD_EVENT_OFF)
                r = timer_start(flood->timer, HOLD_USEC);
        if (r < 0)
                return r;
        flood->held[flood->n++] = reply;
        return 0;
}

/* Returns 1, as the call needs no other answer, or a negative errno. */
static int refuse_later(BusFlood *flood, sd_bus_message *message, uid_t uid, sd_bus_error *reterr) {
        sd_bus_message *reply = NULL;
        int r = bus_refuse_too_many(reterr, uid);

        if (flood->n >= HELD_MAX || sd_bus_message_get_expect_reply(message) <= 0)
                return r;
        r = sd_bus_message_new_method_error(message, &reply, reterr);
        if (r >= 0)
                r = hold(flood, reply);
        if (r < 0) {
                sd_bus_message_unref(reply);
                return r;
        }
        sd_bus_error_free(reterr);
        return 1;
}

static int filter_call(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        BusFlood *flood = userdata;
        Bus *bus = flood->bus;
        const StoreState *state = bus->manager->state;
        const char *member = sd_bus_message_get_member(message);
        uid_t uid;
        bool list;
        int r;

        if (sd_bus_message_is_method_call(message, NULL, NULL) <= 0 || polkit_has_answer(bus->polkit, message))
                return 0;
        r = callers_find_uid(bus->callers, message, &uid);
        if (r < 0)
                return r == -EBUSY ? refuse_unknown(reterr) : r;
        list = is_list(member);
        if (!callers_charge(bus->callers, uid, 1 + (list ? state->n_versions / VERSIONS_PER_UNIT : 0)))
                return refuse_later(flood, message, uid, reterr);
        if (list && list_size(state) > REPLY_SIZE_MAX)
                return sd_bus_error_setf(reterr, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                         "A list of %zu versions is more than the bus "
                                         "carries: discard versions with 'ipectl discard', or lower KeepVersions=.",
                                         state->n_versions);
        return 0;
}

static int start_filter(Bus *bus, sd_event *event) {
        BusFlood *flood = bus->flood;
        int r = timer_new(event, 1, on_timer, flood, &flood->timer);

        flood->bus = bus;
        return r < 0 ? r : sd_bus_add_filter(bus->bus, NULL, filter_call, flood);
}

int bus_flood_start(Bus *bus, sd_event *event) {
        bus->flood = calloc(1, sizeof(*bus->flood));
        return bus->flood ? start_filter(bus, event) : -ENOMEM;
}

BusFlood *bus_flood_free(BusFlood *flood) {
        if (!flood)
                return NULL;
        sd_event_source_disable_unref(flood->timer);
        while (flood->n > 0)
                sd_bus_message_unref(flood->held[--flood->n]);
        free(flood->held);
        free(flood);
        return NULL;
}
