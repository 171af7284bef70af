/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A version on trial. A kernel with trials times each of them and goes back by itself; the daemon records its beginning
 * and finds out how it ended. If health checks confirm a trial, the daemon ends it first; the kernel's timer runs a
 * little longer, as a safety net. In steps, with what a cut after each step leaves behind:
 *
 *       begin     activate.c wrote "activating"    nothing is on trial: cleared by reconcile.c
 *                 the kernel began                 the kernel has it on trial: trial_settle() takes it up
 *                 state.json: trial                the same
 *
 *       confirm   state.json: "activating"         it is on trial as before: cleared by reconcile.c
 *                 the kernel confirmed             it is active, and not on trial: trial_settle() confirms it. After a
 *                                                  reboot it is not active, but rolled back, and no caller got
 *                                                  another answer
 *                 state.json: confirmed            done
 *
 *       end       the kernel reverted, or the      it is not active: trial_settle() records that it was rolled back
 *                 time has passed
 *                 state.json: rolled-back          done
 *
 * On a kernel without trials, a version on trial is activated like any other, and only the daemon and the state file
 * know the trial. To confirm it is one change of state.json. To end it, the daemon activates the confirmed policy
 * again, which such a kernel allows unless its version is lower; otherwise one change of state.json lets the next boot
 * go back.
 *
 * A trial may continue after a reboot: ipe-load counts each boot in the state file, and activates the version again, on
 * top of the confirmed one (load-trial.c). The daemon then finds a trial of this boot, whose time has begun anew. If
 * the daemon is to confirm it, it does so once the boot is complete (bus-boot.c), not when the time has passed: a boot
 * that hangs has not passed. A trial that ipe-load no longer loads has ended.
 *
 * If the disk fails, no trial begins; but a change that the kernel has made counts. If its record fails, the daemon
 * retries until it succeeds (behind.c). A kernel without trials has changed nothing when a trial is confirmed, or when
 * only the next boot ends it: both are refused then.
 */

#include "behind.h"
#include "clock.h"
#include "explain.h"
#include "health.h"
#include "kernel-extended.h"
#include "log.h"
#include "mark.h"
#include "trial-end.h"
#include "trial.h"

/* The daemon looks a little later than the kernel acts. */
#define GRACE_USEC (USEC_PER_SEC / 5)
/* The kernel reports whole seconds; a larger difference means another trial of the same version. */
#define ROUNDING_USEC (USEC_PER_SEC + USEC_PER_SEC / 2)

static const char reason_time_over[] = "ended without a confirmation", reason_reboot[] = "was ended by a reboot",
                  reason_boots_used_up[] = "was not confirmed in any of the boots that TrialBoots= allows",
                  reason_boot_too_slow[] = "ended, as the boot was not complete within TrialBootSec=";

bool trial_is_kernel_timed(const Manager *manager) {
        return kernel_has_feature(manager->kernel, "trial");
}

StoreTrial trial_new(const Manager *manager, uint64_t seconds, ConfirmBy confirm, const UnitsBefore *before) {
        StoreTrial trial = {
                .deadline_usec = clock_usec(CLOCK_BOOTTIME) + seconds * USEC_PER_SEC,
                .boots_max = manager->config.trial_boots,
                .boot_sec = manager->config.trial_boot_sec,
                .confirm = confirm,
                .failed_units = before ? before->failed : NULL,
                .restarting_units = before ? before->restarting : NULL,
                .health = { .known = true,
                            .command = manager->config.health_command,
                            .units = manager->config.health_units,
                            .ignore_units = manager->config.health_ignore_units,
                            .essential_paths = manager->config.essential_paths },
        };

        memcpy(trial.boot_id, manager->boot_id, sizeof(trial.boot_id));
        return trial;
}

static bool is_of_this_boot(const Manager *manager, const StoreTrial *trial) {
        return store_trial_is_of_boot(trial, manager->boot_id);
}

/* Why ipe-load has not activated it in this boot. */
static const char *reason_of_reboot(const StoreTrial *trial) {
        return trial->boots_max > 0 && trial->boots >= trial->boots_max ? reason_boots_used_up : reason_reboot;
}

bool trial_awaits_boot_checks(const Manager *manager) {
        return store_state_boot_is_on_trial(manager->state, manager->boot_id);
}

static int on_deadline(sd_event_source *timer, uint64_t usec, void *userdata) {
        Failure failure = {};
        int r = trial_settle(userdata, &failure);

        if (r < 0)
                log_error("Cannot record how the trial ended, retrying later: %s",
                          failure.sentence[0] ? failure.sentence : strerror(-r));
        return 0;
}

/* Whether the version was confirmed before the trial of another policy began, which hides whether it is active.
 * Confirming moves a version into the place of the current one, and the confirmed one into the place of the previous
 * one. */
static bool was_confirmed(const Manager *manager, const VersionRecord *ours) {
        const VersionRecord *confirmed = store_state_find_state(manager->state, VERSION_CONFIRMED);

        return confirmed && streq(confirmed->name, ours->name) &&
               manager_find_loaded(manager, ours->name, KERNEL_CURRENT) == ours &&
               manager_find_loaded(manager, ours->name, KERNEL_PREVIOUS) == confirmed;
}

/* Finds out how a trial ended that the kernel no longer has: confirmed if the version is active. */
static int find_out(Manager *manager, const VersionRecord *ours, Failure *reterr) {
        _cleanup_kernel_policy_ KernelPolicy kernel = {};
        const VersionRecord *active = NULL;
        Digest digest = ours->digest;
        int r = manager_find_active(manager, &kernel, &active);

        if (r < 0)
                return explain_unknown(r, "which policy is active", reterr);
        if (active == ours ? !kernel.on_trial : kernel.on_trial && was_confirmed(manager, ours))
                return trial_end_confirmed(manager, &digest, ENDED_BY_KERNEL, reterr);
        if (active != ours)
                return trial_end_unconfirmed(manager, &digest,
                                             is_of_this_boot(manager, &manager->state->trial)
                                                     ? reason_time_over
                                                     : reason_of_reboot(&manager->state->trial),
                                             reterr);
        /* Somebody has just begun another trial of it. */
        trial_check_soon(manager);
        return 0;
}

static bool may_be_tried(const VersionRecord *record) {
        Transition transition;

        return version_transition(record->state, EVENT_TRIED, &transition) >= 0;
}

/* Enters the kernel's trial into the state. end_usec: the kernel's end of it, for a trial without a mark. */
static int change_at_begin(const Manager *manager, StoreState *state, const Digest *digest, uint64_t end_usec) {
        bool marked = state->activating && digest_equal(&state->activating_digest, digest);
        Occasion occasion = occasion_now(manager, marked ? state->activating_transaction : NULL);
        StoreTrial trial = trial_new(manager, 0, CONFIRM_MANUAL, NULL);

        trial.deadline_usec = end_usec;
        trial.boots_max = 0;
        if (!marked || !is_of_this_boot(manager, &state->trial))
                if (store_state_set_trial(state, &trial) < 0)
                        return -ENOMEM;
        return state_apply(state, store_state_find_digest(state, digest), EVENT_TRIED, &occasion);
}

static void look_at_end(Manager *manager) {
        bool by_kernel = trial_is_kernel_timed(manager) && manager->state->trial.confirm == CONFIRM_MANUAL;

        trial_schedule_check(manager, manager->trial->deadline_usec + (by_kernel ? GRACE_USEC : 0));
}

/* Returns 0, also if the kernel refuses it, or a negative errno. */
static int give_up_by_itself(Manager *manager, const char *reason, Failure *reterr) {
        const VersionRecord *back;
        int r = trial_give_up(manager, reason, &back, reterr);

        if (r > 0 && r != FAILURE_NO_TRIAL) {
                log_error("Cannot end a trial that %s, retrying later: %s", reason, reterr->sentence);
                trial_check_soon(manager);
        }
        return r < 0 ? r : 0;
}

static void on_unhealthy(Manager *manager, const char *reason) {
        Failure failure = {};

        if (store_state_find_state(manager->state, VERSION_TRIAL) && give_up_by_itself(manager, reason, &failure) < 0)
                log_error("Cannot record the end of a trial that %s, retrying later: %s", reason, failure.sentence);
}

static void on_healthy(Manager *manager) {
        const VersionRecord *ours = store_state_find_state(manager->state, VERSION_TRIAL);
        _cleanup_free_ char *name = ours ? strdup(ours->name) : NULL;
        Failure failure = {};

        if (trial_awaits_boot_checks(manager)) {
                manager->trial->boot_passed = true;
                trial_report_boot(manager, true);
                return;
        }
        /* Without memory, the kernel's timer or the next look ends the trial. */
        if (name && confirm_policy(manager, name, NULL, &failure) != 0) {
                log_error("Cannot confirm '%s', although its trial passed: %s", name, failure.sentence);
                trial_check_soon(manager);
        }
}

static void watch_health(Manager *manager) {
        if (manager->state->trial.confirm == CONFIRM_AUTO)
                health_start(manager, manager->trial->deadline_usec, on_healthy, on_unhealthy);
}

/* Records a trial that the kernel has begun. must_record: fail if the disk fails. */
static int take_up(Manager *manager, const Digest *digest, uint64_t end_usec, bool must_record, Failure *reterr) {
        _cleanup_(store_state_freep) StoreState *new = store_state_copy(manager->state);
        const VersionRecord *record;
        int r;

        if (!new)
                return -ENOMEM;
        r = change_at_begin(manager, new, digest, end_usec);
        if (r < 0)
                return r;
        /* Set before the commit, which announces the deadline among the changed properties. */
        manager->trial->deadline_usec = new->trial.deadline_usec;
        r = must_record ? manager_commit(manager, &new, reterr) : behind_commit(manager, &new, reterr);
        if (r < 0) {
                manager->trial->deadline_usec = 0;
                return r;
        }
        record = store_state_find_digest(manager->state, digest);
        announce_trial(&manager->announcer, record, seconds_until(manager->trial->deadline_usec),
                       manager->state->trial.confirm);
        look_at_end(manager);
        watch_health(manager);
        return 0;
}

/* The daemon's time has passed: health decides, or nobody has confirmed the version. */
static int end_of_time(Manager *manager, Failure *reterr) {
        if (trial_awaits_boot_checks(manager))
                return give_up_by_itself(manager, reason_boot_too_slow, reterr);
        if (manager->state->trial.confirm == CONFIRM_AUTO && health_conclude(manager))
                return 0;
        return give_up_by_itself(manager, reason_time_over, reterr);
}

/* The trial goes on, or the daemon was started during it. end_usec: the kernel's end of it. */
static int go_on(Manager *manager, uint64_t end_usec, Failure *reterr) {
        const StoreTrial *trial = &manager->state->trial;
        uint64_t known = manager->trial->deadline_usec ?: is_of_this_boot(manager, trial) ? trial->deadline_usec : 0;
        bool by_daemon = is_of_this_boot(manager, trial) &&
                         (trial->confirm == CONFIRM_AUTO || !trial_is_kernel_timed(manager));

        /* The kernel's timer may run longer than the daemon's, or not exist, but never ends before it. */
        if (by_daemon ? known > end_usec : (end_usec > known ? end_usec - known : known - end_usec) > ROUNDING_USEC)
                known = end_usec;
        if (known != manager->trial->deadline_usec) {
                manager->trial->deadline_usec = known;
                announce_deadline(&manager->announcer);
        }
        watch_health(manager);
        if (health_failure(manager))
                return give_up_by_itself(manager, health_failure(manager), reterr);
        if (by_daemon && clock_usec(CLOCK_BOOTTIME) >= known)
                return end_of_time(manager, reterr);
        look_at_end(manager);
        return 0;
}

/* For a kernel with trials. */
static int settle_with_kernel(Manager *manager, Failure *reterr) {
        const VersionRecord *ours = store_state_find_state(manager->state, VERSION_TRIAL), *found = NULL;
        KernelTrial trial = {};
        uint64_t end_usec;
        Digest digest;
        int r;

        r = manager_find_trial(manager, &trial, &found);
        kernel_policy_done(&trial.policy);
        if (r < 0)
                return explain_unknown(r, "what is on trial", reterr);
        end_usec = clock_usec(CLOCK_BOOTTIME) + trial.remaining_sec * USEC_PER_SEC;
        if (found && found == ours)
                return go_on(manager, end_usec, reterr);
        if (found)
                digest = found->digest;
        if (ours) {
                r = find_out(manager, ours, reterr);
                if (r < 0)
                        return r;
        }
        /* There is one trial at a time. Somebody may try the confirmed version by hand, which does not change what the
         * next boot loads. */
        if (!found || store_state_find_state(manager->state, VERSION_TRIAL) ||
            !may_be_tried(store_state_find_digest(manager->state, &digest)))
                return 0;
        return take_up(manager, &digest, end_usec, false, reterr);
}

/* For a kernel without trials. */
static int settle_alone(Manager *manager, Failure *reterr) {
        const VersionRecord *ours = store_state_find_state(manager->state, VERSION_TRIAL), *active = NULL;
        const StoreTrial *trial = &manager->state->trial;
        bool begun = manager->state->activating && is_of_this_boot(manager, trial);
        Digest digest;
        int r;

        if (!ours && !begun)
                return 0;
        r = manager_find_active(manager, NULL, &active);
        if (r < 0)
                return explain_unknown(r, "which policy is active", reterr);
        digest = ours ? ours->digest : manager->state->activating_digest;
        if (ours && !is_of_this_boot(manager, trial))
                return trial_end_unconfirmed(manager, &digest, reason_of_reboot(trial), reterr);
        if (ours && active != ours)
                return trial_end_unconfirmed(manager, &digest, "ended, as another policy was activated", reterr);
        if (ours)
                return go_on(manager, trial->deadline_usec, reterr);
        if (active && digest_equal(&active->digest, &digest) && may_be_tried(active))
                return take_up(manager, &digest, trial->deadline_usec, false, reterr);
        return 0;
}

static int settle(Manager *manager, Failure *reterr) {
        return trial_is_kernel_timed(manager) ? settle_with_kernel(manager, reterr) : settle_alone(manager, reterr);
}

int trial_settle(Manager *manager, Failure *reterr) {
        int r = settle(manager, reterr);

        if (r < 0)
                trial_check_soon(manager);
        return r < 0 ? r : 0;
}

int trial_record(Manager *manager, const Digest *digest, Failure *reterr) {
        int r = take_up(manager, digest, manager->state->trial.deadline_usec, true, reterr);

        if (r < 0)
                trial_check_soon(manager);
        return r;
}

uint64_t trial_deadline(const Manager *manager) {
        const VersionRecord *ours = store_state_find_state(manager->state, VERSION_TRIAL);
        KernelTrial trial = {};

        if (ours && manager->trial->deadline_usec > 0)
                return manager->trial->deadline_usec;
        if (kernel_find_trial(manager->kernel, &trial) <= 0)
                return 0;
        kernel_policy_done(&trial.policy);
        return clock_usec(CLOCK_BOOTTIME) + trial.remaining_sec * USEC_PER_SEC;
}

int trial_check_boot(Manager *manager, bool *ret_passed, Failure *reterr) {
        const VersionRecord *ours = trial_awaits_boot_checks(manager)
                                            ? store_state_find_state(manager->state, VERSION_TRIAL)
                                            : NULL;
        Digest digest = ours ? ours->digest : (Digest) {};
        int r = trial_settle(manager, reterr);

        if (r < 0)
                return r;
        if (trial_awaits_boot_checks(manager)) {
                if (!manager->trial->boot_passed && !health_begin_boot_checks(manager))
                        return failure_set(reterr, FAILURE_NO_TRIAL,
                                           "The health of the trial is not watched; "
                                           "'journalctl -u ipectld' says why.");
                /* Enforcement may have been switched off since. */
                *ret_passed = manager->trial->boot_passed && health_check_enforcement(manager);
                return 0;
        }
        ours = ours ? store_state_find_digest(manager->state, &digest) : NULL;
        if (ours && ours->state != VERSION_CONFIRMED)
                return failure_set(reterr, FAILURE_NO_TRIAL, "The trial has just ended; 'ipectl log' shows how.");
        *ret_passed = true;
        return 0;
}

int trial_find(Manager *manager, const char *name, const VersionRecord **ret, Failure *reterr) {
        const VersionRecord *known;
        int r = trial_settle(manager, reterr);

        if (r == 0)
                r = manager_find(manager, name, NULL, &known, reterr);
        if (r == 0)
                *ret = store_state_find_state(manager->state, VERSION_TRIAL);
        return r;
}

/* The kernel does not say which policy it confirmed, if any: between the look and the write, the trial may have ended,
 * or another one begun. So this looks at the active policy. */
static int find_confirmed(Manager *manager, const Digest *digest, bool confirmed, Failure *reterr) {
        Failure failure = {};
        int r = trial_settle(manager, &failure);
        const VersionRecord *record = store_state_find_digest(manager->state, digest);

        if (r < 0 && !confirmed) {
                *reterr = failure;
                return r;
        }
        if (r >= 0 && record->state == VERSION_CONFIRMED)
                r = manager->disk_error;
        if (r < 0)
                return failure_set_errno(reterr, r,
                                         "The kernel has confirmed '%s', but this cannot be recorded yet: ipectld "
                                         "keeps trying, and if the machine reboots before it succeeds, the previous "
                                         "version is loaded",
                                         record->name);
        if (record->state == VERSION_CONFIRMED)
                return 0;
        return failure_set(reterr, FAILURE_NO_TRIAL, "The trial of '%s' has just ended without a confirmation.",
                           record->name);
}

static int confirm_in_kernel(Manager *manager, const VersionRecord *trial, Failure *reterr) {
        Digest digest = trial->digest;
        int r;

        /* A disk that already fails shows here, before the kernel confirms. */
        r = activation_mark(manager, &digest, trial->transaction, NULL, reterr);
        if (r < 0)
                return r;
        r = kernel_confirm(manager->kernel);
        if (r < 0 && r != -ENODATA) {
                activation_unmark(manager);
                return explain_kernel(manager, r, reterr);
        }
        return find_confirmed(manager, &digest, r >= 0, reterr);
}

int trial_check_meant(const VersionRecord *trial, const char *name, const TrialMeant *meant, Failure *reterr) {
        char version[IPE_VERSION_STRLEN];

        if (!trial)
                return failure_set(reterr, FAILURE_NO_TRIAL, "'%s' is not on trial; 'ipectl list' shows its state.",
                                   name);
        if (!streq(trial->name, name))
                return failure_set(reterr, FAILURE_NO_TRIAL, "'%s' is not on trial, '%s' is.", name, trial->name);
        if (!meant)
                return 0;
        ipe_version_print(&trial->version, version);
        if (meant->version && !streq(meant->version, version))
                return failure_set(reterr, FAILURE_NOT_THAT_VERSION, "'%s' %s is on trial, not %.50s.", trial->name,
                                   version, meant->version);
        if (meant->transaction && !streq(meant->transaction, trial->transaction))
                return failure_set(reterr, FAILURE_NOT_THAT_VERSION, "Another trial of '%s' %s has begun meanwhile.",
                                   trial->name, version);
        return authorised_check(meant->authorised, trial, reterr);
}

static int find_meant(Manager *manager, const char *name, const TrialMeant *meant, const VersionRecord **ret,
                      Failure *reterr) {
        int r = trial_find(manager, name, ret, reterr);

        return r != 0 ? r : trial_check_meant(*ret, name, meant, reterr);
}

int end_trial(Manager *manager, const char *name, const TrialMeant *meant, const VersionRecord **ret, Failure *reterr) {
        const VersionRecord *trial;
        int r = find_meant(manager, name, meant, &trial, reterr);

        return r != 0 ? r : trial_give_up(manager, "was ended on demand", ret, reterr);
}

int confirm_policy(Manager *manager, const char *name, const TrialMeant *meant, Failure *reterr) {
        const VersionRecord *trial;
        Digest digest;
        int r;

        r = find_meant(manager, name, meant, &trial, reterr);
        if (r != 0)
                return r;
        if (trial_is_kernel_timed(manager))
                return confirm_in_kernel(manager, trial, reterr);
        digest = trial->digest;
        return trial_end_confirmed(manager, &digest, ENDED_BY_RECORD, reterr);
}

static int revert_in_kernel(Manager *manager, const Digest *digest, const char *reason, Failure *reterr) {
        int r = kernel_revert(manager->kernel);

        if (r == -ENODATA) {
                r = trial_settle(manager, reterr);
                if (r >= 0 && store_state_find_digest(manager->state, digest)->state == VERSION_CONFIRMED)
                        return failure_set(reterr, FAILURE_NO_TRIAL, "Its trial has just ended: it was confirmed.");
                return r;
        }
        return r < 0 ? explain_kernel(manager, r, reterr) : trial_end_unconfirmed(manager, digest, reason, reterr);
}

/* A kernel without trials does not go to a lower version. Returns whether the confirmed policy is active again. */
static bool activate_confirmed(const Manager *manager, const VersionRecord *ours) {
        const VersionRecord *confirmed = store_state_find_state(manager->state, VERSION_CONFIRMED);
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        const void *data;
        size_t size;

        if (!confirmed || ipe_version_compare(&confirmed->version, &ours->version) < 0 ||
            manager_check_return(manager, confirmed, NULL) != 0 ||
            manager_open_envelope(manager, confirmed, &envelope, NULL) != 0)
                return false;
        data = envelope_data(envelope, &size);
        return kernel_activate(manager->kernel, confirmed->name, &confirmed->version, data, size) >= 0;
}

static int revert_alone(Manager *manager, const Digest *digest, const char *reason, Failure *reterr) {
        if (activate_confirmed(manager, store_state_find_digest(manager->state, digest)))
                return trial_end_unconfirmed(manager, digest, reason, reterr);
        return trial_end_at_boot(manager, digest, reason, reterr);
}

int trial_give_up(Manager *manager, const char *reason, const VersionRecord **ret, Failure *reterr) {
        Digest digest = store_state_find_state(manager->state, VERSION_TRIAL)->digest;
        const VersionRecord *confirmed, *active = NULL;
        int r = trial_is_kernel_timed(manager) ? revert_in_kernel(manager, &digest, reason, reterr)
                                               : revert_alone(manager, &digest, reason, reterr);

        if (r != 0)
                return r;
        confirmed = store_state_find_state(manager->state, VERSION_CONFIRMED);
        active = manager_active(manager, NULL);
        *ret = active && active == confirmed ? confirmed
                                             : store_state_find_state(manager->state, VERSION_PENDING_REBOOT);
        return 0;
}

void trial_on_boot(Manager *manager, TrialBootDone done, void *userdata) {
        manager->trial->boot_done = done;
        manager->trial->boot_userdata = userdata;
}

int trial_attach(Manager *manager) {
        manager->trial = calloc(1, sizeof(*manager->trial));
        if (!manager->trial)
                return -ENOMEM;
        manager->trial->on_time = on_deadline;
        return 0;
}

void trial_detach(Manager *manager) {
        if (!manager->trial)
                return;
        sd_event_source_disable_unref(manager->trial->timer);
        free(manager->trial);
        manager->trial = NULL;
}
