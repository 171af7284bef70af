/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's side, as /sys/kernel/security/ipe shows it: its features, the policies that it has, and the writes
 * that change them. Only the features are cached: every other question is a read.
 */
#ifndef LIBIPE_KERNEL_H
#define LIBIPE_KERNEL_H

#include "base.h"
#include "digest.h"
#include "kernel-open.h"
#include "policy.h"

#define KERNEL_DIRECTORY "/sys/kernel/security/ipe"

/* A sentence for a kernel without that directory; it is also missing without securityfs. */
#define KERNEL_NO_IPE                                                                                              \
        "IPE is not enabled in this kernel: add 'ipe' to lsm= on the kernel command line, or mount securityfs at " \
        "/sys/kernel/security where it is not"

typedef enum KernelAbi {
        KERNEL_ABI_NONE,     /* IPE is not enabled */
        KERNEL_ABI_UPSTREAM, /* the LSM of Linux */
        KERNEL_ABI_EXTENDED, /* the LSM of this project: has the file "features" */
        _KERNEL_ABI_MAX,
} KernelAbi;

const char *kernel_abi_to_string(KernelAbi abi);

typedef struct Kernel Kernel;

/* Reads the features of the kernel.
 *
 * directory: KERNEL_DIRECTORY, or another one in a test. If it does not exist, the ABI is KERNEL_ABI_NONE.
 *
 * Returns 0, -ENOMEM, or an errno of open() or read(). */
int kernel_open(const char *directory, Kernel **ret);

Kernel *kernel_free(Kernel *kernel);

static inline void kernel_freep(Kernel **kernel) {
        kernel_free(*kernel);
}

KernelAbi kernel_abi(const Kernel *kernel);

/* The words of the file "features", NULL at the end; none on stock kernels. As long as the Kernel lives. */
char *const *kernel_features(const Kernel *kernel);
bool kernel_has_feature(const Kernel *kernel, const char *word);

typedef enum KernelSwitch {
        KERNEL_ENFORCE,
        KERNEL_SUCCESS_AUDIT,
} KernelSwitch;

/* Returns 0 or 1, -ENODEV without IPE, or an errno of open() or read(). */
int kernel_get_switch(const Kernel *kernel, KernelSwitch which);
/* Returns 0, -ENODEV without IPE, -EPERM, -EACCES or another errno of open() or write(). */
int kernel_set_switch(const Kernel *kernel, KernelSwitch which, bool value);

/* How far a keyring is closed to new keys, from the weakest state to the strongest. */
typedef enum KeyringState {
        KEYRING_UNKNOWN,    /* the kernel does not say, or names a state that this program does not know */
        KEYRING_OPEN,       /* root adds any key */
        KEYRING_RESTRICTED, /* a new key needs another one that vouches for it: keyctl restrict_keyring with a type */
        KEYRING_SEALED,     /* no key can be added until the next boot */
        _KEYRING_STATE_MAX,
} KeyringState;

/* The keys that count for the property fsverity_signature. */
#define KEYRING_FSVERITY ".fs-verity"

/* Reads the file "keyrings", which kernels with the feature "keyrings" have.
 *
 * name: as KEYRING_FSVERITY.
 *
 * Never fails: KEYRING_UNKNOWN where the file is missing, cannot be read, is too large, or does not have exactly one
 * line of that keyring. So no error makes a keyring look sealed. */
KeyringState kernel_get_keyring(const Kernel *kernel, const char *name);

/* The versions of one name that the kernel keeps; a stock kernel has the current one alone. */
typedef enum KernelPlace {
        KERNEL_CURRENT,
        KERNEL_NEXT,     /* staged; above the current one */
        KERNEL_PREVIOUS, /* was current; a rollback goes back to it */
        _KERNEL_PLACE_MAX,
} KernelPlace;

/* A policy as the kernel has it. */
typedef struct KernelPolicy {
        char *name;
        struct ipe_version version;
        KernelPlace place;
        bool active;
        bool on_trial; /* active for a time; only kernel_find_active() and kernel_find_trial() set it */
} KernelPolicy;

void kernel_policy_done(KernelPolicy *policy);

#define _cleanup_kernel_policy_ _cleanup_(kernel_policy_done)

/* The active policy: a current one, or a next one on trial. Name and on_trial come from one look, so they belong
 * together.
 *
 * ret: to be freed with kernel_policy_done(); unchanged unless 1 is returned.
 *
 * Returns 1 if there is one, 0 if none is active or there is no IPE, or a negative errno. A policy that vanishes during
 * the look is none. */
int kernel_find_active(const Kernel *kernel, KernelPolicy *ret);

/* The current version of a loaded policy. Returns as kernel_find_active(); 0 also for a name that cannot be a directory
 * entry. */
int kernel_find(const Kernel *kernel, const char *name, KernelPolicy *ret);

/* The names of all loaded policies, in no order. ret: NULL at the end, to be freed; none without IPE.
 * Returns 0, -ENOMEM or another errno. */
int kernel_list(const Kernel *kernel, char ***ret);

/* Reads the version of a name in a place. Returns 1, 0 if there is none, or a negative errno. */
int kernel_find_version(const Kernel *kernel, const char *name, KernelPlace place, struct ipe_version *ret);

/* The signed policy from which a policy was loaded: file "pkcs7".
 * ret: to be freed. Returns 0; -ENOENT if no such policy is loaded, or it was not signed; another errno. */
int kernel_read_envelope(const Kernel *kernel, const char *name, KernelPlace place, void **ret, size_t *ret_size);

/* The text of a loaded policy: file "policy". ret: to be freed. Returns 0, -ENOENT if it is not loaded, or another
 * errno. */
int kernel_read_policy(const Kernel *kernel, const char *name, KernelPlace place, char **ret, size_t *ret_size);

/* A running trial. */
typedef struct KernelTrial {
        KernelPolicy policy;
        unsigned remaining_sec; /* rounded up; at the time of the look */
} KernelTrial;

/* The policy on trial, whoever began the trial.
 *
 * ret: its policy to be freed with kernel_policy_done(); unchanged unless 1 is returned.
 *
 * Returns 1, 0 if nothing is on trial or the kernel has no trials, or a negative errno. A trial that ends during the
 * look is none. */
int kernel_find_trial(const Kernel *kernel, KernelTrial *ret);

/* Loads a policy and makes it the active one, in the way that the state of the kernel requires: new_policy, or
 * update of a lower version, or delete and new_policy if a higher version is loaded and not active; then active.
 *
 * name, version: of the policy in data. data: the whole envelope.
 *
 * Returns 0 if it is active now; -ENODEV without IPE; -EINVAL for a name with '/' or NUL, or "." or ".."; -ESTALE if
 * the active policy has a higher version, whatever its name, so that the running kernel can never activate this one,
 * or if the same name and version is active with other content; -EKEYREJECTED, -ENOKEY, -EBADMSG, -ENOPKG, -EPERM,
 * -EACCES and others from the kernel. After a failure the policy that was active before still is; the new one may be
 * loaded and inactive. */
int kernel_activate(const Kernel *kernel, const char *name, const struct ipe_version *version, const void *data,
                    size_t size);

/* Loads a policy of which only the name is known, and makes it the active one. A policy of that name that is loaded
 * already has to be the same.
 *
 * Returns as kernel_activate(); -EEXIST if another one of that name is loaded; -ENOENT if the policy has another
 * name, and is loaded under that. */
int kernel_activate_first(const Kernel *kernel, const char *name, const void *data, size_t size);

/* Makes the kernel forget a policy that is not active. Returns 0, also if it is not loaded; -EPERM if it is active. */
int kernel_delete(const Kernel *kernel, const char *name);

#endif
