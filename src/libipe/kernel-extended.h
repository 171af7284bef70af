/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life cycle of the extended ABI: a policy waits as the next version, decides on trial, is confirmed or reverted, or is
 * evaluated in the shadow of the one that decides. ipe(7) has the files.
 *
 * Each function says -EOPNOTSUPP where the kernel's features do not name what it needs, -ENODEV without IPE, and
 * otherwise what the kernel said, if it is none of the documented errnos. -EPERM of a function that writes: see
 * kernel_is_locked(); else the rollback floor, or the privilege.
 */
#ifndef LIBIPE_KERNEL_EXTENDED_H
#define LIBIPE_KERNEL_EXTENDED_H

#include "kernel.h"

#define KERNEL_TRIAL_SEC_MAX 86400U
/* What the kernel waits longer, as the net below, where the daemon ends a trial: for the last look at the system's health, and
 * for a disk that is slow. */
#define KERNEL_TRIAL_NET_SEC 30U

/* What to ask the kernel for. seconds: of the trial; is_net: the daemon holds its time. Returns 1..KERNEL_TRIAL_SEC_MAX. */
static inline unsigned kernel_trial_sec(uint64_t seconds, bool is_net) {
        uint64_t all = seconds + (is_net ? KERNEL_TRIAL_NET_SEC : 0);

        return all < 1 ? 1 : all < KERNEL_TRIAL_SEC_MAX ? (unsigned) all : KERNEL_TRIAL_SEC_MAX;
}

/* Hands a policy over, to wait: as the next version, or as the current and inactive one where the name is not loaded.
 * Nothing that decides changes.
 *
 * Returns 1; 0 if the kernel has this policy, or a higher version, in either place; -ESTALE if the current one is of the
 * same version, with other content; -EBUSY if the next version is on trial; an errno of the kernel's loader, as
 * kernel_activate() names them. */
int kernel_stage(const Kernel *kernel, const char *name, const struct ipe_version *version, const void *data,
                 size_t size);

/* Lets a policy decide for some seconds, after which the kernel itself goes back. Loads it first, where it is not.
 *
 * Returns 0; -ERANGE if seconds is not in 1..KERNEL_TRIAL_SEC_MAX; -EBUSY if a trial runs; -EALREADY if this very policy is
 * confirmed; -ESTALE if the version is below the confirmed one's, or below the highest that was confirmed since the boot
 * under another name, or below the current one of its name that cannot be taken away; -EPERM; an errno of the loader.
 * After a failure the same policy decides as before. */
int kernel_trial(const Kernel *kernel, const char *name, const struct ipe_version *version, const void *data, size_t size,
                 unsigned seconds);

/* Keeps what is on trial. Returns 0, -ENODATA if nothing is, -EPERM. */
int kernel_confirm(const Kernel *kernel);
/* Ends the trial; the confirmed policy decides, or none. Returns as kernel_confirm(). */
int kernel_revert(const Kernel *kernel);
/* Opens the file on which poll() says POLLPRI when what is on trial changes. Returns a descriptor, or a negative errno. */
int kernel_open_trial(const Kernel *kernel);

/* Goes back from the confirmed policy to the previous version of its name, which is confirmed then.
 * Returns 0, -ENODATA without a previous version, -EBUSY during a trial, -EPERM. */
int kernel_rollback(const Kernel *kernel, const char *name);

/* Evaluates a policy beside the one that decides. Loads it first, where it is not, but takes nothing away for it other than
 * a next version.
 *
 * Returns 0, also if it is shadowed already; -EEXIST if a current version that does not decide is in the way; -EBUSY if a
 * policy of another name is shadowed; -EALREADY if this one decides; an errno as of kernel_trial(). */
int kernel_shadow(const Kernel *kernel, const char *name, const struct ipe_version *version, const void *data, size_t size);
/* Returns 0, also if it was off or the policy is not loaded. */
int kernel_end_shadow(const Kernel *kernel, const char *name);
/* Returns 1, 0, or an errno. */
int kernel_is_shadowed(const Kernel *kernel, const char *name);

/* Whether a latch is set: "mode", "policy". Returns 1, 0, also where there is no lock, or an errno. */
int kernel_is_locked(const Kernel *kernel, const char *latch);

#endif
