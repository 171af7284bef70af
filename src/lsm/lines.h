/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The latest lines of text in a memory of fixed size, for any number of readers
 * that each are at a place of their own. A writer does not wait for readers:
 * old lines are dropped, and a reader that had not got to them learns how many
 * lines of which user it has missed.
 *
 * No user drops the lines of others by writing many. Half of the memory is
 * root's. Where a new line needs memory, the oldest line goes of root, if root
 * then has more than its half, else of the other user who then has most.
 */
#ifndef _SECURITY_IPE_LINES_H
#define _SECURITY_IPE_LINES_H

#include <linux/build_bug.h>
#include <linux/math.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/* Bytes of a line that its writer may give. */
#define IPE_LINES_TEXT_MAX 14336

/* Bytes that come before them: "seq=", "time=" and two numbers of 64 bits. */
#define IPE_LINES_PREFIX_MAX 64

/* Users with a share: root, others, and one for all that find none free. */
#define IPE_LINES_USERS		64
#define IPE_LINES_ROOT		0
#define IPE_LINES_SHARED	(IPE_LINES_USERS - 1)

/* Bytes of a line in each block that it takes. */
#define IPE_LINES_BLOCK 60

/**
 * struct ipe_line - before the text, in the first block of a line
 * @node: in &ipe_lines.order
 * @number: of all lines ever; the first one has 1
 * @time: when it was put there, boottime ns
 * @index: of all lines ever of this user; the first one has 1
 * @next: first block of the user's next line, if there is one
 * @len: bytes of the text
 * @user: index into the arrays of &struct ipe_lines
 */
struct ipe_line {
	struct rb_node node;
	u64 number;
	u64 time;
	u64 index;
	u32 next;
	u16 len;
	u8 user;
};

static_assert(sizeof(struct ipe_line) <= IPE_LINES_BLOCK);
static_assert(IPE_LINES_TEXT_MAX <= U16_MAX);

/**
 * struct ipe_lines_block - part of a line, or free
 * @data: &struct ipe_line and the text, in as many blocks as they need
 * @next: index of the next block of the line, or of the next free one
 */
struct ipe_lines_block {
	char data[IPE_LINES_BLOCK] __aligned(8);
	u32 next;
};

static_assert(sizeof(struct ipe_lines_block) == 64);

/* Blocks of a line whose text has so many bytes. */
#define IPE_LINES_BLOCKS(len) \
	DIV_ROUND_UP(sizeof(struct ipe_line) + (len), IPE_LINES_BLOCK)

/**
 * struct ipe_lines - the memory; each array has a place for each user
 * @lock: of all that follows but @n_blocks, and of the place of each reader.
 *	Held for copying one line and for work that has a constant bound: at
 *	most as many lines are dropped as a line has blocks, and for each of
 *	them the users are looked at once. Held inside of nothing else
 * @order: lines by number
 * @next: number of the next line
 * @n_blocks: in @blocks; constant
 * @n_free: how many of them are free
 * @free: first of them, if there is one
 * @uid: in the initial user namespace; U32_MAX where nobody has the place yet,
 *	and in the shared one
 * @used: blocks; 0 without lines
 * @oldest: first block of the oldest line, if there is one
 * @newest: first block of the newest line, if there is one
 * @put: lines ever
 * @dropped: lines ever; all that are kept are newer
 * @former: of @dropped, those of users who had the place before
 * @blocks: all memory for lines
 */
struct ipe_lines {
	spinlock_t lock;
	struct rb_root order;
	u64 next;
	u32 n_blocks;
	u32 n_free;
	u32 free;
	u32 uid[IPE_LINES_USERS];
	u32 used[IPE_LINES_USERS];
	u32 oldest[IPE_LINES_USERS];
	u32 newest[IPE_LINES_USERS];
	u64 put[IPE_LINES_USERS];
	u64 dropped[IPE_LINES_USERS];
	u64 former[IPE_LINES_USERS];
	struct ipe_lines_block blocks[] __counted_by(n_blocks);
};

/**
 * struct ipe_lines_place - where a reader goes on
 * @number: of all lines below, a reader has seen them or has yet to learn that
 *	they are lost
 * @user: whose line, or loss, was looked at last
 * @seen: index of that user's latest line that is seen, or known to be lost
 */
struct ipe_lines_place {
	u64 number;
	unsigned int user;
	u64 seen;
};

/**
 * struct ipe_lines_reader - somebody who reads
 * @lines: what is read; constant
 * @number: as in &struct ipe_lines_place
 * @seen: the same, for each user
 * @after: behind the line that was looked at last
 * @room: for one line, behind a place for its prefix
 */
struct ipe_lines_reader {
	struct ipe_lines *lines;
	u64 number;
	u64 seen[IPE_LINES_USERS];
	struct ipe_lines_place after;
	char room[IPE_LINES_PREFIX_MAX + IPE_LINES_TEXT_MAX + 1];
};

struct ipe_lines *ipe_lines_new(size_t size);
void ipe_lines_put(struct ipe_lines *lines, u32 uid, const char *text,
		   size_t len);
void ipe_lines_open(struct ipe_lines *lines, struct ipe_lines_reader *reader);
bool ipe_lines_has_more(const struct ipe_lines_reader *reader);
size_t ipe_lines_peek(struct ipe_lines_reader *reader, const char **ret);
void ipe_lines_consume(struct ipe_lines_reader *reader);

#endif
