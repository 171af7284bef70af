/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life cycle of the extended ABI: a policy waits as the next version, is active on trial, is confirmed or
 * reverted, or is evaluated in the shadow of the active one. ipe(7) describes the files.
 *
 * Each function returns -EOPNOTSUPP if the kernel lacks the feature that it needs, -ENODEV without IPE, and may
 * return any errno of the kernel besides those that it documents. -EPERM of a function that writes: see
 * kernel_is_locked(); else the rollback floor, or the privilege.
 */
#ifndef LIBIPE_KERNEL_EXTENDED_H
#define LIBIPE_KERNEL_EXTENDED_H

#include "kernel.h"

#define KERNEL_TRIAL_SEC_MAX 86400U
/* The kernel waits so much longer, as a safety net, if the daemon ends a trial: time for a last look at the system's
 * health, and for a slow disk. */
#define KERNEL_TRIAL_NET_SEC 30U

/* The time to ask the kernel for. seconds: of the trial; is_net: the daemon ends it. Returns 1..KERNEL_TRIAL_SEC_MAX.
 */
static inline unsigned kernel_trial_sec(uint64_t seconds, bool is_net) {
        uint64_t all = seconds + (is_net ? KERNEL_TRIAL_NET_SEC : 0);

        return all < 1 ? 1 : all < KERNEL_TRIAL_SEC_MAX ? (unsigned) all : KERNEL_TRIAL_SEC_MAX;
}

/* Hands a policy over, to wait: as the next version, or as the current and inactive one if the name is not loaded.
 * The active policy stays.
 *
 * Returns 1; 0 if the kernel has this policy, or a higher version, in either place; -ESTALE if the current one is of
 * the same version, with other content; -EBUSY if the next version is on trial; an errno of the kernel's loader, as
 * kernel_activate() names them. */
int kernel_stage(const Kernel *kernel, const char *name, const struct ipe_version *version, const void *data,
                 size_t size);

/* Activates a policy for some seconds, after which the kernel itself goes back. Loads it first, if it is not loaded.
 *
 * Returns 0; -ERANGE if seconds is not in 1..KERNEL_TRIAL_SEC_MAX; -EBUSY if a trial runs; -EALREADY if this very
 * policy is confirmed; -ESTALE if the version is below the confirmed one's, or below the highest that was confirmed
 * since the boot under another name, or below the current one of its name that cannot be taken away; -EPERM; an errno
 * of the loader. After a failure the same policy is active as before. */
int kernel_trial(const Kernel *kernel, const char *name, const struct ipe_version *version, const void *data,
                 size_t size, unsigned seconds);

/* Confirms the policy on trial. Returns 0, -ENODATA if there is none, -EPERM. */
int kernel_confirm(const Kernel *kernel);
/* Ends the trial; then the confirmed policy is active, or none. Returns as kernel_confirm(). */
int kernel_revert(const Kernel *kernel);
/* Opens the file on which poll() reports POLLPRI when a trial begins or ends. Returns a descriptor, or a negative
 * errno. */
int kernel_open_trial(const Kernel *kernel);

/* Goes back from the confirmed policy to the previous version of its name, which becomes the confirmed one.
 * Returns 0, -ENODATA without a previous version, -EBUSY during a trial, -EPERM. */
int kernel_rollback(const Kernel *kernel, const char *name);

/* Evaluates a policy beside the active one. Loads it first, if it is not loaded, but replaces nothing for it other
 * than a next version.
 *
 * Returns 0, also if it is shadowed already; -EEXIST if an inactive current version is in the way; -EBUSY if a policy
 * of another name is shadowed; -EALREADY if this one is active; an errno as of kernel_trial(). */
int kernel_shadow(const Kernel *kernel, const char *name, const struct ipe_version *version, const void *data,
                  size_t size);
/* Returns 0, also if it was off or the policy is not loaded. */
int kernel_end_shadow(const Kernel *kernel, const char *name);
/* Returns 1, 0, or an errno. */
int kernel_is_shadowed(const Kernel *kernel, const char *name);

/* Whether a latch is set: "mode", "policy". Returns 1, 0, also where there is no lock, or an errno. */
int kernel_is_locked(const Kernel *kernel, const char *latch);

#endif
