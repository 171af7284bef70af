/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How often each rule and DEFAULT of a policy decided. These numbers are
 * complete: unlike the log, they are neither sampled nor limited.
 */
#ifndef _SECURITY_IPE_STATS_H
#define _SECURITY_IPE_STATS_H

#include <linux/atomic.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/seq_file.h>

#include "policy/policy.h"

/*
 * The reasons of verdicts, as indices of counters: first the DEFAULT of each
 * operation, then the global DEFAULT for each operation that it decided about,
 * then the rules by ipe_rule_index(). IPE_OP_UNKNOWN is an operation here.
 */
#define IPE_STATS_GLOBAL	(IPE_OP_COUNT + 1)
#define IPE_STATS_RULES		(IPE_STATS_GLOBAL + IPE_OP_COUNT + 1)

/* Reasons that a CPU counts by itself, at most. */
#define IPE_STATS_RECENT	64

/**
 * struct ipe_stats_cpu - counts of one CPU that it has not handed over yet
 * @recent: at reason % IPE_STATS_RECENT: the reason in the upper 32 bits, its
 *	count in the lower ones. Only this CPU writes. On 32 bits a reader on
 *	another CPU may see half of a change, for a moment
 */
struct ipe_stats_cpu {
	u64 recent[IPE_STATS_RECENT];
};

/**
 * struct ipe_shadow_stats - counters of a policy as a shadow
 * @allows: verdicts that allow, by operation; last: IPE_OP_UNKNOWN. They are in
 *	&ipe_stats.matches, too
 * @denies: verdicts that deny
 * @allowed: verdicts that allow where the active policy denied
 * @denied: verdicts that deny where the active policy allowed
 */
struct ipe_shadow_stats {
	atomic64_t allows[IPE_OP_COUNT + 1];
	atomic64_t denies[IPE_OP_COUNT + 1];
	atomic64_t allowed;
	atomic64_t denied;
};

/**
 * struct ipe_stats - counters of a loaded policy, from 0 when it is loaded
 * @cpu: of each CPU, so that CPUs do not write to the same memory
 * @matches: count of each reason, also as a shadow, without the counts in @cpu
 * @n_matches: elements of @matches
 * @shadow: of this policy as a shadow
 *
 * Each reason stands for one operation and one action, so that these counts
 * also say how often an operation was allowed or denied.
 *
 * Verdicts count under RCU. A reader sees each counter at some moment while it
 * reads.
 */
struct ipe_stats {
	struct ipe_stats_cpu __percpu *cpu;
	atomic64_t *matches;
	unsigned int n_matches;
	struct ipe_shadow_stats *shadow;
};

int ipe_stats_init(struct ipe_stats *stats, unsigned int n_rules);
void ipe_stats_free(struct ipe_stats *stats);
void ipe_stats_hand_over(const struct ipe_stats *stats, u64 *word,
			 unsigned int reason);
unsigned int ipe_stats_count(const struct ipe_stats *stats,
			     const struct ipe_policy *policy,
			     const struct ipe_verdict *verdict);
void ipe_stats_count_shadow(const struct ipe_stats *stats,
			    const struct ipe_policy *policy,
			    const struct ipe_verdict *verdict,
			    enum ipe_action decided);
u64 ipe_stats_matches(const struct ipe_stats *stats, unsigned int reason);

/**
 * ipe_stats_count_match() - Count a reason
 * @stats: of the policy
 * @reason: index in &ipe_stats.matches
 *
 * Context: Process context; RCU read-side critical section, or a reference.
 */
static __always_inline void ipe_stats_count_match(const struct ipe_stats *stats,
						  unsigned int reason)
{
	u64 *word, next;

	preempt_disable();
	word = &this_cpu_ptr(stats->cpu)->recent[reason % IPE_STATS_RECENT];
	next = *word + 1;
	/* The reason changes too when the count would overflow. */
	if (likely(next >> 32 == reason))
		WRITE_ONCE(*word, next);
	else
		ipe_stats_hand_over(stats, word, reason);
	preempt_enable();
}

int ipe_stats_show(struct seq_file *m, const struct ipe_stats *stats,
		   const struct ipe_policy *policy);

#endif
