/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How often an equal denial is recorded: a program that is denied in a loop
 * must not push other records out of the log. The counters of stats.h, and the
 * lines of events.h, are of all denials. A denial that is not recorded is
 * counted in a later record.
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
 * @serial: &ipe_loaded.serial, of which none is 0
 * @inode: number of the file's inode, see blob.h; 0 where there is no file
 * @program: number of the inode of the running program, see subject.h. Not the
 *	process: that would be another key for each of the many processes that
 *	a loop can start
 * @uid: of the user who asks, see subject.h
 * @loginuid: of the session that the task is part of, as audit knows it
 * @line: of the rule or DEFAULT; 0 if there is none
 * @op: enum ipe_op
 * @match: enum ipe_match
 * @enforcing: a denial that is enforced differs from one that is not
 * @hook: enum ipe_hook; a mapping hides no execution
 * @shadow: what a shadow would have said hides no denial
 * @zero: no room that nobody fills
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
 * struct ipe_limit_trace - what a record says of denials besides their key
 * @ino: of the file, as it was named
 * @file: there is one
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
 * @key: all zero where nothing happened yet, and where a count is of several
 *	keys
 * @trace: of the latest of them
 * @start: of the window, in jiffies; 0 where nothing happened yet
 * @suppressed: since the last record
 * @recorded: in the window
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
 * @lock: of all that follows; held for a few instructions, inside of nothing
 *	else
 * @unwritten: suppressed denials whose key is not known any more: they were to
 *	be written out, and audit made no record
 * @entries: a key that finds all of its places taken takes over the one whose
 *	window is the oldest. So keys that are many mean more records, never
 *	fewer
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
