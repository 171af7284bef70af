/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The next boot of a policy that was on trial when the machine went down. After that the daemon's trial.c takes over.
 */
#ifndef IPE_LOAD_LOAD_TRIAL_H
#define IPE_LOAD_LOAD_TRIAL_H

#include "kernel.h"
#include "store.h"

/* Whether the running kernel already has a policy on trial, as after a soft-reboot: nothing may be loaded over it. */
bool load_trial_runs(const Kernel *kernel, const StoreState *state);

/* As store_state_boot_is_on_trial(), of this boot. */
bool load_trial_is_boot(const StoreState *state);

/* Counts this boot for the version on trial, if that may be tried once more; durable once this returns.
 *
 * state: replaced by the state that is on disk then. is_predecessor: it lacks the latest change, which may have
 * counted a boot, so nothing is tried. ret: what to load with load_trial(), valid as long as *state; NULL if this
 * boot tries nothing, after the reason was logged. Returns 0 or -ENOMEM. */
int load_trial_count(StoreState **state, bool is_predecessor, const VersionRecord **ret);

/* Activates it; a kernel with trials limits that to the time that a boot may take. Returns 0 or a negative errno;
 * logged. */
int load_trial(const Kernel *kernel, const Store *store, const StoreState *state, const VersionRecord *record);

#endif
