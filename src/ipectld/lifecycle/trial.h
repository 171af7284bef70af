/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A policy on trial, from its begin to its end, whoever ends it.
 */
#ifndef IPECTLD_TRIAL_H
#define IPECTLD_TRIAL_H

#include "authorised.h"
#include "health-before.h"
#include "manager.h"

/* Before anything of the below. Returns 0 or -ENOMEM. */
int trial_attach(Manager *manager);
void trial_detach(Manager *manager);

/* Brings the state and the kernel's trial together: a trial that ended by itself, or that somebody began, confirmed or
 * reverted by the kernel's files. Whoever decides by the state calls it first; pointers to records are void then.
 *
 * Returns 0, or a negative errno with a sentence. */
int trial_settle(Manager *manager, Failure *reterr);

/* Settles, and tells what is on trial.
 *
 * name: of a policy that has to be known. ret: the version that is on trial, of whatever name; NULL if none is.
 *
 * Returns 0, FAILURE_NO_SUCH_POLICY, or a negative errno with a sentence. */
int trial_find(Manager *manager, const char *name, const VersionRecord **ret, Failure *reterr);

/* Whether the kernel holds the time of a trial and goes back by itself; else the daemon does what it can. */
bool trial_is_kernels(const Manager *manager);

/* A trial that begins at this moment, for activation_mark(). Its health checks are those of the present configuration.
 * before: NULL where health is not watched; borrowed, as is what the configuration has. */
StoreTrial trial_new(const Manager *manager, uint64_t seconds, ConfirmBy confirm, const UnitsBefore *before);

/* The kernel enforces a version for a time, as it was marked: records it, waits for the end, tells. If it cannot be
 * recorded, and the trial goes on all the same, that is tried again. Returns 0 or a negative errno. */
int trial_record(Manager *manager, const Digest *digest, Failure *reterr);

/* When the trial ends, in CLOCK_BOOTTIME usec; 0 if nothing is on trial. */
uint64_t trial_deadline(const Manager *manager);

/* Whether a trial that the daemon is to confirm has outlived a reboot; then it is this boot that decides. */
bool trial_is_boot(const Manager *manager);

/* The boot is up: has its trial passed? Settles first.
 *
 * ret_passed: true also if there is no such trial; false if it is not known yet: see trial_on_boot().
 * Returns 0; FAILURE_NO_TRIAL if the trial has just ended, or is not watched; a negative errno. */
int trial_check_boot(Manager *manager, bool *ret_passed, Failure *reterr);

/* Called whenever a trial passes, or ends. */
typedef void (*TrialBootDone)(bool passed, void *userdata);

/* done: NULL: nobody waits any more. */
void trial_on_boot(Manager *manager, TrialBootDone done, void *userdata);

/* The trial that a caller has in mind. */
typedef struct TrialMeant {
        const char *version;     /* NULL: any */
        const char *transaction; /* that began it; NULL: any */
        const Authorised *authorised; /* NULL: any */
} TrialMeant;

/* Whether the version on trial is the one that is meant. trial: NULL for none. meant: NULL for any of that name.
 * Returns 0, FAILURE_NO_TRIAL or FAILURE_NOT_THAT_VERSION. */
int trial_check_meant(const VersionRecord *trial, const char *name, const TrialMeant *meant, Failure *reterr);

/* Keeps the policy that is on trial.
 * meant: NULL for whatever trial there is.
 * Returns 0; FAILURE_NO_SUCH_POLICY; FAILURE_NOT_THAT_VERSION if another one is on trial; FAILURE_NO_TRIAL, also if the time is over; FAILURE_LOCKED_DOWN; a negative errno.
 * If only the disk fails, the kernel has confirmed it, and the state follows once it can be written. */
int confirm_policy(Manager *manager, const char *name, const TrialMeant *meant, Failure *reterr);

/* Ends the trial of a policy on demand; nothing else is ever taken back. Returns as confirm_policy() and trial_give_up().
 * meant: as above. ret: as of trial_give_up(). */
int end_trial(Manager *manager, const char *name, const TrialMeant *meant, const VersionRecord **ret, Failure *reterr);

/* Ends the trial that the state has: the confirmed policy decides again, at once or from the next boot on.
 *
 * reason: as in "The trial of 'a' REASON". ret: the version that was gone back to; NULL if there is none, and no policy of
 * ours is in force, or will be after the next boot.
 *
 * Returns 0; FAILURE_NO_TRIAL if it was confirmed meanwhile; a negative errno. */
int trial_give_up(Manager *manager, const char *reason, const VersionRecord **ret, Failure *reterr);

#endif
