/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds out what a policy would deny of what runs already, and of the essential files. The same code as in the kernel
 * judges the facts that ipe-inspect finds. A denial by the active policy, too, is left out, as it changes nothing; but
 * if the kernel may know more about a file than ipe-inspect, nobody here can know whether the active policy denies it.
 */
#ifndef IPECTLD_SIMULATE_H
#define IPECTLD_SIMULATE_H

#include "findings.h"
#include "inspect-client.h"

/* result: 0, or a refusal or an errno with its sentence in failure: then findings are empty.
 * findings: may be taken over. */
typedef void (*SimulateDone)(int result, const Failure *failure, Findings *findings, void *userdata);

typedef struct Simulation Simulation;

/* ret: invalid once done was called.
 * Returns 0; a refusal of policy_version_new() or inspect_start(); a negative errno. Then done is not called. */
int simulate_start(Manager *manager, const VersionRecord *record, SimulateDone done, void *userdata, Simulation **ret,
                   Failure *reterr);

/* Cancels a simulation: done is no longer called. NULL is fine. */
Simulation *simulate_cancel(Simulation *simulation);

/* The active policy, to judge by.
 * ret: to be freed by ruling_free(); NULL if no policy is active. Returns 0 or a negative errno. */
typedef struct Ruling Ruling;
int ruling_load(const Manager *manager, Ruling **ret);
Ruling *ruling_free(Ruling *ruling);

static inline void ruling_freep(Ruling **ruling) {
        ruling_free(*ruling);
}

const struct ipe_policy *ruling_policy(const Ruling *ruling);

#endif
