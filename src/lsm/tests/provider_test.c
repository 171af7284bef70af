// SPDX-License-Identifier: GPL-2.0-only
/*
 * Providers and the vocabulary: a new provider is one struct.
 */

#include <kunit/test.h>
#include <linux/string.h>

#include "ipe.h"
#include "provider.h"

static struct ipe_vocabulary *new_vocabulary(struct kunit *test)
{
	struct ipe_vocabulary *words;

	words = kunit_kzalloc(test, sizeof(*words), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, words);
	ipe_vocabulary_init(words);
	return words;
}

static bool is_answered(enum ipe_property_id id)
{
	return ipe_vocabulary.answered & BIT(id);
}

static void builtin_properties_are_answered_as_configured(struct kunit *test)
{
	if (!ipe_enabled)
		kunit_skip(test, "lsm= does not name ipe");
	KUNIT_EXPECT_TRUE(test, is_answered(IPE_PROPERTY_BOOT_VERIFIED));
	KUNIT_EXPECT_EQ(test, is_answered(IPE_PROPERTY_DMVERITY_ROOTHASH),
			IS_ENABLED(CONFIG_IPE_PROP_DM_VERITY));
	KUNIT_EXPECT_EQ(test, is_answered(IPE_PROPERTY_DMVERITY_CMDLINE),
			IS_ENABLED(CONFIG_IPE_PROP_DM_VERITY));
	KUNIT_EXPECT_EQ(test, is_answered(IPE_PROPERTY_DMVERITY_SIGNATURE),
			IS_ENABLED(CONFIG_IPE_PROP_DM_VERITY_SIGNATURE));
	KUNIT_EXPECT_EQ(test, is_answered(IPE_PROPERTY_FSVERITY_DIGEST),
			IS_ENABLED(CONFIG_IPE_PROP_FS_VERITY));
	KUNIT_EXPECT_EQ(test, is_answered(IPE_PROPERTY_FSVERITY_SIGNATURE),
			IS_ENABLED(CONFIG_IPE_PROP_FS_VERITY_BUILTIN_SIG));
}

static void features_name_the_built_providers(struct kunit *test)
{
	char text[256] = "", cut[4];

	if (!ipe_enabled)
		kunit_skip(test, "lsm= does not name ipe");
	KUNIT_EXPECT_EQ(test, ipe_providers_features(text, sizeof(text)),
			strlen(text));
	KUNIT_EXPECT_STREQ(test, text,
			   IS_ENABLED(CONFIG_IPE_PROP_DM_VERITY) ?
				   "dmverity-cmdline\n" : "");
	KUNIT_EXPECT_LT(test, ipe_providers_features(cut, sizeof(cut)), 4);
}

static struct ipe_answer new_answers[] = {
	{ .property = { "boot_verified", IPE_PROPERTY_BOOLEAN } },
	{ .property = { "new_flag", IPE_PROPERTY_BOOLEAN, true } },
	{ .property = { "new_digest", IPE_PROPERTY_DIGEST, true } },
	{ .property = { "new_left_out", IPE_PROPERTY_BOOLEAN, true },
	  .left_out = true },
};

static struct ipe_provider new_provider = {
	.name = "new",
	.answers = new_answers,
	.n_answers = ARRAY_SIZE(new_answers),
};

static enum ipe_action judge(struct kunit *test,
			     const struct ipe_vocabulary *words,
			     const char *rule, const struct ipe_facts *facts)
{
	struct ipe_parse_error where = {};
	enum ipe_action action;
	struct ipe_policy *policy;
	char text[160];
	int len;

	len = snprintf(text, sizeof(text),
		       "policy_name=n policy_version=0.0.0\n"
		       "DEFAULT action=DENY\nop=EXECUTE %s action=ALLOW\n",
		       rule);
	KUNIT_ASSERT_EQ(test, 0, ipe_policy_parse(text, len, words, &policy,
						  &where));
	action = ipe_policy_evaluate(policy, IPE_OP_EXECUTE, facts).action;
	ipe_policy_free(policy);
	return action;
}

static void new_provider_needs_no_more_than_its_answers(struct kunit *test)
{
	struct ipe_vocabulary *words = new_vocabulary(test);
	static const u8 value[] = { 0x12, 0x34 };
	const struct ipe_digest digest = {
		.algorithm = "sha256", .algorithm_len = 6,
		.value = value, .value_len = sizeof(value),
	};
	struct ipe_evidence *evidence;

	evidence = kunit_kzalloc(test, sizeof(*evidence), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, evidence);
	KUNIT_ASSERT_EQ(test, 0, ipe_provider_answer(words, &new_provider));

	KUNIT_EXPECT_EQ(test, judge(test, words, "new_flag=FALSE",
				    &evidence->facts), IPE_ACTION_ALLOW);
	ipe_evidence_true(evidence, &new_answers[1]);
	KUNIT_EXPECT_EQ(test, judge(test, words, "new_flag=TRUE",
				    &evidence->facts), IPE_ACTION_ALLOW);
	KUNIT_EXPECT_EQ(test, judge(test, words, "boot_verified=TRUE",
				    &evidence->facts), IPE_ACTION_DENY);

	KUNIT_EXPECT_EQ(test, judge(test, words, "new_digest=sha256:1234",
				    &evidence->facts), IPE_ACTION_DENY);
	ipe_evidence_digest(evidence, &new_answers[2], &digest);
	KUNIT_EXPECT_EQ(test, judge(test, words, "new_digest=sha256:1234",
				    &evidence->facts), IPE_ACTION_ALLOW);
	KUNIT_EXPECT_EQ(test, judge(test, words, "new_digest=sha512:1234",
				    &evidence->facts), IPE_ACTION_DENY);
}

static void property_that_is_left_out_is_neither_true_nor_false(struct kunit *test)
{
	struct ipe_vocabulary *words = new_vocabulary(test);
	struct ipe_evidence *evidence;

	evidence = kunit_kzalloc(test, sizeof(*evidence), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, evidence);
	KUNIT_ASSERT_EQ(test, 0, ipe_provider_answer(words, &new_provider));
	ipe_evidence_true(evidence, &new_answers[3]);
	KUNIT_EXPECT_EQ(test, evidence->facts.booleans, 0);
	KUNIT_EXPECT_EQ(test, judge(test, words, "dmverity_signature=TRUE",
				    &evidence->facts), IPE_ACTION_DENY);
	KUNIT_EXPECT_EQ(test, judge(test, words, "dmverity_signature=FALSE",
				    &evidence->facts), IPE_ACTION_DENY);
}

static void word_of_another_kind_is_refused(struct kunit *test)
{
	struct ipe_answer answer = {
		.property = { "boot_verified", IPE_PROPERTY_DIGEST },
	};
	struct ipe_provider provider = { .answers = &answer, .n_answers = 1 };

	KUNIT_EXPECT_EQ(test, -EEXIST,
			ipe_provider_answer(new_vocabulary(test), &provider));
}

static void too_many_words_are_refused(struct kunit *test)
{
	struct ipe_vocabulary *words = new_vocabulary(test);
	char names[IPE_DIGESTS_MAX + 1][8];
	struct ipe_answer answer = {
		.property = { NULL, IPE_PROPERTY_DIGEST },
	};
	struct ipe_provider provider = { .answers = &answer, .n_answers = 1 };
	unsigned int i, free = IPE_DIGESTS_MAX - words->n_digests;

	for (i = 0; i <= free; i++) {
		snprintf(names[i], sizeof(names[i]), "new_%u", i);
		answer.property.name = names[i];
		KUNIT_EXPECT_EQ(test, i < free ? 0 : -ENOSPC,
				ipe_provider_answer(words, &provider));
	}
}

static void anonymous_memory_has_no_facts(struct kunit *test)
{
	unsigned int i;
	struct ipe_evidence *evidence;

	evidence = kunit_kzalloc(test, sizeof(*evidence), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, evidence);
	memset(evidence, 0xff, sizeof(*evidence));
	rcu_read_lock();
	ipe_providers_collect(NULL, evidence);
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, evidence->facts.booleans, 0);
	for (i = 0; i < IPE_DIGESTS_MAX; i++)
		KUNIT_EXPECT_NULL(test, evidence->facts.digests[i].value);
}

static struct kunit_case provider_cases[] = {
	KUNIT_CASE(builtin_properties_are_answered_as_configured),
	KUNIT_CASE(features_name_the_built_providers),
	KUNIT_CASE(new_provider_needs_no_more_than_its_answers),
	KUNIT_CASE(property_that_is_left_out_is_neither_true_nor_false),
	KUNIT_CASE(word_of_another_kind_is_refused),
	KUNIT_CASE(too_many_words_are_refused),
	KUNIT_CASE(anonymous_memory_has_no_facts),
	{}
};

static struct kunit_suite provider_suite = {
	.name = "ipe-provider",
	.test_cases = provider_cases,
};

kunit_test_suite(provider_suite);
