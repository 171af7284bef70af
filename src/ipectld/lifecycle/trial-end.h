/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The time of a trial, and how it ends; for trial.c alone.
 */
#ifndef IPECTLD_TRIAL_END_H
#define IPECTLD_TRIAL_END_H

#include "manager.h"

struct Trial {
        sd_event_time_handler_t on_time;
        sd_event_source *timer;                         /* NULL while nothing is on trial */
        uint64_t deadline_usec;                         /* CLOCK_BOOTTIME; 0 while nothing is on trial */
        bool boot_passed;                               /* the health checks of a boot on trial passed */
        void (*boot_done)(bool passed, void *userdata); /* NULL: nobody waits */
        void *boot_userdata;
};

/* The side that has ended a trial. */
typedef enum EndedBy {
        ENDED_BY_KERNEL, /* it has ended, even if the disk fails */
        ENDED_BY_RECORD, /* only the record ends it */
        ENDED_BY_BOOT,   /* likewise, and the next boot loads the confirmed version, as the running kernel cannot */
} EndedBy;

/* Calls on_time at a time of CLOCK_BOOTTIME. */
void trial_schedule_check(Manager *manager, uint64_t usec);

/* After a failure: looks again soon, as the end of the trial may be a day away, or past. */
void trial_check_soon(Manager *manager);

/* Answers the caller that waits for the boot; see trial_on_boot(). */
void trial_report_boot(const Manager *manager, bool passed);

/* Each records one way in which the trial of a version ends, and announces it. reason: as in "The trial of 'a' REASON".
 * Returns as behind_commit(), or -ENOMEM; if it fails, it looks again soon. */
int trial_end_confirmed(Manager *manager, const Digest *digest, EndedBy by, Failure *reterr);
int trial_end_unconfirmed(Manager *manager, const Digest *digest, const char *reason, Failure *reterr);
/* The version stays active until the next boot. */
int trial_end_at_boot(Manager *manager, const Digest *digest, const char *reason, Failure *reterr);

#endif
