/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The latest lines of text, for any number of readers that each are at a place
 * of their own. Who writes does not wait for readers: the oldest lines go, and a
 * reader that had not got to them is told how many there were.
 */
#ifndef _SECURITY_IPE_RING_H
#define _SECURITY_IPE_RING_H

#include <linux/spinlock.h>
#include <linux/types.h>

/* Bytes of a line that its writer may give. */
#define IPE_RING_TEXT_MAX 14336

/* Bytes that come before them: "seq=", "time=" and two numbers of 64 bits. */
#define IPE_RING_PREFIX_MAX 64

/**
 * struct ipe_ring - lines in a memory of fixed size
 * @lock: of all that follows but @room and @size, and of the place of each
 *	reader; held for copying, inside of nothing else
 * @room: @size bytes, used round and round; constant
 * @size: a power of two; constant
 * @tail: where the oldest line starts, in bytes ever written
 * @head: where the next one will
 * @first: number of the oldest line
 * @next: number of the next one; the first line ever is 1
 */
struct ipe_ring {
	spinlock_t lock;
	char *room;
	size_t size;
	u64 tail;
	u64 head;
	u64 first;
	u64 next;
};

#define IPE_RING_INIT(name, bytes) {				\
	.lock = __SPIN_LOCK_UNLOCKED((name).lock),		\
	.room = (bytes),					\
	.size = sizeof(bytes),					\
	.first = 1,						\
	.next = 1,						\
}

/**
 * struct ipe_ring_place - between two lines
 * @number: of the line that follows
 * @at: where that starts, unless it is gone; in bytes ever written
 */
struct ipe_ring_place {
	u64 number;
	u64 at;
};

/**
 * struct ipe_ring_reader - somebody who reads
 * @ring: what is read; constant
 * @place: how far it is read
 * @after: behind the line that was looked at last
 * @room: for one line, behind a place for its prefix
 */
struct ipe_ring_reader {
	struct ipe_ring *ring;
	struct ipe_ring_place place;
	struct ipe_ring_place after;
	char room[IPE_RING_PREFIX_MAX + IPE_RING_TEXT_MAX + 1];
};

void ipe_ring_put(struct ipe_ring *ring, const char *text, size_t len);
void ipe_ring_open(struct ipe_ring *ring, struct ipe_ring_reader *reader);
bool ipe_ring_has_more(const struct ipe_ring_reader *reader);
size_t ipe_ring_peek(struct ipe_ring_reader *reader, const char **ret);
void ipe_ring_consume(struct ipe_ring_reader *reader);

#endif
