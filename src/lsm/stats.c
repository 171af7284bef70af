// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters of a policy: two additions a verdict, and the text of the file
 * "stats".
 */

#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "loaded.h"
#include "stats.h"

/**
 * ipe_stats_new() - Make the counters of a policy
 * @n_rules: how many rules it has
 *
 * Return: all zero, to be freed with ipe_stats_free(); NULL if there is no
 * memory.
 */
struct ipe_stats *ipe_stats_new(unsigned int n_rules)
{
	unsigned int n_matches = IPE_STATS_RULES + n_rules;
	struct ipe_stats *stats;

	stats = ipe_port_alloc(1, struct_size(stats, matches, n_matches));
	if (stats)
		stats->n_matches = n_matches;
	return stats;
}

/**
 * ipe_stats_free() - Free the counters of a policy
 * @stats: nobody counts any more; NULL is fine
 */
void ipe_stats_free(struct ipe_stats *stats)
{
	kvfree(stats);
}

/* Where it is counted that something decided. */
static unsigned int reason_of(const struct ipe_loaded *loaded,
			      const struct ipe_verdict *verdict)
{
	unsigned int reason = IPE_OP_COUNT;

	if (verdict->match == IPE_MATCH_RULE)
		reason = IPE_STATS_RULES + ipe_rule_index(loaded->policy,
							  verdict->rule);
	else if (verdict->match == IPE_MATCH_OP_DEFAULT)
		reason = verdict->op == IPE_OP_UNKNOWN ? IPE_STATS_UNKNOWN :
							 verdict->op;
	if (WARN_ON_ONCE(reason >= loaded->stats->n_matches))
		return IPE_OP_COUNT;
	return reason;
}

static unsigned int count_match(const struct ipe_loaded *loaded,
				const struct ipe_verdict *verdict)
{
	unsigned int reason = reason_of(loaded, verdict);

	atomic64_inc(&loaded->stats->matches[reason]);
	return reason;
}

/**
 * ipe_stats_count() - Count a verdict
 * @loaded: the policy that decided
 * @verdict: of that policy
 *
 * Context: RCU read-side critical section, or a reference.
 * Return: index in &ipe_stats.matches of what decided.
 */
unsigned int ipe_stats_count(const struct ipe_loaded *loaded,
			     const struct ipe_verdict *verdict)
{
	struct ipe_stats *stats = loaded->stats;

	if (verdict->action == IPE_ACTION_ALLOW)
		atomic64_inc(&stats->allowed[verdict->op]);
	else
		atomic64_inc(&stats->denied[verdict->op]);
	return count_match(loaded, verdict);
}

/**
 * ipe_stats_count_shadow() - Count what a shadow would have said
 * @loaded: the shadow
 * @verdict: of that policy
 * @decided: the action that another policy decided on
 *
 * Context: as ipe_stats_count().
 */
void ipe_stats_count_shadow(const struct ipe_loaded *loaded,
			    const struct ipe_verdict *verdict,
			    enum ipe_action decided)
{
	struct ipe_stats *stats = loaded->stats;

	if (verdict->action != decided) {
		if (verdict->action == IPE_ACTION_ALLOW)
			atomic64_inc(&stats->shadow_allowed);
		else
			atomic64_inc(&stats->shadow_denied);
	}
	count_match(loaded, verdict);
}

static u64 value_of(const atomic64_t *counter)
{
	return atomic64_read(counter);
}

static void show_verdicts(struct seq_file *m, const struct ipe_stats *stats)
{
	unsigned int op;

	for (op = 0; op <= IPE_OP_COUNT; op++)
		seq_printf(m, "op=%s allowed=%llu denied=%llu\n",
			   ipe_op_name(op), value_of(&stats->allowed[op]),
			   value_of(&stats->denied[op]));
}

static void show_rules(struct seq_file *m, const struct ipe_loaded *loaded)
{
	const struct ipe_stats *stats = loaded->stats;
	unsigned int i, n_rules = stats->n_matches - IPE_STATS_RULES;
	u64 matches;

	for (i = 0; i < n_rules && !seq_has_overflowed(m); i++) {
		matches = value_of(&stats->matches[IPE_STATS_RULES + i]);
		if (matches)
			seq_printf(m, "rule line=%u matches=%llu\n",
				   ipe_policy_rule_line(loaded->policy, i),
				   matches);
		if (!(i & 0xfff))
			cond_resched();
	}
}

static void show_defaults(struct seq_file *m, const struct ipe_loaded *loaded)
{
	const struct ipe_policy *policy = loaded->policy;
	const struct ipe_stats *stats = loaded->stats;
	unsigned int op;
	u64 matches;

	for (op = 0; op < IPE_OP_COUNT; op++) {
		matches = value_of(&stats->matches[op]);
		if (matches)
			seq_printf(m, "default op=%s line=%u matches=%llu\n",
				   ipe_op_name(op),
				   ipe_policy_default_line(policy, op),
				   matches);
	}
	matches = value_of(&stats->matches[IPE_STATS_UNKNOWN]);
	if (matches)
		seq_printf(m, "default op=UNKNOWN line=0 matches=%llu\n",
			   matches);
	matches = value_of(&stats->matches[IPE_OP_COUNT]);
	if (matches)
		seq_printf(m, "default line=%u matches=%llu\n",
			   ipe_policy_default_line(policy, IPE_OP_UNKNOWN),
			   matches);
}

/**
 * ipe_stats_show() - The text of the file "stats"
 * @m: gets the text
 * @loaded: whose; the caller has a reference
 *
 * Context: Process context.
 * Return: %0. A text that did not fit is for seq_file to ask for again.
 */
int ipe_stats_show(struct seq_file *m, const struct ipe_loaded *loaded)
{
	const struct ipe_stats *stats = loaded->stats;

	show_verdicts(m, stats);
	show_rules(m, loaded);
	show_defaults(m, loaded);
	seq_printf(m, "shadow denied=%llu allowed=%llu\n",
		   value_of(&stats->shadow_denied),
		   value_of(&stats->shadow_allowed));
	return 0;
}
