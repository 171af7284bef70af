/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What would a policy deny? The kernel evaluates it for a while in the shadow of the one that decides, and the daemon
 * collects where it would have denied what was allowed. Only what is executed or loaded in that time is seen.
 */
#ifndef IPECTLD_PREFLIGHT_H
#define IPECTLD_PREFLIGHT_H

#include "manager.h"

/* The strings are UTF-8, whatever the kernel had. */
typedef struct PreflightFinding {
        char *path;      /* "" for memory that has no file */
        char *operation; /* "EXECUTE"; "" where the finding is that something was missed */
        char *rule;      /* or a sentence that says how much was missed */
        char *processes; /* "sh[12], init[1]" */
        size_t n_processes;
} PreflightFinding;

/* result: 0, or a refusal or an errno with its sentence in failure. If something was missed the last finding says so: no
 * findings at all means that nothing would have been denied. Called once for each preflight that was started. */
typedef void (*PreflightDone)(int result, const Failure *failure, const PreflightFinding *findings, size_t n,
                              void *userdata);

/* Starts one for the newest staged version of a name; done is called when the time of the configuration is over.
 *
 * Returns 0; FAILURE_NOT_SUPPORTED on a kernel without shadow and events; FAILURE_BUSY if one runs, or the kernel has
 * another policy in the shadow; FAILURE_NO_SUCH_POLICY; a refusal of policy_version_new() or of the kernel; a negative
 * errno. Then done is not called. */
int preflight_start(Manager *manager, const char *name, PreflightDone done, void *userdata, Failure *reterr);

/* Ends the one that runs, if any, with an error for who waits: because ipectld ends, or nobody waits. */
void preflight_cancel(Manager *manager);

/* At start: takes out of the shadow what an earlier life of the daemon had put there. */
void preflight_recover(Manager *manager);

#endif
