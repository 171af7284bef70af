/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A policy in memory: its envelope, its compiled form and its counters. Only
 * the counters and @was_confirmed change. Only verified policies are loaded.
 */
#ifndef _SECURITY_IPE_LOADED_H
#define _SECURITY_IPE_LOADED_H

#include <linux/refcount.h>
#include <linux/workqueue.h>

#include "envelope.h"
#include "policy/policy.h"
#include "stats.h"

/**
 * struct ipe_loaded - a loaded policy
 * @refs: of its slot, of the active pointer, of readers of its files. Verdicts
 *	take none, they use it under RCU
 * @rcu_work: frees it after the last verdict, in a worker: that may take long
 * @serial: unique among all policies ever loaded
 * @was_confirmed: since the boot, so that a rollback may return to it;
 *	&ipe_policies.lock
 * @envelope: its bytes; owned
 * @policy: the compiled text; borrows the text of @envelope
 * @stats: its counters
 */
struct ipe_loaded {
	refcount_t refs;
	struct rcu_work rcu_work;
	u64 serial;
	bool was_confirmed;
	struct ipe_envelope envelope;
	struct ipe_policy *policy;
	struct ipe_stats stats;
};

int ipe_loaded_new(struct ipe_envelope *envelope, struct ipe_loaded **ret,
		   struct ipe_parse_error *reterr);
struct ipe_loaded *ipe_loaded_get(struct ipe_loaded *loaded);
void ipe_loaded_put(struct ipe_loaded *loaded);

/* Below, equal to or above 0, as the version of @a is to that of @b. */
static inline int ipe_loaded_compare(const struct ipe_loaded *a,
				     const struct ipe_loaded *b)
{
	return ipe_version_compare(ipe_policy_version(a->policy),
				   ipe_policy_version(b->policy));
}

DEFINE_FREE(ipe_loaded_put, struct ipe_loaded *, if (_T) ipe_loaded_put(_T))

#endif
