/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Removes old versions: of those of a policy that were superseded, rolled back or failed, keeps the latest
 * KeepVersions=, and any that is still needed.
 *
 * This runs from the event loop after a change, never within it, as the caller who changes the state may still use the
 * version that it gave up. A version that lies in policy.d stays, as the next scan would stage it again; there is at
 * most one of a name in each of the directories.
 */

#include "dropped.h"
#include "forget.h"
#include "log.h"

struct Forget {
        sd_event_source *source; /* NULL before the first change */
};

/* The versions of one name that may be removed. */
typedef struct Older {
        const VersionRecord **list;
        size_t n;
} Older;

static bool is_older(const VersionRecord *record) {
        return record->state == VERSION_SUPERSEDED || record->state == VERSION_ROLLED_BACK ||
               record->state == VERSION_FAILED;
}

/* Whether a rollback of the active, the confirmed, the selected version or the one on trial would go back to this
 * version. */
static bool is_previous(const StoreState *state, const VersionRecord *record, const VersionRecord *active) {
        static const VersionState states[] = { VERSION_CONFIRMED, VERSION_TRIAL, VERSION_PENDING_REBOOT };

        if (active && store_state_find_previous(state, active) == record)
                return true;
        for (size_t i = 0; i < ELEMENTSOF(states); i++) {
                const VersionRecord *other = store_state_find_state(state, states[i]);

                if (other && store_state_find_previous(state, other) == record)
                        return true;
        }
        return false;
}

static bool is_needed(const Manager *manager, const VersionRecord *record, const VersionRecord *active) {
        const StoreState *state = manager->state;

        return record == active || is_previous(state, record, active) ||
               store_state_find_ended_trial(state) == record ||
               (state->activating && digest_equal(&state->activating_digest, &record->digest)) ||
               (state->shadowing && digest_equal(&state->shadowing_digest, &record->digest));
}

/* first: index of the first version of a name. Returns the index of the first version of the next name. */
static size_t find_older(const Manager *manager, size_t first, const VersionRecord *active, Older *older) {
        const VersionRecord *versions = manager->state->versions;
        size_t i = first;

        older->n = 0;
        for (; i < manager->state->n_versions && streq(versions[i].name, versions[first].name); i++)
                if (is_older(&versions[i]) && !is_needed(manager, &versions[i], active))
                        older->list[older->n++] = &versions[i];
        qsort(older->list, older->n, sizeof(*older->list), version_record_compare_latest);
        return i;
}

/* Returns how many versions it has removed from the copy. */
static size_t forget_older(const Manager *manager, const Older *older, StoreState *copy) {
        size_t removed = 0;

        for (size_t i = manager->config.keep_versions; i < older->n; i++) {
                const VersionRecord *record = older->list[i];

                if (dropped_is_there(record->name, &record->digest))
                        continue;
                log_debug("Removing an old version of '%s', as KeepVersions= allows no more.", record->name);
                store_state_remove(copy, record->name, &record->version);
                removed++;
        }
        return removed;
}

static int forget_all(Manager *manager, StoreState **copy, const VersionRecord *active, Failure *reterr) {
        _cleanup_free_ const VersionRecord **list = calloc(manager->state->n_versions + 1, sizeof(*list));
        Older older = { .list = list };
        size_t removed = 0;

        if (!list || !*copy)
                return -ENOMEM;
        for (size_t i = 0; i < manager->state->n_versions;) {
                i = find_older(manager, i, active, &older);
                removed += forget_older(manager, &older, *copy);
        }
        return removed > 0 ? manager_commit(manager, copy, reterr) : 0;
}

static int on_changed(sd_event_source *source, void *userdata) {
        Manager *manager = userdata;
        _cleanup_(store_state_freep) StoreState *copy = store_state_copy(manager->state);
        const VersionRecord *active = NULL;
        Failure failure = {};
        int r;

        /* If the active version is unknown, it may be any of them. */
        r = manager_find_active(manager, NULL, &active);
        if (r >= 0)
                r = forget_all(manager, &copy, active, &failure);
        if (r >= 0 && manager->state->n_versions > 0)
                r = manager_collect(manager);
        /* A read-only disk was logged at start. */
        if (r < 0 && r != -EROFS)
                log_warning("Cannot remove surplus versions, ignoring: %s",
                            failure.sentence[0] ? failure.sentence : strerror(-r));
        /* The commit above has scheduled this function once more. */
        (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        return 0;
}

void forget_soon(Manager *manager) {
        Forget *forget = manager->forget;
        int r = 0;

        if (!manager->event)
                return;
        if (!forget->source)
                r = sd_event_add_defer(manager->event, &forget->source, on_changed, manager);
        if (r >= 0)
                r = sd_event_source_set_enabled(forget->source, SD_EVENT_ONESHOT);
        if (r < 0)
                log_warning("Cannot remove surplus versions, ignoring: %s", strerror(-r));
}

static void on_change(Manager *manager, ManagerChange change, void *userdata) {
        forget_soon(manager);
}

int forget_attach(Manager *manager) {
        manager->forget = calloc(1, sizeof(*manager->forget));
        if (!manager->forget)
                return -ENOMEM;
        manager_on_change(manager, on_change, NULL);
        return 0;
}

void forget_detach(Manager *manager) {
        if (!manager->forget)
                return;
        sd_event_source_disable_unref(manager->forget->source);
        free(manager->forget);
        manager->forget = NULL;
}
