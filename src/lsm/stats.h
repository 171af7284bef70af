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
 * @n_matches: elements of @matches
 * @matches: how often each thing decided, also as a shadow: by operation the
 *	DEFAULT of one; at IPE_OP_COUNT the global DEFAULT, or its absence; at
 *	IPE_STATS_UNKNOWN that IPE_OP_UNKNOWN is denied without a line; then the
 *	rules, by ipe_rule_index()
 *
 * Counted by verdicts under RCU, each counter for itself: a reader sees every
 * one at some moment while it reads.
 */
struct ipe_stats {
	atomic64_t allowed[IPE_OP_COUNT + 1];
	atomic64_t denied[IPE_OP_COUNT + 1];
	atomic64_t shadow_allowed;
	atomic64_t shadow_denied;
	unsigned int n_matches;
	atomic64_t matches[] __counted_by(n_matches);
};

/* Where the rules begin in &ipe_stats.matches, and what comes before them. */
#define IPE_STATS_UNKNOWN (IPE_OP_COUNT + 1)
#define IPE_STATS_RULES (IPE_STATS_UNKNOWN + 1)

struct ipe_stats *ipe_stats_new(unsigned int n_rules);
void ipe_stats_free(struct ipe_stats *stats);
unsigned int ipe_stats_count(const struct ipe_loaded *loaded,
			     const struct ipe_verdict *verdict);
void ipe_stats_count_shadow(const struct ipe_loaded *loaded,
			    const struct ipe_verdict *verdict,
			    enum ipe_action decided);

/**
 * ipe_stats_count_cached() - Count a verdict that something may be executed
 * @stats: counters of the policy that decided
 * @reason: of ipe_stats_count()
 *
 * Context: as ipe_stats_count().
 */
static inline void ipe_stats_count_cached(struct ipe_stats *stats,
					  unsigned int reason)
{
	atomic64_inc(&stats->allowed[IPE_OP_EXECUTE]);
	atomic64_inc(&stats->matches[reason]);
}

int ipe_stats_show(struct seq_file *m, const struct ipe_loaded *loaded);

#endif
