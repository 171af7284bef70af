// SPDX-License-Identifier: GPL-2.0-only
/*
 * Texts that may stand between quotes in a record.
 */

#include <kunit/test.h>

#include "audit.h"

static void only_plain_text_is_quoted(struct kunit *test)
{
	static const struct {
		const char *text;
		size_t len;
		bool plain;
	} cases[] = {
		{ "", 0, true },
		{ "op=EXECUTE action=DENY", 22, true },
		{ " ~", 2, true },
		{ "a\" res=1 \"", 10, false },
		{ "a\nb", 3, false },
		{ "a\tb", 3, false },
		{ "a\0b", 3, false },
		{ "\x1f", 1, false },
		{ "\x7f", 1, false },
		{ "\x80", 1, false },
		{ "\xc3\xa4", 2, false },
		{ "\xff", 1, false },
		{ "ab\"", 2, true },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		KUNIT_EXPECT_EQ_MSG(test, cases[i].plain,
				    ipe_audit_is_plain(cases[i].text,
						       cases[i].len),
				    "case %d", i);
}

static struct kunit_case audit_cases[] = {
	KUNIT_CASE(only_plain_text_is_quoted),
	{}
};

static struct kunit_suite audit_suite = {
	.name = "ipe-audit",
	.test_cases = audit_cases,
};

kunit_test_suite(audit_suite);
