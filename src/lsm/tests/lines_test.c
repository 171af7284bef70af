// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lines that come and go, whose they are, and what each reader learns of them.
 */

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/sprintf.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "lines.h"

#define ROOT	0
#define ALICE	1000
#define BOB	1001
#define FLOODER	1002

/* Blocks of a small memory; half of them is root's. */
#define BLOCKS	64
#define SIZE	(BLOCKS * sizeof(struct ipe_lines_block))

/* Room for a line of a small memory. */
#define LINE_MAX (SIZE + IPE_LINES_PREFIX_MAX)

KUNIT_DEFINE_ACTION_WRAPPER(vfree_action, vfree, const void *);

static struct ipe_lines *new_lines(struct kunit *test, size_t size)
{
	struct ipe_lines *lines = ipe_lines_new(size);

	KUNIT_ASSERT_NOT_NULL(test, lines);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, vfree_action, lines));
	return lines;
}

static struct ipe_lines_reader *new_reader(struct kunit *test,
					   struct ipe_lines *lines)
{
	struct ipe_lines_reader *reader;

	reader = kunit_kzalloc(test, sizeof(*reader), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, reader);
	ipe_lines_open(lines, reader);
	return reader;
}

/* The text of a number, of a length that depends on it. */
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

/* Lines of which each takes so many blocks. */
static void put_blocks(struct ipe_lines *lines, u32 uid, u32 blocks, int times)
{
	static const char text[LINE_MAX];

	while (times--)
		ipe_lines_put(lines, uid, text, blocks * IPE_LINES_BLOCK -
						sizeof(struct ipe_line));
}

/**
 * struct line - what a reader was given
 * @lost: of "lost=N uid=U"
 * @uid: the same; U32_MAX for "?"
 * @seq: of a line
 * @time: of a line
 * @text: what follows, without the newline
 */
struct line {
	u64 lost;
	u32 uid;
	u64 seq;
	u64 time;
	char text[100];
};

static bool split_lost(struct kunit *test, const char *text, struct line *line)
{
	char again[100], uid[16] = "?";

	if (sscanf(text, "lost=%llu", &line->lost) != 1)
		return false;
	if (sscanf(text, "lost=%llu uid=%u", &line->lost, &line->uid) == 2)
		snprintf(uid, sizeof(uid), "%u", line->uid);
	else
		line->uid = U32_MAX;
	snprintf(again, sizeof(again), "lost=%llu uid=%s\n", line->lost, uid);
	KUNIT_EXPECT_STREQ(test, text, again);
	return true;
}

/* Takes a line apart; it has to be whole. Of a long text it is the beginning. */
static struct line split(struct kunit *test, const char *text, size_t len)
{
	char *buf = kunit_kzalloc(test, len + 1, GFP_KERNEL);
	struct line line = {};
	int fields, at = 0;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	memcpy(buf, text, len);
	KUNIT_ASSERT_EQ(test, buf[len - 1], '\n');
	if (!split_lost(test, buf, &line)) {
		fields = sscanf(buf, "seq=%llu time=%llu %n", &line.seq,
				&line.time, &at);
		KUNIT_ASSERT_EQ(test, 2, fields);
		buf[len - 1] = 0;
		strscpy(line.text, buf + at);
	}
	kunit_kfree(test, buf);
	return line;
}

/* The next line; all zero if there is none. */
static struct line next(struct kunit *test, struct ipe_lines_reader *reader)
{
	const char *text;
	size_t len = ipe_lines_peek(reader, &text);

	if (!len)
		return (struct line){};
	KUNIT_EXPECT_TRUE(test, ipe_lines_has_more(reader));
	ipe_lines_consume(reader);
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

static void expect_lost(struct kunit *test, struct ipe_lines_reader *reader,
			u64 lost, u32 uid)
{
	struct line line = next(test, reader);

	KUNIT_EXPECT_EQ(test, line.lost, lost);
	KUNIT_EXPECT_EQ(test, line.uid, uid);
}

static void expect_end(struct kunit *test, struct ipe_lines_reader *reader)
{
	const char *text;

	KUNIT_EXPECT_EQ(test, ipe_lines_peek(reader, &text), 0);
	KUNIT_EXPECT_FALSE(test, ipe_lines_has_more(reader));
}

/* How many lines a reader gets that begins now. */
static int count_kept(struct kunit *test, struct ipe_lines *lines)
{
	struct ipe_lines_reader *reader = new_reader(test, lines);
	struct line line;
	u64 last = 0;
	int n = 0;

	while ((line = next(test, reader)).seq) {
		KUNIT_EXPECT_GT(test, line.seq, last);
		last = line.seq;
		n++;
	}
	KUNIT_EXPECT_EQ(test, line.lost, 0);
	return n;
}

/* Lines of a user that are dropped, or -1 if it has no place of its own. */
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
	struct ipe_lines *lines = new_lines(test, SIZE);
	struct ipe_lines_reader *reader = new_reader(test, lines);
	struct line line;
	u64 number, time = 0;

	expect_end(test, reader);
	put_numbered(lines, ROOT, 1, 5);
	for (number = 1; number <= 5; number++) {
		line = next(test, reader);
		expect_numbered(test, &line, number);
		KUNIT_EXPECT_GE(test, line.time, time);
		time = line.time;
	}
	KUNIT_EXPECT_GT(test, time, 0);
	expect_end(test, reader);
}

static void reader_that_keeps_up_loses_nothing_when_memory_is_used_again(struct kunit *test)
{
	struct ipe_lines *lines = new_lines(test, SIZE);
	struct ipe_lines_reader *reader = new_reader(test, lines);
	struct line line;
	u64 number;

	for (number = 1; number <= 1000; number++) {
		put_numbered(lines, number % 3, number, number);
		line = next(test, reader);
		expect_numbered(test, &line, number);
	}
}

static void slow_reader_learns_how_many_lines_are_gone(struct kunit *test)
{
	struct ipe_lines *lines = new_lines(test, SIZE);
	struct ipe_lines_reader *reader = new_reader(test, lines);
	u64 put = 0, number = 0, i;
	struct line line;

	/* Batches that do not fill the memory, and others that do often. */
	for (i = 0; i < 200; i++) {
		put_numbered(lines, ALICE, put + 1, put + 1 + i % 40);
		put += 1 + i % 40;
		while ((line = next(test, reader)).lost || line.seq) {
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
	struct ipe_lines *lines = new_lines(test, SIZE);
	struct ipe_lines_reader *reader = new_reader(test, lines);
	struct line line;
	u64 lost;

	put_numbered(lines, ROOT, 1, 1000);
	line = next(test, reader);
	lost = line.lost;
	KUNIT_EXPECT_GT(test, lost, 900);
	KUNIT_EXPECT_EQ(test, line.uid, ROOT);
	line = next(test, reader);
	expect_numbered(test, &line, lost + 1);
	line = next(test, reader);
	expect_numbered(test, &line, lost + 2);
}

static void each_reader_is_at_its_own_place(struct kunit *test)
{
	struct ipe_lines *lines = new_lines(test, SIZE);
	struct ipe_lines_reader *one = new_reader(test, lines);
	struct ipe_lines_reader *other = new_reader(test, lines);
	struct line line;
	u64 number;

	put_numbered(lines, ROOT, 1, 4);
	for (number = 1; number <= 4; number++) {
		line = next(test, one);
		expect_numbered(test, &line, number);
	}
	line = next(test, other);
	expect_numbered(test, &line, 1);
	put_numbered(lines, ROOT, 5, 5);
	line = next(test, one);
	expect_numbered(test, &line, 5);
	line = next(test, other);
	expect_numbered(test, &line, 2);
}

static void late_reader_starts_with_the_oldest_line_that_is_kept(struct kunit *test)
{
	struct ipe_lines *lines = new_lines(test, SIZE);
	struct ipe_lines_reader *reader;
	struct line line;
	u64 number;

	put_numbered(lines, ROOT, 1, 1000);
	reader = new_reader(test, lines);
	line = next(test, reader);
	KUNIT_EXPECT_EQ(test, line.lost, 0);
	KUNIT_EXPECT_GT(test, line.seq, 900);
	for (number = line.seq; number < 1000; number++) {
		expect_numbered(test, &line, number);
		line = next(test, reader);
	}
	expect_numbered(test, &line, 1000);
	expect_end(test, reader);
}

static void line_that_is_only_looked_at_is_not_consumed(struct kunit *test)
{
	struct ipe_lines *lines = new_lines(test, SIZE);
	struct ipe_lines_reader *reader = new_reader(test, lines);
	const char *text;
	struct line line;
	size_t len;
	int i;

	put_numbered(lines, ROOT, 1, 2);
	for (i = 0; i < 3; i++) {
		len = ipe_lines_peek(reader, &text);
		line = split(test, text, len);
		expect_numbered(test, &line, 1);
		KUNIT_EXPECT_TRUE(test, ipe_lines_has_more(reader));
	}
	ipe_lines_consume(reader);
	line = next(test, reader);
	expect_numbered(test, &line, 2);
}

/* The line was given to the reader, though it is not kept any more. */
static void line_that_goes_while_it_is_read_is_not_lost(struct kunit *test)
{
	struct ipe_lines *lines = new_lines(test, SIZE);
	struct ipe_lines_reader *reader = new_reader(test, lines);
	const char *text;
	struct line line;
	size_t len;
	u64 gone;

	put_numbered(lines, ROOT, 1, 3);
	len = ipe_lines_peek(reader, &text);
	put_numbered(lines, ROOT, 4, 1000);
	line = split(test, text, len);
	expect_numbered(test, &line, 1);
	ipe_lines_consume(reader);
	gone = lines->dropped[IPE_LINES_ROOT];
	expect_lost(test, reader, gone - 1, ROOT);
	line = next(test, reader);
	expect_numbered(test, &line, gone + 1);
}

static void loss_that_grows_while_it_is_read_is_told_in_two_parts(struct kunit *test)
{
	struct ipe_lines *lines = new_lines(test, SIZE);
	struct ipe_lines_reader *reader = new_reader(test, lines);
	const char *text;
	struct line line;
	size_t len;

	put_blocks(lines, ALICE, 2, 32 + 5);
	len = ipe_lines_peek(reader, &text);
	put_blocks(lines, ALICE, 2, 3);
	line = split(test, text, len);
	KUNIT_EXPECT_EQ(test, line.lost, 5);
	ipe_lines_consume(reader);
	expect_lost(test, reader, 3, ALICE);
	KUNIT_EXPECT_EQ(test, next(test, reader).seq, 9);
}

static void line_that_is_too_long_is_cut_to_half_of_the_memory(struct kunit *test)
{
	struct ipe_lines *lines = new_lines(test, SIZE);
	struct ipe_lines_reader *reader = new_reader(test, lines);
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
	KUNIT_EXPECT_EQ(test, next(test, reader).seq, 4);
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
	struct ipe_lines *lines = new_lines(test, 4 * IPE_LINES_TEXT_MAX);
	struct ipe_lines_reader *reader;
	const char *found;
	char *text;
	size_t len;

	text = kunit_kzalloc(test, 2 * IPE_LINES_TEXT_MAX, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, text);
	memset(text, 'x', 2 * IPE_LINES_TEXT_MAX);
	lines->next = U64_MAX - 1;
	reader = new_reader(test, lines);
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
	struct ipe_lines *lines = new_lines(test, SIZE);
	struct ipe_lines_reader *reader = new_reader(test, lines);

	put_blocks(lines, ROOT, 1, 1);
	ipe_lines_put(lines, ROOT, "", 0);
	KUNIT_EXPECT_EQ(test, lines->used[IPE_LINES_ROOT], 2);
	KUNIT_EXPECT_EQ(test, next(test, reader).seq, 1);
	KUNIT_EXPECT_EQ(test, next(test, reader).seq, 2);
	expect_end(test, reader);
}

/* Shares */

static void flood_drops_no_line_of_others(struct kunit *test)
{
	struct ipe_lines *lines = new_lines(test, SIZE);
	struct ipe_lines_reader *reader = new_reader(test, lines);

	put_blocks(lines, ROOT, 4, BLOCKS / 4 / 2);
	put_blocks(lines, ALICE, 2, 5);
	put_blocks(lines, BOB, 3, 1);
	put_blocks(lines, FLOODER, 1, 10000);
	put_blocks(lines, FLOODER, 7, 10000);
	KUNIT_EXPECT_EQ(test, dropped_of(lines, ROOT), 0);
	KUNIT_EXPECT_EQ(test, dropped_of(lines, ALICE), 0);
	KUNIT_EXPECT_EQ(test, dropped_of(lines, BOB), 0);
	expect_lost(test, reader, dropped_of(lines, FLOODER), FLOODER);
	KUNIT_EXPECT_EQ(test, next(test, reader).seq, 1);
}

static void root_has_half_and_the_rest_if_nobody_wants_it(struct kunit *test)
{
	struct ipe_lines *lines = new_lines(test, SIZE);

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
	struct ipe_lines *lines = new_lines(test, SIZE);

	put_blocks(lines, ALICE, 1, 1000);
	KUNIT_EXPECT_EQ(test, lines->n_free, 0);
	put_blocks(lines, ROOT, 1, BLOCKS / 2);
	KUNIT_EXPECT_EQ(test, dropped_of(lines, ROOT), 0);
	KUNIT_EXPECT_EQ(test, lines->used[IPE_LINES_ROOT], BLOCKS / 2);
}

static void two_floods_share(struct kunit *test)
{
	struct ipe_lines *lines = new_lines(test, SIZE);
	int i;

	put_blocks(lines, ALICE, 1, 1000);
	for (i = 0; i < 100; i++)
		put_blocks(lines, BOB, 1, 10);
	KUNIT_EXPECT_EQ(test, lines->used[1], BLOCKS / 2);
	KUNIT_EXPECT_EQ(test, lines->used[2], BLOCKS / 2);
	/* The one that now writes drops its own, as both have equally much. */
	i = dropped_of(lines, ALICE);
	put_blocks(lines, BOB, 3, 100);
	KUNIT_EXPECT_EQ(test, dropped_of(lines, ALICE), i);
}

static void reader_learns_whose_lines_are_gone(struct kunit *test)
{
	struct ipe_lines *lines = new_lines(test, SIZE);
	struct ipe_lines_reader *reader = new_reader(test, lines);
	struct ipe_lines_reader *late;

	put_blocks(lines, ROOT, 1, BLOCKS + 3);
	put_blocks(lines, ALICE, 1, BLOCKS / 2 + 4);
	late = new_reader(test, lines);
	put_blocks(lines, BOB, 1, BLOCKS / 4 + 5);
	expect_lost(test, reader, BLOCKS / 2 + 3, ROOT);
	expect_lost(test, reader, 4 + BLOCKS / 4, ALICE);
	expect_lost(test, reader, 5, BOB);
	KUNIT_EXPECT_EQ(test, next(test, reader).seq, BLOCKS / 2 + 4);
	expect_lost(test, late, BLOCKS / 4, ALICE);
	expect_lost(test, late, 5, BOB);
	KUNIT_EXPECT_EQ(test, next(test, late).seq, BLOCKS / 2 + 4);
}

static void more_users_than_places_share_one(struct kunit *test)
{
	struct ipe_lines *lines = new_lines(test, 4 * SIZE);
	struct ipe_lines_reader *reader = new_reader(test, lines);
	u32 uid;

	for (uid = 1; uid <= 100; uid++)
		put_blocks(lines, uid, 1, 1);
	KUNIT_EXPECT_EQ(test, dropped_of(lines, IPE_LINES_SHARED - 1), 0);
	KUNIT_EXPECT_EQ(test, dropped_of(lines, IPE_LINES_SHARED), -1);
	KUNIT_EXPECT_EQ(test, lines->used[IPE_LINES_SHARED],
			100 - (IPE_LINES_SHARED - 1));
	/* A flood of one of these is a flood of all of these. */
	put_blocks(lines, 100, 1, 1000);
	expect_lost(test, reader, lines->dropped[IPE_LINES_SHARED], U32_MAX);
	KUNIT_EXPECT_EQ(test, next(test, reader).seq, 1);
	KUNIT_EXPECT_EQ(test, lines->used[IPE_LINES_SHARED],
			4 * BLOCKS - (IPE_LINES_SHARED - 1));
}

/* Losses of a place's former user are not said to be its present user's. */
static void place_without_lines_goes_to_another_user(struct kunit *test)
{
	struct ipe_lines *lines = new_lines(test, SIZE);
	struct ipe_lines_reader *reader = new_reader(test, lines);
	struct line line;
	u32 uid;

	for (uid = 1; uid < IPE_LINES_SHARED; uid++)
		put_blocks(lines, uid, 1, 1);
	/* Two long lines leave the place of the first 32 without any. */
	put_blocks(lines, uid - 1, BLOCKS / 2 - 4, 1);
	KUNIT_EXPECT_EQ(test, dropped_of(lines, 1), 1);
	KUNIT_EXPECT_EQ(test, lines->used[1], 0);
	put_blocks(lines, FLOODER, 1, BLOCKS);
	KUNIT_EXPECT_EQ(test, dropped_of(lines, 1), -1);
	KUNIT_EXPECT_GT(test, dropped_of(lines, FLOODER), 0);
	expect_lost(test, reader, 1, U32_MAX);
	expect_lost(test, reader, dropped_of(lines, FLOODER), FLOODER);
	/* One that is there from now on loses lines of FLOODER alone. */
	reader = new_reader(test, lines);
	put_blocks(lines, FLOODER, 1, 2);
	line = next(test, reader);
	KUNIT_EXPECT_EQ(test, line.lost, 2);
	KUNIT_EXPECT_EQ(test, line.uid, FLOODER);
}

/* Against a model: lists that are searched from the first to the last line. */

#define MODEL_LINES	1500
#define MODEL_USERS	5
#define MODEL_READERS	3

/**
 * struct model_line - a line that was put
 * @user: index of the user
 * @blocks: that it takes
 * @kept: it was not dropped
 * @known: for each reader: it was read, or is known to be lost
 */
struct model_line {
	u32 user;
	u32 blocks;
	bool kept;
	bool known[MODEL_READERS];
};

/**
 * struct model - the same lines twice
 * @test: that runs
 * @real: what is tested
 * @readers: of @real
 * @random: its seed is constant
 * @lines: that were put; the first one has the number 1
 * @n: how many
 */
struct model {
	struct kunit *test;
	struct ipe_lines *real;
	struct ipe_lines_reader *readers[MODEL_READERS];
	struct rnd_state random;
	struct model_line lines[MODEL_LINES];
	unsigned int n;
};

static u32 model_used(const struct model *model, u32 user)
{
	u32 used = 0;
	unsigned int i;

	for (i = 0; i < model->n; i++)
		if (model->lines[i].kept && model->lines[i].user == user)
			used += model->lines[i].blocks;
	return used;
}

static void model_drop(struct model *model, u32 user)
{
	unsigned int i;

	for (i = 0; i < model->n; i++)
		if (model->lines[i].kept && model->lines[i].user == user)
			break;
	KUNIT_ASSERT_LT(model->test, i, model->n);
	model->lines[i].kept = false;
}

/* Returns whose oldest line goes. */
static u32 model_loser(const struct model *model, u32 user, u32 blocks)
{
	u32 root = model_used(model, 0) + (user == 0 ? blocks : 0);
	u32 most = 0, loser = 0, used, i;

	for (i = 1; i < MODEL_USERS; i++) {
		used = model_used(model, i);
		if (!used)
			continue;
		used += user == i ? blocks : 0;
		if (used > most || (used == most && user == i)) {
			most = used;
			loser = i;
		}
	}
	return model_used(model, 0) && root > BLOCKS / 2 ? 0 : loser;
}

static void model_put(struct model *model, u32 user, u32 len)
{
	char text[LINE_MAX];
	u32 used, i, blocks;

	snprintf(text, sizeof(text), "%u of %u ", model->n + 1, user);
	memset(text + strlen(text), 'a' + user, sizeof(text) - strlen(text));
	len = max_t(u32, len, 20);
	ipe_lines_put(model->real, user, text, len);

	blocks = (len + sizeof(struct ipe_line) + IPE_LINES_BLOCK - 1) /
		 IPE_LINES_BLOCK;
	blocks = min_t(u32, blocks, BLOCKS / 2);
	for (;;) {
		used = 0;
		for (i = 0; i < MODEL_USERS; i++)
			used += model_used(model, i);
		if (used + blocks <= BLOCKS)
			break;
		model_drop(model, model_loser(model, user, blocks));
	}
	model->lines[model->n++] = (struct model_line){
		.user = user, .blocks = blocks, .kept = true,
	};
}

/* Returns how many lines of a user that reader has lost, and now knows of. */
static u64 model_lost(struct model *model, int reader, u32 user)
{
	struct model_line *line;
	u64 lost = 0;

	for (line = model->lines; line < model->lines + model->n; line++) {
		if (line->kept || line->known[reader] || line->user != user)
			continue;
		line->known[reader] = true;
		lost++;
	}
	return lost;
}

/* Returns the number of the line that is next for a reader, or 0. */
static u64 model_next(struct model *model, int reader)
{
	unsigned int i;

	for (i = 0; i < model->n; i++) {
		if (!model->lines[i].kept || model->lines[i].known[reader])
			continue;
		model->lines[i].known[reader] = true;
		return i + 1;
	}
	return 0;
}

static void model_read(struct model *model, int reader)
{
	struct kunit *test = model->test;
	struct line line = next(test, model->readers[reader]);
	char text[32];
	u32 user;

	if (line.lost) {
		KUNIT_ASSERT_LT(test, line.uid, MODEL_USERS);
		KUNIT_EXPECT_EQ(test, line.lost,
				model_lost(model, reader, line.uid));
		return;
	}
	for (user = 0; user < MODEL_USERS; user++)
		KUNIT_EXPECT_EQ(test, model_lost(model, reader, user), 0);
	KUNIT_ASSERT_EQ(test, line.seq, model_next(model, reader));
	if (!line.seq)
		return;
	user = model->lines[line.seq - 1].user;
	snprintf(text, sizeof(text), "%llu of %u ", line.seq, user);
	KUNIT_EXPECT_TRUE(test, str_has_prefix(line.text, text));
	KUNIT_EXPECT_EQ(test, line.text[strlen(line.text) - 1], 'a' + user);
}

static void model_check(const struct model *model)
{
	const struct ipe_lines *real = model->real;
	u32 used = 0, i;

	for (i = 0; i < MODEL_USERS; i++) {
		KUNIT_EXPECT_EQ(model->test, real->used[i],
				model_used(model, i));
		used += real->used[i];
	}
	KUNIT_EXPECT_EQ(model->test, used + real->n_free, BLOCKS);
}

/* Mostly short lines of one user in a while, with all that is possible between. */
static void model_step(struct model *model)
{
	u32 n = prandom_u32_state(&model->random);
	u32 user = model->n / 50 % 2 ? n % MODEL_USERS : model->n / 100 %
							  MODEL_USERS;
	u32 len = n >> 8 & 15 ? n >> 16 & 127 : n >> 16 & 4095;

	model_put(model, user, len);
	if (n % 7 == 0)
		model_read(model, 0);
	if (n % 2)
		model_read(model, 1);
	if (n % 97 == 0)
		for (n = 0; n < 30; n++)
			model_read(model, 2);
}

static void random_lines_are_as_in_a_model(struct kunit *test)
{
	struct model *model;
	int i, reader;

	model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, model);
	model->test = test;
	model->real = new_lines(test, SIZE);
	for (i = 0; i < MODEL_READERS; i++)
		model->readers[i] = new_reader(test, model->real);
	prandom_seed_state(&model->random, 9);
	/* Places in the order of the users. */
	for (i = 0; i < MODEL_USERS; i++)
		model_put(model, i, 0);
	while (model->n < MODEL_LINES) {
		model_step(model);
		model_check(model);
	}
	for (reader = 0; reader < MODEL_READERS; reader++) {
		while (ipe_lines_has_more(model->readers[reader]))
			model_read(model, reader);
		for (i = 0; i < MODEL_LINES; i++)
			KUNIT_ASSERT_TRUE(test, model->lines[i].known[reader]);
	}
}

/* Users come and go: nothing is lost that is not counted, nor counted twice. */
static void lines_of_very_many_users_are_all_counted(struct kunit *test)
{
	struct ipe_lines *lines = new_lines(test, 4 * SIZE);
	struct ipe_lines_reader *reader = new_reader(test, lines);
	u64 put[200] = {}, got[200] = {}, total = 0, unknown = 0;
	struct rnd_state random;
	struct line line;
	u32 uid, i, n;

	prandom_seed_state(&random, 3);
	for (i = 1; i <= 20000; i++) {
		n = prandom_u32_state(&random);
		uid = (n % 64 + i / 100) % ARRAY_SIZE(put);
		put_blocks(lines, uid, 1 + (n >> 8) % 16, 1);
		put[uid]++;
		if (i % 500 && i != 20000)
			continue;
		while ((line = next(test, reader)).lost || line.seq) {
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
 * @lines: where
 * @last: uid of the latest one
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
	struct ipe_lines *lines = new_lines(test, SIZE);
	struct ipe_lines_reader *reader = new_reader(test, lines);
	struct crowd crowd = { .lines = lines };
	u64 number = 0, last = 0;
	struct line line;
	int i;

	init_completion(&crowd.done);
	for (i = 0; i < TASKS; i++)
		KUNIT_ASSERT_FALSE(test, IS_ERR(kthread_run(write_in_a_task,
							    &crowd, "write")));
	while (number < TASKS * TIMES) {
		line = next(test, reader);
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
	KUNIT_CASE(reader_that_keeps_up_loses_nothing_when_memory_is_used_again),
	KUNIT_CASE(slow_reader_learns_how_many_lines_are_gone),
	KUNIT_CASE(lost_lines_come_once_and_before_the_oldest_line),
	KUNIT_CASE(each_reader_is_at_its_own_place),
	KUNIT_CASE(late_reader_starts_with_the_oldest_line_that_is_kept),
	KUNIT_CASE(line_that_is_only_looked_at_is_not_consumed),
	KUNIT_CASE(line_that_goes_while_it_is_read_is_not_lost),
	KUNIT_CASE(loss_that_grows_while_it_is_read_is_told_in_two_parts),
	KUNIT_CASE(line_that_is_too_long_is_cut_to_half_of_the_memory),
	KUNIT_CASE(longest_line_and_highest_numbers_fit_a_reader),
	KUNIT_CASE(empty_line_is_a_line),
	KUNIT_CASE(flood_drops_no_line_of_others),
	KUNIT_CASE(root_has_half_and_the_rest_if_nobody_wants_it),
	KUNIT_CASE(root_takes_its_half_back),
	KUNIT_CASE(two_floods_share),
	KUNIT_CASE(reader_learns_whose_lines_are_gone),
	KUNIT_CASE(more_users_than_places_share_one),
	KUNIT_CASE(place_without_lines_goes_to_another_user),
	KUNIT_CASE(random_lines_are_as_in_a_model),
	KUNIT_CASE(lines_of_very_many_users_are_all_counted),
	KUNIT_CASE(lines_of_many_writers_are_all_counted),
	{}
};

static struct kunit_suite lines_suite = {
	.name = "ipe-lines",
	.test_cases = lines_cases,
};

kunit_test_suite(lines_suite);
