// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counting verdicts, and the file that shows the counts.
 */

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>

#include "loaded.h"
#include "provider.h"

static const char text[] = "policy_name=a policy_version=1.0.0\n"
			   "DEFAULT action=ALLOW\n"
			   "# A comment takes a line, too.\n"
			   "DEFAULT op=KMODULE action=DENY\n"
			   "op=EXECUTE boot_verified=TRUE action=ALLOW\n"
			   "op=FIRMWARE action=DENY\n"
			   "op=EXECUTE action=DENY\n";

static struct ipe_loaded *load(struct kunit *test)
{
	struct ipe_envelope envelope;
	struct ipe_parse_error where = {};
	struct ipe_loaded *loaded = NULL;

	envelope = ipe_envelope_unsigned(text, sizeof(text) - 1);
	KUNIT_ASSERT_EQ(test, 0, ipe_loaded_new(&envelope, &loaded, &where));
	return loaded;
}

static struct ipe_verdict ask(struct ipe_loaded *loaded, enum ipe_op op,
			      bool boot_verified)
{
	u32 slot = ipe_vocabulary.slot[IPE_PROPERTY_BOOT_VERIFIED];
	struct ipe_facts facts = { .booleans = boot_verified << slot };

	return ipe_policy_evaluate(loaded->policy, op, &facts);
}

static void count(struct ipe_loaded *loaded, enum ipe_op op, bool boot_verified,
		  int times)
{
	struct ipe_verdict verdict = ask(loaded, op, boot_verified);

	while (times--)
		ipe_stats_count(&loaded->stats, loaded->policy, &verdict);
}

static void expect_text(struct kunit *test, const struct ipe_loaded *loaded,
			const char *expected)
{
	struct seq_file m = { .size = SZ_4K };

	m.buf = kunit_kzalloc(test, m.size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	KUNIT_EXPECT_EQ(test, 0,
			ipe_stats_show(&m, &loaded->stats, loaded->policy));
	KUNIT_ASSERT_FALSE(test, seq_has_overflowed(&m));
	KUNIT_EXPECT_STREQ(test, m.buf, expected);
}

static void policy_starts_at_zero(struct kunit *test)
{
	struct ipe_loaded *loaded = load(test);

	expect_text(test, loaded,
		    "op=EXECUTE allowed=0 denied=0\n"
		    "op=FIRMWARE allowed=0 denied=0\n"
		    "op=KMODULE allowed=0 denied=0\n"
		    "op=KEXEC_IMAGE allowed=0 denied=0\n"
		    "op=KEXEC_INITRAMFS allowed=0 denied=0\n"
		    "op=POLICY allowed=0 denied=0\n"
		    "op=X509_CERT allowed=0 denied=0\n"
		    "op=UNKNOWN allowed=0 denied=0\n"
		    "shadow denied=0 allowed=0\n");
	ipe_loaded_put(loaded);
}

static void each_verdict_and_its_match_are_counted(struct kunit *test)
{
	struct ipe_loaded *loaded = load(test);

	count(loaded, IPE_OP_EXECUTE, true, 3);
	count(loaded, IPE_OP_EXECUTE, false, 4);
	count(loaded, IPE_OP_KMODULE, false, 5);
	count(loaded, IPE_OP_POLICY, false, 6);
	count(loaded, IPE_OP_UNKNOWN, false, 7);
	expect_text(test, loaded,
		    "op=EXECUTE allowed=3 denied=4\n"
		    "op=FIRMWARE allowed=0 denied=0\n"
		    "op=KMODULE allowed=0 denied=5\n"
		    "op=KEXEC_IMAGE allowed=0 denied=0\n"
		    "op=KEXEC_INITRAMFS allowed=0 denied=0\n"
		    "op=POLICY allowed=6 denied=0\n"
		    "op=X509_CERT allowed=0 denied=0\n"
		    "op=UNKNOWN allowed=0 denied=7\n"
		    "rule line=5 matches=3\n"
		    "rule line=7 matches=4\n"
		    "default op=KMODULE line=4 matches=5\n"
		    "default op=UNKNOWN line=0 matches=7\n"
		    "default line=2 matches=6\n"
		    "shadow denied=0 allowed=0\n");
	ipe_loaded_put(loaded);
}

static void text_that_does_not_fit_is_asked_for_again(struct kunit *test)
{
	struct ipe_loaded *loaded = load(test);
	char buf[16];
	struct seq_file m = { .buf = buf, .size = sizeof(buf) };

	count(loaded, IPE_OP_EXECUTE, true, 1);
	KUNIT_EXPECT_EQ(test, 0,
			ipe_stats_show(&m, &loaded->stats, loaded->policy));
	KUNIT_EXPECT_TRUE(test, seq_has_overflowed(&m));
	ipe_loaded_put(loaded);
}

static void shadow_counts_only_differences_and_matches(struct kunit *test)
{
	struct ipe_loaded *loaded = load(test);
	struct ipe_verdict allow = ask(loaded, IPE_OP_EXECUTE, true);
	struct ipe_verdict deny = ask(loaded, IPE_OP_KMODULE, false);
	int i;

	for (i = 0; i < 2; i++)
		ipe_stats_count_shadow(&loaded->stats, loaded->policy, &allow,
				       IPE_ACTION_ALLOW);
	for (i = 0; i < 3; i++)
		ipe_stats_count_shadow(&loaded->stats, loaded->policy, &allow,
				       IPE_ACTION_DENY);
	for (i = 0; i < 4; i++)
		ipe_stats_count_shadow(&loaded->stats, loaded->policy, &deny,
				       IPE_ACTION_ALLOW);
	for (i = 0; i < 5; i++)
		ipe_stats_count_shadow(&loaded->stats, loaded->policy, &deny,
				       IPE_ACTION_DENY);
	expect_text(test, loaded,
		    "op=EXECUTE allowed=0 denied=0\n"
		    "op=FIRMWARE allowed=0 denied=0\n"
		    "op=KMODULE allowed=0 denied=0\n"
		    "op=KEXEC_IMAGE allowed=0 denied=0\n"
		    "op=KEXEC_INITRAMFS allowed=0 denied=0\n"
		    "op=POLICY allowed=0 denied=0\n"
		    "op=X509_CERT allowed=0 denied=0\n"
		    "op=UNKNOWN allowed=0 denied=0\n"
		    "rule line=5 matches=5\n"
		    "default op=KMODULE line=4 matches=9\n"
		    "shadow denied=4 allowed=3\n");
	ipe_loaded_put(loaded);
}

static void counters_have_64_bits(struct kunit *test)
{
	struct ipe_loaded *loaded = load(test);

	atomic64_set(&loaded->stats.matches[IPE_STATS_RULES + 1], U32_MAX);
	count(loaded, IPE_OP_FIRMWARE, false, 1);
	expect_text(test, loaded,
		    "op=EXECUTE allowed=0 denied=0\n"
		    "op=FIRMWARE allowed=0 denied=4294967296\n"
		    "op=KMODULE allowed=0 denied=0\n"
		    "op=KEXEC_IMAGE allowed=0 denied=0\n"
		    "op=KEXEC_INITRAMFS allowed=0 denied=0\n"
		    "op=POLICY allowed=0 denied=0\n"
		    "op=X509_CERT allowed=0 denied=0\n"
		    "op=UNKNOWN allowed=0 denied=0\n"
		    "rule line=6 matches=4294967296\n"
		    "shadow denied=0 allowed=0\n");
	ipe_loaded_put(loaded);
}

/* Two reasons that share a place, and one with another place. */
static void reasons_in_one_place_stay_apart(struct kunit *test)
{
	struct ipe_stats stats = {};
	unsigned int a = IPE_STATS_RULES, b = a + IPE_STATS_RECENT;
	int i;

	KUNIT_ASSERT_EQ(test, 0, ipe_stats_init(&stats, IPE_STATS_RECENT + 1));
	for (i = 0; i < 100; i++) {
		ipe_stats_count_match(&stats, a);
		ipe_stats_count_match(&stats, i % 3 ? a : b);
		ipe_stats_count_match(&stats, a + 1);
	}
	KUNIT_EXPECT_EQ(test, 166, ipe_stats_matches(&stats, a));
	KUNIT_EXPECT_EQ(test, 34, ipe_stats_matches(&stats, b));
	KUNIT_EXPECT_EQ(test, 100, ipe_stats_matches(&stats, a + 1));
	KUNIT_EXPECT_EQ(test, 0, ipe_stats_matches(&stats, 0));
	ipe_stats_free(&stats);
}

static void count_of_a_cpu_does_not_overflow(struct kunit *test)
{
	unsigned int reason = IPE_STATS_RULES + 3;
	u64 full = (u64)reason << 32 | U32_MAX;
	struct ipe_stats stats = {};

	KUNIT_ASSERT_EQ(test, 0, ipe_stats_init(&stats, 4));
	preempt_disable();
	*this_cpu_ptr(&stats.cpu->recent[reason % IPE_STATS_RECENT]) = full;
	ipe_stats_count_match(&stats, reason);
	preempt_enable();
	KUNIT_EXPECT_EQ(test, 1ULL << 32, ipe_stats_matches(&stats, reason));
	ipe_stats_free(&stats);
}

#define TASKS 4
#define TIMES 20000

/**
 * struct crowd - tasks that count at once
 * @loaded: has the counters
 * @done: one for each task
 */
struct crowd {
	struct ipe_loaded *loaded;
	struct completion done;
};

static int count_in_a_task(void *data)
{
	struct crowd *crowd = data;

	count(crowd->loaded, IPE_OP_EXECUTE, false, TIMES);
	complete(&crowd->done);
	return 0;
}

static void tasks_that_count_at_once_lose_nothing(struct kunit *test)
{
	struct ipe_loaded *loaded = load(test);
	struct crowd crowd = { .loaded = loaded };
	struct ipe_stats *stats = &loaded->stats;
	int i;

	init_completion(&crowd.done);
	for (i = 0; i < TASKS; i++)
		KUNIT_ASSERT_FALSE(test, IS_ERR(kthread_run(count_in_a_task,
							    &crowd, "count")));
	for (i = 0; i < TASKS; i++)
		wait_for_completion(&crowd.done);
	KUNIT_EXPECT_EQ(test, TASKS * TIMES,
			ipe_stats_matches(stats, IPE_STATS_RULES + 2));
	ipe_loaded_put(loaded);
}

static struct kunit_case stats_cases[] = {
	KUNIT_CASE(policy_starts_at_zero),
	KUNIT_CASE(each_verdict_and_its_match_are_counted),
	KUNIT_CASE(text_that_does_not_fit_is_asked_for_again),
	KUNIT_CASE(shadow_counts_only_differences_and_matches),
	KUNIT_CASE(counters_have_64_bits),
	KUNIT_CASE(reasons_in_one_place_stay_apart),
	KUNIT_CASE(count_of_a_cpu_does_not_overflow),
	KUNIT_CASE(tasks_that_count_at_once_lose_nothing),
	{}
};

static struct kunit_suite stats_suite = {
	.name = "ipe-stats",
	.test_cases = stats_cases,
};

kunit_test_suite(stats_suite);
