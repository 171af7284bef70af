// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is told of a verdict: the counters of all of them; the file "events" of
 * every denial; the audit log of every denial that is not one of many equal
 * ones, and of what is allowed if that is switched on. What a shadow would have
 * said is told where it differs.
 */

#include <linux/file.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "audit.h"
#include "blob.h"
#include "events.h"
#include "ipe.h"
#include "limiter.h"
#include "report.h"

static struct ipe_limiter limiter = {
	.lock = __SPIN_LOCK_UNLOCKED(limiter.lock),
};

static u64 number_of(const struct inode *inode)
{
	static atomic_t last = ATOMIC_INIT(0);
	atomic_t *number = &ipe_inode_blob(inode)->number;
	u32 old = atomic_read(number), new;

	if (old)
		return old;
	new = atomic_inc_return(&last);
	return (u32)atomic_cmpxchg(number, 0, new) ?: new;
}

/* 0 for a kernel thread. */
static u64 number_of_program(void)
{
	struct file *program;
	u64 number;

	program = current->mm ? get_mm_exe_file(current->mm) : NULL;
	if (!program)
		return 0;
	number = number_of(file_inode(program));
	fput(program);
	return number;
}

static struct ipe_limit_key key_of(const struct ipe_event *event)
{
	const struct ipe_verdict *verdict = &event->verdict;
	struct ipe_limit_key key = {
		.serial = event->loaded->serial,
		.line = ipe_verdict_line(event->loaded->policy, verdict),
		.op = verdict->op,
		.match = verdict->match,
		.enforcing = event->enforcing,
		.hook = event->hook,
		.shadow = event->shadow,
	};

	if (event->inode)
		key.inode = number_of(event->inode);
	else if (event->file)
		key.inode = number_of(file_inode(event->file));
	else
		key.program = number_of_program();
	return key;
}

/* A record that audit does not make does not count. */
static void audit_limited(const struct ipe_event *event)
{
	struct ipe_limit_key key = key_of(event);
	u64 suppressed = 0;

	if (!ipe_limiter_admit(&limiter, &key, get_jiffies_64(), &suppressed))
		return;
	if (!ipe_audit_access(event, suppressed))
		ipe_limiter_return(&limiter, &key, suppressed);
}

/*
 * The verdict has been given: for the rule's text memory is asked for, not
 * insisted on. One pass over a bounded part of it: anybody can be denied.
 */
static void tell(struct ipe_event *event)
{
	const struct ipe_policy *policy = event->loaded->policy;
	char *rule;
	size_t len;

	rule = kmalloc(IPE_REPORT_RULE_MAX + 1, GFP_NOWAIT | __GFP_NOWARN);
	len = ipe_verdict_excerpt(policy, &event->verdict, rule,
				  rule ? IPE_REPORT_RULE_MAX + 1 : 0);
	event->rule = rule;
	event->rule_len = min_t(size_t, len, IPE_REPORT_RULE_MAX);
	if (event->verdict.action == IPE_ACTION_ALLOW && !event->shadow) {
		ipe_audit_access(event, 0);
	} else {
		ipe_events_add(event);
		audit_limited(event);
	}
	event->rule = NULL;
	kfree(rule);
}

/**
 * ipe_report() - Tell whom it concerns what was decided
 * @event: the verdict of the policy that decides
 *
 * Context: RCU read-side critical section; does not sleep.
 */
void ipe_report(struct ipe_event *event)
{
	ipe_stats_count(event->loaded, &event->verdict);
	if (event->verdict.action != IPE_ACTION_ALLOW ||
	    READ_ONCE(ipe_success_audit))
		tell(event);
}

/**
 * ipe_report_shadow() - Tell whom it concerns what a shadow would have decided
 * @event: its verdict
 * @decided: the action that was decided on
 *
 * Context: RCU read-side critical section; does not sleep.
 */
void ipe_report_shadow(struct ipe_event *event, enum ipe_action decided)
{
	event->shadow = true;
	ipe_stats_count_shadow(event->loaded, &event->verdict, decided);
	if (event->verdict.action != decided)
		tell(event);
}
