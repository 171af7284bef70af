/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What would a policy deny of what runs already, and of what is essential? The same code that decides in the kernel judges the
 * facts that ipe-inspect finds. What the policy in force denies as well is left out: that changes nothing. But where the
 * kernel may know more of a file, nobody can tell here what the policy in force says of it.
 */
#ifndef IPECTLD_SIMULATE_H
#define IPECTLD_SIMULATE_H

#include "findings.h"
#include "inspect-client.h"

/* result: 0, or a refusal or an errno with its sentence in failure; then findings are empty.
 * findings: may be taken over. */
typedef void (*SimulateDone)(int result, const Failure *failure, Findings *findings, void *userdata);

typedef struct Simulation Simulation;

/* ret: void once done was called.
 * Returns 0; a refusal of policy_version_new() or inspect_start(); a negative errno. Then done is not called. */
int simulate_start(Manager *manager, const VersionRecord *record, SimulateDone done, void *userdata, Simulation **ret,
                   Failure *reterr);

/* Forgets one: done is not called any more. NULL is fine. */
Simulation *simulate_cancel(Simulation *simulation);

/* Judges: the policy that the kernel enforces, NULL if there is none that can be read.
 * ret: to be freed by ruling_free(); NULL if there is none. Returns 0 or a negative errno. */
typedef struct Ruling Ruling;
int ruling_load(const Manager *manager, Ruling **ret);
Ruling *ruling_free(Ruling *ruling);

static inline void ruling_freep(Ruling **ruling) {
        ruling_free(*ruling);
}

const struct ipe_policy *ruling_policy(const Ruling *ruling);

#endif
