/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls of users other than root are counted before they reach a handler. An answer about one thing is a unit; one that lists
 * all versions costs more, the more there are, and is refused where the bus would not carry it.
 */

#include "bus-path.h"
#include "bus.h"

/* So many versions are listed for a unit. */
#define VERSIONS_PER_UNIT 20
/* The distributions' buses end a connection that sends more than 32 MiB at once. */
#define REPLY_SIZE_MAX (16U << 20)
/* Of one version beside its strings, which a list may have several times. */
#define ENTRY_SIZE 1024
#define STRING_COPIES 8

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

/* At least what a list of all versions takes, in bytes. */
static size_t list_size(const StoreState *state) {
        size_t size = 0;

        for (size_t i = 0; i < state->n_versions; i++) {
                const VersionRecord *record = &state->versions[i];

                size += ENTRY_SIZE + STRING_COPIES * strlen(record->name) + strlen(record->signer) + strlen(record->source) +
                        summary_size(&record->summary);
        }
        return size;
}

static int refuse_unknown(sd_bus_error *reterr) {
        Failure failure = {};
        int r = failure_set(&failure, FAILURE_TOO_MANY_CALLS, "The bus does not say who calls: try again in a few seconds.");

        return bus_refuse(reterr, r, &failure);
}

static int filter_call(sd_bus_message *message, void *userdata, sd_bus_error *reterr) {
        Bus *bus = userdata;
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
                return bus_refuse_too_many(reterr, uid);
        if (list && list_size(state) > REPLY_SIZE_MAX)
                return sd_bus_error_setf(reterr, SD_BUS_ERROR_LIMITS_EXCEEDED, "A list of %zu versions is more than the bus "
                                         "carries: discard versions with 'ipectl discard', or lower KeepVersions=.",
                                         state->n_versions);
        return 0;
}

int bus_flood_register(Bus *bus) {
        return sd_bus_add_filter(bus->bus, NULL, filter_call, bus);
}
