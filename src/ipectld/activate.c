/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Putting a version in force, and going back.
 *
 * Activation, step by step, with what a cut at that place leaves behind:
 *
 *      1. read and verify the stored policy again      nothing changed
 *      2. state.json: "activating" DIGEST              the old version is loaded at boot; reconcile.c clears it
 *      3. the kernel: load, activate                   it decides; after a cut reconcile.c finds it active: step 4
 *      4. state.json: confirmed, the old superseded    done
 *      5. memory, journal, signals
 */

#include <time.h>

#include "activate.h"
#include "log.h"
#include "stage.h"

static const char no_ipe[] = "IPE is not enabled in this kernel: add 'ipe' to lsm= on the kernel command line.";

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

/* The newest version that waits to be activated; else the one that is confirmed: to ask for it again is fine. */
static const VersionRecord *find_candidate(const StoreState *state, const char *name) {
        const VersionRecord *best = NULL, *confirmed = store_state_find_state(state, VERSION_CONFIRMED);

        if (confirmed && streq(confirmed->name, name))
                best = confirmed;
        for (size_t i = 0; i < state->n_versions; i++) {
                const VersionRecord *record = &state->versions[i];

                if (streq(record->name, name) &&
                    (record->state == VERSION_STAGED || record->state == VERSION_FAILED) &&
                    (!best || ipe_version_compare(&record->version, &best->version) > 0))
                        best = record;
        }
        return best;
}

static int find_version(const Manager *manager, const char *name, const char *version, const VersionRecord **ret,
                        Failure *reterr) {
        const VersionRecord *record;

        if (version)
                return manager_find(manager, name, version, ret, reterr);
        record = find_candidate(manager->state, name);
        if (!record)
                return failure_set(reterr, FAILURE_NO_SUCH_POLICY,
                                   "No version of '%s' is staged: put the signed policy into /etc/ipe/policy.d/, or "
                                   "name a version that is known.", name);
        *ret = record;
        return 0;
}

/* To go below what is confirmed is a rollback, which is another right. */
static int check_confirmed(const Manager *manager, const VersionRecord *record, Failure *reterr) {
        const VersionRecord *confirmed = store_state_find_state(manager->state, VERSION_CONFIRMED);
        char version[IPE_VERSION_STRLEN];

        if (!confirmed || !streq(confirmed->name, record->name) ||
            ipe_version_compare(&record->version, &confirmed->version) >= 0)
                return 0;
        ipe_version_print(&confirmed->version, version);
        return failure_set(reterr, FAILURE_VERSION_TOO_OLD,
                           "Version %s of '%s' is confirmed; 'ipectl rollback' goes back to the one before.", version,
                           record->name);
}

static int check_kernel(const Manager *manager, const VersionRecord *record, const struct ipe_policy *policy,
                        Failure *reterr) {
        _cleanup_kernel_policy_ KernelPolicy active = {};
        char version[IPE_VERSION_STRLEN];
        int r;

        if (kernel_abi(manager->kernel) == KERNEL_ABI_NONE)
                return failure_set(reterr, FAILURE_NOT_SUPPORTED, "%s", no_ipe);
        if (kernel_abi(manager->kernel) == KERNEL_ABI_UPSTREAM && ipe_policy_extended_line(policy) > 0)
                return failure_set(reterr, FAILURE_NOT_SUPPORTED,
                                   "Line %u of the policy needs the extended ABI, which this kernel has not.",
                                   ipe_policy_extended_line(policy));
        r = kernel_find_active(manager->kernel, &active);
        if (r < 0)
                return failure_set_errno(reterr, r, "Cannot find out what the kernel enforces");
        if (r > 0 && ipe_version_compare(&record->version, &active.version) < 0) {
                ipe_version_print(&active.version, version);
                return failure_set(reterr, FAILURE_VERSION_TOO_OLD,
                                   "The kernel enforces '%s' %s and never goes below that version while it runs; "
                                   "'ipectl rollback' goes back at the next boot.", active.name, version);
        }
        return 0;
}

static int explain_kernel(int r, Failure *reterr) {
        switch (r) {
        case -ENODEV:
                return failure_set(reterr, FAILURE_NOT_SUPPORTED, "%s", no_ipe);
        case -ENOKEY:
                return failure_set(reterr, FAILURE_KEY_NOT_TRUSTED,
                                   "The kernel does not trust the signer: the certificate has to be in its builtin, "
                                   "secondary or platform keyring.");
        case -EKEYREJECTED:
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                   "The kernel rejects the signature, or the key that made it.");
        case -ESTALE:
                return failure_set(reterr, FAILURE_VERSION_TOO_OLD,
                                   "The kernel enforces a newer version, or the same one with other content, and "
                                   "cannot go back while it runs.");
        case -ENOMEM:
                return r;
        default:
                return failure_set(reterr, FAILURE_KERNEL_REJECTED, "The kernel refuses the policy: %s.",
                                   strerror(-r));
        }
}

static int begin(Manager *manager, const VersionRecord *record, Failure *reterr) {
        _cleanup_(store_state_freep) StoreState *new = store_state_copy(manager->state);

        if (!new)
                return -ENOMEM;
        new->activating = true;
        new->activating_digest = record->digest;
        return manager_commit(manager, &new, reterr);
}

/* After the kernel said no. That this is not on disk yet changes nothing: the next start finds it out. */
static void end_refused(Manager *manager, const Digest *digest, int result, const Failure *failure) {
        _cleanup_(store_state_freep) StoreState *new = store_state_copy(manager->state);
        const VersionRecord *record;
        Failure ignored = {};

        if (new) {
                /* What is broken, as memory that is short, says nothing of the version. */
                if (result > 0)
                        (void) version_apply(store_state_find_digest(new, digest), EVENT_REFUSED);
                new->activating = false;
                if (manager_commit(manager, &new, &ignored) < 0)
                        log_warning("%s, ignoring.", ignored.sentence);
        }
        record = store_state_find_digest(manager->state, digest);
        announce_activation_failed(&manager->announcer, record, result, failure);
}

/* The kernel enforces it, whatever comes of the disk; "activating" is on disk, so a new start would find out. */
static int end_activated(Manager *manager, const Digest *digest, Failure *reterr) {
        _cleanup_(store_state_freep) StoreState *new = store_state_copy(manager->state);
        const VersionRecord *record;
        int r = -ENOMEM;

        if (new) {
                r = confirm_in_state(new, store_state_find_digest(new, digest), EVENT_REPLACED);
                if (r >= 0)
                        r = manager_commit(manager, &new, reterr);
        }
        record = store_state_find_digest(manager->state, digest);
        announce_activated(&manager->announcer, record, true);
        if (r >= 0)
                announce_confirmed(&manager->announcer, record);
        else
                log_error("'%s' is in force, but is not recorded as confirmed: the version before is loaded at the "
                          "next boot. Restart ipectld.service once '" STORE_DIRECTORY "' can be written.",
                          record->name);
        return r;
}

static int ask_kernel(Manager *manager, const VersionRecord *record, const PolicyVersion *version,
                      Failure *reterr) {
        size_t size;
        const void *data = envelope_data(verified_envelope_get(version->verified), &size);
        Digest digest = record->digest;
        Failure failure = {};
        int r;

        r = begin(manager, record, reterr);
        if (r < 0)
                return r;
        record = store_state_find_digest(manager->state, &digest);
        r = kernel_activate(manager->kernel, record->name, &record->version, data, size);
        if (r < 0) {
                r = explain_kernel(r, &failure);
                end_refused(manager, &digest, r, &failure);
                if (reterr)
                        *reterr = failure;
                return r;
        }
        return end_activated(manager, &digest, reterr);
}

int activate_policy(Manager *manager, const char *name, const ActivateOptions *options, const VersionRecord **ret,
                    Failure *reterr) {
        _cleanup_(policy_version_freep) PolicyVersion *version = NULL;
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        const VersionRecord *record;
        Digest digest;
        int r;

        r = find_version(manager, name, options->version, &record, reterr);
        if (r != 0)
                return r;
        if (options->trial_sec > 0)
                return failure_set(reterr, FAILURE_NOT_SUPPORTED,
                                   "This kernel has no trial: activate with trial-sec 0, or without it.");
        digest = record->digest;
        r = check_confirmed(manager, record, reterr);
        if (r == 0)
                r = manager_open_envelope(manager, record, &envelope, reterr);
        if (r == 0)
                r = policy_version_new(manager, &envelope, &version, reterr);
        if (r == 0)
                r = check_kernel(manager, record, version->policy, reterr);
        if (r == 0)
                r = ask_kernel(manager, record, version, reterr);
        if (r != 0)
                return r;
        *ret = store_state_find_digest(manager->state, &digest);
        return 0;
}

int confirm_policy(Manager *manager, const char *name, Failure *reterr) {
        const VersionRecord *record;
        int r = manager_find(manager, name, NULL, &record, reterr);

        if (r != 0)
                return r;
        return failure_set(reterr, FAILURE_NO_TRIAL, "'%s' is not on trial: this kernel has no trial.", name);
}

static const VersionRecord *find_previous(const StoreState *state, const VersionRecord *confirmed) {
        const VersionRecord *previous = NULL;

        for (size_t i = 0; i < state->n_versions; i++)
                if (streq(state->versions[i].name, confirmed->name) &&
                    state->versions[i].state == VERSION_SUPERSEDED &&
                    ipe_version_compare(&state->versions[i].version, &confirmed->version) < 0)
                        previous = &state->versions[i];
        return previous;
}

static int find_rollback(const Manager *manager, const char *name, const VersionRecord **ret_previous,
                         const VersionRecord **ret_confirmed, Failure *reterr) {
        const VersionRecord *confirmed = store_state_find_state(manager->state, VERSION_CONFIRMED), *known;
        int r = manager_find(manager, name, NULL, &known, reterr);

        if (r != 0)
                return r;
        if (!confirmed || !streq(confirmed->name, name))
                return failure_set(reterr, FAILURE_NO_SUCH_POLICY,
                                   "No version of '%s' is confirmed: there is nothing to go back from.", name);
        *ret_previous = find_previous(manager->state, confirmed);
        if (!*ret_previous)
                return failure_set(reterr, FAILURE_NO_SUCH_POLICY,
                                   "No version of '%s' was confirmed before the present one: there is nothing to go "
                                   "back to.", name);
        *ret_confirmed = confirmed;
        return 0;
}

int roll_back_policy(Manager *manager, const char *name, const VersionRecord **ret, Failure *reterr) {
        const VersionRecord *previous = NULL, *confirmed = NULL,
                            *pending = store_state_find_state(manager->state, VERSION_PENDING_REBOOT);
        _cleanup_(store_state_freep) StoreState *new = NULL;
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        VersionRecord *selected;
        Digest from, to;
        int r;

        if (pending && streq(pending->name, name)) {
                *ret = pending;
                return 0;
        }
        r = find_rollback(manager, name, &previous, &confirmed, reterr);
        if (r != 0)
                return r;
        if (!manager->config.rollback_at_boot)
                return failure_set(reterr, FAILURE_NOT_SUPPORTED,
                                   "The running kernel cannot go back, and RollbackAtBoot=no in ipectld.conf forbids "
                                   "to select the version before for the next boot.");
        r = manager_open_envelope(manager, previous, &envelope, reterr);
        if (r != 0)
                return r;
        from = confirmed->digest;
        to = previous->digest;
        new = store_state_copy(manager->state);
        if (!new)
                return -ENOMEM;
        selected = store_state_find_digest(new, &to);
        r = version_apply(selected, EVENT_SELECTED);
        if (r < 0)
                return r;
        memcpy(new->pending_boot_id, manager->boot_id, sizeof(new->pending_boot_id));
        r = manager_commit(manager, &new, reterr);
        if (r < 0)
                return r;
        *ret = store_state_find_digest(manager->state, &to);
        announce_rollback_pending(&manager->announcer, *ret, store_state_find_digest(manager->state, &from));
        return 0;
}
