// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lines that come and go, and what each reader is told of them.
 */

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/log2.h>
#include <linux/sched.h>
#include <linux/sprintf.h>
#include <linux/string.h>

#include "ring.h"

#define SIZE 512

static struct ipe_ring *new_ring(struct kunit *test)
{
	struct ipe_ring *ring = kunit_kzalloc(test, sizeof(*ring), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ring);
	spin_lock_init(&ring->lock);
	ring->size = SIZE;
	ring->first = 1;
	ring->next = 1;
	ring->room = kunit_kzalloc(test, SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ring->room);
	return ring;
}

static struct ipe_ring_reader *new_reader(struct kunit *test,
					  struct ipe_ring *ring)
{
	struct ipe_ring_reader *reader;

	reader = kunit_kzalloc(test, sizeof(*reader), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, reader);
	ipe_ring_open(ring, reader);
	return reader;
}

/* The text of a number, of a length that depends on it. */
static size_t text_of(char *buf, size_t size, u64 number)
{
	return scnprintf(buf, size, "text %llu %.*s", number,
			 (int)(number * 7 % 50),
			 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
}

static void put_numbered(struct ipe_ring *ring, u64 from, u64 to)
{
	char text[100];
	size_t len;

	for (; from <= to; from++) {
		len = text_of(text, sizeof(text), from);
		ipe_ring_put(ring, text, len);
	}
}

/**
 * struct line - what a reader was given
 * @lost: of "lost=N"
 * @seq: of a line
 * @time: of a line
 * @text: what follows, without the newline
 */
struct line {
	u64 lost;
	u64 seq;
	u64 time;
	char text[100];
};

/* Takes a line apart; it has to be whole. */
static struct line split(struct kunit *test, const char *text, size_t len)
{
	struct line line = {};
	char buf[200];
	int fields, at = 0;

	KUNIT_ASSERT_LT(test, len, sizeof(buf));
	memcpy(buf, text, len);
	buf[len] = 0;
	KUNIT_ASSERT_EQ(test, buf[len - 1], '\n');
	KUNIT_EXPECT_EQ(test, strlen(buf), len);
	if (sscanf(buf, "lost=%llu\n", &line.lost) == 1)
		return line;
	fields = sscanf(buf, "seq=%llu time=%llu %n", &line.seq, &line.time,
			&at);
	KUNIT_ASSERT_EQ(test, 2, fields);
	buf[len - 1] = 0;
	strscpy(line.text, buf + at);
	return line;
}

/* The next line; all zero if there is none. */
static struct line next(struct kunit *test, struct ipe_ring_reader *reader)
{
	const char *text;
	size_t len = ipe_ring_peek(reader, &text);

	if (!len)
		return (struct line){};
	ipe_ring_consume(reader);
	return split(test, text, len);
}

static void expect_numbered(struct kunit *test, const struct line *line,
			    u64 number)
{
	char text[100];

	text_of(text, sizeof(text), number);
	KUNIT_EXPECT_EQ(test, line->seq, number);
	KUNIT_EXPECT_STREQ(test, line->text, text);
}

static void lines_have_numbers_from_1_and_times_in_order(struct kunit *test)
{
	struct ipe_ring *ring = new_ring(test);
	struct ipe_ring_reader *reader = new_reader(test, ring);
	struct line line;
	u64 number, time = 0;

	KUNIT_EXPECT_FALSE(test, ipe_ring_has_more(reader));
	put_numbered(ring, 1, 5);
	for (number = 1; number <= 5; number++) {
		KUNIT_EXPECT_TRUE(test, ipe_ring_has_more(reader));
		line = next(test, reader);
		expect_numbered(test, &line, number);
		KUNIT_EXPECT_GE(test, line.time, time);
		time = line.time;
	}
	KUNIT_EXPECT_FALSE(test, ipe_ring_has_more(reader));
	line = next(test, reader);
	KUNIT_EXPECT_EQ(test, line.seq, 0);
}

static void reader_that_keeps_up_loses_nothing_when_the_ring_wraps(struct kunit *test)
{
	struct ipe_ring *ring = new_ring(test);
	struct ipe_ring_reader *reader = new_reader(test, ring);
	struct line line;
	u64 number;

	for (number = 1; number <= 2000; number++) {
		put_numbered(ring, number, number);
		line = next(test, reader);
		expect_numbered(test, &line, number);
	}
	KUNIT_EXPECT_FALSE(test, ipe_ring_has_more(reader));
}

static void slow_reader_is_told_how_many_lines_are_gone(struct kunit *test)
{
	struct ipe_ring *ring = new_ring(test);
	struct ipe_ring_reader *reader = new_reader(test, ring);
	u64 put = 0, number = 0, i;
	struct line line;

	/* Batches that do not fill the ring, and others that do many times. */
	for (i = 0; i < 200; i++) {
		put_numbered(ring, put + 1, put + 1 + i % 40);
		put += 1 + i % 40;
		while ((line = next(test, reader)).lost || line.seq) {
			number += line.lost;
			if (line.seq)
				expect_numbered(test, &line, ++number);
		}
		KUNIT_EXPECT_EQ(test, number, put);
	}
}

static void lost_lines_are_told_once_and_before_the_oldest_line(struct kunit *test)
{
	struct ipe_ring *ring = new_ring(test);
	struct ipe_ring_reader *reader = new_reader(test, ring);
	struct line line;
	u64 lost;

	put_numbered(ring, 1, 1000);
	line = next(test, reader);
	lost = line.lost;
	KUNIT_EXPECT_GT(test, lost, 900);
	line = next(test, reader);
	expect_numbered(test, &line, lost + 1);
	line = next(test, reader);
	expect_numbered(test, &line, lost + 2);
}

static void each_reader_is_at_its_own_place(struct kunit *test)
{
	struct ipe_ring *ring = new_ring(test);
	struct ipe_ring_reader *one = new_reader(test, ring);
	struct ipe_ring_reader *other = new_reader(test, ring);
	struct line line;
	u64 number;

	put_numbered(ring, 1, 4);
	for (number = 1; number <= 4; number++) {
		line = next(test, one);
		expect_numbered(test, &line, number);
	}
	line = next(test, other);
	expect_numbered(test, &line, 1);
	put_numbered(ring, 5, 5);
	line = next(test, one);
	expect_numbered(test, &line, 5);
	line = next(test, other);
	expect_numbered(test, &line, 2);
}

static void late_reader_starts_with_the_oldest_line_that_is_kept(struct kunit *test)
{
	struct ipe_ring *ring = new_ring(test);
	struct ipe_ring_reader *reader;
	struct line line;
	u64 number;

	put_numbered(ring, 1, 1000);
	reader = new_reader(test, ring);
	line = next(test, reader);
	KUNIT_EXPECT_EQ(test, line.lost, 0);
	KUNIT_EXPECT_GT(test, line.seq, 900);
	for (number = line.seq; number < 1000; number++) {
		expect_numbered(test, &line, number);
		line = next(test, reader);
	}
	expect_numbered(test, &line, 1000);
	KUNIT_EXPECT_FALSE(test, ipe_ring_has_more(reader));
}

static void line_that_is_only_looked_at_is_not_consumed(struct kunit *test)
{
	struct ipe_ring *ring = new_ring(test);
	struct ipe_ring_reader *reader = new_reader(test, ring);
	const char *text;
	struct line line;
	size_t len;
	int i;

	put_numbered(ring, 1, 2);
	for (i = 0; i < 3; i++) {
		len = ipe_ring_peek(reader, &text);
		line = split(test, text, len);
		expect_numbered(test, &line, 1);
		KUNIT_EXPECT_TRUE(test, ipe_ring_has_more(reader));
	}
	ipe_ring_consume(reader);
	line = next(test, reader);
	expect_numbered(test, &line, 2);
}

/* The line was given to the reader, though the ring has it no more. */
static void line_that_goes_while_it_is_read_is_not_lost(struct kunit *test)
{
	struct ipe_ring *ring = new_ring(test);
	struct ipe_ring_reader *reader = new_reader(test, ring);
	const char *text;
	struct line line;
	size_t len;

	put_numbered(ring, 1, 3);
	len = ipe_ring_peek(reader, &text);
	put_numbered(ring, 4, 1000);
	line = split(test, text, len);
	expect_numbered(test, &line, 1);
	ipe_ring_consume(reader);
	line = next(test, reader);
	KUNIT_EXPECT_EQ(test, line.lost, ring->first - 2);
	line = next(test, reader);
	expect_numbered(test, &line, ring->first);
}

static void line_as_long_as_the_ring_leaves_room_for_no_other(struct kunit *test)
{
	struct ipe_ring *ring = new_ring(test);
	struct ipe_ring_reader *reader = new_reader(test, ring);
	char *text = kunit_kzalloc(test, 2 * SIZE, GFP_KERNEL);
	const char *found;
	struct line line;
	size_t len;

	KUNIT_ASSERT_NOT_NULL(test, text);
	memset(text, 'x', 2 * SIZE);
	put_numbered(ring, 1, 3);
	ipe_ring_put(ring, text, 2 * SIZE);
	line = next(test, reader);
	KUNIT_EXPECT_EQ(test, line.lost, 3);
	len = ipe_ring_peek(reader, &found);
	KUNIT_EXPECT_TRUE(test, str_has_prefix(found, "seq=4 time="));
	KUNIT_EXPECT_GT(test, len, SIZE);
	KUNIT_EXPECT_LT(test, len, SIZE + IPE_RING_PREFIX_MAX);
	KUNIT_EXPECT_EQ(test, found[len - 2], 'x');
	ipe_ring_consume(reader);
	put_numbered(ring, 5, 5);
	line = next(test, reader);
	expect_numbered(test, &line, 5);
}

static void longest_line_and_highest_numbers_fit_a_reader(struct kunit *test)
{
	struct ipe_ring *ring = new_ring(test);
	struct ipe_ring_reader *reader;
	const char *found;
	char *text;
	size_t len;

	ring->size = 2 * roundup_pow_of_two(IPE_RING_TEXT_MAX);
	ring->room = kunit_kzalloc(test, ring->size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ring->room);
	text = kunit_kzalloc(test, ring->size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, text);
	memset(text, 'x', ring->size);
	ring->first = U64_MAX - 1;
	ring->next = U64_MAX - 1;
	reader = new_reader(test, ring);
	ipe_ring_put(ring, text, ring->size);
	len = ipe_ring_peek(reader, &found);
	KUNIT_EXPECT_GT(test, len, IPE_RING_TEXT_MAX);
	KUNIT_EXPECT_GE(test, found - reader->room, 0);
	KUNIT_EXPECT_LE(test, found + len - reader->room,
			sizeof(reader->room));
	KUNIT_EXPECT_TRUE(test,
			  str_has_prefix(found, "seq=18446744073709551614 "));
	KUNIT_EXPECT_EQ(test, found[len - 2], 'x');
	KUNIT_EXPECT_EQ(test, found[len - 1], '\n');
}

#define TASKS 4
#define TIMES 5000

/**
 * struct crowd - tasks that write at once
 * @ring: where
 * @done: one for each task
 */
struct crowd {
	struct ipe_ring *ring;
	struct completion done;
};

static int write_in_a_task(void *data)
{
	struct crowd *crowd = data;
	int i;

	for (i = 0; i < TIMES; i++) {
		put_numbered(crowd->ring, 1 + i, 1 + i);
		if (i % 16 == 0)
			schedule();
	}
	complete(&crowd->done);
	return 0;
}

static void lines_of_many_writers_are_all_counted(struct kunit *test)
{
	struct ipe_ring *ring = new_ring(test);
	struct ipe_ring_reader *reader = new_reader(test, ring);
	struct crowd crowd = { .ring = ring };
	u64 number = 0;
	struct line line;
	int i;

	init_completion(&crowd.done);
	for (i = 0; i < TASKS; i++)
		KUNIT_ASSERT_FALSE(test, IS_ERR(kthread_run(write_in_a_task,
							    &crowd, "write")));
	while (number < TASKS * TIMES) {
		line = next(test, reader);
		number += line.lost;
		if (line.seq)
			KUNIT_ASSERT_EQ(test, line.seq, ++number);
		else
			schedule();
	}
	for (i = 0; i < TASKS; i++)
		wait_for_completion(&crowd.done);
	KUNIT_EXPECT_EQ(test, number, TASKS * TIMES);
	KUNIT_EXPECT_FALSE(test, ipe_ring_has_more(reader));
}

static struct kunit_case ring_cases[] = {
	KUNIT_CASE(lines_have_numbers_from_1_and_times_in_order),
	KUNIT_CASE(reader_that_keeps_up_loses_nothing_when_the_ring_wraps),
	KUNIT_CASE(slow_reader_is_told_how_many_lines_are_gone),
	KUNIT_CASE(lost_lines_are_told_once_and_before_the_oldest_line),
	KUNIT_CASE(each_reader_is_at_its_own_place),
	KUNIT_CASE(late_reader_starts_with_the_oldest_line_that_is_kept),
	KUNIT_CASE(line_that_is_only_looked_at_is_not_consumed),
	KUNIT_CASE(line_that_goes_while_it_is_read_is_not_lost),
	KUNIT_CASE(line_as_long_as_the_ring_leaves_room_for_no_other),
	KUNIT_CASE(longest_line_and_highest_numbers_fit_a_reader),
	KUNIT_CASE(lines_of_many_writers_are_all_counted),
	{}
};

static struct kunit_suite ring_suite = {
	.name = "ipe-ring",
	.test_cases = ring_cases,
};

kunit_test_suite(ring_suite);
