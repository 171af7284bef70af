/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A policy on trial. The kernel holds the time and goes back by itself; the daemon records what was begun, and finds out
 * what became of it. What a cut at each place leaves behind:
 *
 *      begin     activate.c wrote "activating"    nothing is on trial: cleared by reconcile.c
 *                the kernel began                 the kernel has it on trial: trial_settle() takes it up
 *                state.json: trial                the same
 *
 *      confirm   state.json: "activating"         it is on trial as before: cleared by reconcile.c
 *                the kernel confirmed             it decides, and is not on trial: trial_settle() confirms it. After a
 *                                                 reboot it does not decide: it is rolled back; nobody was told otherwise
 *                state.json: confirmed            done
 *
 *      end       the kernel reverted, or the      it does not decide: trial_settle() records that it was rolled back
 *                time was over
 *                state.json: rolled-back          done
 *
 * A reboot ends a trial: ipe-load loads what is confirmed, never what is on trial. Where the disk fails in between, the
 * daemon looks again until it does not.
 */

#include <time.h>

#include "explain.h"
#include "kernel-trial.h"
#include "log.h"
#include "record.h"
#include "trial.h"

#define USEC_PER_SEC UINT64_C(1000000)
#define ACCURACY_USEC (USEC_PER_SEC / 10)
/* The daemon looks a bit later than the kernel acts. */
#define GRACE_USEC (USEC_PER_SEC / 5)
/* The kernel tells whole seconds; what differs by more is another trial of the same version. */
#define ROUNDING_USEC (USEC_PER_SEC + USEC_PER_SEC / 2)
/* After a failure, as of a disk that is full. */
#define RETRY_USEC (10 * USEC_PER_SEC)

static int on_deadline(sd_event_source *timer, uint64_t usec, void *userdata);

static uint64_t boottime_usec(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_BOOTTIME, &now);
        return (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / 1000;
}

/* Looks at the trial again at a time. */
static void look_at(Manager *manager, uint64_t usec) {
        int r;

        if (!manager->trial_timer)
                r = sd_event_add_time(manager->event, &manager->trial_timer, CLOCK_BOOTTIME, usec, ACCURACY_USEC,
                                      on_deadline, manager);
        else {
                r = sd_event_source_set_time(manager->trial_timer, usec);
                if (r >= 0)
                        r = sd_event_source_set_enabled(manager->trial_timer, SD_EVENT_ONESHOT);
        }
        if (r < 0)
                log_error("Cannot set a timer, the end of the trial goes unnoticed until somebody asks: %s",
                          strerror(-r));
}

static void stop_looking(Manager *manager) {
        manager->trial_timer = sd_event_source_disable_unref(manager->trial_timer);
        manager->trial_deadline_usec = 0;
}

/* What is not recorded is not to wait for the end of the trial, which may be a day away, or past. */
static void look_soon(Manager *manager) {
        look_at(manager, boottime_usec() + RETRY_USEC);
}

static int on_deadline(sd_event_source *timer, uint64_t usec, void *userdata) {
        Failure failure = {};
        int r = trial_settle(userdata, &failure);

        if (r < 0)
                log_error("Cannot record what became of the trial, trying again later: %s",
                          failure.sentence[0] ? failure.sentence : strerror(-r));
        return 0;
}

static int change_at_end(StoreState *state, const Digest *digest, bool confirmed) {
        VersionRecord *record = store_state_find_digest(state, digest);

        if (confirmed)
                return confirm_in_state(state, record, EVENT_REPLACED);
        if (digest_equal(&state->activating_digest, digest))
                state->activating = false;
        return version_apply(record, EVENT_GIVEN_UP);
}

/* Changes the state of the version on trial; what differs between the ends of a trial is the caller's. */
static int record_end(Manager *manager, const Digest *digest, bool confirmed, Failure *reterr) {
        _cleanup_(store_state_freep) StoreState *new = store_state_copy(manager->state);
        int r = -ENOMEM;

        if (new)
                r = change_at_end(new, digest, confirmed);
        if (r >= 0)
                r = manager_commit(manager, &new, reterr);
        if (r >= 0)
                stop_looking(manager);
        else
                look_soon(manager);
        return r;
}

static int end_confirmed(Manager *manager, const Digest *digest, Failure *reterr) {
        int r = record_end(manager, digest, true, reterr);

        if (r >= 0)
                announce_confirmed(&manager->announcer, store_state_find_digest(manager->state, digest));
        return r;
}

static int end_unconfirmed(Manager *manager, const Digest *digest, bool demanded, Failure *reterr) {
        int r = record_end(manager, digest, false, reterr);

        if (r >= 0)
                announce_trial_ended(&manager->announcer, store_state_find_digest(manager->state, digest),
                                     manager_active(manager, NULL), demanded);
        return r;
}

/* Another policy is on trial: that it does not decide says nothing. But a version moves into the place of the current one,
 * and the confirmed one into that of the previous, when it is confirmed. */
static bool was_confirmed(const Manager *manager, const VersionRecord *ours) {
        const VersionRecord *confirmed = store_state_find_state(manager->state, VERSION_CONFIRMED);

        return confirmed && streq(confirmed->name, ours->name) &&
               manager_find_loaded(manager, ours->name, KERNEL_CURRENT) == ours &&
               manager_find_loaded(manager, ours->name, KERNEL_PREVIOUS) == confirmed;
}

/* It was not on trial at the last look: does it decide? */
static int find_out(Manager *manager, const VersionRecord *ours, Failure *reterr) {
        _cleanup_kernel_policy_ KernelPolicy kernel = {};
        const VersionRecord *active = NULL;
        Digest digest = ours->digest;
        int r = manager_find_active(manager, &kernel, &active);

        if (r < 0)
                return failure_set_errno(reterr, r, "Cannot find out what the kernel enforces");
        if (active == ours ? !kernel.on_trial : kernel.on_trial && was_confirmed(manager, ours))
                return end_confirmed(manager, &digest, reterr);
        if (active != ours)
                return end_unconfirmed(manager, &digest, false, reterr);
        /* Somebody has just begun another trial of it. */
        look_soon(manager);
        return 0;
}

static int take_up(Manager *manager, const Digest *digest, uint64_t seconds, Failure *reterr) {
        _cleanup_(store_state_freep) StoreState *new = store_state_copy(manager->state);
        int r;

        if (!new)
                return -ENOMEM;
        r = version_apply(store_state_find_digest(new, digest), EVENT_TRIED);
        if (r < 0)
                return r;
        new->activating = false;
        /* The change of properties, which the commit tells, has it already. */
        manager->trial_deadline_usec = boottime_usec() + seconds * USEC_PER_SEC;
        r = manager_commit(manager, &new, reterr);
        if (r < 0) {
                manager->trial_deadline_usec = 0;
                return r;
        }
        look_at(manager, manager->trial_deadline_usec + GRACE_USEC);
        announce_trial(&manager->announcer, store_state_find_digest(manager->state, digest), seconds);
        return 0;
}

/* The trial goes on, or the daemon was started in the middle of it. */
static void go_on(Manager *manager, unsigned remaining_sec) {
        uint64_t end = boottime_usec() + remaining_sec * USEC_PER_SEC, known = manager->trial_deadline_usec;

        if ((end > known ? end - known : known - end) > ROUNDING_USEC) {
                manager->trial_deadline_usec = end;
                announce_deadline(&manager->announcer);
        }
        look_at(manager, end + GRACE_USEC);
}

static int settle(Manager *manager, Failure *reterr) {
        const VersionRecord *ours = store_state_find_state(manager->state, VERSION_TRIAL), *found = NULL;
        KernelTrial trial = {};
        Digest digest;
        int r;

        r = manager_find_trial(manager, &trial, &found);
        kernel_policy_done(&trial.policy);
        if (r < 0)
                return failure_set_errno(reterr, r, "Cannot find out what is on trial");
        if (found && found == ours) {
                go_on(manager, trial.remaining_sec);
                return 0;
        }
        if (found)
                digest = found->digest;
        if (ours) {
                r = find_out(manager, ours, reterr);
                if (r < 0)
                        return r;
        }
        /* What is confirmed on disk may be tried by hand; that changes nothing of what the next boot loads. */
        if (!found || version_state_next(store_state_find_digest(manager->state, &digest)->state, EVENT_TRIED) < 0)
                return 0;
        return take_up(manager, &digest, trial.remaining_sec, reterr);
}

int trial_settle(Manager *manager, Failure *reterr) {
        int r = settle(manager, reterr);

        if (r < 0)
                look_soon(manager);
        return r;
}

int trial_record(Manager *manager, const Digest *digest, uint64_t seconds, Failure *reterr) {
        int r = take_up(manager, digest, seconds, reterr);

        if (r < 0)
                look_soon(manager);
        return r;
}

uint64_t trial_deadline(const Manager *manager) {
        const VersionRecord *ours = store_state_find_state(manager->state, VERSION_TRIAL);
        KernelTrial trial = {};

        if (ours && manager->trial_deadline_usec > 0)
                return manager->trial_deadline_usec;
        if (kernel_find_trial(manager->kernel, &trial) <= 0)
                return 0;
        kernel_policy_done(&trial.policy);
        return boottime_usec() + trial.remaining_sec * USEC_PER_SEC;
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

static int refuse_no_trial(const Manager *manager, const char *name, const VersionRecord *trial, Failure *reterr) {
        if (!kernel_has_feature(manager->kernel, "trial"))
                return failure_set(reterr, FAILURE_NO_TRIAL, "'%s' is not on trial: this kernel has no trial.", name);
        if (trial)
                return failure_set(reterr, FAILURE_NO_TRIAL, "'%s' is not on trial, '%s' is.", name, trial->name);
        return failure_set(reterr, FAILURE_NO_TRIAL, "'%s' is not on trial; 'ipectl list' shows its state.", name);
}

/* The kernel does not say which policy it confirmed, if any: the trial may have been over, or another one begun, between
 * the look and the write. So what decides by now tells. */
static int find_confirmed(Manager *manager, const Digest *digest, bool confirmed, Failure *reterr) {
        Failure failure = {};
        int r = trial_settle(manager, &failure);
        const VersionRecord *record = store_state_find_digest(manager->state, digest);

        if (r < 0 && !confirmed) {
                *reterr = failure;
                return r;
        }
        if (r < 0) {
                log_error("The kernel has confirmed '%s', but that is not recorded: the version before is loaded at the "
                          "next boot, unless '" STORE_DIRECTORY "' can be written until then.", record->name);
                return failure_set_errno(reterr, r, "The kernel has confirmed '%s', but that cannot be recorded yet; ipectld "
                                         "tries again, and until then the version before is loaded at the next boot",
                                         record->name);
        }
        if (record->state == VERSION_CONFIRMED)
                return 0;
        return failure_set(reterr, FAILURE_NO_TRIAL, "The trial of '%s' has just ended without a confirmation.",
                           record->name);
}

int confirm_policy(Manager *manager, const char *name, Failure *reterr) {
        const VersionRecord *trial;
        Digest digest;
        int r;

        r = trial_find(manager, name, &trial, reterr);
        if (r != 0)
                return r;
        if (!trial || !streq(trial->name, name))
                return refuse_no_trial(manager, name, trial, reterr);
        digest = trial->digest;
        /* A disk that fails already is found out before the kernel confirms. */
        r = activation_mark(manager, &digest, reterr);
        if (r < 0)
                return r;
        r = kernel_confirm(manager->kernel);
        if (r < 0 && r != -ENODATA) {
                activation_unmark(manager);
                return explain_kernel(manager, r, reterr);
        }
        return find_confirmed(manager, &digest, r >= 0, reterr);
}

int trial_give_up(Manager *manager, const VersionRecord **ret, Failure *reterr) {
        Digest digest = store_state_find_state(manager->state, VERSION_TRIAL)->digest;
        const VersionRecord *confirmed, *active = NULL;
        int r = kernel_revert(manager->kernel);

        if (r == -ENODATA) {
                r = trial_settle(manager, reterr);
                if (r >= 0 && store_state_find_digest(manager->state, &digest)->state == VERSION_CONFIRMED)
                        return failure_set(reterr, FAILURE_NO_TRIAL, "Its trial has just ended: it was confirmed.");
        } else if (r < 0)
                return explain_kernel(manager, r, reterr);
        else
                r = end_unconfirmed(manager, &digest, true, reterr);
        if (r < 0)
                return r;
        confirmed = store_state_find_state(manager->state, VERSION_CONFIRMED);
        active = manager_active(manager, NULL);
        *ret = active && active == confirmed ? confirmed : NULL;
        return 0;
}
