/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end of a trial is one change of the state, and its announcement. The table in trial.c has the order of disk and
 * kernel.
 */

#include "behind.h"
#include "clock.h"
#include "health.h"
#include "log.h"
#include "mark.h"
#include "trial-end.h"

#define ACCURACY_USEC (USEC_PER_SEC / 10)
/* After a failure, such as a full disk. */
#define RETRY_USEC (10 * USEC_PER_SEC)

void trial_report_boot(const Manager *manager, bool passed) {
        const Trial *trial = manager->trial;

        if (trial->boot_done)
                trial->boot_done(passed, trial->boot_userdata);
}

void trial_schedule_check(Manager *manager, uint64_t usec) {
        int r;

        if (!manager->trial->timer)
                r = sd_event_add_time(manager->event, &manager->trial->timer, CLOCK_BOOTTIME, usec, ACCURACY_USEC,
                                      manager->trial->on_time, manager);
        else {
                r = sd_event_source_set_time(manager->trial->timer, usec);
                if (r >= 0)
                        r = sd_event_source_set_enabled(manager->trial->timer, SD_EVENT_ONESHOT);
        }
        if (r < 0)
                log_error("Cannot set a timer, so ipectld does not notice the end of the trial until somebody asks: %s",
                          strerror(-r));
}

static void stop_looking(Manager *manager) {
        health_stop(manager);
        manager->trial->timer = sd_event_source_disable_unref(manager->trial->timer);
        manager->trial->deadline_usec = 0;
        manager->trial->boot_passed = false;
}

void trial_check_soon(Manager *manager) {
        trial_schedule_check(manager, clock_usec(CLOCK_BOOTTIME) + RETRY_USEC);
}

/* Changes the state of the version on trial; the callers do what differs between the ends. Returns as behind_commit(),
 * or another negative errno. */
static int record_end(Manager *manager, const Digest *digest, VersionEvent event, EndedBy by, Failure *reterr) {
        _cleanup_(store_state_freep) StoreState *new = store_state_copy(manager->state);
        VersionRecord *record = new ? store_state_find_digest(new, digest) : NULL, *confirmed;
        int r = -ENOMEM;

        if (record) {
                Occasion occasion = occasion_now(manager, record->transaction);

                /* A version that is selected already stays selected, and a deactivation stays, too. */
                confirmed = by == ENDED_BY_BOOT ? store_state_find_selected(new) : NULL;
                if (confirmed && confirmed->state != VERSION_CONFIRMED)
                        confirmed = NULL;
                r = event == EVENT_ACTIVATED ? state_confirm(new, record, EVENT_REPLACED, &occasion)
                                             : state_apply(new, record, event, &occasion);
                if (r >= 0 && confirmed)
                        r = state_apply(new, confirmed, EVENT_SELECTED, &occasion);
        }
        if (r >= 0)
                r = by == ENDED_BY_KERNEL ? behind_commit(manager, &new, reterr)
                                          : manager_commit(manager, &new, reterr);
        if (r >= 0)
                stop_looking(manager);
        else
                trial_check_soon(manager);
        return r;
}

int trial_end_confirmed(Manager *manager, const Digest *digest, EndedBy by, Failure *reterr) {
        int r = record_end(manager, digest, EVENT_ACTIVATED, by, reterr);

        if (r < 0)
                return r;
        announce_confirmed(&manager->announcer, store_state_find_digest(manager->state, digest));
        trial_report_boot(manager, true);
        return 0;
}

/* The history gets the reason, too. */
static int record_given_up(Manager *manager, const Digest *digest, EndedBy by, const char *reason, Failure *reterr) {
        int r;

        manager->why.message = reason;
        r = record_end(manager, digest, EVENT_GIVEN_UP, by, reterr);
        manager->why = (Why) {};
        return r;
}

int trial_end_unconfirmed(Manager *manager, const Digest *digest, const char *reason, Failure *reterr) {
        int r = record_given_up(manager, digest, ENDED_BY_KERNEL, reason, reterr);

        if (r < 0)
                return r;
        announce_trial_ended(&manager->announcer, store_state_find_digest(manager->state, digest),
                             manager_active(manager, NULL), reason);
        trial_report_boot(manager, false);
        return 0;
}

int trial_end_at_boot(Manager *manager, const Digest *digest, const char *reason, Failure *reterr) {
        const VersionRecord *record, *pending;
        int r = record_given_up(manager, digest, ENDED_BY_BOOT, reason, reterr);

        if (r < 0)
                return r;
        record = store_state_find_digest(manager->state, digest);
        pending = store_state_find_state(manager->state, VERSION_PENDING_REBOOT);
        announce_trial_ended(&manager->announcer, record, record, reason);
        if (pending)
                announce_rollback_pending(&manager->announcer, pending, record);
        trial_report_boot(manager, false);
        return 0;
}
