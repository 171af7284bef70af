/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * At start: what is on disk and what the kernel enforces may differ, because the machine was started since, the daemon
 * was killed between two steps, or somebody wrote to securityfs by hand. The kernel tells what is, the disk what was
 * wanted. First comes what became of a trial (trial.c): a version that decides, but is on trial, is not to be taken for
 * one whose activation was cut off.
 */

#include "behind.h"
#include "log.h"
#include "mark.h"
#include "preflight.h"
#include "reconcile.h"
#include "trial.h"

/* rollback.c is the only one who goes to a lower version of the same name. */
static bool goes_back(const VersionRecord *confirmed, const VersionRecord *active) {
        return confirmed && streq(confirmed->name, active->name) &&
               ipe_version_compare(&active->version, &confirmed->version) < 0;
}

/* from: NULL where it was no rollback. */
static void tell_finished(const Manager *manager, const Digest *to, const Digest *from) {
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
                tell_finished(manager, &digest, back ? &from : NULL);
        else
                log_notice("An activation or a confirmation was cut off before the kernel did it: all is as before.");
        return 0;
}

/* The kernel was rolled back while the disk failed, and the daemon ended before it could write that. */
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
                log_warning("Cannot read what was noted of a rollback, ignoring: %s", strerror(-r));
        /* It did not happen, or it is recorded. */
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
        tell_finished(manager, &to, &from);
        return 0;
}

/* A boot without a policy is past, as somebody wanted it. */
static int finish_deactivation(Manager *manager, const VersionRecord *active) {
        const VersionRecord *confirmed = store_state_find_state(manager->state, VERSION_CONFIRMED);
        _cleanup_(store_state_freep) StoreState *new = NULL;
        Occasion occasion = occasion_now(manager, NULL);
        Failure failure = {};
        int r;

        if (!confirmed)
                return 0;
        if (active == confirmed) {
                log_warning("No policy is wanted since 'ipectl deactivate', but something else than ipe-load has put '%s' in force, as the "
                            "initrd or /etc/ipe.", active->name);
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
                log_error("Cannot record that no policy was loaded in this boot: %s", failure.sentence[0] ? failure.sentence :
                                                                                                            strerror(-r));
        return r;
}

/* Nobody refused a version in whose place the kernel kept a higher one, of the initrd, say, which it never goes below. The choice
 * stays until a boot in which the kernel allows it: taken back, the next boot would load the version again that was given up.
 * Where the confirmed one decides, ipe-load took it after the kernel had refused the choice. */
static bool is_kept_out(const Manager *manager, const VersionRecord *active, const KernelPolicy *kernel) {
        const VersionRecord *pending = store_state_find_state(manager->state, VERSION_PENDING_REBOOT);
        int order = ipe_version_compare(&kernel->version, &pending->version);

        /* Of the same name and version, but with other content, is no better. */
        return active != pending && (order > 0 || (order == 0 && streq(kernel->name, pending->name))) &&
               (!active || active->state != VERSION_CONFIRMED);
}

static void say_kept_out(const Manager *manager, const KernelPolicy *kernel) {
        const VersionRecord *pending = store_state_find_state(manager->state, VERSION_PENDING_REBOOT);
        char wanted[IPE_VERSION_STRLEN], kept[IPE_VERSION_STRLEN];

        ipe_version_print(&pending->version, wanted);
        ipe_version_print(&kernel->version, kept);
        log_warning("'%s' %s was selected for this boot, but the kernel enforces '%s' %s, and never goes to a lower version: it stays "
                    "selected until a boot without that policy, as in the initrd or in /etc/ipe. To take that back, activate "
                    "another version.", pending->name, wanted, kernel->name, kept);
}

/* A rollback chose a version for a boot that is past now: ipe-load loaded it, or it could not. */
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
                /* What was confirmed when it was selected stays the best that there is. */
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

static void say_what_differs(const Manager *manager, const VersionRecord *active, const KernelPolicy *kernel) {
        const VersionRecord *confirmed = store_state_find_state(manager->state, VERSION_CONFIRMED);
        char version[IPE_VERSION_STRLEN];

        if (kernel->name && !active) {
                ipe_version_print(&kernel->version, version);
                log_notice("The kernel enforces '%s' %s, which was not loaded by us; it stays.", kernel->name, version);
        } else if (kernel->name && active != confirmed && active->state != VERSION_TRIAL)
                log_warning("The kernel enforces '%s', which is not the confirmed policy; it stays until the next "
                            "boot.", active->name);
        else if (confirmed && kernel_abi(manager->kernel) == KERNEL_ABI_NONE)
                log_warning("'%s' is confirmed, but IPE is not enabled in this kernel: nothing is enforced.",
                            confirmed->name);
        else if (!kernel->name && confirmed)
                log_warning("No policy is in force, though '%s' is confirmed: is ipe-load.service enabled?",
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
                log_error("Cannot find out what became of a trial: %s", failure.sentence[0] ? failure.sentence : strerror(-r));
                return r;
        }
        r = manager_find_active(manager, &kernel, &active);
        if (r < 0) {
                log_error("Cannot find out what the kernel enforces, so the next start finishes what may have been cut off: %s",
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
        if (r >= 0 && manager->state->deactivated_boot_id[0] != '\0' && !streq(manager->state->deactivated_boot_id, manager->boot_id)) {
                r = finish_deactivation(manager, active);
                active = manager_active(manager, NULL);
        }
        /* Where nothing is in force it is not the fault of the version that was selected; what is behind a trial that
         * somebody began since the boot does not show. */
        if (r >= 0 && kernel.name && !kernel.on_trial && store_state_find_state(manager->state, VERSION_PENDING_REBOOT) &&
            !streq(manager->state->pending_boot_id, manager->boot_id)) {
                if (is_kept_out(manager, active, &kernel))
                        say_kept_out(manager, &kernel);
                else
                        r = finish_rollback(manager, active);
                active = manager_active(manager, NULL);
        }
        if (r >= 0)
                say_what_differs(manager, active, &kernel);
        return r;
}
