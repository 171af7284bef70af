// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters of a policy: one addition for each verdict, and the text of the file
 * "stats".
 */

#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "stats.h"

/**
 * ipe_stats_init() - Make the counters of a policy, all zero
 * @stats: zeroed; to be freed with ipe_stats_free(), also after an error
 * @n_rules: how many rules it has
 *
 * Return: %0 or %-ENOMEM.
 */
int ipe_stats_init(struct ipe_stats *stats, unsigned int n_rules)
{
	stats->n_matches = IPE_STATS_RULES + n_rules;
	stats->matches = ipe_port_alloc(stats->n_matches,
					sizeof(*stats->matches));
	stats->cpu = alloc_percpu_gfp(struct ipe_stats_cpu, GFP_KERNEL_ACCOUNT);
	stats->shadow = kzalloc(sizeof(*stats->shadow), GFP_KERNEL_ACCOUNT);
	return stats->matches && stats->cpu && stats->shadow ? 0 : -ENOMEM;
}

/**
 * ipe_stats_free() - Free the counters of a policy
 * @stats: not in use any more; all zero is fine
 */
void ipe_stats_free(struct ipe_stats *stats)
{
	kfree(stats->shadow);
	free_percpu(stats->cpu);
	ipe_port_free(stats->matches);
}

/**
 * ipe_stats_hand_over() - Free a CPU's place for another reason, and count it
 * @stats: of the policy
 * @word: the place, this CPU's
 * @reason: what decided
 *
 * Context: preemption is disabled.
 */
void ipe_stats_hand_over(const struct ipe_stats *stats, u64 *word,
			 unsigned int reason)
{
	unsigned int before = *word >> 32;

	if (!WARN_ON_ONCE(before >= stats->n_matches))
		atomic64_add((u32)*word, &stats->matches[before]);
	/* Pairs with ipe_stats_matches(): counts nothing twice for long. */
	smp_wmb();
	WRITE_ONCE(*word, (u64)reason << 32 | 1);
}

/* The counter of the rule or DEFAULT that decided. */
static unsigned int reason_of(const struct ipe_stats *stats,
			      const struct ipe_policy *policy,
			      const struct ipe_verdict *verdict)
{
	unsigned int op = min_t(unsigned int, verdict->op, IPE_OP_UNKNOWN);
	unsigned int reason = IPE_STATS_GLOBAL + op;

	if (verdict->match == IPE_MATCH_RULE)
		reason =
			IPE_STATS_RULES + ipe_rule_index(policy, verdict->rule);
	else if (verdict->match == IPE_MATCH_OP_DEFAULT)
		reason = op;
	if (WARN_ON_ONCE(reason >= stats->n_matches))
		return IPE_STATS_GLOBAL + op;
	return reason;
}

/**
 * ipe_stats_count() - Count a verdict
 * @stats: of @policy
 * @policy: the one that decided
 * @verdict: of that policy
 *
 * Context: RCU read-side critical section, or a reference.
 * Return: index in &ipe_stats.matches of the rule or DEFAULT that decided.
 */
unsigned int ipe_stats_count(const struct ipe_stats *stats,
			     const struct ipe_policy *policy,
			     const struct ipe_verdict *verdict)
{
	unsigned int reason = reason_of(stats, policy, verdict);

	ipe_stats_count_match(stats, reason);
	return reason;
}

/**
 * ipe_stats_count_shadow() - Count a verdict of the shadow
 * @stats: of @policy
 * @policy: the shadow
 * @verdict: of that policy
 * @decided: the action that the active policy decided on
 *
 * Context: as ipe_stats_count().
 */
void ipe_stats_count_shadow(const struct ipe_stats *stats,
			    const struct ipe_policy *policy,
			    const struct ipe_verdict *verdict,
			    enum ipe_action decided)
{
	unsigned int op = min_t(unsigned int, verdict->op, IPE_OP_UNKNOWN);
	struct ipe_shadow_stats *shadow = stats->shadow;

	if (verdict->action != decided) {
		if (verdict->action == IPE_ACTION_ALLOW)
			atomic64_inc(&shadow->allowed);
		else
			atomic64_inc(&shadow->denied);
	}
	ipe_stats_count(stats, policy, verdict);
	/* Pairs with take_shadow_off(), which reads before the matches. */
	smp_mb__before_atomic();
	atomic64_inc(verdict->action == IPE_ACTION_ALLOW ? &shadow->allows[op] :
							   &shadow->denies[op]);
}

/* The matches that CPUs have counted and not yet handed over. */
static u64 recent_matches(const struct ipe_stats *stats, unsigned int reason)
{
	const struct ipe_stats_cpu *counted;
	u64 word, sum = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		counted = per_cpu_ptr(stats->cpu, cpu);
		word = READ_ONCE(counted->recent[reason % IPE_STATS_RECENT]);
		if (word >> 32 == reason)
			sum += (u32)word;
	}
	return sum;
}

/**
 * ipe_stats_matches() - How often a rule or DEFAULT decided
 * @stats: of the policy; may be counted at the same time
 * @reason: index in &ipe_stats.matches
 *
 * Return: the number.
 */
u64 ipe_stats_matches(const struct ipe_stats *stats, unsigned int reason)
{
	const atomic64_t *handed_over = &stats->matches[reason];
	u64 before, after, sum;
	int tries = 0;

	/*
	 * A CPU that hands over meanwhile may be counted twice: read again. If
	 * that never ends, the sum may be too high for a moment.
	 */
	do {
		before = atomic64_read(handed_over);
		/* Pairs with ipe_stats_hand_over(). */
		smp_rmb();
		sum = recent_matches(stats, reason);
		/* Likewise. */
		smp_rmb();
		after = atomic64_read(handed_over);
	} while (after != before && ++tries < 100);
	return sum + after;
}

/**
 * struct totals - verdicts of a policy, but for those as a shadow
 * @allowed: by operation; last: IPE_OP_UNKNOWN
 * @denied: by operation
 */
struct totals {
	u64 allowed[IPE_OP_COUNT + 1];
	u64 denied[IPE_OP_COUNT + 1];
};

static void add_verdicts(struct totals *totals, enum ipe_action action,
			 unsigned int op, u64 n)
{
	if (action == IPE_ACTION_ALLOW)
		totals->allowed[op] += n;
	else
		totals->denied[op] += n;
}

static enum ipe_action default_action(const struct ipe_policy *policy,
				      unsigned int op)
{
	/* IPE_OP_UNKNOWN has a DEFAULT only where it is denied. */
	return op == IPE_OP_UNKNOWN ? IPE_ACTION_DENY :
				      ipe_policy_default_action(policy, op);
}

static void sum_defaults(const struct ipe_stats *stats,
			 const struct ipe_policy *policy, struct totals *totals)
{
	enum ipe_action global =
		ipe_policy_default_action(policy, IPE_OP_UNKNOWN);
	unsigned int op;

	for (op = 0; op <= IPE_OP_COUNT; op++) {
		add_verdicts(totals, default_action(policy, op), op,
			     ipe_stats_matches(stats, op));
		add_verdicts(totals, global, op,
			     ipe_stats_matches(stats, IPE_STATS_GLOBAL + op));
	}
}

static void sum_rules(const struct ipe_stats *stats,
		      const struct ipe_policy *policy, struct totals *totals)
{
	unsigned int i, n_rules = stats->n_matches - IPE_STATS_RULES;

	for (i = 0; i < n_rules; i++) {
		add_verdicts(totals, ipe_policy_rule_action(policy, i),
			     ipe_policy_rule_op(policy, i),
			     ipe_stats_matches(stats, IPE_STATS_RULES + i));
		if (!(i & 0x3f))
			cond_resched();
	}
}

static void take_shadow_off(const struct ipe_shadow_stats *shadow,
			    struct totals *totals)
{
	unsigned int op;

	for (op = 0; op <= IPE_OP_COUNT; op++) {
		totals->allowed[op] -= atomic64_read(&shadow->allows[op]);
		totals->denied[op] -= atomic64_read(&shadow->denies[op]);
	}
	/*
	 * Pairs with ipe_stats_count_shadow(): the matches are at least as
	 * many.
	 */
	smp_rmb();
}

static void sum_verdicts(const struct ipe_stats *stats,
			 const struct ipe_policy *policy, struct totals *totals)
{
	*totals = (struct totals){};
	take_shadow_off(stats->shadow, totals);
	sum_defaults(stats, policy, totals);
	sum_rules(stats, policy, totals);
}

static void show_verdicts(struct seq_file *m, const struct totals *totals)
{
	unsigned int op;

	for (op = 0; op <= IPE_OP_COUNT; op++)
		seq_printf(m, "op=%s allowed=%llu denied=%llu\n",
			   ipe_op_name(op), totals->allowed[op],
			   totals->denied[op]);
}

static void show_rules(struct seq_file *m, const struct ipe_stats *stats,
		       const struct ipe_policy *policy)
{
	unsigned int i, n_rules = stats->n_matches - IPE_STATS_RULES;
	u64 matches;

	for (i = 0; i < n_rules && !seq_has_overflowed(m); i++) {
		matches = ipe_stats_matches(stats, IPE_STATS_RULES + i);
		if (matches)
			seq_printf(m, "rule line=%u matches=%llu\n",
				   ipe_policy_rule_line(policy, i), matches);
		if (!(i & 0x3f))
			cond_resched();
	}
}

static void show_defaults(struct seq_file *m, const struct ipe_stats *stats,
			  const struct ipe_policy *policy)
{
	u64 matches, global = 0;
	unsigned int op, line;

	for (op = 0; op <= IPE_OP_COUNT; op++) {
		global += ipe_stats_matches(stats, IPE_STATS_GLOBAL + op);
		matches = ipe_stats_matches(stats, op);
		line = op == IPE_OP_UNKNOWN ?
			       0 : ipe_policy_default_line(policy, op);
		if (matches)
			seq_printf(m, "default op=%s line=%u matches=%llu\n",
				   ipe_op_name(op), line, matches);
	}
	if (global)
		seq_printf(m, "default line=%u matches=%llu\n",
			   ipe_policy_default_line(policy, IPE_OP_UNKNOWN),
			   global);
}

/**
 * ipe_stats_show() - The text of the file "stats"
 * @m: gets the text
 * @stats: of @policy; they stay as long as this runs
 * @policy: whose
 *
 * Context: Process context.
 * Return: %0, also if the text did not fit: then seq_file asks again.
 */
int ipe_stats_show(struct seq_file *m, const struct ipe_stats *stats,
		   const struct ipe_policy *policy)
{
	const struct ipe_shadow_stats *shadow = stats->shadow;
	struct totals totals;

	sum_verdicts(stats, policy, &totals);
	show_verdicts(m, &totals);
	show_rules(m, stats, policy);
	show_defaults(m, stats, policy);
	seq_printf(m, "shadow denied=%lld allowed=%lld\n",
		   atomic64_read(&shadow->denied),
		   atomic64_read(&shadow->allowed));
	return 0;
}
