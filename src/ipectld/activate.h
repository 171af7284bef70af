/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Putting a version in force, and going back.
 */
#ifndef IPECTLD_ACTIVATE_H
#define IPECTLD_ACTIVATE_H

#include "manager.h"

typedef struct ActivateOptions {
        const char *version; /* NULL: the newest that waits to be activated */
        uint64_t trial_sec;  /* 0: confirm at once */
} ActivateOptions;

/* Makes the kernel enforce a version, now and from the next boot on.
 *
 * Returns 0; FAILURE_NO_SUCH_POLICY, FAILURE_INVALID_ARGUMENT; FAILURE_NOT_SUPPORTED without IPE, for a trial on a
 * kernel that has none, and for a policy that needs the extended ABI on one that has not; FAILURE_VERSION_TOO_OLD; a
 * refusal of policy_version_new(); FAILURE_KEY_NOT_TRUSTED, FAILURE_SIGNATURE_INVALID, FAILURE_KERNEL_REJECTED from
 * the kernel, and then the version is VERSION_FAILED; a negative errno. */
int activate_policy(Manager *manager, const char *name, const ActivateOptions *options, const VersionRecord **ret,
                    Failure *reterr);

/* Ends a trial. Returns FAILURE_NO_SUCH_POLICY or FAILURE_NO_TRIAL: no kernel has one yet. */
int confirm_policy(Manager *manager, const char *name, Failure *reterr);

/* Goes back to the version before the confirmed one: at the next boot, as the running kernel never goes below the
 * active version.
 *
 * ret: the version that was gone back to.
 *
 * Returns 0, also if it was selected already; FAILURE_NO_SUCH_POLICY if there is nothing to go back from or to;
 * FAILURE_NOT_SUPPORTED if the configuration forbids to wait for the boot; a negative errno. */
int roll_back_policy(Manager *manager, const char *name, const VersionRecord **ret, Failure *reterr);

/* Changes a copy of the state: record is confirmed, and what was confirmed or selected before gets its event.
 * Returns 0 or -EPERM. */
int confirm_in_state(StoreState *state, VersionRecord *record, VersionEvent confirmed_before);

/* Gives a version of a state what follows from an event, and the time. Returns 0 or -EPERM. */
int version_apply(VersionRecord *record, VersionEvent event);

#endif
