/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How often a policy decided, and what in it decided. Nothing is sampled or
 * limited here: these are the numbers that the log, which is, can be held
 * against.
 */
#ifndef _SECURITY_IPE_STATS_H
#define _SECURITY_IPE_STATS_H

#include <linux/atomic.h>
#include <linux/seq_file.h>

#include "policy/policy.h"

struct ipe_loaded;

/**
 * struct ipe_stats - counters of a loaded policy, from 0 when it is loaded
 * @allowed: verdicts that allow, by operation; last: IPE_OP_UNKNOWN
 * @denied: verdicts that deny, enforced or not
 * @shadow_allowed: as a shadow, it would have allowed what was denied
 * @shadow_denied: as a shadow, it would have denied what was allowed
 * @op_defaults: how often an operation's DEFAULT decided, also as a shadow
 * @global_default: how often the global DEFAULT, or its absence, decided
 * @n_rules: elements of @rules
 * @rules: how often each rule decided, by ipe_rule_index()
 *
 * Counted by verdicts under RCU, each counter for itself: a reader sees every
 * one at some moment while it reads.
 */
struct ipe_stats {
	atomic64_t allowed[IPE_OP_COUNT + 1];
	atomic64_t denied[IPE_OP_COUNT + 1];
	atomic64_t shadow_allowed;
	atomic64_t shadow_denied;
	atomic64_t op_defaults[IPE_OP_COUNT];
	atomic64_t global_default;
	unsigned int n_rules;
	atomic64_t rules[] __counted_by(n_rules);
};

struct ipe_stats *ipe_stats_new(unsigned int n_rules);
void ipe_stats_free(struct ipe_stats *stats);
void ipe_stats_count(const struct ipe_loaded *loaded,
		     const struct ipe_verdict *verdict);
void ipe_stats_count_shadow(const struct ipe_loaded *loaded,
			    const struct ipe_verdict *verdict,
			    enum ipe_action decided);
int ipe_stats_show(struct seq_file *m, const struct ipe_loaded *loaded);

#endif
