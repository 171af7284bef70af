/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Activates a version, on trial or for good.
 */
#ifndef IPECTLD_ACTIVATE_H
#define IPECTLD_ACTIVATE_H

#include "health-before.h"
#include "manager.h"

typedef struct ActivateOptions {
        const char *version; /* NULL: the newest that waits to be activated */
        bool has_trial_sec;  /* else TrialSec= of the configuration, if the kernel has trials */
        uint64_t trial_sec;  /* 0: confirm at once */
        bool has_confirm;    /* else Confirm= of the configuration */
        ConfirmBy confirm;
        const char *accept;        /* name of the findings that the caller accepts: see findings.h; NULL for none */
        const UnitsBefore *before; /* units that fail already; NULL if nobody has looked */
} ActivateOptions;

typedef struct ActivatePlan {
        uint64_t trial_sec; /* 0: without a trial */
        ConfirmBy confirm;
} ActivatePlan;

/* Whether health checks confirm it: then ipectld first has to find out which units fail already. */
static inline bool activate_plan_is_watched(const ActivatePlan *plan) {
        return plan->trial_sec > 0 && plan->confirm == CONFIRM_AUTO;
}

/* Which version activate_policy() would activate at this moment, and how. Any user may ask, as this reads nothing but
 * the state and the configuration. Returns 0, FAILURE_NO_SUCH_POLICY, FAILURE_INVALID_ARGUMENT or
 * FAILURE_NOT_SUPPORTED. */
int activate_plan(const Manager *manager, const char *name, const ActivateOptions *options, const VersionRecord **ret,
                  ActivatePlan *ret_plan, Failure *reterr);

/* Activates a version: on trial, or confirmed at once, which also selects it for the next boot.
 *
 * Returns 0; FAILURE_NO_SUCH_POLICY, FAILURE_INVALID_ARGUMENT; FAILURE_NOT_SUPPORTED without IPE, for a trial that
 * nothing could end, and for a policy that needs the extended ABI on a kernel that lacks it; FAILURE_TRIAL_IN_PROGRESS;
 * FAILURE_VERSION_TOO_OLD; a refusal of policy_version_new(); FAILURE_LOCKED_DOWN, FAILURE_KEY_NOT_TRUSTED,
 * FAILURE_SIGNATURE_INVALID, FAILURE_KERNEL_REJECTED from the kernel, and then the version is VERSION_FAILED;
 * FAILURE_BUSY if health checks are to confirm it, and options->before is NULL; a negative errno. */
int activate_policy(Manager *manager, const char *name, const ActivateOptions *options, const VersionRecord **ret,
                    Failure *reterr);

/* Refuses what activate_policy() would refuse before it asks the kernel; changes nothing.
 * ret: the version that it would activate. Returns as activate_policy(). */
int activate_check(Manager *manager, const char *name, const ActivateOptions *options, const VersionRecord **ret,
                   Failure *reterr);

/* Whether a trial runs, no matter who began it. Settle before. Returns 0, FAILURE_TRIAL_IN_PROGRESS, or a negative
 * errno with a sentence. */
int activation_check_trial(const Manager *manager, Failure *reterr);

/* The newest version of a name that waits to be activated; else the confirmed version, as activating it again does no
 * harm; NULL if there is neither. */
const VersionRecord *activation_candidate(const StoreState *state, const char *name);

#endif
