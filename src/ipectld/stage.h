/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes -> a staged version.
 */
#ifndef IPECTLD_STAGE_H
#define IPECTLD_STAGE_H

#include "manager.h"

/* A policy whose signer is trusted and whose text is a policy: what may be stored and given to the kernel. */
typedef struct PolicyVersion {
        VerifiedEnvelope *verified;
        struct ipe_policy *policy; /* borrows the text of verified */
        PolicySummary summary;
} PolicyVersion;

PolicyVersion *policy_version_free(PolicyVersion *version);

static inline void policy_version_freep(PolicyVersion **version) {
        policy_version_free(*version);
}

/* envelope: moved into the result on success.
 * Returns 0; a refusal of trust_verify(); FAILURE_SYNTAX_ERROR; -ENOMEM. */
int policy_version_new(const Manager *manager, Envelope **envelope, PolicyVersion **ret, Failure *reterr);

/* A record of a version that is staged on an occasion. It borrows from version and from source.
 * source: printable. */
VersionRecord policy_version_describe(const PolicyVersion *version, const char *source, const Occasion *occasion);

/* Compiles the text of an envelope, trusted or not. ret: borrows from envelope. Returns 0, FAILURE_SYNTAX_ERROR,
 * -ENOMEM. */
int envelope_compile(const Manager *manager, const Envelope *envelope, struct ipe_policy **ret, Failure *reterr);

/* Takes a policy in.
 *
 * source: for people; any bytes. name: what the policy has to be called, or NULL.
 * ret_is_new: false if that very envelope is known, in whatever state.
 *
 * Returns 0; a refusal of policy_version_new(); FAILURE_TOO_LARGE, FAILURE_NAME_MISMATCH, FAILURE_ALREADY_EXISTS,
 * FAILURE_VERSION_TOO_OLD; a negative errno. */
int stage_policy(Manager *manager, const void *data, size_t size, const char *source, const char *name,
                 const VersionRecord **ret, bool *ret_is_new, Failure *reterr);

#endif
