/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes marks; never asks the kernel.
 */

#include <systemd/sd-id128.h>

#include "clock.h"
#include "log.h"
#include "mark.h"

Occasion occasion_now(const Manager *manager, const char *transaction) {
        Occasion occasion = { .now_usec = clock_usec(CLOCK_REALTIME), .boot_id = manager->boot_id };
        sd_id128_t id;

        if (transaction && transaction[0] != '\0')
                snprintf(occasion.transaction, sizeof(occasion.transaction), "%s", transaction);
        else if (sd_id128_randomize(&id) >= 0)
                sd_id128_to_string(id, occasion.transaction);
        return occasion;
}

static int mark(Manager *manager, const Digest *digest, const char *transaction, const StoreTrial *trial, bool back,
                Failure *reterr) {
        _cleanup_(store_state_freep) StoreState *new = store_state_copy(manager->state);

        if (!new)
                return -ENOMEM;
        store_state_set_activating(new, digest, transaction);
        new->rolling_back = back;
        /* Without a version on trial, what the state says about a trial is left from an earlier mark. */
        if ((trial || !store_state_find_state(new, VERSION_TRIAL)) && store_state_set_trial(new, trial) < 0)
                return -ENOMEM;
        return manager_commit(manager, &new, reterr);
}

int activation_mark(Manager *manager, const Digest *digest, const char *transaction, const StoreTrial *trial,
                    Failure *reterr) {
        return mark(manager, digest, transaction, trial, false, reterr);
}

int rollback_mark(Manager *manager, const Digest *digest, Failure *reterr) {
        return mark(manager, digest, occasion_now(manager, NULL).transaction, NULL, true, reterr);
}

/* If this fails, the next start clears the mark. */
static void commit_unmarked(Manager *manager, StoreState **new) {
        Failure failure = {};

        if (manager_commit(manager, new, &failure) < 0)
                log_warning("%s, ignoring.", failure.sentence);
}

void activation_unmark(Manager *manager) {
        _cleanup_(store_state_freep) StoreState *new = store_state_copy(manager->state);

        if (!new)
                return;
        store_state_set_activating(new, NULL, NULL);
        if (!store_state_find_state(new, VERSION_TRIAL))
                (void) store_state_set_trial(new, NULL);
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
