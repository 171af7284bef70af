// SPDX-License-Identifier: GPL-2.0-only
/*
 * The language, as compiled into the kernel, with the table of cases that user
 * space uses, too.
 */

#include <kunit/test.h>

#include "policy/tests/cases.h"
#include "policy/policy.h"

static void parse_case(struct kunit *test, const struct ipe_vocabulary *words,
		       const struct ipe_policy_case *c)
{
	struct ipe_parse_error where = {};
	struct ipe_policy *policy = NULL;
	char *text;
	int r;

	/* Exactly that size, so that KASAN sees a read beyond it. */
	text = kmemdup(c->text, c->len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, text);
	r = ipe_policy_parse(text, c->len, words, &policy, &where);
	KUNIT_EXPECT_EQ_MSG(test, c->error, r, "%s", c->description);
	if (r) {
		KUNIT_EXPECT_NULL(test, policy);
		KUNIT_EXPECT_EQ_MSG(test, c->line, where.line, "%s",
				    c->description);
		KUNIT_EXPECT_EQ_MSG(test, c->column, where.column, "%s",
				    c->description);
		KUNIT_EXPECT_NOT_NULL(test, where.sentence);
	} else {
		KUNIT_EXPECT_NOT_NULL(test, policy);
	}
	ipe_policy_free(policy);
	kfree(text);
}

static void every_case_of_the_shared_table(struct kunit *test)
{
	struct ipe_vocabulary *words;
	size_t i;

	words = kunit_kzalloc(test, sizeof(*words), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, words);
	ipe_vocabulary_init(words);
	ipe_vocabulary_answer_builtin(words);
	for (i = 0; i < ARRAY_SIZE(ipe_policy_cases); i++)
		parse_case(test, words, &ipe_policy_cases[i]);
}

static struct kunit_case policy_cases[] = {
	KUNIT_CASE(every_case_of_the_shared_table),
	{}
};

static struct kunit_suite policy_suite = {
	.name = "ipe-policy",
	.test_cases = policy_cases,
};

kunit_test_suite(policy_suite);
