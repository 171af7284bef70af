// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every write in every standing of its slot: the errno, the active policy and
 * the versions afterwards.
 */

#include <kunit/test.h>
#include <linux/errno.h>
#include <linux/string.h>

#include "world.h"

/**
 * struct outcome - of a write in a standing
 * @error: %0 or the errno
 * @active: the active policy afterwards, if @error is %0: the version of A, "b"
 *	for B, "-" for none
 * @versions: of A afterwards, if @error is %0: current, next, previous; "x": as
 *	before
 */
struct outcome {
	int error;
	const char *active;
	const char *versions;
};

/* With next and previous; expect() knows the difference without them. */
static const struct outcome outcomes[IPE_WRITE_COUNT][STANDING_COUNT] = {
	/* With version 7. */
	[IPE_WRITE_UPDATE] = {
		[DELETED] = { -ENOENT },
		[IDLE] = { 0, "-", "7-4" },
		[ACTIVE] = { 0, "7", "7-4" },
		[BYSTANDER] = { 0, "b", "7-4" },
		[HELD] = { -EBUSY },
		[CURRENT_TRIED] = { -EBUSY },
		[NEXT_TRIED] = { -EBUSY },
		[NEXT_TRIED_HELD] = { -EBUSY },
	},
	[IPE_WRITE_STAGE] = {
		[DELETED] = { -ENOENT },
		[IDLE] = { 0, "-", "473" },
		[ACTIVE] = { 0, "4", "473" },
		[BYSTANDER] = { 0, "b", "473" },
		[HELD] = { 0, "b", "473" },
		[CURRENT_TRIED] = { 0, "4", "473" },
		[NEXT_TRIED] = { -EBUSY },
		[NEXT_TRIED_HELD] = { -EBUSY },
	},
	[IPE_WRITE_ACTIVATE] = {
		[DELETED] = { -ENOENT },
		[IDLE] = { 0, "4", "453" },
		[ACTIVE] = { 0, "4", "453" },
		[BYSTANDER] = { 0, "4", "453" },
		[HELD] = { 0, "4", "453" },
		[CURRENT_TRIED] = { 0, "4", "453" },
		[NEXT_TRIED] = { 0, "4", "453" },
		[NEXT_TRIED_HELD] = { 0, "4", "453" },
	},
	[IPE_WRITE_TRIAL] = {
		[DELETED] = { -ENOENT },
		[IDLE] = { 0, "5", "453" },
		[ACTIVE] = { 0, "5", "453" },
		[BYSTANDER] = { -EBUSY },
		[HELD] = { -EBUSY },
		[CURRENT_TRIED] = { -EBUSY },
		[NEXT_TRIED] = { -EBUSY },
		[NEXT_TRIED_HELD] = { -EBUSY },
	},
	[IPE_WRITE_CONFIRM] = {
		[DELETED] = { -ENODATA },
		[IDLE] = { -ENODATA },
		[ACTIVE] = { -ENODATA },
		[BYSTANDER] = { 0, "b", "453" },
		[HELD] = { 0, "b", "453" },
		[CURRENT_TRIED] = { 0, "4", "453" },
		[NEXT_TRIED] = { 0, "5", "5-4" },
		[NEXT_TRIED_HELD] = { 0, "5", "5-4" },
	},
	[IPE_WRITE_REVERT] = {
		[DELETED] = { -ENODATA },
		[IDLE] = { -ENODATA },
		[ACTIVE] = { -ENODATA },
		[BYSTANDER] = { 0, "-", "453" },
		[HELD] = { 0, "4", "453" },
		[CURRENT_TRIED] = { 0, "-", "453" },
		[NEXT_TRIED] = { 0, "-", "453" },
		[NEXT_TRIED_HELD] = { 0, "4", "453" },
	},
	[IPE_WRITE_ROLLBACK] = {
		[DELETED] = { -ENOENT },
		[IDLE] = { -EPERM },
		[ACTIVE] = { 0, "3", "35-" },
		[BYSTANDER] = { -EPERM },
		[HELD] = { -EBUSY },
		[CURRENT_TRIED] = { -EBUSY },
		[NEXT_TRIED] = { -EBUSY },
		[NEXT_TRIED_HELD] = { -EBUSY },
	},
	[IPE_WRITE_DELETE] = {
		[DELETED] = { -ENOENT },
		[IDLE] = { 0, "-", "---" },
		[ACTIVE] = { -EPERM },
		[BYSTANDER] = { 0, "b", "---" },
		[HELD] = { -EPERM },
		[CURRENT_TRIED] = { -EPERM },
		[NEXT_TRIED] = { -EPERM },
		[NEXT_TRIED_HELD] = { -EPERM },
	},
	[IPE_WRITE_SHADOW] = {
		[DELETED] = { -ENOENT },
		[IDLE] = { 0, "-", "453" },
		[ACTIVE] = { 0, "4", "453" },
		[BYSTANDER] = { 0, "b", "453" },
		[HELD] = { 0, "b", "453" },
		[CURRENT_TRIED] = { 0, "4", "453" },
		[NEXT_TRIED] = { -EALREADY },
		[NEXT_TRIED_HELD] = { -EALREADY },
	},
	[IPE_WRITE_UNSHADOW] = {
		[DELETED] = { -ENOENT },
		[IDLE] = { 0, "-", "453" },
		[ACTIVE] = { 0, "4", "453" },
		[BYSTANDER] = { 0, "b", "453" },
		[HELD] = { 0, "b", "453" },
		[CURRENT_TRIED] = { 0, "4", "453" },
		[NEXT_TRIED] = { 0, "5", "453" },
		[NEXT_TRIED_HELD] = { 0, "5", "453" },
	},
};

static char digit_of(const struct ipe_loaded *loaded)
{
	return '0' + ipe_policy_version(loaded->policy)->major;
}

/* A digit for each version of A, '-' for none. */
static void show_versions(struct world *w, char buf[4])
{
	struct ipe_loaded *loaded;
	int place;

	for (place = 0; place < IPE_PLACE_COUNT; place++) {
		loaded = ipe_slot_version(w->slots[A], place);
		buf[place] = loaded ? digit_of(loaded) : '-';
		ipe_loaded_put(loaded);
	}
	buf[3] = '\0';
}

/**
 * struct view - the visible state of A
 * @error: of the write
 * @active: as in struct outcome
 * @versions: as in struct outcome
 */
struct view {
	int error;
	char active;
	char versions[4];
};

static struct view expect(int write, enum standing standing, bool has_next,
			  bool has_previous, const struct view *before)
{
	const struct outcome *o = &outcomes[write][standing];
	struct view view = *before;

	view.error = o->error;
	if (write == IPE_WRITE_ROLLBACK && !o->error && !has_previous)
		view.error = -ENODATA;
	if (write == IPE_WRITE_TRIAL && standing == ACTIVE && !has_next)
		view.error = -EALREADY;
	if (write == IPE_WRITE_SHADOW && !has_next &&
	    (standing == ACTIVE || standing == CURRENT_TRIED))
		view.error = -EALREADY;
	if (view.error)
		return view;
	view.active = *o->active;
	memcpy(view.versions, o->versions, 3);
	if (!has_next && view.versions[1] == '5')
		view.versions[1] = '-';
	if (!has_next && write == IPE_WRITE_TRIAL)
		view.active = '4';
	if (!has_previous && view.versions[2] == '3')
		view.versions[2] = '-';
	return view;
}

static bool is_same(const struct view *a, const struct view *b)
{
	return a->error == b->error && a->active == b->active &&
	       !strcmp(a->versions, b->versions);
}

/*
 * Writes after which nothing is on trial.
 */
static bool ends_a_trial(int write)
{
	return write == IPE_WRITE_ACTIVATE || write == IPE_WRITE_CONFIRM ||
	       write == IPE_WRITE_REVERT || write == IPE_WRITE_ROLLBACK;
}

static void try_one(struct kunit *test, int write, enum standing standing,
		    bool has_next, bool has_previous)
{
	struct world *w = world_prepare(test, standing, has_next, has_previous);
	struct ipe_loaded *loaded = world_policy(test, A, 7, 1);
	struct view before = {}, after = {}, expected;

	before.active = world_digit(w);
	show_versions(w, before.versions);
	expected = expect(write, standing, has_next, has_previous, &before);

	after.error = world_write(w, write, A, loaded);
	after.active = world_digit(w);
	show_versions(w, after.versions);
	KUNIT_EXPECT_TRUE_MSG(test, is_same(&after, &expected),
			      "write %d, standing %d, next %d, previous %d: %d %c %s, not %d %c %s",
			      write, standing, has_next, has_previous,
			      after.error, after.active, after.versions,
			      expected.error, expected.active,
			      expected.versions);
	if (!after.error && ends_a_trial(write))
		KUNIT_EXPECT_NULL(test, w->policies.trial);
	ipe_loaded_put(loaded);
	world_end(test, w);
}

static void every_write_in_every_standing(struct kunit *test)
{
	int write, standing, next, previous;

	for (write = 0; write < IPE_WRITE_COUNT; write++)
		for (standing = 0; standing < STANDING_COUNT; standing++)
			for (next = 0; next < 2; next++)
				for (previous = 0; previous < 2; previous++) {
					if (!next && standing >= NEXT_TRIED)
						continue;
					try_one(test, write, standing, next,
						previous);
				}
}

static struct kunit_case standing_cases[] = {
	KUNIT_CASE(every_write_in_every_standing),
	{}
};

static struct kunit_suite standing_suite = {
	.name = "ipe-standing",
	.test_cases = standing_cases,
};

kunit_test_suite(standing_suite);
