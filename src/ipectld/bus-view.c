/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answers that have to be read from the kernel. To find out which stored version is active, the daemon reads and hashes a policy of up
 * to 64 MiB, so users other than root may get an answer that is a bit old: ten times as old as it took to find out. Root's call
 * reads anew, once. Decisions never look here.
 */

#include "bus.h"
#include "clock.h"
#include "keyring.h"

#define AGE_FACTOR 10

/* Whether an answer has to be found anew. */
static bool is_stale(const Bus *bus, const BusAge *age) {
        sd_bus_message *message = sd_bus_get_current_message(bus->bus);
        uint64_t iteration = 0;
        uid_t uid = 0;

        if (age->until_usec == 0 || age->commits != bus->manager->commits)
                return true;
        (void) sd_event_get_iteration(bus->manager->event, &iteration);
        /* An iteration handles one call. */
        if (iteration == age->iteration)
                return false;
        if (!message || callers_find_uid(bus->callers, message, &uid) < 0 || uid == 0)
                return true;
        return clock_usec(CLOCK_MONOTONIC) >= age->until_usec;
}

static void set_age(const Bus *bus, BusAge *age, uint64_t begun_usec) {
        uint64_t now = clock_usec(CLOCK_MONOTONIC);

        age->until_usec = now + AGE_FACTOR * (now - begun_usec) + 1;
        age->commits = bus->manager->commits;
        (void) sd_event_get_iteration(bus->manager->event, &age->iteration);
}

const VersionRecord *bus_view_active(Bus *bus, const KernelPolicy **ret_active) {
        BusView *view = &bus->view;
        uint64_t begun = clock_usec(CLOCK_MONOTONIC);

        if (is_stale(bus, &view->active_age)) {
                const VersionRecord *record;

                kernel_policy_done(&view->active);
                view->active = (KernelPolicy) {};
                record = manager_active(bus->manager, &view->active);
                view->active_is_ours = record != NULL;
                if (record)
                        view->active_digest = record->digest;
                set_age(bus, &view->active_age, begun);
        }
        if (ret_active)
                *ret_active = &view->active;
        return view->active_is_ours ? store_state_find_digest(bus->manager->state, &view->active_digest) : NULL;
}

int bus_view_warning(Bus *bus, const char **ret) {
        BusView *view = &bus->view;
        uint64_t begun = clock_usec(CLOCK_MONOTONIC);

        if (is_stale(bus, &view->warning_age)) {
                char *warning;
                int r = keyring_warning(bus->manager, &warning);

                if (r < 0)
                        return r;
                free(view->warning);
                view->warning = warning;
                set_age(bus, &view->warning_age, begun);
        }
        *ret = view->warning;
        return 0;
}

void bus_view_done(Bus *bus) {
        kernel_policy_done(&bus->view.active);
        free(bus->view.warning);
}
