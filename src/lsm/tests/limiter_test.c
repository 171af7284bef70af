// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which of many denials are recorded. Time is an argument: nothing waits.
 */

#include <kunit/test.h>

#include "limiter.h"

/* A value that a counter of 32 bits would not hold. */
#define NOW ((u64)U32_MAX + 12345)

static struct ipe_limiter *new_limiter(struct kunit *test)
{
	struct ipe_limiter *limiter;

	limiter = kunit_kzalloc(test, sizeof(*limiter), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, limiter);
	spin_lock_init(&limiter->lock);
	return limiter;
}

/* Asks @times times; returns how often the answer was yes. */
static int ask(struct ipe_limiter *limiter, const struct ipe_limit_key *key,
	       u64 now, int times, u64 *ret_suppressed)
{
	int admitted = 0;

	while (times--)
		admitted += ipe_limiter_admit(limiter, key, now,
					      ret_suppressed);
	return admitted;
}

static void burst_is_recorded_and_the_rest_is_not(struct kunit *test)
{
	const struct ipe_limit_key key = { .serial = 1, .ino = 7 };
	struct ipe_limiter *limiter = new_limiter(test);
	u64 suppressed = 99;

	KUNIT_EXPECT_EQ(test, ask(limiter, &key, NOW, IPE_LIMIT_BURST,
				  &suppressed), IPE_LIMIT_BURST);
	KUNIT_EXPECT_EQ(test, suppressed, 0);
	KUNIT_EXPECT_EQ(test, ask(limiter, &key, NOW + IPE_LIMIT_WINDOW - 1,
				  1000, &suppressed), 0);
}

static void record_after_the_window_tells_how_many_were_suppressed(struct kunit *test)
{
	const struct ipe_limit_key key = { .serial = 1, .ino = 7 };
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
		{ .serial = 2, .ino = 7 },
		{ .serial = 1, .ino = 8 },
		{ .serial = 1, .ino = 7, .dev = 1 },
		{ .serial = 1, .ino = 7, .generation = 1 },
		{ .serial = 1, .ino = 7, .line = 1 },
		{ .serial = 1, .ino = 7, .tgid = 1 },
		{ .serial = 1, .ino = 7, .op = 1 },
		{ .serial = 1, .ino = 7, .match = 1 },
		{ .serial = 1, .ino = 7, .enforcing = 1 },
	};
	const struct ipe_limit_key key = { .serial = 1, .ino = 7 };
	struct ipe_limiter *limiter = new_limiter(test);
	u64 suppressed;
	int i;

	ask(limiter, &key, NOW, 100, &suppressed);
	for (i = 0; i < ARRAY_SIZE(others); i++)
		KUNIT_EXPECT_EQ_MSG(test, ask(limiter, &others[i], NOW, 1,
					      &suppressed), 1, "key %d", i);
}

static void collision_evicts_and_silences_nobody(struct kunit *test)
{
	struct ipe_limit_key one = { .serial = 1 }, other = { .serial = 2 };
	struct ipe_limiter *limiter = new_limiter(test);
	u64 suppressed;

	while (ipe_limiter_place(&one) != ipe_limiter_place(&other))
		other.ino++;
	ask(limiter, &one, NOW, 100, &suppressed);
	KUNIT_EXPECT_EQ(test, ask(limiter, &other, NOW, 100, &suppressed),
			IPE_LIMIT_BURST);
	KUNIT_EXPECT_EQ(test, ask(limiter, &one, NOW, 1, &suppressed), 1);
	KUNIT_EXPECT_EQ(test, suppressed, 0);
}

static struct kunit_case limiter_cases[] = {
	KUNIT_CASE(burst_is_recorded_and_the_rest_is_not),
	KUNIT_CASE(record_after_the_window_tells_how_many_were_suppressed),
	KUNIT_CASE(each_part_of_a_key_counts),
	KUNIT_CASE(collision_evicts_and_silences_nobody),
	{}
};

static struct kunit_suite limiter_suite = {
	.name = "ipe-limiter",
	.test_cases = limiter_cases,
};

kunit_test_suite(limiter_suite);
