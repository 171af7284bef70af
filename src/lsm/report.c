// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reports a verdict: to the counters always; to the file "events" if it denies;
 * to the audit log if it denies and is not one of many equal denials, or if
 * success_audit is on. A verdict of the shadow is reported where it differs.
 */

#include <linux/audit.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uidgid.h>
#include <linux/vmalloc.h>

#include "audit.h"
#include "fs_events.h"
#include "ipe.h"
#include "limiter.h"
#include "report.h"
#include "subject.h"

static struct ipe_limiter *limiter __ro_after_init;

/**
 * ipe_report_init() - Get the memory that reports need
 *
 * Context: while the LSM starts, once.
 * Return: %0 or %-ENOMEM.
 */
int __init ipe_report_init(void)
{
	limiter = vzalloc(sizeof(*limiter));
	if (!limiter)
		return -ENOMEM;
	ipe_limiter_init(limiter);
	return ipe_fs_events_init();
}

static struct ipe_limit_key key_of(const struct ipe_event *event)
{
	const struct ipe_verdict *verdict = &event->verdict;
	struct ipe_limit_key key = {
		.serial = event->loaded->serial,
		.program = ipe_subject_program(),
		.uid = ipe_subject_uid(),
		.loginuid = from_kuid(&init_user_ns,
				      audit_get_loginuid(current)),
		.line = ipe_verdict_line(event->loaded->policy, verdict),
		.op = verdict->op,
		.match = verdict->match,
		.enforcing = event->enforcing,
		.hook = event->hook,
		.shadow = event->shadow,
	};

	if (event->inode)
		key.inode = ipe_inode_number(event->inode);
	else if (event->file)
		key.inode = ipe_inode_number(file_inode(event->file));
	return key;
}

static struct ipe_limit_trace trace_of(const struct ipe_event *event)
{
	struct ipe_limit_trace trace = {};
	const struct inode *inode;

	static_assert(sizeof(trace.device) == sizeof(inode->i_sb->s_id));
	get_task_comm(trace.comm, current);
	if (event->file) {
		inode = file_inode(event->file);
		trace.file = true;
		trace.ino = inode->i_ino;
		strscpy(trace.device, inode->i_sb->s_id);
	}
	return trace;
}

/* A record that audit does not make is returned to the limiter. */
static void audit_limited(const struct ipe_event *event)
{
	const struct ipe_limit_key key = key_of(event);
	const struct ipe_limit_trace trace = trace_of(event);
	struct ipe_limit_entry evicted;
	u64 suppressed = 0;

	if (!ipe_limiter_admit(limiter, &key, &trace, get_jiffies_64(),
			       &suppressed, &evicted))
		return;
	if (evicted.suppressed && !ipe_audit_suppressed(&evicted))
		ipe_limiter_return_evicted(limiter, evicted.suppressed);
	if (!ipe_audit_access(event, suppressed))
		ipe_limiter_return(limiter, &key, suppressed);
}

/*
 * Does without the rule's text if there is no memory for it. Any user can cause
 * denials, so the text is read once, and no more of it than a bound.
 */
static void report_event(struct ipe_event *event)
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
		ipe_fs_events_add(event);
		audit_limited(event);
	}
	event->rule = NULL;
	kfree(rule);
}

/**
 * ipe_report() - Report a verdict of the active policy
 * @event: the verdict
 *
 * Context: RCU read-side critical section; does not sleep.
 */
void ipe_report(struct ipe_event *event)
{
	ipe_stats_count(&event->loaded->stats, event->loaded->policy,
			&event->verdict);
	if (event->verdict.action != IPE_ACTION_ALLOW ||
	    READ_ONCE(ipe_success_audit))
		report_event(event);
}

/**
 * ipe_report_shadow() - Report a verdict of the shadow
 * @event: the verdict
 * @decided: the action that was decided on, for comparison
 *
 * Context: RCU read-side critical section; does not sleep.
 */
void ipe_report_shadow(struct ipe_event *event, enum ipe_action decided)
{
	event->shadow = true;
	ipe_stats_count_shadow(&event->loaded->stats, event->loaded->policy,
			       &event->verdict, decided);
	if (event->verdict.action != decided)
		report_event(event);
}
