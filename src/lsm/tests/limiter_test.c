// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which of many denials get a record. Time is an argument: nothing waits.
 */

#include <kunit/test.h>
#include <linux/prandom.h>
#include <linux/string.h>

#include "limiter.h"

/* More than a counter of 32 bits holds. */
#define NOW ((u64)U32_MAX + 12345)

static struct ipe_limiter *new_limiter(struct kunit *test)
{
	struct ipe_limiter *limiter;

	limiter = kunit_kzalloc(test, sizeof(*limiter), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, limiter);
	ipe_limiter_init(limiter);
	return limiter;
}

/* Asks @times times; returns how many denials were admitted. */
static int ask(struct ipe_limiter *limiter, const struct ipe_limit_key *key,
	       u64 now, int times, u64 *ret_suppressed)
{
	const struct ipe_limit_trace trace = {};
	struct ipe_limit_entry evicted;
	int admitted = 0;

	while (times--)
		admitted += ipe_limiter_admit(limiter, key, &trace, now,
					      ret_suppressed, &evicted);
	return admitted;
}

static void burst_is_recorded_and_the_rest_is_not(struct kunit *test)
{
	const struct ipe_limit_key key = { .serial = 1, .inode = 7 };
	struct ipe_limiter *limiter = new_limiter(test);
	u64 suppressed = 99;

	KUNIT_EXPECT_EQ(test, ask(limiter, &key, NOW, IPE_LIMIT_BURST,
				  &suppressed), IPE_LIMIT_BURST);
	KUNIT_EXPECT_EQ(test, suppressed, 0);
	KUNIT_EXPECT_EQ(test, ask(limiter, &key, NOW + IPE_LIMIT_WINDOW - 1,
				  1000, &suppressed), 0);
}

static void record_after_the_window_counts_the_suppressed(struct kunit *test)
{
	const struct ipe_limit_key key = { .serial = 1, .inode = 7 };
	struct ipe_limiter *limiter = new_limiter(test);
	u64 suppressed;

	ask(limiter, &key, NOW, IPE_LIMIT_BURST + 37, &suppressed);
	KUNIT_EXPECT_EQ(test, ask(limiter, &key, NOW + IPE_LIMIT_WINDOW, 1,
				  &suppressed), 1);
	KUNIT_EXPECT_EQ(test, suppressed, 37);
	KUNIT_EXPECT_EQ(test, ask(limiter, &key, NOW + IPE_LIMIT_WINDOW, 1,
				  &suppressed), 1);
	KUNIT_EXPECT_EQ(test, suppressed, 0);
}

static void each_part_of_a_key_counts(struct kunit *test)
{
	static const struct ipe_limit_key others[] = {
		{ .serial = 2, .inode = 7 },
		{ .serial = 1, .inode = 8 },
		{ .serial = 1, .inode = 7, .line = 1 },
		{ .serial = 1, .inode = 7, .program = 1 },
		{ .serial = 1, .inode = 7, .uid = 1000 },
		{ .serial = 1, .inode = 7, .loginuid = 1000 },
		{ .serial = 1, .inode = 7, .op = 1 },
		{ .serial = 1, .inode = 7, .match = 1 },
		{ .serial = 1, .inode = 7, .enforcing = 1 },
		{ .serial = 1, .inode = 7, .hook = 1 },
		{ .serial = 1, .inode = 7, .shadow = 1 },
	};
	const struct ipe_limit_key key = { .serial = 1, .inode = 7 };
	struct ipe_limiter *limiter = new_limiter(test);
	u64 suppressed;
	int i;

	ask(limiter, &key, NOW, 100, &suppressed);
	for (i = 0; i < ARRAY_SIZE(others); i++)
		KUNIT_EXPECT_EQ_MSG(test, ask(limiter, &others[i], NOW, 1,
					      &suppressed), 1, "key %d", i);
}

/* Keys in the group of a first one, which differ in @serial. */
static void make_rivals(const struct ipe_limiter *limiter,
			struct ipe_limit_key *keys, int n)
{
	int i;

	keys[0] = (struct ipe_limit_key){ .serial = 1 };
	for (i = 1; i < n; i++) {
		keys[i] = (struct ipe_limit_key){ .serial = i + 1 };
		while (ipe_limiter_group(limiter, &keys[i]) !=
		       ipe_limiter_group(limiter, &keys[0]))
			keys[i].inode++;
	}
}

static void rivals_with_places_keep_their_counts(struct kunit *test)
{
	struct ipe_limit_key keys[IPE_LIMIT_PLACES];
	struct ipe_limiter *limiter = new_limiter(test);
	u64 suppressed;
	int i;

	make_rivals(limiter, keys, IPE_LIMIT_PLACES);
	for (i = 0; i < IPE_LIMIT_PLACES; i++)
		KUNIT_EXPECT_EQ(test, ask(limiter, &keys[i], NOW, 100 + i,
					  &suppressed), IPE_LIMIT_BURST);
	for (i = 0; i < IPE_LIMIT_PLACES; i++) {
		KUNIT_EXPECT_EQ(test, ask(limiter, &keys[i],
					  NOW + IPE_LIMIT_WINDOW, 1,
					  &suppressed), 1);
		KUNIT_EXPECT_EQ(test, suppressed, 100 + i - IPE_LIMIT_BURST);
	}
}

static void one_rival_too_many_takes_the_oldest_place(struct kunit *test)
{
	struct ipe_limit_key keys[IPE_LIMIT_PLACES + 1];
	struct ipe_limiter *limiter = new_limiter(test);
	u64 suppressed;
	int i;

	make_rivals(limiter, keys, IPE_LIMIT_PLACES + 1);
	/* The second key has the oldest window. */
	for (i = 0; i < IPE_LIMIT_PLACES; i++)
		ask(limiter, &keys[i], i == 1 ? NOW : NOW + 1, 100,
		    &suppressed);
	KUNIT_EXPECT_EQ(test, ask(limiter, &keys[IPE_LIMIT_PLACES], NOW + 2,
				  100, &suppressed), IPE_LIMIT_BURST);
	for (i = 0; i < IPE_LIMIT_PLACES; i++)
		if (i != 1)
			KUNIT_EXPECT_EQ(test, ask(limiter, &keys[i], NOW + 3,
						  10, &suppressed), 0);
	KUNIT_EXPECT_EQ(test, ask(limiter, &keys[1], NOW + 4, 1, &suppressed),
			1);
	KUNIT_EXPECT_EQ(test, suppressed, 0);
}

static void failed_record_uses_nothing_up(struct kunit *test)
{
	const struct ipe_limit_key key = { .serial = 1, .inode = 7 };
	struct ipe_limiter *limiter = new_limiter(test);
	u64 suppressed;
	int i;

	for (i = 0; i < 1000; i++) {
		KUNIT_EXPECT_EQ(test, ask(limiter, &key, NOW, 1, &suppressed),
				1);
		KUNIT_EXPECT_EQ(test, suppressed, i);
		ipe_limiter_return(limiter, &key, suppressed);
	}
	KUNIT_EXPECT_EQ(test, ask(limiter, &key, NOW, 1, &suppressed), 1);
	KUNIT_EXPECT_EQ(test, suppressed, 1000);
	KUNIT_EXPECT_EQ(test, ask(limiter, &key, NOW, 100, &suppressed),
			IPE_LIMIT_BURST - 1);
}

static void late_return_harms_no_other_key(struct kunit *test)
{
	struct ipe_limit_key keys[IPE_LIMIT_PLACES + 1];
	struct ipe_limiter *limiter = new_limiter(test);
	u64 suppressed;
	int i;

	make_rivals(limiter, keys, IPE_LIMIT_PLACES + 1);
	for (i = 0; i <= IPE_LIMIT_PLACES; i++)
		ask(limiter, &keys[i], NOW + i, 100, &suppressed);
	ipe_limiter_return(limiter, &keys[0], 3);
	for (i = 1; i <= IPE_LIMIT_PLACES; i++)
		KUNIT_EXPECT_EQ(test, ask(limiter, &keys[i], NOW + i, 1,
					  &suppressed), 0);
}

/* Fills the places of a group with keys that each have a count. */
static void fill_group(struct ipe_limiter *limiter, struct ipe_limit_key *keys)
{
	u64 suppressed;
	int i;

	make_rivals(limiter, keys, IPE_LIMIT_PLACES + 2);
	for (i = 0; i < IPE_LIMIT_PLACES; i++)
		ask(limiter, &keys[i], NOW + i, IPE_LIMIT_BURST + 1 + i,
		    &suppressed);
}

static void taken_over_place_hands_out_its_count(struct kunit *test)
{
	struct ipe_limit_trace trace = { .file = true, .ino = 12 };
	struct ipe_limit_key keys[IPE_LIMIT_PLACES + 2];
	struct ipe_limiter *limiter = new_limiter(test);
	struct ipe_limit_entry evicted;
	u64 suppressed;

	fill_group(limiter, keys);
	strscpy(trace.comm, "latest");
	strscpy(trace.device, "vda");
	ipe_limiter_admit(limiter, &keys[0], &trace, NOW, &suppressed,
			  &evicted);
	KUNIT_EXPECT_EQ(test, evicted.suppressed, 0);
	strscpy(trace.comm, "rival");
	KUNIT_EXPECT_TRUE(test, ipe_limiter_admit(limiter,
						  &keys[IPE_LIMIT_PLACES],
						  &trace, NOW + 9, &suppressed,
						  &evicted));
	KUNIT_EXPECT_EQ(test, suppressed, 0);
	KUNIT_EXPECT_EQ(test, evicted.suppressed, 2);
	KUNIT_EXPECT_MEMEQ(test, &evicted.key, &keys[0], sizeof(keys[0]));
	KUNIT_EXPECT_STREQ(test, evicted.trace.comm, "latest");
	KUNIT_EXPECT_STREQ(test, evicted.trace.device, "vda");
	KUNIT_EXPECT_EQ(test, evicted.trace.ino, 12);
}

static void
taken_over_place_without_a_count_hands_out_nothing(struct kunit *test)
{
	const struct ipe_limit_trace trace = {};
	struct ipe_limit_key keys[IPE_LIMIT_PLACES + 1];
	struct ipe_limiter *limiter = new_limiter(test);
	struct ipe_limit_entry evicted;
	u64 suppressed;
	int i;

	make_rivals(limiter, keys, IPE_LIMIT_PLACES + 1);
	for (i = 0; i <= IPE_LIMIT_PLACES; i++) {
		ipe_limiter_admit(limiter, &keys[i], &trace, NOW + i,
				  &suppressed, &evicted);
		KUNIT_EXPECT_EQ(test, evicted.suppressed, 0);
	}
}

static void count_that_audit_refuses_returns_without_its_key(struct kunit *test)
{
	static const struct ipe_limit_key no_key;
	const struct ipe_limit_trace trace = {};
	struct ipe_limit_key keys[IPE_LIMIT_PLACES + 2];
	struct ipe_limiter *limiter = new_limiter(test);
	struct ipe_limit_entry evicted;
	u64 suppressed;

	fill_group(limiter, keys);
	ipe_limiter_admit(limiter, &keys[IPE_LIMIT_PLACES], &trace, NOW + 9,
			  &suppressed, &evicted);
	KUNIT_EXPECT_EQ(test, evicted.suppressed, 1);
	ipe_limiter_return_evicted(limiter, evicted.suppressed);
	/* The entries of these keys were taken over. */
	ipe_limiter_return(limiter, &keys[0], 3);
	/* An evicted key is handed out first. */
	ipe_limiter_admit(limiter, &keys[IPE_LIMIT_PLACES + 1], &trace,
			  NOW + 9, &suppressed, &evicted);
	KUNIT_EXPECT_EQ(test, evicted.suppressed, 2);
	KUNIT_EXPECT_MEMEQ(test, &evicted.key, &keys[1], sizeof(keys[1]));
	/* A denial without a record hands out nothing. */
	KUNIT_EXPECT_FALSE(test, ipe_limiter_admit(limiter, &keys[3], &trace,
						   NOW + 9, &suppressed,
						   &evicted));
	KUNIT_EXPECT_EQ(test, evicted.suppressed, 0);
	ipe_limiter_admit(limiter, &keys[IPE_LIMIT_PLACES + 1], &trace,
			  NOW + 9, &suppressed, &evicted);
	KUNIT_EXPECT_EQ(test, evicted.suppressed, 1 + 3 + 1);
	KUNIT_EXPECT_MEMEQ(test, &evicted.key, &no_key, sizeof(no_key));
	ipe_limiter_admit(limiter, &keys[IPE_LIMIT_PLACES + 1], &trace,
			  NOW + 9, &suppressed, &evicted);
	KUNIT_EXPECT_EQ(test, evicted.suppressed, 0);
}

/* More keys than places, in any order: each denial is in exactly one record. */
static void each_denial_is_counted_once(struct kunit *test)
{
	struct ipe_limiter *limiter = new_limiter(test);
	const struct ipe_limit_trace trace = {};
	u64 recorded = 0, now = NOW, left = 0, suppressed;
	struct rnd_state random;
	unsigned int i, j;

	prandom_seed_state(&random, 5);
	for (i = 0; i < 50000; i++) {
		struct ipe_limit_key key = {
			.serial = 1,
			.uid = prandom_u32_state(&random) % 600,
		};
		struct ipe_limit_entry evicted;

		/* Some keys are frequent. */
		key.uid = key.uid < 300 ? key.uid % 3 : key.uid;
		now += prandom_u32_state(&random) % 8;
		if (!ipe_limiter_admit(limiter, &key, &trace, now, &suppressed,
				       &evicted))
			continue;
		if (prandom_u32_state(&random) % 4)
			recorded += evicted.suppressed;
		else
			ipe_limiter_return_evicted(limiter, evicted.suppressed);
		if (prandom_u32_state(&random) % 4)
			recorded += suppressed + 1;
		else
			ipe_limiter_return(limiter, &key, suppressed);
	}
	for (i = 0; i < IPE_LIMIT_GROUPS; i++)
		for (j = 0; j < IPE_LIMIT_PLACES; j++)
			left += limiter->entries[i][j].suppressed;
	KUNIT_EXPECT_EQ(test, recorded + left + limiter->unwritten, 50000);
	KUNIT_EXPECT_GT(test, recorded, 25000);
	KUNIT_EXPECT_LT(test, recorded, 50000);
}

static void nobody_knows_the_group_of_a_key(struct kunit *test)
{
	struct ipe_limiter *one = new_limiter(test), *other = new_limiter(test);
	struct ipe_limit_key key = { .serial = 1 };
	int same = 0;

	for (key.inode = 0; key.inode < 1000; key.inode++)
		same += ipe_limiter_group(one, &key) ==
			ipe_limiter_group(other, &key);
	/* The chance is one in IPE_LIMIT_GROUPS. */
	KUNIT_EXPECT_LT(test, same, 100);
}

static struct kunit_case limiter_cases[] = {
	KUNIT_CASE(burst_is_recorded_and_the_rest_is_not),
	KUNIT_CASE(record_after_the_window_counts_the_suppressed),
	KUNIT_CASE(each_part_of_a_key_counts),
	KUNIT_CASE(rivals_with_places_keep_their_counts),
	KUNIT_CASE(one_rival_too_many_takes_the_oldest_place),
	KUNIT_CASE(failed_record_uses_nothing_up),
	KUNIT_CASE(late_return_harms_no_other_key),
	KUNIT_CASE(taken_over_place_hands_out_its_count),
	KUNIT_CASE(taken_over_place_without_a_count_hands_out_nothing),
	KUNIT_CASE(count_that_audit_refuses_returns_without_its_key),
	KUNIT_CASE(each_denial_is_counted_once),
	KUNIT_CASE(nobody_knows_the_group_of_a_key),
	{}
};

static struct kunit_suite limiter_suite = {
	.name = "ipe-limiter",
	.test_cases = limiter_cases,
};

kunit_test_suite(limiter_suite);
