// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lines that are added and dropped, their users, and the view of each reader.
 */

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/sprintf.h>
#include <linux/string.h>

#include "reader.h"

#define ROOT	0
#define ALICE	1000
#define BOB	1001
#define FLOODER	1002

/* The text for a number; its length depends on the number. */
static size_t text_of(char *buf, size_t size, u64 number)
{
	return scnprintf(buf, size, "text %llu %.*s", number,
			 (int)(number * 7 % 50),
			 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
}

static void put_numbered(struct ipe_lines *lines, u32 uid, u64 from, u64 to)
{
	char text[100];
	size_t len;

	for (; from <= to; from++) {
		len = text_of(text, sizeof(text), from);
		ipe_lines_put(lines, uid, text, len);
	}
}

/* Adds lines that each take so many blocks. */
static void put_blocks(struct ipe_lines *lines, u32 uid, u32 blocks, int times)
{
	static const char text[LINE_MAX];

	while (times--)
		ipe_lines_put(lines, uid, text, blocks * IPE_LINES_BLOCK -
						sizeof(struct ipe_line));
}

static void expect_numbered(struct kunit *test, const struct given *line,
			    u64 number)
{
	char text[100];

	text_of(text, sizeof(text), number);
	KUNIT_EXPECT_EQ(test, line->seq, number);
	KUNIT_EXPECT_STREQ(test, line->text, text);
}

static void expect_lost(struct kunit *test, struct ipe_lines_reader *reader,
			u64 lost, u32 uid)
{
	struct given line = reader_next(test, reader);

	KUNIT_EXPECT_EQ(test, line.lost, lost);
	KUNIT_EXPECT_EQ(test, line.uid, uid);
}

static void expect_end(struct kunit *test, struct ipe_lines_reader *reader)
{
	const char *text;

	KUNIT_EXPECT_EQ(test, ipe_lines_peek(reader, &text), 0);
	KUNIT_EXPECT_FALSE(test, ipe_lines_has_more(reader));
}

/* The number of lines for a reader that begins now. */
static int count_kept(struct kunit *test, struct ipe_lines *lines)
{
	struct ipe_lines_reader *reader = reader_new(test, lines);
	struct given line;
	u64 last = 0;
	int n = 0;

	while ((line = reader_next(test, reader)).seq) {
		KUNIT_EXPECT_GT(test, line.seq, last);
		last = line.seq;
		n++;
	}
	KUNIT_EXPECT_EQ(test, line.lost, 0);
	return n;
}

/* Dropped lines of a user, or -1 if it has no place of its own. */
static s64 dropped_of(const struct ipe_lines *lines, u32 uid)
{
	int i;

	for (i = 0; i < IPE_LINES_SHARED; i++)
		if (lines->uid[i] == uid)
			return lines->dropped[i] - lines->former[i];
	return -1;
}

static void lines_have_numbers_from_1_and_times_in_order(struct kunit *test)
{
	struct ipe_lines *lines = reader_lines(test, SIZE);
	struct ipe_lines_reader *reader = reader_new(test, lines);
	struct given line;
	u64 number, time = 0;

	expect_end(test, reader);
	put_numbered(lines, ROOT, 1, 5);
	for (number = 1; number <= 5; number++) {
		line = reader_next(test, reader);
		expect_numbered(test, &line, number);
		KUNIT_EXPECT_GE(test, line.time, time);
		time = line.time;
	}
	KUNIT_EXPECT_GT(test, time, 0);
	expect_end(test, reader);
}

static void reader_that_keeps_up_loses_nothing(struct kunit *test)
{
	struct ipe_lines *lines = reader_lines(test, SIZE);
	struct ipe_lines_reader *reader = reader_new(test, lines);
	struct given line;
	u64 number;

	for (number = 1; number <= 1000; number++) {
		put_numbered(lines, number % 3, number, number);
		line = reader_next(test, reader);
		expect_numbered(test, &line, number);
	}
}

static void slow_reader_learns_how_many_lines_it_lost(struct kunit *test)
{
	struct ipe_lines *lines = reader_lines(test, SIZE);
	struct ipe_lines_reader *reader = reader_new(test, lines);
	u64 put = 0, number = 0, i;
	struct given line;

	/*
	 * Batches that do not fill the memory, and others that fill it often.
	 */
	for (i = 0; i < 200; i++) {
		put_numbered(lines, ALICE, put + 1, put + 1 + i % 40);
		put += 1 + i % 40;
		while ((line = reader_next(test, reader)).lost || line.seq) {
			number += line.lost;
			if (line.seq)
				expect_numbered(test, &line, ++number);
			else
				KUNIT_EXPECT_EQ(test, line.uid, ALICE);
		}
		KUNIT_EXPECT_EQ(test, number, put);
	}
}

static void lost_lines_come_once_and_before_the_oldest_line(struct kunit *test)
{
	struct ipe_lines *lines = reader_lines(test, SIZE);
	struct ipe_lines_reader *reader = reader_new(test, lines);
	struct given line;
	u64 lost;

	put_numbered(lines, ROOT, 1, 1000);
	line = reader_next(test, reader);
	lost = line.lost;
	KUNIT_EXPECT_GT(test, lost, 900);
	KUNIT_EXPECT_EQ(test, line.uid, ROOT);
	line = reader_next(test, reader);
	expect_numbered(test, &line, lost + 1);
	line = reader_next(test, reader);
	expect_numbered(test, &line, lost + 2);
}

static void each_reader_has_its_own_position(struct kunit *test)
{
	struct ipe_lines *lines = reader_lines(test, SIZE);
	struct ipe_lines_reader *one = reader_new(test, lines);
	struct ipe_lines_reader *other = reader_new(test, lines);
	struct given line;
	u64 number;

	put_numbered(lines, ROOT, 1, 4);
	for (number = 1; number <= 4; number++) {
		line = reader_next(test, one);
		expect_numbered(test, &line, number);
	}
	line = reader_next(test, other);
	expect_numbered(test, &line, 1);
	put_numbered(lines, ROOT, 5, 5);
	line = reader_next(test, one);
	expect_numbered(test, &line, 5);
	line = reader_next(test, other);
	expect_numbered(test, &line, 2);
}

static void late_reader_starts_with_the_oldest_line(struct kunit *test)
{
	struct ipe_lines *lines = reader_lines(test, SIZE);
	struct ipe_lines_reader *reader;
	struct given line;
	u64 number;

	put_numbered(lines, ROOT, 1, 1000);
	reader = reader_new(test, lines);
	line = reader_next(test, reader);
	KUNIT_EXPECT_EQ(test, line.lost, 0);
	KUNIT_EXPECT_GT(test, line.seq, 900);
	for (number = line.seq; number < 1000; number++) {
		expect_numbered(test, &line, number);
		line = reader_next(test, reader);
	}
	expect_numbered(test, &line, 1000);
	expect_end(test, reader);
}

static void peek_does_not_consume(struct kunit *test)
{
	struct ipe_lines *lines = reader_lines(test, SIZE);
	struct ipe_lines_reader *reader = reader_new(test, lines);
	const char *text;
	struct given line;
	size_t len;
	int i;

	put_numbered(lines, ROOT, 1, 2);
	for (i = 0; i < 3; i++) {
		len = ipe_lines_peek(reader, &text);
		line = reader_split(test, text, len);
		expect_numbered(test, &line, 1);
		KUNIT_EXPECT_TRUE(test, ipe_lines_has_more(reader));
	}
	ipe_lines_consume(reader);
	line = reader_next(test, reader);
	expect_numbered(test, &line, 2);
}

/* The reader got the line, although the memory has dropped it. */
static void line_dropped_during_a_read_is_not_lost(struct kunit *test)
{
	struct ipe_lines *lines = reader_lines(test, SIZE);
	struct ipe_lines_reader *reader = reader_new(test, lines);
	const char *text;
	struct given line;
	size_t len;
	u64 gone;

	put_numbered(lines, ROOT, 1, 3);
	len = ipe_lines_peek(reader, &text);
	put_numbered(lines, ROOT, 4, 1000);
	line = reader_split(test, text, len);
	expect_numbered(test, &line, 1);
	ipe_lines_consume(reader);
	gone = lines->dropped[IPE_LINES_ROOT];
	expect_lost(test, reader, gone - 1, ROOT);
	line = reader_next(test, reader);
	expect_numbered(test, &line, gone + 1);
}

static void loss_that_grows_during_a_read_comes_in_two_parts(struct kunit *test)
{
	struct ipe_lines *lines = reader_lines(test, SIZE);
	struct ipe_lines_reader *reader = reader_new(test, lines);
	const char *text;
	struct given line;
	size_t len;

	put_blocks(lines, ALICE, 2, 32 + 5);
	len = ipe_lines_peek(reader, &text);
	put_blocks(lines, ALICE, 2, 3);
	line = reader_split(test, text, len);
	KUNIT_EXPECT_EQ(test, line.lost, 5);
	ipe_lines_consume(reader);
	expect_lost(test, reader, 3, ALICE);
	KUNIT_EXPECT_EQ(test, reader_next(test, reader).seq, 9);
}

static void line_that_is_too_long_is_cut_to_half_of_the_memory(struct kunit *test)
{
	struct ipe_lines *lines = reader_lines(test, SIZE);
	struct ipe_lines_reader *reader = reader_new(test, lines);
	char *text = kunit_kzalloc(test, 2 * SIZE, GFP_KERNEL);
	const char *found;
	size_t len;

	KUNIT_ASSERT_NOT_NULL(test, text);
	memset(text, 'x', 2 * SIZE);
	put_numbered(lines, ALICE, 1, 3);
	ipe_lines_put(lines, ROOT, text, 2 * SIZE);
	ipe_lines_put(lines, ALICE, text, 2 * SIZE);
	KUNIT_EXPECT_EQ(test, lines->n_free, 0);
	expect_lost(test, reader, 3, ALICE);
	KUNIT_EXPECT_EQ(test, reader_next(test, reader).seq, 4);
	len = ipe_lines_peek(reader, &found);
	KUNIT_EXPECT_TRUE(test, str_has_prefix(found, "seq=5 time="));
	KUNIT_EXPECT_GT(test, len, BLOCKS / 2 * IPE_LINES_BLOCK -
				   sizeof(struct ipe_line));
	KUNIT_EXPECT_EQ(test, found[len - 2], 'x');
	ipe_lines_consume(reader);
	expect_end(test, reader);
}

static void longest_line_and_highest_numbers_fit_a_reader(struct kunit *test)
{
	struct ipe_lines *lines = reader_lines(test, 4 * IPE_LINES_TEXT_MAX);
	struct ipe_lines_reader *reader;
	const char *found;
	char *text;
	size_t len;

	text = kunit_kzalloc(test, 2 * IPE_LINES_TEXT_MAX, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, text);
	memset(text, 'x', 2 * IPE_LINES_TEXT_MAX);
	lines->next = U64_MAX - 1;
	reader = reader_new(test, lines);
	ipe_lines_put(lines, ROOT, text, 2 * IPE_LINES_TEXT_MAX);
	len = ipe_lines_peek(reader, &found);
	KUNIT_EXPECT_GT(test, len, IPE_LINES_TEXT_MAX);
	KUNIT_EXPECT_GE(test, found - reader->room, 0);
	KUNIT_EXPECT_LE(test, found + len - reader->room,
			sizeof(reader->room));
	KUNIT_EXPECT_TRUE(test,
			  str_has_prefix(found, "seq=18446744073709551614 "));
	KUNIT_EXPECT_EQ(test, found[len - 2], 'x');
	KUNIT_EXPECT_EQ(test, found[len - 1], '\n');
}

static void empty_line_is_a_line(struct kunit *test)
{
	struct ipe_lines *lines = reader_lines(test, SIZE);
	struct ipe_lines_reader *reader = reader_new(test, lines);

	put_blocks(lines, ROOT, 1, 1);
	ipe_lines_put(lines, ROOT, "", 0);
	KUNIT_EXPECT_EQ(test, lines->used[IPE_LINES_ROOT], 2);
	KUNIT_EXPECT_EQ(test, reader_next(test, reader).seq, 1);
	KUNIT_EXPECT_EQ(test, reader_next(test, reader).seq, 2);
	expect_end(test, reader);
}

/* Shares */

static void flood_drops_no_line_of_others(struct kunit *test)
{
	struct ipe_lines *lines = reader_lines(test, SIZE);
	struct ipe_lines_reader *reader = reader_new(test, lines);

	put_blocks(lines, ROOT, 4, BLOCKS / 4 / 2);
	put_blocks(lines, ALICE, 2, 5);
	put_blocks(lines, BOB, 3, 1);
	put_blocks(lines, FLOODER, 1, 10000);
	put_blocks(lines, FLOODER, 7, 10000);
	KUNIT_EXPECT_EQ(test, dropped_of(lines, ROOT), 0);
	KUNIT_EXPECT_EQ(test, dropped_of(lines, ALICE), 0);
	KUNIT_EXPECT_EQ(test, dropped_of(lines, BOB), 0);
	expect_lost(test, reader, dropped_of(lines, FLOODER), FLOODER);
	KUNIT_EXPECT_EQ(test, reader_next(test, reader).seq, 1);
}

static void root_has_half_and_the_rest_while_it_is_free(struct kunit *test)
{
	struct ipe_lines *lines = reader_lines(test, SIZE);

	put_blocks(lines, ROOT, 1, 1000);
	KUNIT_EXPECT_EQ(test, lines->used[IPE_LINES_ROOT], BLOCKS);
	put_blocks(lines, ALICE, 1, 10);
	KUNIT_EXPECT_EQ(test, lines->used[IPE_LINES_ROOT], BLOCKS - 10);
	KUNIT_EXPECT_EQ(test, dropped_of(lines, ALICE), 0);
	put_blocks(lines, ALICE, 1, 1000);
	KUNIT_EXPECT_EQ(test, lines->used[IPE_LINES_ROOT], BLOCKS / 2);
	put_blocks(lines, ROOT, 1, 1000);
	KUNIT_EXPECT_EQ(test, lines->used[IPE_LINES_ROOT], BLOCKS / 2);
	KUNIT_EXPECT_EQ(test, dropped_of(lines, ALICE), 1010 - BLOCKS / 2);
}

static void root_takes_its_half_back(struct kunit *test)
{
	struct ipe_lines *lines = reader_lines(test, SIZE);

	put_blocks(lines, ALICE, 1, 1000);
	KUNIT_EXPECT_EQ(test, lines->n_free, 0);
	put_blocks(lines, ROOT, 1, BLOCKS / 2);
	KUNIT_EXPECT_EQ(test, dropped_of(lines, ROOT), 0);
	KUNIT_EXPECT_EQ(test, lines->used[IPE_LINES_ROOT], BLOCKS / 2);
}

static void two_floods_share(struct kunit *test)
{
	struct ipe_lines *lines = reader_lines(test, SIZE);
	int i;

	put_blocks(lines, ALICE, 1, 1000);
	for (i = 0; i < 100; i++)
		put_blocks(lines, BOB, 1, 10);
	KUNIT_EXPECT_EQ(test, lines->used[1], BLOCKS / 2);
	KUNIT_EXPECT_EQ(test, lines->used[2], BLOCKS / 2);
	/* The writer drops its own lines, as both users have equally much. */
	i = dropped_of(lines, ALICE);
	put_blocks(lines, BOB, 3, 100);
	KUNIT_EXPECT_EQ(test, dropped_of(lines, ALICE), i);
}

static void reader_learns_which_users_lost_lines(struct kunit *test)
{
	struct ipe_lines *lines = reader_lines(test, SIZE);
	struct ipe_lines_reader *reader = reader_new(test, lines);
	struct ipe_lines_reader *late;

	put_blocks(lines, ROOT, 1, BLOCKS + 3);
	put_blocks(lines, ALICE, 1, BLOCKS / 2 + 4);
	late = reader_new(test, lines);
	put_blocks(lines, BOB, 1, BLOCKS / 4 + 5);
	expect_lost(test, reader, BLOCKS / 2 + 3, ROOT);
	expect_lost(test, reader, 4 + BLOCKS / 4, ALICE);
	expect_lost(test, reader, 5, BOB);
	KUNIT_EXPECT_EQ(test, reader_next(test, reader).seq, BLOCKS / 2 + 4);
	expect_lost(test, late, BLOCKS / 4, ALICE);
	expect_lost(test, late, 5, BOB);
	KUNIT_EXPECT_EQ(test, reader_next(test, late).seq, BLOCKS / 2 + 4);
}

static void more_users_than_places_share_one(struct kunit *test)
{
	struct ipe_lines *lines = reader_lines(test, 4 * SIZE);
	struct ipe_lines_reader *reader = reader_new(test, lines);
	u32 uid;

	for (uid = 1; uid <= 100; uid++)
		put_blocks(lines, uid, 1, 1);
	KUNIT_EXPECT_EQ(test, dropped_of(lines, IPE_LINES_SHARED - 1), 0);
	KUNIT_EXPECT_EQ(test, dropped_of(lines, IPE_LINES_SHARED), -1);
	KUNIT_EXPECT_EQ(test, lines->used[IPE_LINES_SHARED],
			100 - (IPE_LINES_SHARED - 1));
	/* These users share one place, and one flood. */
	put_blocks(lines, 100, 1, 1000);
	expect_lost(test, reader, lines->dropped[IPE_LINES_SHARED], U32_MAX);
	KUNIT_EXPECT_EQ(test, reader_next(test, reader).seq, 1);
	KUNIT_EXPECT_EQ(test, lines->used[IPE_LINES_SHARED],
			4 * BLOCKS - (IPE_LINES_SHARED - 1));
}

/*
 * Losses of the former user of a place do not count as those of its new user.
 */
static void place_without_lines_goes_to_another_user(struct kunit *test)
{
	struct ipe_lines *lines = reader_lines(test, SIZE);
	struct ipe_lines_reader *reader = reader_new(test, lines);
	struct given line;
	u32 uid;

	for (uid = 1; uid < IPE_LINES_SHARED; uid++)
		put_blocks(lines, uid, 1, 1);
	/* Two long lines leave the places of the first 32 users empty. */
	put_blocks(lines, uid - 1, BLOCKS / 2 - 4, 1);
	KUNIT_EXPECT_EQ(test, dropped_of(lines, 1), 1);
	KUNIT_EXPECT_EQ(test, lines->used[1], 0);
	put_blocks(lines, FLOODER, 1, BLOCKS);
	KUNIT_EXPECT_EQ(test, dropped_of(lines, 1), -1);
	KUNIT_EXPECT_GT(test, dropped_of(lines, FLOODER), 0);
	expect_lost(test, reader, 1, U32_MAX);
	expect_lost(test, reader, dropped_of(lines, FLOODER), FLOODER);
	/* A reader that begins now loses only lines of FLOODER. */
	reader = reader_new(test, lines);
	put_blocks(lines, FLOODER, 1, 2);
	line = reader_next(test, reader);
	KUNIT_EXPECT_EQ(test, line.lost, 2);
	KUNIT_EXPECT_EQ(test, line.uid, FLOODER);
}

/* Users come and go: every loss is counted once. */
static void lines_of_very_many_users_are_all_counted(struct kunit *test)
{
	struct ipe_lines *lines = reader_lines(test, 4 * SIZE);
	struct ipe_lines_reader *reader = reader_new(test, lines);
	u64 put[200] = {}, got[200] = {}, total = 0, unknown = 0;
	struct rnd_state random;
	struct given line;
	u32 uid, i, n;

	prandom_seed_state(&random, 3);
	for (i = 1; i <= 20000; i++) {
		n = prandom_u32_state(&random);
		uid = (n % 64 + i / 100) % ARRAY_SIZE(put);
		put_blocks(lines, uid, 1 + (n >> 8) % 16, 1);
		put[uid]++;
		if (i % 500 && i != 20000)
			continue;
		while ((line = reader_next(test, reader)).lost || line.seq) {
			total += line.lost + !!line.seq;
			if (line.lost && line.uid == U32_MAX)
				unknown += line.lost;
			else if (line.lost)
				got[line.uid] += line.lost;
		}
		KUNIT_ASSERT_EQ(test, total, i);
	}
	for (uid = 0; uid < ARRAY_SIZE(put); uid++)
		KUNIT_EXPECT_LE(test, got[uid], put[uid]);
	KUNIT_EXPECT_GT(test, unknown, 0);
	KUNIT_EXPECT_LT(test, unknown, 20000);
}

#define TASKS 4
#define TIMES 5000

/**
 * struct crowd - tasks that write at once
 * @lines: written to
 * @last: uid of the latest task
 * @done: one for each task
 */
struct crowd {
	struct ipe_lines *lines;
	atomic_t last;
	struct completion done;
};

static int write_in_a_task(void *data)
{
	struct crowd *crowd = data;
	u32 uid = atomic_inc_return(&crowd->last);
	int i;

	for (i = 0; i < TIMES; i++) {
		put_numbered(crowd->lines, uid, 1 + i, 1 + i);
		if (i % 16 == 0)
			schedule();
	}
	complete(&crowd->done);
	return 0;
}

static void lines_of_many_writers_are_all_counted(struct kunit *test)
{
	struct ipe_lines *lines = reader_lines(test, SIZE);
	struct ipe_lines_reader *reader = reader_new(test, lines);
	struct crowd crowd = { .lines = lines };
	u64 number = 0, last = 0;
	struct given line;
	int i;

	init_completion(&crowd.done);
	for (i = 0; i < TASKS; i++)
		KUNIT_ASSERT_FALSE(test, IS_ERR(kthread_run(write_in_a_task,
							    &crowd, "write")));
	while (number < TASKS * TIMES) {
		line = reader_next(test, reader);
		number += line.lost + !!line.seq;
		if (line.seq) {
			KUNIT_ASSERT_GT(test, line.seq, last);
			last = line.seq;
		} else if (!line.lost) {
			schedule();
		}
	}
	for (i = 0; i < TASKS; i++)
		wait_for_completion(&crowd.done);
	KUNIT_EXPECT_EQ(test, number, TASKS * TIMES);
	expect_end(test, reader);
	KUNIT_EXPECT_GT(test, count_kept(test, lines), 10);
}

static struct kunit_case lines_cases[] = {
	KUNIT_CASE(lines_have_numbers_from_1_and_times_in_order),
	KUNIT_CASE(reader_that_keeps_up_loses_nothing),
	KUNIT_CASE(slow_reader_learns_how_many_lines_it_lost),
	KUNIT_CASE(lost_lines_come_once_and_before_the_oldest_line),
	KUNIT_CASE(each_reader_has_its_own_position),
	KUNIT_CASE(late_reader_starts_with_the_oldest_line),
	KUNIT_CASE(peek_does_not_consume),
	KUNIT_CASE(line_dropped_during_a_read_is_not_lost),
	KUNIT_CASE(loss_that_grows_during_a_read_comes_in_two_parts),
	KUNIT_CASE(line_that_is_too_long_is_cut_to_half_of_the_memory),
	KUNIT_CASE(longest_line_and_highest_numbers_fit_a_reader),
	KUNIT_CASE(empty_line_is_a_line),
	KUNIT_CASE(flood_drops_no_line_of_others),
	KUNIT_CASE(root_has_half_and_the_rest_while_it_is_free),
	KUNIT_CASE(root_takes_its_half_back),
	KUNIT_CASE(two_floods_share),
	KUNIT_CASE(reader_learns_which_users_lost_lines),
	KUNIT_CASE(more_users_than_places_share_one),
	KUNIT_CASE(place_without_lines_goes_to_another_user),
	KUNIT_CASE(lines_of_very_many_users_are_all_counted),
	KUNIT_CASE(lines_of_many_writers_are_all_counted),
	{}
};

static struct kunit_suite lines_suite = {
	.name = "ipe-lines",
	.test_cases = lines_cases,
};

kunit_test_suite(lines_suite);
