/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One version of a policy, ready to be stored and handed to the kernel.
 */
#ifndef IPECTLD_POLICY_VERSION_H
#define IPECTLD_POLICY_VERSION_H

#include "manager.h"

/* A policy whose signer is trusted and whose text compiles. */
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

/* Makes a record of a version that is staged on an occasion; it borrows from version and from source.
 * source: printable. */
VersionRecord policy_version_describe(const PolicyVersion *version, const char *source, const Occasion *occasion);

/* Compiles the text of an envelope, even of an untrusted one. ret: borrows from envelope. Returns 0,
 * FAILURE_SYNTAX_ERROR, -ENOMEM. */
int envelope_compile(const Manager *manager, const Envelope *envelope, struct ipe_policy **ret, Failure *reterr);

#endif
