/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Going back.
 */
#ifndef IPECTLD_ROLLBACK_H
#define IPECTLD_ROLLBACK_H

#include "manager.h"

/* From a policy on trial to the confirmed one; from the confirmed one to the version before: at once, if that one
 * was confirmed in this boot too, the kernel still has it and the rollback floor allows it, else at the next boot.
 *
 * ret: the version that was gone back to; NULL if a trial ended and no policy of ours is in force.
 *
 * Returns 0, also if it was selected already; FAILURE_NO_SUCH_POLICY if there is nothing to go back from or to;
 * a refusal of trust_verify() if the signer of that version is not trusted any more; FAILURE_TRIAL_IN_PROGRESS if another policy is on trial; FAILURE_LOCKED_DOWN; FAILURE_NOT_SUPPORTED if the
 * configuration forbids to wait for the boot; a negative errno. */
int roll_back_policy(Manager *manager, const char *name, const VersionRecord **ret, Failure *reterr);

#endif
