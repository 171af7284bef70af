/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds out what a policy would deny. First, a simulation judges what runs already. Then, if the kernel can, it
 * evaluates the policy for a while in the shadow of the active one, and the daemon collects what the policy would have
 * denied.
 */
#ifndef IPECTLD_PREFLIGHT_H
#define IPECTLD_PREFLIGHT_H

#include "findings.h"
#include "manager.h"

/* result: 0, or a refusal or an errno with its sentence in failure. If something was missed, the last finding says so;
 * without any finding, the policy would have denied nothing. Called once for each preflight that was started. */
typedef void (*PreflightDone)(int result, const Failure *failure, const Findings *findings, void *userdata);

/* Which version a preflight would judge. version: NULL for the newest that waits to be activated. Returns 0,
 * FAILURE_NO_SUCH_POLICY, FAILURE_INVALID_ARGUMENT or a negative errno. */
int preflight_find(Manager *manager, const char *name, const char *version, const VersionRecord **ret, Failure *reterr);

/* Starts a preflight of a version as of preflight_find(); calls done once the result is complete, or PreflightSec= is
 * over.
 *
 * Returns 0; FAILURE_BUSY if a preflight runs; a refusal of preflight_find() or policy_version_new();
 * FAILURE_NOT_SUPPORTED if the daemon cannot find out what runs; a negative errno. Then done is not called. done gets
 * FAILURE_BUSY if the kernel has another policy in the shadow, or the kernel's refusal. */
int preflight_start(Manager *manager, const char *name, const char *version, PreflightDone done, void *userdata,
                    Failure *reterr);

/* Whether the running preflight has reached the shadow. ret: how much of its time has passed, in percent. */
bool preflight_is_watching(const Manager *manager, unsigned *ret);

/* Ends the running preflight, if any; its caller gets an error. For when ipectld ends, or the caller has gone. */
void preflight_cancel(Manager *manager);

/* At start: ends the shadow that an earlier run of the daemon began. */
void preflight_recover(Manager *manager);

#endif
