// SPDX-License-Identifier: GPL-2.0-only
/*
 * Judges the questions that no cached verdict answers, and keeps the answers
 * that may be kept.
 */

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/rcupdate.h>

#include "ipe.h"
#include "judge.h"
#include "report.h"

static struct ipe_verdict evaluate_policy(const struct ipe_loaded *loaded,
					  enum ipe_op op,
					  const struct ipe_facts *facts)
{
	struct ipe_verdict verdict;

	verdict = ipe_policy_evaluate(loaded->policy, op, facts);
	if (WARN_ON_ONCE(verdict.action != IPE_ACTION_ALLOW &&
			 verdict.action != IPE_ACTION_DENY))
		verdict.action = IPE_ACTION_DENY;
	return verdict;
}

/* The verdict has to be reported, or there is a shadow to compare it with. */
static noinline int judge_aloud(struct ipe_event *event, enum ipe_op op,
				const struct ipe_loaded *active,
				const struct ipe_loaded *shadow)
{
	enum ipe_action decided = IPE_ACTION_ALLOW;

	event->enforcing = READ_ONCE(ipe_enforce);
	if (active) {
		event->loaded = active;
		event->verdict = evaluate_policy(active, op, event->facts);
		decided = event->verdict.action;
		ipe_report(event);
	}
	/* Both are the same for a moment, while a shadow becomes active. */
	if (shadow && shadow != active) {
		event->loaded = shadow;
		event->verdict = evaluate_policy(shadow, op, event->facts);
		ipe_report_shadow(event, decided);
	}
	return decided == IPE_ACTION_DENY && event->enforcing ? -EACCES : 0;
}

static __always_inline int judge_anew(const struct ipe_question *q)
{
	s64 generation = ipe_cache_begin();
	unsigned int flags = ipe_judge_flags(q->inode), reason;
	const struct ipe_loaded *active, *shadow;
	struct ipe_evidence evidence __uninitialized;
	struct ipe_verdict verdict;

	active = ipe_policies_active(&ipe_policies);
	shadow = ipe_policies_shadow(&ipe_policies);
	ipe_providers_collect(q->inode, &evidence);
	if (likely(active && !shadow && !READ_ONCE(ipe_success_audit))) {
		verdict = evaluate_policy(active, q->op, &evidence.facts);
		if (verdict.action == IPE_ACTION_ALLOW) {
			reason = ipe_stats_count(&active->stats, active->policy,
						 &verdict);
			if (q->lean && q->flags == flags)
				flags |= IPE_CACHE_LEAN;
			if (q->op == IPE_OP_EXECUTE && !evidence.passing)
				ipe_cache_store(ipe_judge_cached(q->inode),
						generation, flags, reason);
			return 0;
		}
	}
	return judge_aloud(&(struct ipe_event){
				   .hook = q->hook,
				   .file = q->file,
				   .inode = q->inode,
				   .facts = &evidence.facts,
			   }, q->op, active, shadow);
}

/**
 * ipe_judge() - Answer a question
 * @q: the question; unless its file is stacked, the caller has looked at the
 *	cache
 *
 * Not inline, as ipe_judge_file() and ipe_judge_unknown() are not: the caller
 * must not save registers for them where the cached verdict does.
 *
 * Context: Process context. May sleep: an inode may have pages to drop before
 * its facts are true.
 * Return: %0 or %-EACCES.
 */
noinline int ipe_judge(const struct ipe_question *q)
{
	if (ipe_judge_is_idle())
		return 0;
	if (q->inode)
		ipe_providers_settle(q->inode);

	guard(rcu)();

	/* ipe_judge_is_allowed() has looked at the cache of other files. */
	if (q->op == IPE_OP_EXECUTE && q->file &&
	    ipe_bytes_are_below(q->file) &&
	    ipe_cache_hit(ipe_judge_cached(q->inode), &ipe_policies.active,
			  ipe_judge_flags(q->inode), IPE_JUDGE_TO_MAP))
		return 0;
	return judge_anew(q);
}

/**
 * ipe_judge_file() - Answer a question about the bytes of a file
 * @hook: who asks
 * @op: what is about to happen
 * @file: has the bytes, or has them below itself
 *
 * Context: as ipe_judge().
 * Return: %0 or %-EACCES.
 */
noinline int ipe_judge_file(enum ipe_hook hook, enum ipe_op op,
			    const struct file *file)
{
	return ipe_judge(&(struct ipe_question){
		.hook = hook,
		.op = op,
		.file = file,
		.inode = ipe_bytes_inode(file),
	});
}

/**
 * ipe_judge_unknown() - Answer a question about bytes of unknown origin
 * @hook: who asks
 * @op: what is about to happen
 * @file: for the report alone; NULL where there is none
 *
 * Context: as ipe_judge().
 * Return: %0 or %-EACCES.
 */
noinline int ipe_judge_unknown(enum ipe_hook hook, enum ipe_op op,
			       const struct file *file)
{
	return ipe_judge(&(struct ipe_question){
		.hook = hook,
		.op = op,
		.file = file,
	});
}

/**
 * ipe_judge_vouch() - Does the active policy trust the origin of a policy file?
 * @inode: had the bytes while they were read; settled before that
 *
 * Only a rule of op=POLICY vouches for a file. A DEFAULT says nothing about its
 * origin, and neither does a missing policy. Switching enforcement off does not
 * make a policy trust more.
 *
 * Context: Process context.
 * Return: %0 or %-EACCES.
 */
int ipe_judge_vouch(struct inode *inode)
{
	const struct ipe_loaded *loaded;
	struct ipe_evidence evidence;
	struct ipe_verdict verdict;

	guard(rcu)();

	loaded = ipe_policies_active(&ipe_policies);
	if (!loaded)
		return -EACCES;
	ipe_providers_collect(inode, &evidence);
	verdict = ipe_policy_evaluate(loaded->policy, IPE_OP_POLICY,
				      &evidence.facts);
	return verdict.match == IPE_MATCH_RULE &&
			       verdict.action == IPE_ACTION_ALLOW ?
		       0 :
		       -EACCES;
}
