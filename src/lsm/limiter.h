/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How often an equal denial is recorded: a program that is denied in a loop
 * must not push other records out of the log. The counters of stats.h, and the
 * lines of events.h, are of all denials.
 */
#ifndef _SECURITY_IPE_LIMITER_H
#define _SECURITY_IPE_LIMITER_H

#include <linux/build_bug.h>
#include <linux/jiffies.h>
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
 * @serial: &ipe_loaded.serial
 * @inode: number of the file's inode, see blob.h; 0 where there is no file
 * @program: number of the inode of the running program, where there is no file;
 *	else 0. Not the process: that would be another key for each of the many
 *	processes that a loop can start. Whoever reads the log wants to know
 *	which programs are denied memory
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
	u64 inode;
	u64 program;
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
 * struct ipe_limit_entry - the latest denials of one key
 * @key: all zero where nothing happened yet
 * @start: of the window, in jiffies; 0 where nothing happened yet
 * @suppressed: since the last record
 * @recorded: in the window
 */
struct ipe_limit_entry {
	struct ipe_limit_key key;
	u64 start;
	u64 suppressed;
	u32 recorded;
};

/**
 * struct ipe_limiter - a table with a few places for each hash of a key
 * @lock: of all entries; held for a few instructions, inside of nothing else
 * @entries: a key that finds all of its places taken takes over the one whose
 *	window is the oldest. So keys that are many mean more records, never
 *	fewer. A count of suppressed records that no record has told by then is
 *	told by none
 */
struct ipe_limiter {
	spinlock_t lock;
	struct ipe_limit_entry entries[IPE_LIMIT_GROUPS][IPE_LIMIT_PLACES];
};

unsigned int ipe_limiter_group(const struct ipe_limit_key *key);
bool ipe_limiter_admit(struct ipe_limiter *limiter,
		       const struct ipe_limit_key *key, u64 now,
		       u64 *ret_suppressed);
void ipe_limiter_return(struct ipe_limiter *limiter,
			const struct ipe_limit_key *key, u64 suppressed);

#endif
