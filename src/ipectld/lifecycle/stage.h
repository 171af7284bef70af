/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stages policies: bytes -> a staged version.
 */
#ifndef IPECTLD_STAGE_H
#define IPECTLD_STAGE_H

#include "policy-version.h"

/* Policies that are staged together. While there is a batch, manager_collect() removes nothing. */
typedef struct StageBatch StageBatch;

/* Returns NULL without memory. */
StageBatch *stage_batch_new(Manager *manager);

StageBatch *stage_batch_free(StageBatch *batch);

static inline void stage_batch_freep(StageBatch **batch) {
        stage_batch_free(*batch);
}

/* Verifies a policy and writes its object; the state gets it by stage_batch_commit().
 *
 * source: for people; any bytes. name: the required name of the policy, or NULL.
 * ret_known: the version, if the state has that very envelope, in any state; then the batch does not change. NULL
 * otherwise.
 *
 * Returns as stage_policy(). */
int stage_batch_add(StageBatch *batch, const void *data, size_t size, const char *source, const char *name,
                    const VersionRecord **ret_known, Failure *reterr);

size_t stage_batch_count(const StageBatch *batch);

/* Called for a policy that cannot be staged after all. */
typedef void (*StageRefusal)(const Digest *digest, int result, const Failure *failure, void *userdata);

/* Makes all of them staged versions, by one write of the state. If that fails, it refuses all. */
void stage_batch_commit(StageBatch *batch, StageRefusal refused, void *userdata);

/* After the commit: announces one version and hands it to the kernel. Returns false if there was none left. */
bool stage_batch_announce(StageBatch *batch);

/* Stages one policy.
 *
 * source: for people; any bytes. name: the required name of the policy, or NULL.
 * ret_is_new: false if the state has that very envelope already, in any state.
 *
 * Returns 0; a refusal of policy_version_new(); FAILURE_TOO_LARGE, FAILURE_NAME_MISMATCH, FAILURE_ALREADY_EXISTS,
 * FAILURE_VERSION_TOO_OLD; a negative errno. */
int stage_policy(Manager *manager, const void *data, size_t size, const char *source, const char *name,
                 const VersionRecord **ret, bool *ret_is_new, Failure *reterr);

#endif
