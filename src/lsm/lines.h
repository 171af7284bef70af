/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The latest lines of text in a memory of fixed size, for any number of
 * readers, each with a position of its own. A writer does not wait for readers:
 * it drops old lines, and a reader that has not read them learns how many lines
 * of which user it has missed.
 *
 * No user can push out the lines of others by writing many. Half of the memory
 * belongs to root. If a new line needs memory, the oldest line of one user is
 * dropped: of root, if root then has more than its half; otherwise of the other
 * user who then has most.
 */
#ifndef _SECURITY_IPE_LINES_H
#define _SECURITY_IPE_LINES_H

#include <linux/build_bug.h>
#include <linux/math.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/* Bytes of the text of a line. */
#define IPE_LINES_TEXT_MAX 14336

/* Bytes before the text: "seq=", "time=" and two numbers of 64 bits. */
#define IPE_LINES_PREFIX_MAX 64

/* Places: root, other users, and one that all further users share. */
#define IPE_LINES_USERS		64
#define IPE_LINES_ROOT		0
#define IPE_LINES_SHARED	(IPE_LINES_USERS - 1)

/* Bytes of a line in each of its blocks. */
#define IPE_LINES_BLOCK 60

/**
 * struct ipe_line - the head of a line, before the text in its first block
 * @node: in &ipe_lines.order
 * @number: counts all lines ever, from 1
 * @time: when it was added, boottime ns
 * @index: counts all lines ever of this user, from 1
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
 * @lock: of all that follows but @n_blocks, and of the position of each reader.
 *	Held for copying one line and for bounded work: at most as many lines
 *	are dropped as a line has blocks, with one pass over the users for each.
 *	No other lock is taken under it
 * @order: lines by number
 * @next: number of the next line
 * @n_blocks: in @blocks; constant
 * @n_free: free blocks
 * @free: first free block, if there is one
 * @uid: in the initial user namespace; U32_MAX in a free place and in the
 *	shared one
 * @used: blocks; 0 without lines
 * @oldest: first block of the oldest line, if there is one
 * @newest: first block of the newest line, if there is one
 * @put: lines ever added
 * @dropped: lines ever dropped, always the oldest
 * @former: the part of @dropped from users who had the place before
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
 * struct ipe_lines_place - where a reader continues
 * @number: the reader has seen all lines below, or has yet to learn of their
 *	loss
 * @user: of the last line or loss that was looked at
 * @seen: index of that user's latest line that was read, or is known to be lost
 */
struct ipe_lines_place {
	u64 number;
	unsigned int user;
	u64 seen;
};

/**
 * struct ipe_lines_reader - a reader and its position
 * @lines: to be read; constant
 * @number: as in &struct ipe_lines_place
 * @seen: as in &struct ipe_lines_place, for each user
 * @after: the position behind the line of the last ipe_lines_peek()
 * @room: for the text of one line, behind room for its prefix
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
