/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answers that have to be read from the kernel. To find out which stored version is active, the daemon reads and hashes a policy of up
 * to 64 MiB, so users other than root may get an answer that is a bit old: ten times as old as it took to find out. Root's call
 * reads anew, once. Decisions never look here.
 */

#include "bus.h"
#include "clock.h"
#include "keyring.h"
#include "log.h"

#define AGE_FACTOR 10
/* How old an answer gets that there is none. */
#define FAILED_USEC USEC_PER_SEC

bool bus_age_is_stale(const Bus *bus, const BusAge *age) {
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

void bus_age_set(const Bus *bus, BusAge *age, uint64_t begun_usec) {
        uint64_t now = clock_usec(CLOCK_MONOTONIC);

        age->until_usec = now + AGE_FACTOR * (now - begun_usec) + 1;
        age->commits = bus->manager->commits;
        (void) sd_event_get_iteration(bus->manager->event, &age->iteration);
}

/* A failed look is logged once, and repeated once a second at most: callers may ask at any rate. */
static uint64_t note_failure(bool *failed, int r, uint64_t begun_usec) {
        if (r < 0 && !*failed)
                log_warning("Cannot find out what the kernel has loaded: %s", kernel_strerror(r));
        *failed = r < 0;
        return r < 0 ? begun_usec - FAILED_USEC / AGE_FACTOR : begun_usec;
}

static void look_for_active(Bus *bus) {
        BusView *view = &bus->view;
        uint64_t begun = clock_usec(CLOCK_MONOTONIC);
        const VersionRecord *record = NULL;
        int r;

        if (!bus_age_is_stale(bus, &view->active_age))
                return;
        kernel_policy_done(&view->active);
        view->active = (KernelPolicy) {};
        r = manager_find_active(bus->manager, &view->active, &record);
        view->active_is_ours = record != NULL;
        if (record)
                view->active_digest = record->digest;
        bus_age_set(bus, &view->active_age, note_failure(&view->active_failed, r, begun));
}

/* All versions are gone through once for each change of state, not for each version. */
bool bus_view_is_selected(Bus *bus, const VersionRecord *record) {
        BusView *view = &bus->view;
        const VersionRecord *selected;

        if (!view->selected_known || view->selected_commits != bus->manager->commits) {
                selected = manager_selected(bus->manager);
                view->any_selected = selected != NULL;
                if (selected)
                        view->selected_digest = selected->digest;
                view->selected_commits = bus->manager->commits;
                view->selected_known = true;
        }
        return view->any_selected && digest_equal(&view->selected_digest, &record->digest);
}

bool bus_view_is_active(Bus *bus, const VersionRecord *record) {
        look_for_active(bus);
        return bus->view.active_is_ours && digest_equal(&bus->view.active_digest, &record->digest);
}

const VersionRecord *bus_view_active(Bus *bus, const KernelPolicy **ret_active) {
        BusView *view = &bus->view;

        look_for_active(bus);
        if (ret_active)
                *ret_active = &view->active;
        return view->active_is_ours ? store_state_find_digest(bus->manager->state, &view->active_digest) : NULL;
}

/* The kernel's content is read only where name and version are those of a stored one. */
static int find_in_place(Bus *bus, const char *name, KernelPlace place) {
        BusView *view = &bus->view;
        const VersionRecord *record = NULL;
        struct ipe_version version;
        BusPlace *larger;

        if (kernel_find_version(bus->manager->kernel, name, place, &version) > 0 && store_state_find(bus->manager->state, name, &version))
                record = manager_find_loaded(bus->manager, name, place);
        if (!record)
                return 0;
        larger = reallocarray(view->places, view->n_places + 1, sizeof(*larger));
        if (!larger)
                return -ENOMEM;
        view->places = larger;
        larger[view->n_places++] = (BusPlace) { .digest = record->digest, .place = place };
        return 0;
}

/* Of what cannot be read nothing is known. */
static int find_places(Bus *bus) {
        _cleanup_(strv_freep) char **names = NULL;
        int r = kernel_list(bus->manager->kernel, &names);

        bus->view.n_places = 0;
        for (char **name = names; name && *name && r >= 0; name++)
                for (KernelPlace place = KERNEL_CURRENT; place < _KERNEL_PLACE_MAX && r >= 0; place++)
                        r = find_in_place(bus, *name, place);
        return r;
}

bool bus_view_place(Bus *bus, const VersionRecord *record, KernelPlace *ret) {
        BusView *view = &bus->view;
        uint64_t begun = clock_usec(CLOCK_MONOTONIC);

        if (bus_age_is_stale(bus, &view->places_age)) {
                begun = note_failure(&view->places_failed, find_places(bus), begun);
                bus_age_set(bus, &view->places_age, begun);
        }
        for (size_t i = 0; i < view->n_places; i++)
                if (digest_equal(&view->places[i].digest, &record->digest)) {
                        *ret = view->places[i].place;
                        return true;
                }
        return false;
}

int bus_view_warning(Bus *bus, const char **ret) {
        BusView *view = &bus->view;
        uint64_t begun = clock_usec(CLOCK_MONOTONIC);

        if (bus_age_is_stale(bus, &view->warning_age)) {
                char *warning;
                int r = keyring_warning(bus->manager, &warning);

                if (r < 0)
                        return r;
                free(view->warning);
                view->warning = warning;
                bus_age_set(bus, &view->warning_age, begun);
        }
        *ret = view->warning;
        return 0;
}

void bus_view_done(Bus *bus) {
        kernel_policy_done(&bus->view.active);
        free(bus->view.warning);
        free(bus->view.places);
}
