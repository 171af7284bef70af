/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines, a reader of them, and what it was given. All goes with the test.
 */
#ifndef _SECURITY_IPE_TESTS_READER_H
#define _SECURITY_IPE_TESTS_READER_H

#include <kunit/test.h>

#include "lines.h"

/* Blocks of a small memory; half of them is root's. */
#define BLOCKS	64
#define SIZE	(BLOCKS * sizeof(struct ipe_lines_block))

/* Room for a line of a small memory. */
#define LINE_MAX (SIZE + IPE_LINES_PREFIX_MAX)

/**
 * struct given - what a reader was given
 * @lost: of "lost=N uid=U"
 * @uid: the same; U32_MAX for "?"
 * @seq: of a line
 * @time: of a line
 * @text: what follows, without the newline
 */
struct given {
	u64 lost;
	u32 uid;
	u64 seq;
	u64 time;
	char text[100];
};

struct ipe_lines *reader_lines(struct kunit *test, size_t size);
struct ipe_lines_reader *reader_new(struct kunit *test,
				    struct ipe_lines *lines);

struct given reader_split(struct kunit *test, const char *text, size_t len);
struct given reader_next(struct kunit *test, struct ipe_lines_reader *reader);

#endif
