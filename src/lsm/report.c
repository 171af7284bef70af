// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is told of a verdict: today the audit log, of every denial that is not
 * one of many equal ones, and of what is allowed if that is switched on.
 */

#include <linux/jiffies.h>
#include <linux/sched.h>

#include "audit.h"
#include "ipe.h"
#include "limiter.h"
#include "report.h"

static struct ipe_limiter limiter = {
	.lock = __SPIN_LOCK_UNLOCKED(limiter.lock),
};

static struct ipe_limit_key key_of(const struct ipe_event *event)
{
	const struct ipe_verdict *verdict = &event->verdict;
	struct ipe_limit_key key = {
		.serial = event->loaded->serial,
		.op = verdict->op,
		.match = verdict->match,
		.enforcing = event->enforcing,
		.hook = event->hook,
	};

	if (verdict->rule)
		key.line = ipe_rule_line(verdict->rule);
	if (event->inode) {
		key.ino = event->inode->i_ino;
		key.dev = event->inode->i_sb->s_dev;
		key.generation = event->inode->i_generation;
	} else {
		key.tgid = task_tgid_nr(current);
	}
	return key;
}

/**
 * ipe_report() - Tell whom it concerns
 * @event: the verdict
 *
 * Context: RCU read-side critical section; does not sleep.
 */
void ipe_report(const struct ipe_event *event)
{
	struct ipe_limit_key key;
	u64 suppressed = 0;

	if (event->verdict.action == IPE_ACTION_ALLOW) {
		if (READ_ONCE(ipe_success_audit))
			ipe_audit_access(event, 0);
		return;
	}
	key = key_of(event);
	if (ipe_limiter_admit(&limiter, &key, get_jiffies_64(), &suppressed))
		ipe_audit_access(event, suppressed);
}
