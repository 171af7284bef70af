// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random lines of some users, in the memory and in a small model: a list that
 * is searched from the first to the last line.
 */

#include <kunit/test.h>
#include <linux/minmax.h>
#include <linux/prandom.h>
#include <linux/sprintf.h>
#include <linux/string.h>

#include "reader.h"

#define MODEL_LINES	1500
#define MODEL_USERS	5
#define MODEL_READERS	3

/**
 * struct model_line - a line that was added
 * @user: index of the user
 * @blocks: number that it takes
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
 * @test: the running test
 * @real: the tested lines
 * @readers: of @real
 * @random: its seed is constant
 * @lines: all that were added; the first has the number 1
 * @n: of @lines
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

/* Returns the user whose oldest line is dropped. */
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

/* Returns how many lines of a user the reader has lost; it knows them now. */
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

/* Returns the number of the next line for a reader, or 0. */
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
	struct given line = reader_next(test, model->readers[reader]);
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

/*
 * Mostly short lines of one user for a while, sometimes any other line.
 */
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

static void random_lines_match_the_model(struct kunit *test)
{
	struct model *model;
	int i, reader;

	model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, model);
	model->test = test;
	model->real = reader_lines(test, SIZE);
	for (i = 0; i < MODEL_READERS; i++)
		model->readers[i] = reader_new(test, model->real);
	prandom_seed_state(&model->random, 9);
	/* Gives out places in the order of the users. */
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

static struct kunit_case lines_model_cases[] = {
	KUNIT_CASE(random_lines_match_the_model),
	{}
};

static struct kunit_suite lines_model_suite = {
	.name = "ipe-lines-model",
	.test_cases = lines_model_cases,
};

kunit_test_suite(lines_model_suite);
