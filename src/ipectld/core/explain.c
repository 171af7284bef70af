/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Puts the kernel's errnos into sentences.
 */

#include "explain.h"
#include "kernel-extended.h"

const char explain_no_ipe[] = KERNEL_NO_IPE ".";

/* -EPERM is the lock, the floor, a policy in use, or a missing privilege. */
static int explain_permission(const Manager *manager, Failure *reterr) {
        if (kernel_is_locked(manager->kernel, "policy") > 0)
                return failure_set(reterr, FAILURE_LOCKED_DOWN,
                                   "The kernel's policies are locked until the next boot: none can be loaded, "
                                   "activated or rolled back.");
        return failure_set(reterr, FAILURE_KERNEL_REJECTED,
                           "The kernel does not permit it: %sa security module denies CAP_MAC_ADMIN to ipe-open, "
                           "which opens the kernel's files for ipectld; see the audit log.",
                           kernel_has_feature(manager->kernel, "rollback-floor")
                                   ? "the version is below the rollback floor of a policy that was confirmed since the "
                                     "boot, the "
                                     "policy to be removed is in use, or "
                                   : "");
}

int explain_unknown(int r, const char *what, Failure *reterr) {
        if (r != KERNEL_NOT_REACHED)
                return failure_set_errno(reterr, r, "Cannot find out %s", what);
        (void) failure_set(reterr, FAILURE_NOT_SUPPORTED, KERNEL_NOT_REACHED_SENTENCE ".");
        return r;
}

int explain_kernel(const Manager *manager, int r, Failure *reterr) {
        switch (r) {
        case -ENODEV:
                return failure_set(reterr, FAILURE_NOT_SUPPORTED, "%s", explain_no_ipe);
        case KERNEL_NOT_REACHED:
                return failure_set(reterr, FAILURE_NOT_SUPPORTED, KERNEL_NOT_REACHED_SENTENCE ".");
        case -EOPNOTSUPP:
                return failure_set(reterr, FAILURE_NOT_SUPPORTED,
                                   "This kernel cannot do that; see the property Features.");
        case -ENOKEY:
                return failure_set(reterr, FAILURE_KEY_NOT_TRUSTED,
                                   "The kernel does not trust the signer: the certificate has to be in its builtin, "
                                   "secondary or platform keyring.");
        case -EKEYREJECTED:
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                   "The kernel refuses the signature, or the key that made it.");
        case -ESTALE:
                return failure_set(reterr, FAILURE_VERSION_TOO_OLD,
                                   "The kernel cannot go back while it runs: it enforces a newer version, or the same "
                                   "one with other content, or has confirmed a newer version of another policy.");
        case -EBUSY:
                return failure_set(reterr, FAILURE_TRIAL_IN_PROGRESS,
                                   "A policy is on trial: confirm it, or end its trial, first.");
        case -EALREADY:
                return failure_set(reterr, FAILURE_INVALID_ARGUMENT, "The kernel enforces this very policy already.");
        case -EMSGSIZE:
                return failure_set(reterr, FAILURE_KERNEL_REJECTED,
                                   "The policy is larger than the kernel takes in this form: make it smaller, or, for "
                                   "a kernel with the feature 'appended-signature', sign it with "
                                   "'ipectl sign --format=appended'.");
        case -EBADMSG:
                return failure_set(reterr, FAILURE_KERNEL_REJECTED,
                                   "The kernel cannot read the signed policy, or a line of its text: see the kernel "
                                   "log, and ipe(7) for what the running kernel supports.");
        case -EINVAL:
                return failure_set(reterr, FAILURE_KERNEL_REJECTED,
                                   "The kernel refuses the policy, its signature or a certificate in it as invalid: "
                                   "'ipectl lint' names what no kernel takes, and the kernel log may say more.");
        case -ENOENT:
                return failure_set(reterr, FAILURE_KERNEL_REJECTED,
                                   "The kernel does not have the policy any more, or lacks the algorithm of its "
                                   "signature, such as ECDSA: 'ipectl list' shows what is loaded, and every kernel "
                                   "with "
                                   "IPE has RSA.");
        case -ENOPKG:
                return failure_set(reterr, FAILURE_KERNEL_REJECTED,
                                   "The kernel lacks the algorithms of the signature: sign the policy with others, "
                                   "such as RSA and SHA-256.");
        case -EPERM:
                return explain_permission(manager, reterr);
        case -ENOMEM:
                return r;
        default:
                return failure_set(reterr, FAILURE_KERNEL_REJECTED, "The kernel refuses the policy: %s.", strerror(-r));
        }
}
