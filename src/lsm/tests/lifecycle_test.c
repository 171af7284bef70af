// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each step in a policy's life: every write in every standing of its slot, with
 * the errno and with what decides afterwards. Time is for trial_test.c.
 */

#include <kunit/test.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "world.h"

/**
 * struct step - one call, and its result
 * @write: what is called; ADD: a new policy
 * @name: A or B: of its slot
 * @brings: the name of the policy that ADD, UPDATE and STAGE bring
 * @version: of that policy; it may be rolled back to @floor
 * @floor: of that policy; NULL: its version
 * @error: %0 or the errno
 * @decides: name and version of the policy that decides afterwards; "" if none
 *	does
 */
struct step {
	int write;
	int name;
	const char *brings;
	const char *version;
	const char *floor;
	int error;
	const char *decides;
};

static struct ipe_version version_of(const struct ipe_loaded *loaded)
{
	return *ipe_policy_version(loaded->policy);
}

static int take_step(struct kunit *test, struct world *w,
		     const struct step *step)
{
	struct ipe_loaded *loaded = NULL;
	int r;

	if (step->brings)
		loaded = world_load(test, step->brings, step->version,
				    step->floor);
	if (step->write == ADD)
		r = world_add(w, step->name, loaded);
	else
		r = world_write(w, step->write, step->name, loaded);
	ipe_loaded_put(loaded);
	return r;
}

static void walk(struct kunit *test, const struct step *steps, int n)
{
	struct world *w = world_new(test);
	char buf[32];
	int i;

	for (i = 0; i < n; i++) {
		KUNIT_EXPECT_EQ_MSG(test, steps[i].error,
				    take_step(test, w, &steps[i]), "step %d",
				    i);
		KUNIT_EXPECT_STREQ_MSG(test, steps[i].decides,
				       world_deciding(w, buf), "step %d", i);
	}
	world_end(test, w);
}

static const struct step upstream_steps[] = {
	{ ADD, A, "a", "1.2.3", NULL, 0, "" },
	{ ADD, A, "a", "1.2.3", NULL, -EEXIST, "" },
	{ ADD, A, "a", "9.0.0", NULL, -EEXIST, "" },
	{ IPE_WRITE_UPDATE, A, "a", "1.2.3", NULL, -ESTALE, "" },
	{ IPE_WRITE_UPDATE, A, "a", "1.2.2", NULL, -ESTALE, "" },
	{ IPE_WRITE_UPDATE, A, "a", "0.65535.65535", NULL, -ESTALE, "" },
	{ IPE_WRITE_UPDATE, A, "b", "2.0.0", NULL, -EINVAL, "" },
	{ IPE_WRITE_UPDATE, A, "aa", "2.0.0", NULL, -EINVAL, "" },
	{ IPE_WRITE_UPDATE, A, "a", "1.2.4", NULL, 0, "" },
	{ IPE_WRITE_ACTIVATE, A, NULL, NULL, NULL, 0, "a 1.2.4" },
	{ IPE_WRITE_ACTIVATE, A, NULL, NULL, NULL, 0, "a 1.2.4" },
	{ IPE_WRITE_DELETE, A, NULL, NULL, NULL, -EPERM, "a 1.2.4" },
	{ IPE_WRITE_UPDATE, A, "a", "1.2.4", NULL, -ESTALE, "a 1.2.4" },
	{ IPE_WRITE_UPDATE, A, "a", "1.3.0", NULL, 0, "a 1.3.0" },
	{ ADD, B, "b", "1.2.9", NULL, 0, "a 1.3.0" },
	{ IPE_WRITE_ACTIVATE, B, NULL, NULL, NULL, -EINVAL, "a 1.3.0" },
	{ IPE_WRITE_UPDATE, B, "b", "1.3.0", NULL, 0, "a 1.3.0" },
	{ IPE_WRITE_ACTIVATE, B, NULL, NULL, NULL, 0, "b 1.3.0" },
	{ IPE_WRITE_ACTIVATE, A, NULL, NULL, NULL, 0, "a 1.3.0" },
	{ IPE_WRITE_UPDATE, B, "b", "2.0.0", NULL, 0, "a 1.3.0" },
	{ IPE_WRITE_ACTIVATE, B, NULL, NULL, NULL, 0, "b 2.0.0" },
	{ IPE_WRITE_ACTIVATE, A, NULL, NULL, NULL, -EINVAL, "b 2.0.0" },
	{ IPE_WRITE_DELETE, A, NULL, NULL, NULL, 0, "b 2.0.0" },
	{ IPE_WRITE_DELETE, A, NULL, NULL, NULL, -ENOENT, "b 2.0.0" },
	{ IPE_WRITE_UPDATE, A, "a", "3.0.0", NULL, -ENOENT, "b 2.0.0" },
	{ IPE_WRITE_ACTIVATE, A, NULL, NULL, NULL, -ENOENT, "b 2.0.0" },
	{ ADD, A, "a", "0.0.1", NULL, -EEXIST, "b 2.0.0" },
};

static void every_step_of_upstream_has_its_errno(struct kunit *test)
{
	walk(test, upstream_steps, ARRAY_SIZE(upstream_steps));
}

static const struct step floor_steps[] = {
	{ ADD, A, "a", "1.0.0", NULL, 0, "" },
	{ IPE_WRITE_ACTIVATE, A, NULL, NULL, NULL, 0, "a 1.0.0" },
	{ IPE_WRITE_ROLLBACK, A, NULL, NULL, NULL, -ENODATA, "a 1.0.0" },
	{ IPE_WRITE_UPDATE, A, "a", "2.0.0", "1.0.0", 0, "a 2.0.0" },
	{ IPE_WRITE_ROLLBACK, A, NULL, NULL, NULL, 0, "a 1.0.0" },
	/* What was taken back is gone. */
	{ IPE_WRITE_ROLLBACK, A, NULL, NULL, NULL, -ENODATA, "a 1.0.0" },
	/* A trial moves no floor: one may go back to what was confirmed. */
	{ IPE_WRITE_STAGE, A, "a", "3.0.0", NULL, 0, "a 1.0.0" },
	{ IPE_WRITE_TRIAL, A, NULL, NULL, NULL, 0, "a 3.0.0" },
	{ IPE_WRITE_REVERT, A, NULL, NULL, NULL, 0, "a 1.0.0" },
	/* A confirmation does. */
	{ IPE_WRITE_TRIAL, A, NULL, NULL, NULL, 0, "a 3.0.0" },
	{ IPE_WRITE_CONFIRM, A, NULL, NULL, NULL, 0, "a 3.0.0" },
	{ IPE_WRITE_ROLLBACK, A, NULL, NULL, NULL, -EPERM, "a 3.0.0" },
	/* Another name, so that this one can be deleted. */
	{ ADD, B, "b", "3.0.0", NULL, 0, "a 3.0.0" },
	{ IPE_WRITE_ACTIVATE, B, NULL, NULL, NULL, 0, "b 3.0.0" },
};

static const struct step bar_steps[] = {
	{ ADD, A, "a", "1.0.0", NULL, 0, "" },
	{ IPE_WRITE_ACTIVATE, A, NULL, NULL, NULL, 0, "a 1.0.0" },
	{ IPE_WRITE_UPDATE, A, "a", "6.0.1", "0.0.0", 0, "a 6.0.1" },
	{ ADD, B, "b", "1.0.0", NULL, 0, "a 6.0.1" },
	{ IPE_WRITE_ACTIVATE, B, NULL, NULL, NULL, -EINVAL, "a 6.0.1" },
	{ IPE_WRITE_ROLLBACK, A, NULL, NULL, NULL, 0, "a 1.0.0" },
	/* A version that was rolled back bars other names, not its own. */
	{ IPE_WRITE_ACTIVATE, B, NULL, NULL, NULL, -EINVAL, "a 1.0.0" },
	{ IPE_WRITE_TRIAL, B, NULL, NULL, NULL, -EINVAL, "a 1.0.0" },
	{ IPE_WRITE_UPDATE, B, "b", "6.0.0", NULL, 0, "a 1.0.0" },
	{ IPE_WRITE_ACTIVATE, B, NULL, NULL, NULL, -EINVAL, "a 1.0.0" },
	{ IPE_WRITE_TRIAL, B, NULL, NULL, NULL, -EINVAL, "a 1.0.0" },
	{ IPE_WRITE_STAGE, A, "a", "2.0.0", NULL, 0, "a 1.0.0" },
	{ IPE_WRITE_TRIAL, A, NULL, NULL, NULL, 0, "a 2.0.0" },
	{ IPE_WRITE_CONFIRM, A, NULL, NULL, NULL, 0, "a 2.0.0" },
	/* A trial does not raise it, and what was refused neither. */
	{ IPE_WRITE_STAGE, B, "b", "7.0.0", NULL, 0, "a 2.0.0" },
	{ IPE_WRITE_TRIAL, B, NULL, NULL, NULL, 0, "b 7.0.0" },
	{ IPE_WRITE_REVERT, B, NULL, NULL, NULL, 0, "a 2.0.0" },
	{ IPE_WRITE_UPDATE, B, "b", "6.0.1", NULL, 0, "a 2.0.0" },
	{ IPE_WRITE_ACTIVATE, B, NULL, NULL, NULL, 0, "b 6.0.1" },
	/* The way back to a name is no way down either. */
	{ IPE_WRITE_ACTIVATE, A, NULL, NULL, NULL, -EINVAL, "b 6.0.1" },
};

static void bar_stays_after_a_rollback(struct kunit *test)
{
	walk(test, bar_steps, ARRAY_SIZE(bar_steps));
}

static const struct step unconfirmed_steps[] = {
	{ ADD, A, "a", "1.0.0", NULL, 0, "" },
	{ IPE_WRITE_UPDATE, A, "a", "6.0.1", "0.0.0", 0, "" },
	{ IPE_WRITE_ACTIVATE, A, NULL, NULL, NULL, 0, "a 6.0.1" },
	{ IPE_WRITE_ROLLBACK, A, NULL, NULL, NULL, -EPERM, "a 6.0.1" },
	{ IPE_WRITE_UPDATE, A, "a", "7.0.0", "0.0.0", 0, "a 7.0.0" },
	{ IPE_WRITE_ROLLBACK, A, NULL, NULL, NULL, 0, "a 6.0.1" },
	/* A trial is no confirmation. */
	{ ADD, B, "b", "8.0.0", "0.0.0", 0, "a 6.0.1" },
	{ IPE_WRITE_TRIAL, B, NULL, NULL, NULL, 0, "b 8.0.0" },
	{ IPE_WRITE_REVERT, B, NULL, NULL, NULL, 0, "a 6.0.1" },
	{ IPE_WRITE_UPDATE, B, "b", "9.0.0", "0.0.0", 0, "a 6.0.1" },
	{ IPE_WRITE_ACTIVATE, B, NULL, NULL, NULL, 0, "b 9.0.0" },
	{ IPE_WRITE_ROLLBACK, B, NULL, NULL, NULL, -EPERM, "b 9.0.0" },
};

static void rollback_goes_only_to_what_was_confirmed(struct kunit *test)
{
	walk(test, unconfirmed_steps, ARRAY_SIZE(unconfirmed_steps));
}

/* Deleting a policy makes nobody forget how far it may go back. */
static void floor_outlives_the_policy(struct kunit *test)
{
	static const struct step reload = { ADD, A, "a", "2.9.9", "0.0.1" };
	static const struct step higher = { ADD, A, "a", "3.0.0", "0.0.1" };
	struct world *w = world_new(test);
	char buf[32];
	int i;

	for (i = 0; i < ARRAY_SIZE(floor_steps); i++) {
		KUNIT_EXPECT_EQ_MSG(test, floor_steps[i].error,
				    take_step(test, w, &floor_steps[i]),
				    "step %d", i);
		KUNIT_EXPECT_STREQ_MSG(test, floor_steps[i].decides,
				       world_deciding(w, buf), "step %d", i);
	}
	KUNIT_ASSERT_EQ(test, 0, world_delete(w, A));
	KUNIT_ASSERT_EQ(test, 0, take_step(test, w, &reload));
	/* The floor alone is in the way. */
	w->policies.bar = (struct ipe_version){};
	KUNIT_EXPECT_EQ(test, -EPERM,
			world_write(w, IPE_WRITE_ACTIVATE, A, NULL));
	KUNIT_EXPECT_EQ(test, -EPERM, world_write(w, IPE_WRITE_TRIAL, A, NULL));
	KUNIT_EXPECT_STREQ(test, "b 3.0.0", world_deciding(w, buf));

	KUNIT_ASSERT_EQ(test, 0, world_delete(w, A));
	KUNIT_ASSERT_EQ(test, 0, take_step(test, w, &higher));
	KUNIT_EXPECT_EQ(test, 0, world_write(w, IPE_WRITE_ACTIVATE, A, NULL));
	/* A lower floor of a later policy takes nothing back. */
	KUNIT_EXPECT_EQ(test, 3, w->slots[A]->floor->version.major);
	world_end(test, w);
}

/* A name that was only loaded leaves nothing behind. */
static void name_that_was_never_confirmed_is_forgotten(struct kunit *test)
{
	static const struct step add = { ADD, A, "a", "5.0.0" };
	struct world *w = world_new(test);

	KUNIT_ASSERT_EQ(test, 0, take_step(test, w, &add));
	KUNIT_EXPECT_FALSE(test, list_empty(&w->policies.floors));
	KUNIT_ASSERT_EQ(test, 0, world_write(w, IPE_WRITE_TRIAL, A, NULL));
	KUNIT_ASSERT_EQ(test, 0, world_write(w, IPE_WRITE_REVERT, A, NULL));
	KUNIT_ASSERT_EQ(test, 0, world_delete(w, A));
	KUNIT_EXPECT_TRUE(test, list_empty(&w->policies.floors));
	world_end(test, w);
}

/**
 * struct outcome - of a write in a standing
 * @error: %0 or the errno
 * @decides: afterwards, if @error is %0: version of A, "b" for that of B, "-"
 *	for nobody
 * @versions: of A afterwards, if @error is %0: current, next, previous; "x": as
 *	before
 */
struct outcome {
	int error;
	const char *decides;
	const char *versions;
};

/* With next and previous. What changes without them is in expect(). */
static const struct outcome outcomes[IPE_WRITE_COUNT][STANDING_COUNT] = {
	/* It brings version 7. */
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

/* A digit for each version of A, '-' where there is none. */
static void show_versions(struct world *w, char buf[4])
{
	struct ipe_loaded *loaded;
	int which;

	for (which = 0; which < IPE_PLACE_COUNT; which++) {
		loaded = ipe_slot_version(w->slots[A], which);
		buf[which] = loaded ? '0' + version_of(loaded).major : '-';
		ipe_loaded_put(loaded);
	}
	buf[3] = '\0';
}

/**
 * struct view - what is to be seen of A
 * @error: of the write
 * @decides: as in struct outcome
 * @versions: as in struct outcome
 */
struct view {
	int error;
	char decides;
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
	view.decides = *o->decides;
	memcpy(view.versions, o->versions, 3);
	if (!has_next && view.versions[1] == '5')
		view.versions[1] = '-';
	if (!has_next && write == IPE_WRITE_TRIAL)
		view.decides = '4';
	if (!has_previous && view.versions[2] == '3')
		view.versions[2] = '-';
	return view;
}

static void try_one(struct kunit *test, int write, enum standing standing,
		    bool has_next, bool has_previous)
{
	struct world *w = world_prepare(test, standing, has_next, has_previous);
	struct ipe_loaded *loaded = world_policy(test, A, 7, 1);
	struct view before = {}, after = {}, expected;

	before.decides = world_decides(w);
	show_versions(w, before.versions);
	expected = expect(write, standing, has_next, has_previous, &before);

	after.error = world_write(w, write, A, loaded);
	after.decides = world_decides(w);
	show_versions(w, after.versions);
	KUNIT_EXPECT_TRUE_MSG(test, after.error == expected.error &&
			      after.decides == expected.decides &&
			      !strcmp(after.versions, expected.versions),
			      "write %d, standing %d, next %d, previous %d: %d %c %s, not %d %c %s",
			      write, standing, has_next, has_previous,
			      after.error, after.decides, after.versions,
			      expected.error, expected.decides,
			      expected.versions);
	if (!after.error && write != IPE_WRITE_TRIAL)
		KUNIT_EXPECT_TRUE(test, write == IPE_WRITE_UPDATE ||
					write == IPE_WRITE_STAGE ||
					write == IPE_WRITE_DELETE ||
					write == IPE_WRITE_SHADOW ||
					write == IPE_WRITE_UNSHADOW ||
					!w->policies.trial);
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

/* Nothing but the shadow changes, in whatever standing. */
static void locked_policies_stay_as_they_are(struct kunit *test)
{
	static const enum standing standings[] = { DELETED, IDLE, ACTIVE };
	struct ipe_loaded *loaded = world_policy(test, A, 7, 1);
	struct ipe_slot *slot;
	struct world *w;
	int i, write, r;

	for (i = 0; i < ARRAY_SIZE(standings); i++) {
		w = world_prepare(test, standings[i], true, true);
		KUNIT_EXPECT_FALSE(test, ipe_policies_is_locked(&w->policies));
		KUNIT_EXPECT_EQ(test, 0, ipe_lifecycle_lock(&w->policies));
		KUNIT_EXPECT_EQ(test, 0, ipe_lifecycle_lock(&w->policies));
		KUNIT_EXPECT_TRUE(test, ipe_policies_is_locked(&w->policies));
		for (write = 0; write < IPE_WRITE_COUNT; write++) {
			if (write == IPE_WRITE_SHADOW ||
			    write == IPE_WRITE_UNSHADOW)
				continue;
			r = world_write(w, write, A, loaded);
			KUNIT_EXPECT_EQ_MSG(test, -EPERM, r, "write %d", write);
		}
		KUNIT_EXPECT_EQ(test, -EPERM,
				ipe_lifecycle_add(&w->policies, loaded, &slot));
		if (standings[i] != DELETED)
			KUNIT_EXPECT_EQ(test, 0,
					world_write(w, IPE_WRITE_SHADOW, A,
						    NULL));
		world_end(test, w);
	}
	ipe_loaded_put(loaded);
}

/* poll() sees what it is for, and nothing of a shadow. */
static void readers_hear_of_each_change(struct kunit *test)
{
	static const struct {
		enum ipe_write write;
		bool heard;
	} writes[] = {
		{ IPE_WRITE_SHADOW, false }, { IPE_WRITE_UNSHADOW, false },
		{ IPE_WRITE_TRIAL, true }, { IPE_WRITE_REVERT, true },
		{ IPE_WRITE_TRIAL, true }, { IPE_WRITE_CONFIRM, true },
		{ IPE_WRITE_ROLLBACK, true },
	};
	struct world *w = world_prepare(test, ACTIVE, true, false);
	unsigned long before;
	int i;

	for (i = 0; i < ARRAY_SIZE(writes); i++) {
		before = ipe_policies_changes(&w->policies);
		world_must(test, w, writes[i].write, A, 0);
		KUNIT_EXPECT_EQ_MSG(test, writes[i].heard,
				    ipe_policies_changes(&w->policies) !=
					    before,
				    "write %d", i);
	}
	before = ipe_policies_changes(&w->policies);
	world_must(test, w, IPE_WRITE_DELETE, B, 0);
	KUNIT_EXPECT_NE(test, before, ipe_policies_changes(&w->policies));
	world_end(test, w);
}

static void shadow_is_of_one_policy(struct kunit *test)
{
	struct world *w = world_prepare(test, ACTIVE, false, false);
	struct ipe_policies *policies = &w->policies;

	world_must(test, w, IPE_WRITE_SHADOW, B, 0);
	world_must(test, w, IPE_WRITE_SHADOW, B, 0);
	world_must(test, w, IPE_WRITE_STAGE, A, 5);
	KUNIT_EXPECT_EQ(test, -EBUSY,
			world_write(w, IPE_WRITE_SHADOW, A, NULL));
	world_must(test, w, IPE_WRITE_UNSHADOW, A, 0);
	KUNIT_EXPECT_EQ(test, 1, ipe_slot_is_shadowed(w->slots[B]));
	world_must(test, w, IPE_WRITE_UNSHADOW, B, 0);
	world_must(test, w, IPE_WRITE_SHADOW, A, 0);
	KUNIT_EXPECT_PTR_EQ(test, rcu_access_pointer(policies->shadow),
			    w->slots[A]->versions[IPE_PLACE_NEXT]);
	/* What takes its place is not what was asked for. */
	world_must(test, w, IPE_WRITE_STAGE, A, 6);
	KUNIT_EXPECT_EQ(test, 0, ipe_slot_is_shadowed(w->slots[A]));
	world_must(test, w, IPE_WRITE_SHADOW, A, 0);
	world_must(test, w, IPE_WRITE_TRIAL, A, 0);
	KUNIT_EXPECT_EQ(test, 0, ipe_slot_is_shadowed(w->slots[A]));
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(policies->shadow));
	world_end(test, w);
}

/* A policy that never became visible takes with it what came meanwhile. */
static void forgotten_slot_leaves_no_version(struct kunit *test)
{
	struct ipe_loaded *next = world_policy(test, A, 2, 1);
	struct world *w = world_new(test);

	world_must(test, w, ADD, A, 1);
	KUNIT_ASSERT_EQ(test, 0, world_write(w, IPE_WRITE_STAGE, A, next));
	ipe_lifecycle_forget(w->slots[A]);
	w->slots[A] = NULL;
	KUNIT_EXPECT_EQ(test, 1, refcount_read(&next->refs));
	ipe_loaded_put(next);
	world_end(test, w);
}

static void name_is_found_while_it_is_visible(struct kunit *test)
{
	struct world *w = world_new(test);
	struct ipe_slot *found;

	KUNIT_EXPECT_NULL(test, ipe_policies_find(&w->policies, "a"));
	world_must(test, w, ADD, A, 1);
	KUNIT_EXPECT_NULL(test, ipe_policies_find(&w->policies, "a"));
	ipe_lifecycle_show(w->slots[A]);
	found = ipe_policies_find(&w->policies, "a");
	KUNIT_ASSERT_PTR_EQ(test, found, w->slots[A]);
	ipe_slot_put(found);
	KUNIT_EXPECT_NULL(test, ipe_policies_find(&w->policies, "aa"));
	world_must(test, w, IPE_WRITE_DELETE, A, 0);
	KUNIT_EXPECT_NULL(test, ipe_policies_find(&w->policies, "a"));
	world_end(test, w);
}

/* The record of its end names what was evaluated. */
static void end_of_a_shadow_is_about_the_shadow(struct kunit *test)
{
	struct world *w = world_prepare(test, IDLE, false, false);
	struct ipe_request request = {
		.write = IPE_WRITE_UNSHADOW, .slot = w->slots[A],
	};
	const struct ipe_loaded *subject;

	world_must(test, w, IPE_WRITE_SHADOW, A, 0);
	world_must(test, w, IPE_WRITE_STAGE, A, 5);
	spin_lock_bh(&w->policies.lock);
	subject = ipe_transition_subject(w->slots[A], &request);
	spin_unlock_bh(&w->policies.lock);
	KUNIT_EXPECT_PTR_EQ(test, subject,
			    (const struct ipe_loaded *)w->slots[A]
				    ->versions[IPE_PLACE_CURRENT]);
	world_end(test, w);
}

static void forgotten_name_is_free_again(struct kunit *test)
{
	static const struct step old = { ADD, A, "a", "5.0.0" };
	static const struct step new = { ADD, A, "a", "1.0.0" };
	struct world *w = world_new(test);

	KUNIT_ASSERT_EQ(test, 0, take_step(test, w, &old));
	KUNIT_ASSERT_EQ(test, 0, world_delete(w, A));
	KUNIT_EXPECT_EQ(test, 0, take_step(test, w, &new));
	world_end(test, w);
}

static void open_file_outlives_the_policy(struct kunit *test)
{
	static const struct step add = { ADD, A, "a", "1.0.0" };
	struct world *w = world_new(test);
	struct ipe_loaded *reader;
	struct ipe_slot *slot;

	KUNIT_ASSERT_EQ(test, 0, take_step(test, w, &add));
	slot = w->slots[A];
	KUNIT_ASSERT_TRUE(test, ipe_slot_get(slot));
	reader = ipe_slot_version(slot, IPE_PLACE_CURRENT);
	KUNIT_ASSERT_NOT_NULL(test, reader);
	KUNIT_EXPECT_EQ(test, 0, ipe_slot_is_active(slot));

	KUNIT_EXPECT_EQ(test, 0, world_delete(w, A));
	KUNIT_EXPECT_NULL(test, ipe_slot_version(slot, IPE_PLACE_CURRENT));
	KUNIT_EXPECT_EQ(test, -ENOENT, ipe_slot_is_active(slot));
	KUNIT_EXPECT_EQ(test, -ENOENT, ipe_slot_is_shadowed(slot));
	KUNIT_EXPECT_EQ(test, -ENOENT, ipe_slot_trial_seconds(slot));
	KUNIT_EXPECT_STREQ(test, ipe_policy_name(reader->policy), "a");
	ipe_loaded_put(reader);
	ipe_slot_put(slot);
	world_end(test, w);
}

static void unsigned_policy_has_the_digest_of_nothing(struct kunit *test)
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

static void text_that_is_no_policy_is_not_loaded(struct kunit *test)
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

static struct kunit_case lifecycle_cases[] = {
	KUNIT_CASE(every_step_of_upstream_has_its_errno),
	KUNIT_CASE(bar_stays_after_a_rollback),
	KUNIT_CASE(rollback_goes_only_to_what_was_confirmed),
	KUNIT_CASE(floor_outlives_the_policy),
	KUNIT_CASE(name_that_was_never_confirmed_is_forgotten),
	KUNIT_CASE(every_write_in_every_standing),
	KUNIT_CASE(locked_policies_stay_as_they_are),
	KUNIT_CASE(readers_hear_of_each_change),
	KUNIT_CASE(shadow_is_of_one_policy),
	KUNIT_CASE(end_of_a_shadow_is_about_the_shadow),
	KUNIT_CASE(forgotten_slot_leaves_no_version),
	KUNIT_CASE(name_is_found_while_it_is_visible),
	KUNIT_CASE(forgotten_name_is_free_again),
	KUNIT_CASE(open_file_outlives_the_policy),
	KUNIT_CASE(unsigned_policy_has_the_digest_of_nothing),
	KUNIT_CASE(text_that_is_no_policy_is_not_loaded),
	{}
};

static struct kunit_suite lifecycle_suite = {
	.name = "ipe-lifecycle",
	.test_cases = lifecycle_cases,
};

kunit_test_suite(lifecycle_suite);
