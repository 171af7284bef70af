// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading policies: from a text to a compiled policy.
 */

#include <kunit/test.h>
#include <linux/errno.h>

#include "loaded.h"

static void unsigned_policy_has_the_digest_of_zero_bytes(struct kunit *test)
{
	static const char text[] = "policy_name=a policy_version=1.0.0\n"
				   "DEFAULT action=ALLOW\n";
	struct ipe_parse_error where = {};
	struct ipe_loaded *loaded = NULL;
	struct ipe_envelope envelope;

	envelope = ipe_envelope_unsigned(text, sizeof(text) - 1);
	KUNIT_ASSERT_EQ(test, 0, ipe_loaded_new(&envelope, &loaded, &where));
	KUNIT_EXPECT_NULL(test, loaded->envelope.data);
	KUNIT_EXPECT_MEMEQ(test, loaded->envelope.digest,
			   sha256_zero_message_hash, SHA256_DIGEST_SIZE);
	ipe_loaded_put(loaded);
}

static void broken_text_is_not_loaded(struct kunit *test)
{
	static const char text[] = "policy_name=a policy_version=1.0.0\n"
				   "DEFAULT action=ALLOW\nop=NONE\n";
	struct ipe_parse_error where = {};
	struct ipe_loaded *loaded = NULL;
	struct ipe_envelope envelope;

	envelope = ipe_envelope_unsigned(text, sizeof(text) - 1);
	KUNIT_EXPECT_EQ(test, -EBADMSG,
			ipe_loaded_new(&envelope, &loaded, &where));
	KUNIT_EXPECT_NULL(test, loaded);
	KUNIT_EXPECT_EQ(test, 3, where.line);
	KUNIT_EXPECT_PTR_EQ(test, envelope.text, (const char *)text);

	envelope = (struct ipe_envelope){};
	KUNIT_EXPECT_EQ(test, -EBADMSG,
			ipe_loaded_new(&envelope, &loaded, &where));
	KUNIT_EXPECT_NULL(test, loaded);
}

static struct kunit_case loaded_cases[] = {
	KUNIT_CASE(unsigned_policy_has_the_digest_of_zero_bytes),
	KUNIT_CASE(broken_text_is_not_loaded),
	{}
};

static struct kunit_suite loaded_suite = {
	.name = "ipe-loaded",
	.test_cases = loaded_cases,
};

kunit_test_suite(loaded_suite);
