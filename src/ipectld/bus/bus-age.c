/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The age of answers. Each change of state makes all of them stale. Decisions never use them.
 */

#include "bus-age.h"
#include "clock.h"

bool bus_age_is_stale(const Bus *bus, const BusAge *age) {
        sd_bus_message *message = sd_bus_get_current_message(bus->bus);
        uint64_t iteration = 0;
        uid_t uid = 0;

        if (age->until_usec == 0 || age->commits != bus->manager->commits)
                return true;
        (void) sd_event_get_iteration(bus->manager->event, &iteration);
        /* An iteration handles one call, which gets the same answer throughout. */
        if (iteration == age->iteration)
                return false;
        if (!message || callers_find_uid(bus->callers, message, &uid) < 0 || uid == 0)
                return true;
        return clock_usec(CLOCK_MONOTONIC) >= age->until_usec;
}

void bus_age_set(const Bus *bus, BusAge *age, uint64_t begun_usec) {
        uint64_t now = clock_usec(CLOCK_MONOTONIC);

        age->until_usec = now + BUS_AGE_FACTOR * (now - begun_usec) + 1;
        age->commits = bus->manager->commits;
        (void) sd_event_get_iteration(bus->manager->event, &age->iteration);
}
