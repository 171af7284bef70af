/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Discards a version: from state.json, from the disk, and, if possible, from the kernel.
 */

#include "discard.h"
#include "dropped.h"
#include "log.h"

static void unload(const Manager *manager, const VersionRecord *record) {
        _cleanup_kernel_policy_ KernelPolicy current = {};
        int r;

        r = manager_is_loaded(manager, record, KERNEL_NEXT);
        if (r > 0) {
                log_warning("The kernel keeps the discarded version of '%s' as its next one, until another one takes "
                            "its place.",
                            record->name);
                return;
        }
        if (r == 0)
                r = manager_is_loaded(manager, record, KERNEL_CURRENT);
        if (r > 0)
                r = kernel_find(manager->kernel, record->name, &current);
        if (r > 0 && !current.active)
                r = kernel_delete(manager->kernel, record->name);
        if (r < 0)
                log_warning("Cannot unload '%s' from the kernel, ignoring: %s", record->name, strerror(-r));
}

int discard_version(Manager *manager, const char *name, const char *version, Failure *reterr) {
        _cleanup_(store_state_freep) StoreState *new = NULL, *before = NULL;
        const VersionRecord *record;
        bool has_file;
        int r;

        if (!*version)
                return failure_set(reterr, FAILURE_INVALID_ARGUMENT, "Name the version to discard.");
        r = manager_find(manager, name, version, &record, reterr);
        if (r != 0)
                return r;
        if (record == manager_active(manager, NULL) || record->state == VERSION_CONFIRMED ||
            record->state == VERSION_PENDING_REBOOT || record->state == VERSION_TRIAL)
                return failure_set(reterr, FAILURE_INVALID_ARGUMENT,
                                   "'%s' %s is active or selected for the next boot: activate another version first.",
                                   name, version);
        new = store_state_copy(manager->state);
        before = store_state_copy(manager->state);
        if (!new || !before)
                return -ENOMEM;
        has_file = dropped_is_there(name, &record->digest);
        if (has_file && store_state_set_discarded(new, name, &record->digest, true) < 0)
                return -ENOMEM;
        store_state_remove(new, name, &record->version);
        manager->why.reason = "discarded";
        /* The record in the copy stays valid after the commit. */
        record = store_state_find_digest(before, &record->digest);
        r = manager_commit(manager, &new, reterr);
        if (r < 0)
                return r;
        unload(manager, record);
        r = manager_collect(manager);
        if (r < 0)
                log_warning("Cannot remove the discarded policy from disk, ignoring: %s", strerror(-r));
        announce_discarded(&manager->announcer, record);
        if (has_file)
                log_notice("The file of '%s' %s stays in policy.d, but is not staged again; to do that, use 'ipectl "
                           "stage FILE'.",
                           name, version);
        return 0;
}
