/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * To find out which stored version is active, the daemon reads and hashes a policy of up to 64 MiB, so these answers
 * may be a bit old. Decisions never use them.
 */

#include "bus-age.h"
#include "bus-view.h"
#include "clock.h"
#include "keyring.h"
#include "log.h"

/* A failure is repeated as an answer for so long. */
#define FAILED_USEC USEC_PER_SEC

/* A stored version that the kernel has loaded. */
typedef struct Place {
        Digest digest;
        KernelPlace place;
} Place;

struct BusView {
        BusAge active_age, warning_age, places_age;
        Place *places;
        size_t n_places;
        KernelPolicy active;
        bool active_is_ours;               /* active_digest is that of a stored version */
        bool active_failed, places_failed; /* to be read, the last time */
        Digest active_digest;
        bool selected_known, any_selected; /* the next boot loads the version of selected_digest */
        Digest selected_digest;
        uint64_t selected_commits; /* of the manager when that was found */
        char *warning;             /* NULL for none */
};

/* A failure is logged once, and the kernel is read again once a second at most: callers may ask at any rate. */
static uint64_t note_failure(bool *failed, int r, uint64_t begun_usec) {
        if (r < 0 && !*failed)
                log_warning("Cannot find out what the kernel has loaded: %s", kernel_strerror(r));
        *failed = r < 0;
        return r < 0 ? begun_usec - FAILED_USEC / BUS_AGE_FACTOR : begun_usec;
}

static void look_for_active(const Bus *bus) {
        BusView *view = bus->view;
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

/* Searches the versions once for each change of state, not for each version of a list. */
bool bus_view_is_selected(const Bus *bus, const VersionRecord *record) {
        BusView *view = bus->view;
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

bool bus_view_is_active(const Bus *bus, const VersionRecord *record) {
        look_for_active(bus);
        return bus->view->active_is_ours && digest_equal(&bus->view->active_digest, &record->digest);
}

const VersionRecord *bus_view_active(const Bus *bus, const KernelPolicy **ret_active) {
        BusView *view = bus->view;

        look_for_active(bus);
        if (ret_active)
                *ret_active = &view->active;
        return view->active_is_ours ? store_state_find_digest(bus->manager->state, &view->active_digest) : NULL;
}

/* Reads the text from the kernel only if name and version are those of a stored version. */
static int find_in_place(const Bus *bus, const char *name, KernelPlace place) {
        BusView *view = bus->view;
        const VersionRecord *record = NULL;
        struct ipe_version version;
        Place *larger;

        if (kernel_find_version(bus->manager->kernel, name, place, &version) > 0 &&
            store_state_find(bus->manager->state, name, &version))
                record = manager_find_loaded(bus->manager, name, place);
        if (!record)
                return 0;
        larger = reallocarray(view->places, view->n_places + 1, sizeof(*larger));
        if (!larger)
                return -ENOMEM;
        view->places = larger;
        larger[view->n_places++] = (Place) { .digest = record->digest, .place = place };
        return 0;
}

/* After a failure the list is incomplete. */
static int find_places(const Bus *bus) {
        _cleanup_(strv_freep) char **names = NULL;
        int r = kernel_list(bus->manager->kernel, &names);

        bus->view->n_places = 0;
        for (char **name = names; name && *name && r >= 0; name++)
                for (KernelPlace place = KERNEL_CURRENT; place < _KERNEL_PLACE_MAX && r >= 0; place++)
                        r = find_in_place(bus, *name, place);
        return r;
}

bool bus_view_place(const Bus *bus, const VersionRecord *record, KernelPlace *ret) {
        BusView *view = bus->view;
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

int bus_view_warning(const Bus *bus, const char **ret) {
        BusView *view = bus->view;
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

int bus_view_start(Bus *bus) {
        bus->view = calloc(1, sizeof(*bus->view));
        return bus->view ? 0 : -ENOMEM;
}

BusView *bus_view_free(BusView *view) {
        if (!view)
                return NULL;
        kernel_policy_done(&view->active);
        free(view->warning);
        free(view->places);
        free(view);
        return NULL;
}
