/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * No policy at all.
 */
#ifndef IPECTLD_DEACTIVATE_H
#define IPECTLD_DEACTIVATE_H

#include "authorised.h"
#include "manager.h"

/* Whether the next boot loads what is meant. selected: of manager_selected(). name, version: NULL where the caller does not say.
 * Returns 0, FAILURE_NO_SUCH_POLICY or FAILURE_NOT_THAT_VERSION. */
int deactivate_check_meant(const VersionRecord *selected, const char *name, const char *version, Failure *reterr);

/* Lets no boot from the next one on load a policy, until a version is confirmed or selected again. No kernel lets go of the policy that
 * it enforces, so that one stays until then.
 *
 * name, version: of what the next boot would load; NULL where the caller does not say.
 * authorised: what polkit was asked about, of manager_selected(); NULL: whatever there is.
 * ret: the version that the kernel enforces until the next boot; NULL if it is none of ours.
 *
 * Returns 0, also if it is so already; FAILURE_NO_SUCH_POLICY if no policy would be loaded anyway; FAILURE_NOT_THAT_VERSION if another one
 * would be, also than was authorised; FAILURE_TRIAL_IN_PROGRESS; a negative errno. */
int deactivate_policy(Manager *manager, const char *name, const char *version, const Authorised *authorised,
                      const VersionRecord **ret, Failure *reterr);

#endif
