/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ipe-load: the next boot of a policy that was on trial when the machine went down. trial.c goes on with it.
 */
#ifndef IPE_LOAD_LOAD_TRIAL_H
#define IPE_LOAD_LOAD_TRIAL_H

#include "kernel.h"
#include "store.h"

/* Whether something is on trial in the running kernel, as after a soft-reboot: then nothing is to be loaded over it. */
bool load_trial_goes_on(const Kernel *kernel, const StoreState *state);

/* Whether a trial that the daemon is to confirm has outlived a reboot, and is tried in this boot. */
bool load_trial_is_boot(const StoreState *state);

/* Counts this boot for the version on trial, if it may be tried once more; durable once this returns.
 *
 * state: replaced by what is on disk then. is_predecessor: it is of before the latest change, which may have counted a boot: then
 * nothing is tried. ret: what to load with load_trial(), valid as long as *state; NULL if nothing is to
 * be tried, for a reason that was logged, if there is one. Returns 0 or -ENOMEM. */
int load_trial_count(StoreState **state, bool is_predecessor, const VersionRecord **ret);

/* Lets it decide, for as long as a boot may take where the kernel holds the time. Returns 0 or a negative errno; logged. */
int load_trial(const Kernel *kernel, const Store *store, const StoreState *state, const VersionRecord *record);

#endif
