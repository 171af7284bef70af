/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What would a policy deny? First of what runs already, by simulation. Then, where the kernel can, it evaluates the policy for a
 * while in the shadow of the one that decides, and the daemon collects where it would have denied what was allowed.
 */
#ifndef IPECTLD_PREFLIGHT_H
#define IPECTLD_PREFLIGHT_H

#include "findings.h"
#include "manager.h"

/* result: 0, or a refusal or an errno with its sentence in failure. If something was missed the last finding says so: no
 * findings at all means that nothing would have been denied. Called once for each preflight that was started. */
typedef void (*PreflightDone)(int result, const Failure *failure, const Findings *findings, void *userdata);

/* Which version that would be. version: NULL for the newest that waits to be activated. Returns 0, FAILURE_NO_SUCH_POLICY,
 * FAILURE_INVALID_ARGUMENT or a negative errno. */
int preflight_find(Manager *manager, const char *name, const char *version, const VersionRecord **ret, Failure *reterr);

/* Starts one for a version as of preflight_find(); done is called when all is known, or the time of the configuration over.
 *
 * Returns 0; FAILURE_BUSY if one runs; what preflight_find() refuses; a refusal of policy_version_new(); FAILURE_NOT_SUPPORTED if it
 * cannot be found out what runs; a negative errno. Then done is not called. It is called with FAILURE_BUSY if the kernel has
 * another policy in the shadow, and with a refusal of the kernel. */
int preflight_start(Manager *manager, const char *name, const char *version, PreflightDone done, void *userdata, Failure *reterr);

/* Whether the one that runs has come to watch. ret: how much of its time is over, in percent. */
bool preflight_is_watching(const Manager *manager, unsigned *ret);

/* Ends the one that runs, if any, with an error for who waits: because ipectld ends, or nobody waits. */
void preflight_cancel(Manager *manager);

/* At start: takes out of the shadow what an earlier life of the daemon had put there. */
void preflight_recover(Manager *manager);

#endif
