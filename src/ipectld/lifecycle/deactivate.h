/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Deactivates: no policy at all, from the next boot on.
 */
#ifndef IPECTLD_DEACTIVATE_H
#define IPECTLD_DEACTIVATE_H

#include "authorised.h"
#include "manager.h"

/* Whether the next boot loads the policy that the caller means. selected: of manager_selected(). name, version: NULL
 * for any.
 * Returns 0, FAILURE_NO_SUCH_POLICY or FAILURE_NOT_THAT_VERSION. */
int deactivate_check_meant(const VersionRecord *selected, const char *name, const char *version, Failure *reterr);

/* Lets no boot from the next one on load a policy, until a version is confirmed or selected again. No kernel lets go of
 * its active policy, so that policy stays until then.
 *
 * name, version: of the policy that the next boot would load; NULL for any.
 * authorised: of manager_selected(); NULL for any.
 * ret: the version that is active until the next boot; NULL if it is none of ours.
 *
 * Returns 0, also if it is so already; FAILURE_NO_SUCH_POLICY if no policy would be loaded anyway;
 * FAILURE_NOT_THAT_VERSION if a version would be loaded that is not the one named or authorised;
 * FAILURE_TRIAL_IN_PROGRESS; a negative errno. */
int deactivate_policy(Manager *manager, const char *name, const char *version, const Authorised *authorised,
                      const VersionRecord **ret, Failure *reterr);

#endif
