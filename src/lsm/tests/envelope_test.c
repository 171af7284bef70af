// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds the end of a message in bytes that are not verified.
 */

#include <kunit/test.h>
#include <linux/prandom.h>

#include "envelope.h"

#define BYTES(s) s, sizeof(s) - 1

static void message_ends_where_its_lengths_say(struct kunit *test)
{
	static const struct {
		const char *data;
		size_t len;
		ssize_t expected;
		const char *description;
	} cases[] = {
		{ BYTES(""), -EBADMSG, "nothing" },
		{ BYTES("\x30"), -EBADMSG, "a tag alone" },
		{ BYTES("\x30\x00"), 2, "no body" },
		{ BYTES("\x30\x00x"), 2, "bytes behind" },
		{ BYTES("\x30\x02" "ab"), 4, "short length" },
		{ BYTES("\x30\x03" "ab"), -EBADMSG, "body too short" },
		{ BYTES("\x30\x81"), -EBADMSG, "length missing" },
		{ BYTES("\x30\x81\x02" "abc"), 5, "one byte of length" },
		{ BYTES("\x30\x82\x00\x02" "ab"), 6, "two, not minimal" },
		{ BYTES("\x30\x82\x00"), -EBADMSG, "length cut" },
		{ BYTES("\x30\x84\xff\xff\xff\xff" "a"), -EBADMSG, "4 GiB" },
		{ BYTES("\x30\x87\xff\xff\xff\xff\xff\xff\xff"), -EBADMSG,
		  "seven bytes of length" },
		{ BYTES("\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff"), -EBADMSG,
		  "a length of all bits" },
		{ BYTES("\x30\xff" "a"), -EBADMSG, "127 bytes of length" },
		{ BYTES("\x30\x80"), -EBADMSG, "open, no end" },
		{ BYTES("\x30\x80\x00"), -EBADMSG, "open, half an end" },
		{ BYTES("\x30\x80\x00\x00"), 4, "open, empty" },
		{ BYTES("\x30\x80\x00\x00\x00\x00"), 4, "open, bytes behind" },
		{ BYTES("\x30\x80\x04\x01\x00\x00\x00"), 7,
		  "a zero inside an element is no end" },
		{ BYTES("\x30\x80\x04\x02\x00\x00"), -EBADMSG,
		  "an end inside an element is no end" },
		{ BYTES("\x30\x80\x30\x80\x00\x00\x00\x00z"), 8, "nested" },
		{ BYTES("\x30\x80\x30\x80\x00\x00"), -EBADMSG,
		  "nested, one end" },
		{ BYTES("\x30\x80\x30\x02\x30\x80\x00\x00"), 8,
		  "a definite one is stepped over" },
		{ BYTES("\x04\x80\x00\x00"), -EBADMSG,
		  "a primitive one cannot be open" },
		{ BYTES("\x30\x80\x04\x80\x00\x00\x00\x00"), -EBADMSG,
		  "nor can one inside" },
		{ BYTES("\x30\x80\x00\x01" "a"), -EBADMSG,
		  "an end with a body" },
		{ BYTES("\x00\x00"), -EBADMSG, "an end of nothing" },
		{ BYTES("\x3f\x81\x02\x01" "a"), 5, "a long tag" },
		{ BYTES("\x3f\x81\x81\x81"), -EBADMSG, "a tag without end" },
		{ BYTES("\x3f\x02"), -EBADMSG, "a long tag, no length" },
	};
	u8 *copy;
	int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		/* Exactly that size, so that KASAN sees a read beyond it. */
		copy = kmemdup(cases[i].data, cases[i].len, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, copy);
		KUNIT_EXPECT_EQ_MSG(test, cases[i].expected,
				    ipe_envelope_message_len(copy,
							     cases[i].len),
				    "%s", cases[i].description);
		kfree(copy);
	}
}

/* Bytes that steer the walk come more often than by chance. */
static u8 likely_byte(struct rnd_state *random)
{
	static const u8 steering[] = { 0x00, 0x30, 0x80, 0x81, 0x82, 0x1f };
	u32 n = prandom_u32_state(random);

	return n % 3 ? steering[(n >> 8) % sizeof(steering)] : n >> 16;
}

static void hostile_bytes_are_never_overrun(struct kunit *test)
{
	struct rnd_state random;
	size_t len, i;
	ssize_t r;
	int round;
	u8 *data;

	prandom_seed_state(&random, 4711);
	for (round = 0; round < 20000; round++) {
		len = prandom_u32_state(&random) % 40;
		data = kmalloc(len, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, data);
		for (i = 0; i < len; i++)
			data[i] = likely_byte(&random);
		r = ipe_envelope_message_len(data, len);
		kfree(data);
		if (r != -EBADMSG && (r < 2 || r > len)) {
			KUNIT_FAIL(test, "round %d: %zd of %zu", round, r, len);
			return;
		}
	}
}

static void size_is_checked_before_anything_is_copied(struct kunit *test)
{
	struct ipe_envelope envelope;

	KUNIT_EXPECT_EQ(test, -EMSGSIZE,
			ipe_envelope_copy(&envelope, NULL,
					  IPE_ENVELOPE_MAX + 1));
	KUNIT_EXPECT_EQ(test, -EMSGSIZE,
			ipe_envelope_copy(&envelope, NULL, SIZE_MAX));
	KUNIT_EXPECT_EQ(test, -EBADMSG, ipe_envelope_copy(&envelope, NULL, 0));
	KUNIT_EXPECT_NULL(test, envelope.data);
}

static int verify(struct kunit *test, const char *data, size_t len)
{
	struct ipe_envelope envelope = { .len = len };
	int r;

	envelope.data = kmemdup(data, len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, envelope.data);
	r = ipe_envelope_verify(&envelope);
	KUNIT_EXPECT_NULL(test, envelope.text);
	ipe_envelope_release(&envelope);
	return r;
}

static void other_bytes_are_refused_without_a_text(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, -EBADMSG, verify(test, BYTES("\x30\x00")));
	KUNIT_EXPECT_EQ(test, -EBADMSG, verify(test, BYTES("\x30\x00x")));
	KUNIT_EXPECT_EQ(test, -EBADMSG,
			verify(test, BYTES("policy_name=n policy_version=0.0.0\n"
					   "DEFAULT action=ALLOW\n")));
}

static struct kunit_case envelope_cases[] = {
	KUNIT_CASE(message_ends_where_its_lengths_say),
	KUNIT_CASE(hostile_bytes_are_never_overrun),
	KUNIT_CASE(size_is_checked_before_anything_is_copied),
	KUNIT_CASE(other_bytes_are_refused_without_a_text),
	{}
};

static struct kunit_suite envelope_suite = {
	.name = "ipe-envelope",
	.test_cases = envelope_cases,
};

kunit_test_suite(envelope_suite);
