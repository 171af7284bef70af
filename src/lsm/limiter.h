/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How often an equal denial is recorded: a program that is denied in a loop
 * must not push other records out of the log.
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
#define IPE_LIMIT_ENTRIES	256

/**
 * struct ipe_limit_key - what makes two denials equal
 * @serial: &ipe_loaded.serial
 * @ino: inode number; 0 where there is no file
 * @dev: its file system
 * @generation: of the inode number
 * @line: of the rule; 0 for a DEFAULT
 * @tgid: of the process, where there is no file; else 0
 * @op: enum ipe_op
 * @match: enum ipe_match
 * @enforcing: a denial that is enforced differs from one that is not
 * @hook: enum ipe_hook; a mapping hides no execution
 * @zero: no room that nobody fills
 */
struct ipe_limit_key {
	u64 serial;
	u64 ino;
	u32 dev;
	u32 generation;
	u32 line;
	u32 tgid;
	u8 op;
	u8 match;
	u8 enforcing;
	u8 hook;
	u8 zero[4];
};

static_assert(sizeof(struct ipe_limit_key) == 40);

/**
 * struct ipe_limit_entry - the latest denials of one key
 * @key: all zero where nothing happened yet
 * @start: of the window, in jiffies
 * @recorded: in the window
 * @suppressed: since the last record
 */
struct ipe_limit_entry {
	struct ipe_limit_key key;
	u64 start;
	u32 recorded;
	u64 suppressed;
};

/**
 * struct ipe_limiter - a table with one place for each hash of a key
 * @lock: of all entries; held for a few instructions, inside of nothing else
 * @entries: a key whose place has another key takes it over. So a collision
 *	means more records, never fewer
 */
struct ipe_limiter {
	spinlock_t lock;
	struct ipe_limit_entry entries[IPE_LIMIT_ENTRIES];
};

unsigned int ipe_limiter_place(const struct ipe_limit_key *key);
bool ipe_limiter_admit(struct ipe_limiter *limiter,
		       const struct ipe_limit_key *key, u64 now,
		       u64 *ret_suppressed);

#endif
