/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A version on trial, from its beginning to its end, no matter who begins or ends it.
 */
#ifndef IPECTLD_TRIAL_H
#define IPECTLD_TRIAL_H

#include "authorised.h"
#include "health-before.h"
#include "manager.h"

/* Call before any function below. Returns 0 or -ENOMEM. */
int trial_attach(Manager *manager);
void trial_detach(Manager *manager);

/* Brings the state in line with the kernel's trial: it may have ended by itself, or somebody may have begun, confirmed
 * or reverted one through the kernel's files. Call it before any decision by the state; it makes pointers to records
 * invalid.
 *
 * Returns 0, or a negative errno with a sentence. */
int trial_settle(Manager *manager, Failure *reterr);

/* Settles, and finds the version on trial.
 *
 * name: of a policy that must exist. ret: the version on trial, of any name; NULL if there is none.
 *
 * Returns 0, FAILURE_NO_SUCH_POLICY, or a negative errno with a sentence. */
int trial_find(Manager *manager, const char *name, const VersionRecord **ret, Failure *reterr);

/* Whether the kernel times a trial and goes back by itself; otherwise the daemon does what it can. */
bool trial_is_kernel_timed(const Manager *manager);

/* A trial that begins at this moment, for activation_mark(). Its health checks are those of the present configuration.
 * before: NULL if health is not watched. The result borrows from before and from the configuration. */
StoreTrial trial_new(const Manager *manager, uint64_t seconds, ConfirmBy confirm, const UnitsBefore *before);

/* Records a version that the kernel has begun to enforce on trial, as it was marked; announces it, and waits for its
 * end. If the record fails and the trial goes on, the daemon retries. Returns 0 or a negative errno. */
int trial_record(Manager *manager, const Digest *digest, Failure *reterr);

/* When the trial ends, in CLOCK_BOOTTIME usec; 0 if nothing is on trial. */
uint64_t trial_deadline(const Manager *manager);

/* Whether the daemon is to confirm a trial that has continued after a reboot; then the health of this boot decides. */
bool trial_awaits_boot_checks(const Manager *manager);

/* Whether the trial of this boot has passed, once the boot is up. Settles first.
 *
 * ret_passed: true also if there is no such trial; false if it is not known yet: see trial_on_boot().
 * Returns 0; FAILURE_NO_TRIAL if the trial has just ended, or is not watched; a negative errno. */
int trial_check_boot(Manager *manager, bool *ret_passed, Failure *reterr);

/* Called whenever a trial passes, or ends. */
typedef void (*TrialBootDone)(bool passed, void *userdata);

/* done: NULL if nobody waits any more. */
void trial_on_boot(Manager *manager, TrialBootDone done, void *userdata);

/* The trial that a caller has in mind. */
typedef struct TrialMeant {
        const char *version;          /* NULL: any */
        const char *transaction;      /* that began the trial; NULL: any */
        const Authorised *authorised; /* NULL: any */
} TrialMeant;

/* Whether the version on trial is the one that is meant. trial: NULL for none. meant: NULL for any of that name.
 * Returns 0, FAILURE_NO_TRIAL or FAILURE_NOT_THAT_VERSION. */
int trial_check_meant(const VersionRecord *trial, const char *name, const TrialMeant *meant, Failure *reterr);

/* Confirms the version on trial.
 * meant: NULL for any trial of that policy.
 * Returns 0; FAILURE_NO_SUCH_POLICY; FAILURE_NOT_THAT_VERSION if another version is on trial; FAILURE_NO_TRIAL, also if
 * its time has passed; FAILURE_LOCKED_DOWN; a negative errno. If only the disk fails, the kernel has confirmed it, and
 * the record follows once the disk can be written. */
int confirm_policy(Manager *manager, const char *name, const TrialMeant *meant, Failure *reterr);

/* Ends the trial of a policy on demand; never takes back anything else. Returns as confirm_policy() and
 * trial_give_up().
 * meant: as above. ret: as of trial_give_up(). */
int end_trial(Manager *manager, const char *name, const TrialMeant *meant, const VersionRecord **ret, Failure *reterr);

/* Ends the trial that the state has: the confirmed policy is active again, at once or from the next boot on.
 *
 * reason: as in "The trial of 'a' REASON". ret: the version that is active again; NULL if none of our policies is
 * active, nor will be after the next boot.
 *
 * Returns 0; FAILURE_NO_TRIAL if it was confirmed meanwhile; a negative errno. */
int trial_give_up(Manager *manager, const char *reason, const VersionRecord **ret, Failure *reterr);

#endif
