/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Going back.
 */
#ifndef IPECTLD_ROLLBACK_H
#define IPECTLD_ROLLBACK_H

#include "authorised.h"
#include "manager.h"

/* The version that a rollback of that name takes back, as far as the state says; NULL if there is nothing to go back from or to. */
const VersionRecord *rollback_candidate(const StoreState *state, const char *name);

/* From a policy on trial to the confirmed one; from the confirmed one to the version that was confirmed before it, whatever its
 * name, unless a trial has ended since the confirmed one got its state, and the caller does not say that it means that one. At once
 * where the kernel can, which is: within a name, if the version was confirmed in this boot too, the kernel still has it and the
 * rollback floor allows it; to another name, if its version is no lower. Else at the next boot. A disk that fails keeps nobody from
 * going back at once: see behind.h.
 *
 * name: of what is to be taken back.
 * from: the version that is to be taken back; NULL where the caller does not say.
 * authorised: what polkit was asked about, of rollback_candidate(); NULL: whatever there is.
 * ret: the version that was gone back to; NULL if a trial ended and no policy of ours is in force.
 *
 * Returns 0, also if it was selected already; FAILURE_NO_SUCH_POLICY if there is nothing to go back from or to;
 * FAILURE_NOT_THAT_VERSION if from is neither on trial nor confirmed nor still in force, or if that is not what was authorised; FAILURE_NO_TRIAL where it is not clear what is meant;
 * a refusal of trust_verify() if the signer of that version is not trusted any more; FAILURE_TRIAL_IN_PROGRESS if another
 * policy is on trial; FAILURE_LOCKED_DOWN; FAILURE_NOT_SUPPORTED if the
 * configuration forbids to wait for the boot; a negative errno. */
int roll_back_policy(Manager *manager, const char *name, const char *from, const Authorised *authorised, const VersionRecord **ret,
                     Failure *reterr);

#endif
