/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Goes back to an earlier version.
 */
#ifndef IPECTLD_ROLLBACK_H
#define IPECTLD_ROLLBACK_H

#include "authorised.h"
#include "manager.h"

/* The version that a rollback of that name takes back, by the state alone; NULL if there is none, or nothing to go back
 * to. */
const VersionRecord *rollback_candidate(const StoreState *state, const char *name);

/* Goes back from a version on trial to the confirmed one; else from the confirmed one to the version that was confirmed
 * before it, of whatever name. The latter is refused if a trial has ended since the confirmed version got its state,
 * unless the caller names it in "from", as the caller may mean the version on trial.
 *
 * The kernel goes back at once if it can: within a name, if the version was confirmed in this boot too, the kernel
 * still has it and the rollback floor allows it; to another name, if its version is not lower. Otherwise the next boot
 * does. A failing disk does not prevent going back at once: see behind.h.
 *
 * name: of the policy to take back.
 * from: the version to take back; NULL if the caller does not say.
 * authorised: of rollback_candidate(); NULL for any.
 * ret: the version that is active again, or will be after the next boot; NULL if a trial ended and none of our policies
 * is active.
 *
 * Returns 0, also if it was selected already; FAILURE_NO_SUCH_POLICY if there is nothing to take back or to go back to;
 * FAILURE_NOT_THAT_VERSION if from is neither on trial nor confirmed nor still active, or is not what was authorised;
 * FAILURE_NO_TRIAL if a trial has ended and from is NULL; a refusal of trust_verify() if the signer of the earlier
 * version is no longer trusted; FAILURE_TRIAL_IN_PROGRESS if another policy is on trial; FAILURE_LOCKED_DOWN;
 * FAILURE_NOT_SUPPORTED if the configuration forbids waiting for the boot; a negative errno. */
int roll_back_policy(Manager *manager, const char *name, const char *from, const Authorised *authorised,
                     const VersionRecord **ret, Failure *reterr);

#endif
