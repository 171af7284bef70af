/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * At start, the state on disk and the active policy may differ, because the machine has rebooted, the daemon was killed
 * between two steps, or somebody wrote to securityfs by hand. The kernel shows the facts, the disk the intention. The
 * end of a trial comes first (trial.c), as an active version on trial must not pass for one whose activation was cut
 * off.
 */

#include "behind.h"
#include "log.h"
#include "mark.h"
#include "preflight.h"
#include "reconcile.h"
#include "trial.h"

/* Only rollback.c goes to a lower version of the same name. */
static bool goes_back(const VersionRecord *confirmed, const VersionRecord *active) {
        return confirmed && streq(confirmed->name, active->name) &&
               ipe_version_compare(&active->version, &confirmed->version) < 0;
}

/* from: NULL if it was no rollback. */
static void announce_finished(const Manager *manager, const Digest *to, const Digest *from) {
        const VersionRecord *record = store_state_find_digest(manager->state, to);

        if (from) {
                announce_rolled_back(&manager->announcer, record, store_state_find_digest(manager->state, from));
                return;
        }
        announce_activated(&manager->announcer, record);
        announce_confirmed(&manager->announcer, record);
}

/* activate.c or rollback.c was cut off after it wrote what it would ask the kernel for. */
static int finish_activation(Manager *manager, const VersionRecord *active, bool on_trial) {
        const VersionRecord *confirmed = store_state_find_state(manager->state, VERSION_CONFIRMED);
        bool done = active && !on_trial && digest_equal(&active->digest, &manager->state->activating_digest),
             back = done && confirmed && (manager->state->rolling_back || goes_back(confirmed, active));
        Digest from = confirmed ? confirmed->digest : (Digest) {};
        _cleanup_(store_state_freep) StoreState *new = store_state_copy(manager->state);
        Occasion occasion = occasion_now(manager, manager->state->activating_transaction);
        Digest digest = manager->state->activating_digest;
        Failure failure = {};
        int r = 0;

        if (!new)
                return -ENOMEM;
        store_state_set_activating(new, NULL, NULL);
        if (!store_state_find_state(new, VERSION_TRIAL))
                (void) store_state_set_trial(new, NULL);
        if (done)
                r = state_confirm(new, store_state_find_digest(new, &digest), back ? EVENT_GIVEN_UP : EVENT_REPLACED,
                                  &occasion);
        if (r >= 0)
                r = done ? behind_commit(manager, &new, &failure) : manager_commit(manager, &new, &failure);
        if (r < 0) {
                log_error("Cannot finish an activation that was cut off: %s",
                          failure.sentence[0] ? failure.sentence : strerror(-r));
                return r;
        }
        if (done)
                announce_finished(manager, &digest, back ? &from : NULL);
        else
                log_notice("An activation or a confirmation was cut off before the kernel did it: nothing has "
                           "changed.");
        return 0;
}

/* The kernel went back while the disk failed, and the daemon ended before it could record that. */
static int finish_noted_rollback(Manager *manager, const VersionRecord *active, bool on_trial) {
        const VersionRecord *confirmed = store_state_find_state(manager->state, VERSION_CONFIRMED);
        _cleanup_(store_state_freep) StoreState *new = NULL;
        Failure failure = {};
        Occasion occasion;
        Digest to, from;
        int r;

        r = behind_find_rollback(&to);
        if (r == 0)
                return 0;
        if (r < 0)
                log_warning("Cannot read the note about a rollback, ignoring: %s", strerror(-r));
        /* It did not happen, or it is recorded already. */
        if (r < 0 || !active || on_trial || !confirmed || active == confirmed || !digest_equal(&active->digest, &to)) {
                behind_forget_rollback();
                return 0;
        }
        from = confirmed->digest;
        new = store_state_copy(manager->state);
        if (!new)
                return -ENOMEM;
        occasion = occasion_now(manager, NULL);
        r = state_confirm(new, store_state_find_digest(new, &to), EVENT_GIVEN_UP, &occasion);
        if (r >= 0)
                r = behind_commit(manager, &new, &failure);
        if (r < 0) {
                log_error("Cannot finish a rollback: %s", failure.sentence[0] ? failure.sentence : strerror(-r));
                return r;
        }
        if (r == 0)
                behind_forget_rollback();
        announce_finished(manager, &to, &from);
        return 0;
}

/* A boot without a policy has come, as 'ipectl deactivate' asked. */
static int finish_deactivation(Manager *manager, const VersionRecord *active) {
        const VersionRecord *confirmed = store_state_find_state(manager->state, VERSION_CONFIRMED);
        _cleanup_(store_state_freep) StoreState *new = NULL;
        Occasion occasion = occasion_now(manager, NULL);
        Failure failure = {};
        int r;

        if (!confirmed)
                return 0;
        if (active == confirmed) {
                log_warning("'%s' is active in spite of 'ipectl deactivate': something other than ipe-load has "
                            "activated it, such as the initrd or /etc/ipe.",
                            active->name);
                return 0;
        }
        new = store_state_copy(manager->state);
        if (!new)
                return -ENOMEM;
        r = state_apply(new, store_state_find_state(new, VERSION_CONFIRMED), EVENT_REPLACED, &occasion);
        if (r >= 0) {
                manager->why.reason = "deactivated";
                r = manager_commit(manager, &new, &failure);
        }
        if (r < 0)
                log_error("Cannot record that this boot loaded no policy: %s",
                          failure.sentence[0] ? failure.sentence : strerror(-r));
        return r;
}

/* Whether the kernel keeps the selected version out because it already had a higher one, from the initrd, say, and
 * never goes lower. No one refused the selected version, so it stays selected until a boot in which the kernel takes
 * it: if it were deselected, the next boot would load the version that was given up. If the confirmed version is
 * active, the kernel has refused the selected one, and ipe-load then took the confirmed one. */
static bool is_kept_out(const Manager *manager, const VersionRecord *active, const KernelPolicy *kernel) {
        const VersionRecord *pending = store_state_find_state(manager->state, VERSION_PENDING_REBOOT);
        int order = ipe_version_compare(&kernel->version, &pending->version);

        /* A policy of the same name and version with other content keeps it out, too. */
        return active != pending && (order > 0 || (order == 0 && streq(kernel->name, pending->name))) &&
               (!active || active->state != VERSION_CONFIRMED);
}

static void log_kept_out(const Manager *manager, const KernelPolicy *kernel) {
        const VersionRecord *pending = store_state_find_state(manager->state, VERSION_PENDING_REBOOT);
        char wanted[IPE_VERSION_STRLEN], kept[IPE_VERSION_STRLEN];

        ipe_version_print(&pending->version, wanted);
        ipe_version_print(&kernel->version, kept);
        log_warning("'%s' %s was selected for this boot, but '%s' %s is active, and the kernel never goes to a lower "
                    "version. The selection stays until a boot without that policy, which may be in the initrd or in "
                    "/etc/ipe; to end it, activate another version.",
                    pending->name, wanted, kernel->name, kept);
}

/* A rollback selected a version for a boot that has come: ipe-load has loaded it, or could not. */
static int finish_rollback(Manager *manager, const VersionRecord *active) {
        const VersionRecord *pending = store_state_find_state(manager->state, VERSION_PENDING_REBOOT),
                            *confirmed = store_state_find_state(manager->state, VERSION_CONFIRMED);
        _cleanup_(store_state_freep) StoreState *new = store_state_copy(manager->state);
        Occasion occasion = occasion_now(manager, pending->transaction);
        bool loaded = active == pending;
        Digest to = pending->digest, from = confirmed ? confirmed->digest : (Digest) {};
        Failure failure = {};
        VersionRecord *record;
        int r;

        if (!new)
                return -ENOMEM;
        record = store_state_find_digest(new, &to);
        if (loaded)
                r = state_confirm(new, record, EVENT_GIVEN_UP, &occasion);
        else
                /* The version that was confirmed at the selection stays the best one. */
                r = state_apply(new, record, confirmed ? EVENT_REFUSED : EVENT_DESELECTED, &occasion);
        if (r >= 0)
                r = manager_commit(manager, &new, &failure);
        if (r < 0) {
                log_error("Cannot finish a rollback: %s", failure.sentence[0] ? failure.sentence : strerror(-r));
                return r;
        }
        record = store_state_find_digest(manager->state, &to);
        if (loaded && confirmed)
                announce_rolled_back(&manager->announcer, record, store_state_find_digest(manager->state, &from));
        else if (loaded)
                announce_confirmed(&manager->announcer, record);
        else
                announce_not_loaded(&manager->announcer, record);
        return 0;
}

static void log_differences(const Manager *manager, const VersionRecord *active, const KernelPolicy *kernel) {
        const VersionRecord *confirmed = store_state_find_state(manager->state, VERSION_CONFIRMED);
        char version[IPE_VERSION_STRLEN];

        if (kernel->name && !active) {
                ipe_version_print(&kernel->version, version);
                log_notice("'%s' %s is active, which ipectld did not load; it stays.", kernel->name, version);
        } else if (kernel->name && active != confirmed && active->state != VERSION_TRIAL)
                log_warning("'%s' is active, which is not the confirmed policy; it stays until the next boot.",
                            active->name);
        else if (confirmed && kernel_abi(manager->kernel) == KERNEL_ABI_NONE)
                log_warning("'%s' is confirmed, but IPE is not enabled in this kernel: nothing is enforced.",
                            confirmed->name);
        else if (!kernel->name && confirmed)
                log_warning("No policy is active, although '%s' is confirmed: is ipe-load.service enabled?",
                            confirmed->name);
}

int reconcile(Manager *manager) {
        _cleanup_kernel_policy_ KernelPolicy kernel = {};
        const VersionRecord *active = NULL;
        Failure failure = {};
        int r;

        behind_begin(manager);
        preflight_recover(manager);
        r = trial_settle(manager, &failure);
        if (r < 0) {
                log_error("Cannot find out how a trial ended: %s",
                          failure.sentence[0] ? failure.sentence : strerror(-r));
                return r;
        }
        r = manager_find_active(manager, &kernel, &active);
        if (r < 0) {
                log_error("Cannot find out which policy is active, so the next start finishes what may have been cut "
                          "off: %s",
                          kernel_strerror(r));
                return r;
        }
        if (manager->state->activating) {
                r = finish_activation(manager, active, kernel.on_trial);
                active = manager_active(manager, NULL);
        }
        if (r >= 0) {
                r = finish_noted_rollback(manager, active, kernel.on_trial);
                active = manager_active(manager, NULL);
        }
        if (r >= 0 && manager->state->deactivated_boot_id[0] != '\0' &&
            !streq(manager->state->deactivated_boot_id, manager->boot_id)) {
                r = finish_deactivation(manager, active);
                active = manager_active(manager, NULL);
        }
        /* If no policy is active, the selected version is not to blame; and a trial that somebody began since the boot
         * hides what the boot loaded. */
        if (r >= 0 && kernel.name && !kernel.on_trial &&
            store_state_find_state(manager->state, VERSION_PENDING_REBOOT) &&
            !streq(manager->state->pending_boot_id, manager->boot_id)) {
                if (is_kept_out(manager, active, &kernel))
                        log_kept_out(manager, &kernel);
                else
                        r = finish_rollback(manager, active);
                active = manager_active(manager, NULL);
        }
        if (r >= 0)
                log_differences(manager, active, &kernel);
        return r;
}
