/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Limits the records of equal denials: a program that is denied in a loop must
 * not push other records out of the log. A later record counts the denials
 * without one. The counters of stats.h and the lines of fs_events.h are not
 * limited.
 */
#ifndef _SECURITY_IPE_LIMITER_H
#define _SECURITY_IPE_LIMITER_H

#include <linux/build_bug.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/siphash.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/* Records of equal denials in a window, and the window in jiffies. */
#define IPE_LIMIT_BURST		5
#define IPE_LIMIT_WINDOW	(10 * HZ)

/* Places that a key may take, and how many groups of them there are. */
#define IPE_LIMIT_PLACES	4
#define IPE_LIMIT_GROUPS	64

/**
 * struct ipe_limit_key - what makes two denials equal
 * @serial: &ipe_loaded.serial, never 0
 * @inode: number of the file's inode, see blob.h; 0 if there is no file
 * @program: number of the inode of the running program, see subject.h. Not the
 *	process: a loop can start many, each with a key of its own
 * @uid: of the user, see subject.h
 * @loginuid: of the session of the task, as audit knows it
 * @line: of the rule or DEFAULT; 0 if there is none
 * @op: enum ipe_op
 * @match: enum ipe_match
 * @enforcing: an enforced denial differs from another one
 * @hook: enum ipe_hook; a mapping must not hide an execution
 * @shadow: a verdict of the shadow must not hide a denial
 * @zero: padding, as all bytes are hashed and compared
 */
struct ipe_limit_key {
	u64 serial;
	u32 inode;
	u32 program;
	u32 uid;
	u32 loginuid;
	u32 line;
	u8 op;
	u8 match;
	u8 enforcing;
	u8 hook;
	u8 shadow;
	u8 zero[7];
};

static_assert(sizeof(struct ipe_limit_key) == 40);

/**
 * struct ipe_limit_trace - details for the record of suppressed denials
 * @ino: of the file that was named
 * @file: there is a file
 * @device: of the file; as &super_block.s_id
 * @comm: of the task
 */
struct ipe_limit_trace {
	unsigned long ino;
	bool file;
	char device[32];
	char comm[TASK_COMM_LEN];
};

/**
 * struct ipe_limit_entry - the latest denials of one key
 * @key: all zero in an unused entry, and for a count of several keys
 * @trace: of the latest denial
 * @start: of the window, in jiffies; 0 in an unused entry
 * @suppressed: denials since the last record
 * @recorded: records in the window
 */
struct ipe_limit_entry {
	struct ipe_limit_key key;
	struct ipe_limit_trace trace;
	u64 start;
	u64 suppressed;
	u32 recorded;
};

/**
 * struct ipe_limiter - a table with a few places for each hash of a key
 * @secret: of the hash, so that nobody can aim at a group; constant
 * @lock: of all that follows; held for a few instructions. No other lock is
 *	taken under it
 * @unwritten: suppressed denials without a known key: they left the table, and
 *	audit made no record
 * @entries: a key without an entry takes over the one with the oldest window.
 *	So many keys mean more records, never fewer
 */
struct ipe_limiter {
	siphash_key_t secret;
	spinlock_t lock;
	u64 unwritten;
	struct ipe_limit_entry entries[IPE_LIMIT_GROUPS][IPE_LIMIT_PLACES];
};

void ipe_limiter_init(struct ipe_limiter *limiter);
unsigned int ipe_limiter_group(const struct ipe_limiter *limiter,
			       const struct ipe_limit_key *key);
bool ipe_limiter_admit(struct ipe_limiter *limiter,
		       const struct ipe_limit_key *key,
		       const struct ipe_limit_trace *trace, u64 now,
		       u64 *ret_suppressed, struct ipe_limit_entry *ret_evicted);
void ipe_limiter_return(struct ipe_limiter *limiter,
			const struct ipe_limit_key *key, u64 suppressed);
void ipe_limiter_return_evicted(struct ipe_limiter *limiter, u64 suppressed);

#endif
