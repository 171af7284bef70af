/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads lines for tests. The end of a test frees everything.
 */
#ifndef _SECURITY_IPE_TESTS_READER_H
#define _SECURITY_IPE_TESTS_READER_H

#include <kunit/test.h>

#include "lines.h"

/* Blocks of a small memory; half of them belongs to root. */
#define BLOCKS	64
#define SIZE	(BLOCKS * sizeof(struct ipe_lines_block))

/* Room for a line in a small memory. */
#define LINE_MAX (SIZE + IPE_LINES_PREFIX_MAX)

/**
 * struct given - a line that a reader got
 * @lost: of "lost=N uid=U"
 * @uid: of "lost=N uid=U"; U32_MAX for "?"
 * @seq: of a line
 * @time: of a line
 * @text: the rest, without the newline
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
