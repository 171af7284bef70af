// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads lines for tests.
 */

#include <linux/sprintf.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "reader.h"

KUNIT_DEFINE_ACTION_WRAPPER(vfree_action, vfree, const void *);

/* Lines in a memory of @size bytes. */
struct ipe_lines *reader_lines(struct kunit *test, size_t size)
{
	struct ipe_lines *lines = ipe_lines_new(size);

	KUNIT_ASSERT_NOT_NULL(test, lines);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, vfree_action, lines));
	return lines;
}

struct ipe_lines_reader *reader_new(struct kunit *test, struct ipe_lines *lines)
{
	struct ipe_lines_reader *reader;

	reader = kunit_kzalloc(test, sizeof(*reader), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, reader);
	ipe_lines_open(lines, reader);
	return reader;
}

static bool split_lost(struct kunit *test, const char *text, struct given *line)
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

/*
 * Parses a line, which has to be complete; keeps the beginning of a long text.
 */
struct given reader_split(struct kunit *test, const char *text, size_t len)
{
	char *buf = kunit_kzalloc(test, len + 1, GFP_KERNEL);
	struct given line = {};
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

/* Reads the next line; all zero if there is none. */
struct given reader_next(struct kunit *test, struct ipe_lines_reader *reader)
{
	const char *text;
	size_t len = ipe_lines_peek(reader, &text);

	if (!len)
		return (struct given){};
	KUNIT_EXPECT_TRUE(test, ipe_lines_has_more(reader));
	ipe_lines_consume(reader);
	return reader_split(test, text, len);
}
