/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Activates a version, on trial or for good, in steps. On the right: what a cut after that step leaves behind.
 *
 *       1. read and verify the stored policy again      nothing changed
 *       2. state.json: "activating" DIGEST              the old version is loaded at boot; reconcile.c clears it
 *       3. the kernel: load, activate or trial          it is active: reconcile.c finds it, and does step 4
 *       4. state.json: confirmed, the old superseded;   done
 *          or trial, see trial.c
 *       5. memory, journal, signals
 */

#include "activate.h"
#include "behind.h"
#include "explain.h"
#include "kernel-extended.h"
#include "log.h"
#include "mark.h"
#include "policy-version.h"
#include "trial.h"

const VersionRecord *activation_candidate(const StoreState *state, const char *name) {
        const VersionRecord *best = NULL, *confirmed = store_state_find_state(state, VERSION_CONFIRMED);

        if (confirmed && streq(confirmed->name, name))
                best = confirmed;
        for (size_t i = 0; i < state->n_versions; i++) {
                const VersionRecord *record = &state->versions[i];

                if (streq(record->name, name) && (record->state == VERSION_STAGED || record->state == VERSION_FAILED) &&
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
        record = activation_candidate(manager->state, name);
        if (!record)
                return failure_set(reterr, FAILURE_NO_SUCH_POLICY,
                                   "No version of '%s' is staged: put the signed policy into /etc/ipe/policy.d/, or "
                                   "name a version that 'ipectl list' shows.",
                                   name);
        *ret = record;
        return 0;
}

/* Going below the confirmed version is a rollback, which is a different right. */
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

static int check_kernel(const Manager *manager, const VersionRecord *record, const PolicyVersion *subject,
                        Failure *reterr) {
        const struct ipe_policy *policy = subject->policy;
        _cleanup_kernel_policy_ KernelPolicy active = {};
        char version[IPE_VERSION_STRLEN];
        int r;

        if (kernel_abi(manager->kernel) == KERNEL_ABI_NONE)
                return failure_set(reterr, FAILURE_NOT_SUPPORTED, "%s", explain_no_ipe);
        if (kernel_abi(manager->kernel) == KERNEL_ABI_UPSTREAM && ipe_policy_extended_line(policy) > 0)
                return failure_set(reterr, FAILURE_NOT_SUPPORTED,
                                   "Line %u of the policy needs the extended ABI, which this kernel does not support.",
                                   ipe_policy_extended_line(policy));
        if (envelope_format(verified_envelope_get(subject->verified)) == ENVELOPE_APPENDED &&
            !kernel_has_feature(manager->kernel, "appended-signature"))
                return failure_set(reterr, FAILURE_NOT_SUPPORTED,
                                   "The policy has an appended signature, which this kernel does not support: sign it "
                                   "with 'ipectl sign --format=pkcs7', which takes up to 64 KiB.");
        if (envelope_n_signers(verified_envelope_get(subject->verified)) > 1 &&
            kernel_abi(manager->kernel) == KERNEL_ABI_EXTENDED)
                return failure_set(reterr, FAILURE_NOT_SUPPORTED,
                                   "The policy has %u signatures, but this kernel takes only one: sign its text again "
                                   "with one key.",
                                   envelope_n_signers(verified_envelope_get(subject->verified)));
        r = kernel_find_active(manager->kernel, &active);
        if (r < 0)
                return explain_unknown(r, "which policy is active", reterr);
        if (r > 0 && ipe_version_compare(&record->version, &active.version) < 0) {
                ipe_version_print(&active.version, version);
                return failure_set(reterr, FAILURE_VERSION_TOO_OLD,
                                   "The kernel enforces '%s' %s and never goes below that version while it runs; "
                                   "'ipectl rollback' goes back at the next boot.",
                                   active.name, version);
        }
        return 0;
}

/* Whether the kernel's errno is about the version. Lack of memory, a running trial or -EPERM (a lock, the floor that
 * another policy left, or a missing privilege) says nothing about it. */
static bool is_to_blame(int error, int result) {
        return result > 0 && error != -EPERM && error != -EBUSY && error != KERNEL_NOT_REACHED;
}

/* After a refusal of the kernel. If the disk fails here, the next start clears the mark.
 * error: the kernel's; result: of explain_kernel(). */
static void end_refused(Manager *manager, const Digest *digest, int error, int result, const Failure *failure) {
        _cleanup_(store_state_freep) StoreState *new = store_state_copy(manager->state);
        const VersionRecord *record;
        Failure ignored = {};

        if (new) {
                Occasion occasion = occasion_now(manager, new->activating_transaction);

                manager->why.message = failure->sentence;
                if (is_to_blame(error, result))
                        (void) state_apply(new, store_state_find_digest(new, digest), EVENT_REFUSED, &occasion);
                store_state_set_activating(new, NULL, NULL);
                (void) store_state_set_trial(new, NULL);
                if (manager_commit(manager, &new, &ignored) < 0)
                        log_warning("%s, ignoring.", ignored.sentence);
        }
        record = store_state_find_digest(manager->state, digest);
        announce_activation_failed(&manager->announcer, record, result, failure);
}

/* The kernel enforces the version, so it counts even if the disk fails. */
static int end_activated(Manager *manager, const Digest *digest, Failure *reterr) {
        _cleanup_(store_state_freep) StoreState *new = store_state_copy(manager->state);
        const VersionRecord *record;
        int r = -ENOMEM;

        if (new) {
                Occasion occasion = occasion_now(manager, new->activating_transaction);

                r = state_confirm(new, store_state_find_digest(new, digest), EVENT_REPLACED, &occasion);
                if (r >= 0)
                        r = behind_commit(manager, &new, reterr);
        }
        record = store_state_find_digest(manager->state, digest);
        announce_activated(&manager->announcer, record);
        if (r >= 0)
                announce_confirmed(&manager->announcer, record);
        if (r <= 0)
                return r;
        return failure_set_errno(reterr, manager->disk_error,
                                 "'%s' is active, but this cannot be recorded yet: ipectld keeps trying, and if the "
                                 "machine reboots before it succeeds, the previous version is loaded",
                                 record->name);
}

/* A policy that could not be recorded must not stay active. */
static void take_back(Manager *manager, const VersionRecord *record) {
        int r = trial_is_kernel_timed(manager) ? kernel_revert(manager->kernel) : -EOPNOTSUPP;

        /* -ENODATA: it has ended already. */
        if (r < 0 && r != -ENODATA)
                log_error("Cannot end the trial of '%s', which could not be recorded; %s, and ipectld retries to "
                          "record it: %s",
                          record->name,
                          trial_is_kernel_timed(manager) ? "the kernel ends it by itself"
                                                         : "the next boot loads the confirmed version",
                          strerror(-r));
        else
                activation_unmark(manager);
}

static int end_begun(Manager *manager, const Digest *digest, Failure *reterr) {
        int r = trial_record(manager, digest, reterr);

        if (r < 0)
                take_back(manager, store_state_find_digest(manager->state, digest));
        return r;
}

static int ask_kernel(const Manager *manager, const VersionRecord *record, const PolicyVersion *version,
                      const ActivatePlan *plan) {
        size_t size;
        const void *data = envelope_data(verified_envelope_get(version->verified), &size);

        if (plan->trial_sec > 0 && trial_is_kernel_timed(manager))
                return kernel_trial(manager->kernel, record->name, &record->version, data, size,
                                    kernel_trial_sec(plan->trial_sec, plan->confirm == CONFIRM_AUTO));
        return kernel_activate(manager->kernel, record->name, &record->version, data, size);
}

static int mark(Manager *manager, const Digest *digest, const ActivatePlan *plan, const UnitsBefore *before,
                Failure *reterr) {
        Occasion occasion = occasion_now(manager, NULL);
        StoreTrial trial = trial_new(manager, plan->trial_sec, plan->confirm, before);

        if (activate_plan_is_watched(plan) && !before)
                return failure_set(reterr, FAILURE_BUSY,
                                   "The settings have just changed, so that health checks are to "
                                   "confirm the policy now: try again.");
        return activation_mark(manager, digest, occasion.transaction, plan->trial_sec > 0 ? &trial : NULL, reterr);
}

static int activate(Manager *manager, const VersionRecord *record, const PolicyVersion *version,
                    const ActivatePlan *plan, const UnitsBefore *before, Failure *reterr) {
        Digest digest = record->digest;
        Failure failure = {};
        int error, r;

        r = mark(manager, &digest, plan, before, reterr);
        if (r != 0)
                return r;
        error = ask_kernel(manager, store_state_find_digest(manager->state, &digest), version, plan);
        /* -EALREADY: somebody has confirmed it through the kernel's files. */
        if (error < 0 && error != -EALREADY) {
                r = explain_kernel(manager, error, &failure);
                end_refused(manager, &digest, error, r, &failure);
                if (reterr)
                        *reterr = failure;
                return r;
        }
        return plan->trial_sec > 0 && error >= 0 ? end_begun(manager, &digest, reterr)
                                                 : end_activated(manager, &digest, reterr);
}

/* Only the next boot can undo the activation of a kernel without trials. */
static int check_way_back(const Manager *manager, Failure *reterr) {
        if (trial_is_kernel_timed(manager) || manager->config.rollback_at_boot)
                return 0;
        return failure_set(reterr, FAILURE_NOT_SUPPORTED,
                           "This kernel has no trials, and RollbackAtBoot=no in ipectld.conf forbids ending one by the "
                           "next boot: activate with trial-sec 0.");
}

/* Takes what the caller says, and the rest from the configuration. */
static int make_plan(const Manager *manager, const ActivateOptions *options, const VersionRecord *record,
                     ActivatePlan *ret, Failure *reterr) {
        bool confirmed = record->state == VERSION_CONFIRMED;
        ActivatePlan plan = {
                .trial_sec = options->has_trial_sec ? options->trial_sec
                             : confirmed            ? 0
                                                    : manager->config.trial_sec,
                .confirm = options->has_confirm ? options->confirm : manager->config.confirm,
        };
        Transition transition;

        if (plan.trial_sec > KERNEL_TRIAL_SEC_MAX)
                return failure_set(reterr, FAILURE_INVALID_ARGUMENT, "A trial takes at most %u seconds.",
                                   KERNEL_TRIAL_SEC_MAX);
        if (plan.trial_sec > 0 && confirmed)
                return failure_set(reterr, FAILURE_INVALID_ARGUMENT,
                                   "'%s' is confirmed already: there is nothing to try.", record->name);
        if (plan.trial_sec == 0 && options->has_confirm)
                return failure_set(reterr, FAILURE_INVALID_ARGUMENT,
                                   "Without a trial there is nothing to confirm: leave 'confirm' out, or set "
                                   "trial-sec.");
        if (plan.trial_sec > 0 && version_transition(record->state, EVENT_TRIED, &transition) < 0)
                return failure_set(reterr, FAILURE_INVALID_ARGUMENT,
                                   "'%s' is selected for the next boot, and cannot "
                                   "be on trial before.",
                                   record->name);
        *ret = plan;
        return plan.trial_sec > 0 ? check_way_back(manager, reterr) : 0;
}

int activation_check_trial(const Manager *manager, Failure *reterr) {
        const VersionRecord *ours = store_state_find_state(manager->state, VERSION_TRIAL);
        _cleanup_kernel_policy_ KernelPolicy policy = {};
        char version[IPE_VERSION_STRLEN];
        KernelTrial trial;
        int r;

        if (ours && !trial_is_kernel_timed(manager)) {
                ipe_version_print(&ours->version, version);
                return failure_set(reterr, FAILURE_TRIAL_IN_PROGRESS,
                                   "'%s' %s is on trial: confirm it, or end its trial, first.", ours->name, version);
        }
        r = kernel_find_trial(manager->kernel, &trial);

        if (r < 0)
                return explain_unknown(r, "what is on trial", reterr);
        if (r == 0)
                return 0;
        policy = trial.policy;
        ipe_version_print(&policy.version, version);
        return failure_set(reterr, FAILURE_TRIAL_IN_PROGRESS,
                           "'%s' %s is on trial for another %u seconds: confirm it, or end its trial, first.",
                           policy.name, version, trial.remaining_sec);
}

int activate_plan(const Manager *manager, const char *name, const ActivateOptions *options, const VersionRecord **ret,
                  ActivatePlan *ret_plan, Failure *reterr) {
        int r = find_version(manager, name, options->version, ret, reterr);

        return r != 0 ? r : make_plan(manager, options, *ret, ret_plan, reterr);
}

typedef struct Candidate {
        const VersionRecord *record;
        PolicyVersion *version;
        ActivatePlan plan;
} Candidate;

static void candidate_done(Candidate *candidate) {
        policy_version_free(candidate->version);
}

static int find_candidate(Manager *manager, const char *name, const ActivateOptions *options, Candidate *ret,
                          Failure *reterr) {
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        int r;

        r = trial_settle(manager, reterr);
        if (r == 0)
                r = activation_check_trial(manager, reterr);
        if (r == 0)
                r = activate_plan(manager, name, options, &ret->record, &ret->plan, reterr);
        if (r == 0)
                r = check_confirmed(manager, ret->record, reterr);
        if (r == 0)
                r = manager_open_envelope(manager, ret->record, &envelope, reterr);
        if (r == 0)
                r = policy_version_new(manager, &envelope, &ret->version, reterr);
        return r != 0 ? r : check_kernel(manager, ret->record, ret->version, reterr);
}

int activate_check(Manager *manager, const char *name, const ActivateOptions *options, const VersionRecord **ret,
                   Failure *reterr) {
        _cleanup_(candidate_done) Candidate candidate = {};
        int r = find_candidate(manager, name, options, &candidate, reterr);

        if (r == 0)
                *ret = candidate.record;
        return r;
}

int activate_policy(Manager *manager, const char *name, const ActivateOptions *options, const VersionRecord **ret,
                    Failure *reterr) {
        _cleanup_(candidate_done) Candidate candidate = {};
        Digest digest;
        int r;

        r = find_candidate(manager, name, options, &candidate, reterr);
        if (r != 0)
                return r;
        digest = candidate.record->digest;
        r = activate(manager, candidate.record, candidate.version, &candidate.plan, options->before, reterr);
        if (r == 0)
                *ret = store_state_find_digest(manager->state, &digest);
        return r;
}
