/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changes of the state that more than one of the concepts makes. Asks the kernel for nothing.
 */

#include <time.h>

#include "log.h"
#include "record.h"

int version_apply(VersionRecord *record, VersionEvent event) {
        int next = version_state_next(record->state, event);
        struct timespec now;

        if (next < 0)
                return next;
        if ((VersionState) next == record->state)
                return 0;
        (void) clock_gettime(CLOCK_REALTIME, &now);
        record->state = (VersionState) next;
        record->changed_usec = (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
        return 0;
}

int confirm_in_state(StoreState *state, VersionRecord *record, VersionEvent confirmed_before) {
        VersionRecord *confirmed = store_state_find_state(state, VERSION_CONFIRMED),
                      *pending = store_state_find_state(state, VERSION_PENDING_REBOOT);
        int r = 0;

        if (confirmed && confirmed != record)
                r = version_apply(confirmed, confirmed_before);
        if (r >= 0 && pending && pending != record)
                r = version_apply(pending, EVENT_DESELECTED);
        if (r >= 0)
                r = version_apply(record, EVENT_ACTIVATED);
        if (r < 0)
                return r;
        state->activating = false;
        state->pending_boot_id[0] = '\0';
        return 0;
}

int activation_mark(Manager *manager, const Digest *digest, Failure *reterr) {
        _cleanup_(store_state_freep) StoreState *new = store_state_copy(manager->state);

        if (!new)
                return -ENOMEM;
        new->activating = true;
        new->activating_digest = *digest;
        return manager_commit(manager, &new, reterr);
}

/* A mark that stays is cleared at the next start. */
static void commit_unmarked(Manager *manager, StoreState **new) {
        Failure failure = {};

        if (manager_commit(manager, new, &failure) < 0)
                log_warning("%s, ignoring.", failure.sentence);
}

void activation_unmark(Manager *manager) {
        _cleanup_(store_state_freep) StoreState *new = store_state_copy(manager->state);

        if (!new)
                return;
        new->activating = false;
        commit_unmarked(manager, &new);
}

int shadow_mark(Manager *manager, const char *name, const Digest *digest, Failure *reterr) {
        _cleanup_(store_state_freep) StoreState *new = store_state_copy(manager->state);
        int r = new ? store_state_set_shadowing(new, name, digest) : -ENOMEM;

        return r < 0 ? r : manager_commit(manager, &new, reterr);
}

void shadow_unmark(Manager *manager) {
        _cleanup_(store_state_freep) StoreState *new = store_state_copy(manager->state);

        if (!new || store_state_set_shadowing(new, NULL, NULL) < 0)
                return;
        commit_unmarked(manager, &new);
}
