// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of policies, step by step, and the life of slots. Every write in
 * every standing is in standing_test.c, time in trial_test.c.
 */

#include <kunit/test.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "floor.h"
#include "world.h"

/**
 * struct step - one write, and its result
 * @write: which write; ADD: a new policy
 * @name: A or B: of the slot
 * @error: %0 or the errno
 * @active: name and version of the policy that is active afterwards; "" for
 *	none
 * @brings: the name of the policy that ADD, UPDATE and STAGE bring
 * @version: of that policy
 * @floor: of that policy; NULL: its version
 */
struct step {
	int write;
	int name;
	int error;
	const char *active;
	const char *brings;
	const char *version;
	const char *floor;
};

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

static void must_take(struct kunit *test, struct world *w,
		      const struct step *step)
{
	KUNIT_ASSERT_EQ(test, 0, take_step(test, w, step));
}

/* Takes steps, and checks the result of each. */
static void walk_on(struct kunit *test, struct world *w,
		    const struct step *steps, int n)
{
	char buf[32];
	int i;

	for (i = 0; i < n; i++) {
		KUNIT_EXPECT_EQ_MSG(test, steps[i].error,
				    take_step(test, w, &steps[i]), "step %d",
				    i);
		KUNIT_EXPECT_STREQ_MSG(test, steps[i].active,
				       world_active(w, buf), "step %d", i);
	}
}

static void walk(struct kunit *test, const struct step *steps, int n)
{
	struct world *w = world_new(test);

	walk_on(test, w, steps, n);
	world_end(test, w);
}

static const struct step upstream_steps[] = {
	{ ADD, A, 0, "", "a", "1.2.3" },
	{ ADD, A, -EEXIST, "", "a", "1.2.3" },
	{ ADD, A, -EEXIST, "", "a", "9.0.0" },
	{ IPE_WRITE_UPDATE, A, -ESTALE, "", "a", "1.2.3" },
	{ IPE_WRITE_UPDATE, A, -ESTALE, "", "a", "1.2.2" },
	{ IPE_WRITE_UPDATE, A, -ESTALE, "", "a", "0.65535.65535" },
	{ IPE_WRITE_UPDATE, A, -EINVAL, "", "b", "2.0.0" },
	{ IPE_WRITE_UPDATE, A, -EINVAL, "", "aa", "2.0.0" },
	{ IPE_WRITE_UPDATE, A, 0, "", "a", "1.2.4" },
	{ IPE_WRITE_ACTIVATE, A, 0, "a 1.2.4" },
	{ IPE_WRITE_ACTIVATE, A, 0, "a 1.2.4" },
	{ IPE_WRITE_DELETE, A, -EPERM, "a 1.2.4" },
	{ IPE_WRITE_UPDATE, A, -ESTALE, "a 1.2.4", "a", "1.2.4" },
	{ IPE_WRITE_UPDATE, A, 0, "a 1.3.0", "a", "1.3.0" },
	{ ADD, B, 0, "a 1.3.0", "b", "1.2.9" },
	{ IPE_WRITE_ACTIVATE, B, -EINVAL, "a 1.3.0" },
	{ IPE_WRITE_UPDATE, B, 0, "a 1.3.0", "b", "1.3.0" },
	{ IPE_WRITE_ACTIVATE, B, 0, "b 1.3.0" },
	{ IPE_WRITE_ACTIVATE, A, 0, "a 1.3.0" },
	{ IPE_WRITE_UPDATE, B, 0, "a 1.3.0", "b", "2.0.0" },
	{ IPE_WRITE_ACTIVATE, B, 0, "b 2.0.0" },
	{ IPE_WRITE_ACTIVATE, A, -EINVAL, "b 2.0.0" },
	{ IPE_WRITE_DELETE, A, 0, "b 2.0.0" },
	{ IPE_WRITE_DELETE, A, -ENOENT, "b 2.0.0" },
	{ IPE_WRITE_UPDATE, A, -ENOENT, "b 2.0.0", "a", "3.0.0" },
	{ IPE_WRITE_ACTIVATE, A, -ENOENT, "b 2.0.0" },
	{ ADD, A, -EEXIST, "b 2.0.0", "a", "0.0.1" },
};

static void every_step_of_upstream_has_its_errno(struct kunit *test)
{
	walk(test, upstream_steps, ARRAY_SIZE(upstream_steps));
}

static const struct step floor_steps[] = {
	{ ADD, A, 0, "", "a", "1.0.0" },
	{ IPE_WRITE_ACTIVATE, A, 0, "a 1.0.0" },
	{ IPE_WRITE_ROLLBACK, A, -ENODATA, "a 1.0.0" },
	{ IPE_WRITE_UPDATE, A, 0, "a 2.0.0", "a", "2.0.0", "1.0.0" },
	{ IPE_WRITE_ROLLBACK, A, 0, "a 1.0.0" },
	/* The version that was rolled back is gone. */
	{ IPE_WRITE_ROLLBACK, A, -ENODATA, "a 1.0.0" },
	/* A trial does not move the floor: rollback stays possible. */
	{ IPE_WRITE_STAGE, A, 0, "a 1.0.0", "a", "3.0.0" },
	{ IPE_WRITE_TRIAL, A, 0, "a 3.0.0" },
	{ IPE_WRITE_REVERT, A, 0, "a 1.0.0" },
	/* A confirmation moves the floor. */
	{ IPE_WRITE_TRIAL, A, 0, "a 3.0.0" },
	{ IPE_WRITE_CONFIRM, A, 0, "a 3.0.0" },
	{ IPE_WRITE_ROLLBACK, A, -EPERM, "a 3.0.0" },
	/* Another name becomes active, so that this one can be deleted. */
	{ ADD, B, 0, "a 3.0.0", "b", "3.0.0" },
	{ IPE_WRITE_ACTIVATE, B, 0, "b 3.0.0" },
};

static const struct step bar_steps[] = {
	{ ADD, A, 0, "", "a", "1.0.0" },
	{ IPE_WRITE_ACTIVATE, A, 0, "a 1.0.0" },
	{ IPE_WRITE_UPDATE, A, 0, "a 6.0.1", "a", "6.0.1", "0.0.0" },
	{ ADD, B, 0, "a 6.0.1", "b", "1.0.0" },
	{ IPE_WRITE_ACTIVATE, B, -EINVAL, "a 6.0.1" },
	{ IPE_WRITE_ROLLBACK, A, 0, "a 1.0.0" },
	/* A version that was rolled back bars other names, but not its own. */
	{ IPE_WRITE_ACTIVATE, B, -EINVAL, "a 1.0.0" },
	{ IPE_WRITE_TRIAL, B, -EINVAL, "a 1.0.0" },
	{ IPE_WRITE_UPDATE, B, 0, "a 1.0.0", "b", "6.0.0" },
	{ IPE_WRITE_ACTIVATE, B, -EINVAL, "a 1.0.0" },
	{ IPE_WRITE_TRIAL, B, -EINVAL, "a 1.0.0" },
	{ IPE_WRITE_STAGE, A, 0, "a 1.0.0", "a", "2.0.0" },
	{ IPE_WRITE_TRIAL, A, 0, "a 2.0.0" },
	{ IPE_WRITE_CONFIRM, A, 0, "a 2.0.0" },
	/* Neither a trial nor a refused version raises the bar. */
	{ IPE_WRITE_STAGE, B, 0, "a 2.0.0", "b", "7.0.0" },
	{ IPE_WRITE_TRIAL, B, 0, "b 7.0.0" },
	{ IPE_WRITE_REVERT, B, 0, "a 2.0.0" },
	{ IPE_WRITE_UPDATE, B, 0, "a 2.0.0", "b", "6.0.1" },
	{ IPE_WRITE_ACTIVATE, B, 0, "b 6.0.1" },
	/* Returning to a name is no way down either. */
	{ IPE_WRITE_ACTIVATE, A, -EINVAL, "b 6.0.1" },
};

static void bar_stays_after_a_rollback(struct kunit *test)
{
	walk(test, bar_steps, ARRAY_SIZE(bar_steps));
}

static const struct step unconfirmed_steps[] = {
	{ ADD, A, 0, "", "a", "1.0.0" },
	{ IPE_WRITE_UPDATE, A, 0, "", "a", "6.0.1", "0.0.0" },
	{ IPE_WRITE_ACTIVATE, A, 0, "a 6.0.1" },
	{ IPE_WRITE_ROLLBACK, A, -EPERM, "a 6.0.1" },
	{ IPE_WRITE_UPDATE, A, 0, "a 7.0.0", "a", "7.0.0", "0.0.0" },
	{ IPE_WRITE_ROLLBACK, A, 0, "a 6.0.1" },
	/* A trial does not confirm. */
	{ ADD, B, 0, "a 6.0.1", "b", "8.0.0", "0.0.0" },
	{ IPE_WRITE_TRIAL, B, 0, "b 8.0.0" },
	{ IPE_WRITE_REVERT, B, 0, "a 6.0.1" },
	{ IPE_WRITE_UPDATE, B, 0, "a 6.0.1", "b", "9.0.0", "0.0.0" },
	{ IPE_WRITE_ACTIVATE, B, 0, "b 9.0.0" },
	{ IPE_WRITE_ROLLBACK, B, -EPERM, "b 9.0.0" },
};

static void rollback_returns_only_to_a_confirmed_version(struct kunit *test)
{
	walk(test, unconfirmed_steps, ARRAY_SIZE(unconfirmed_steps));
}

/* The floor stays when the policy is deleted. */
static void floor_outlives_the_policy(struct kunit *test)
{
	static const struct step reload = { ADD, A,	  0,	  NULL,
					    "a", "2.9.9", "0.0.1" };
	static const struct step higher = { ADD, A,	  0,	  NULL,
					    "a", "3.0.0", "0.0.1" };
	struct world *w = world_new(test);
	char buf[32];

	walk_on(test, w, floor_steps, ARRAY_SIZE(floor_steps));
	KUNIT_ASSERT_EQ(test, 0, world_delete(w, A));
	must_take(test, w, &reload);
	/* Only the floor is in the way. */
	w->policies.bar = (struct ipe_version){};
	KUNIT_EXPECT_EQ(test, -EPERM,
			world_write(w, IPE_WRITE_ACTIVATE, A, NULL));
	KUNIT_EXPECT_EQ(test, -EPERM, world_write(w, IPE_WRITE_TRIAL, A, NULL));
	KUNIT_EXPECT_STREQ(test, "b 3.0.0", world_active(w, buf));

	KUNIT_ASSERT_EQ(test, 0, world_delete(w, A));
	must_take(test, w, &higher);
	KUNIT_EXPECT_EQ(test, 0, world_write(w, IPE_WRITE_ACTIVATE, A, NULL));
	/* A lower floor of a later policy does not lower the floor. */
	KUNIT_EXPECT_EQ(test, 3, w->slots[A]->floor->version.major);
	world_end(test, w);
}

/* A name without a confirmed policy leaves no floor behind. */
static void unconfirmed_name_leaves_no_floor(struct kunit *test)
{
	static const struct step add = { ADD, A, 0, NULL, "a", "5.0.0" };
	struct world *w = world_new(test);

	must_take(test, w, &add);
	KUNIT_EXPECT_FALSE(test, list_empty(&w->policies.floors));
	world_must(test, w, IPE_WRITE_TRIAL, A, 0);
	world_must(test, w, IPE_WRITE_REVERT, A, 0);
	KUNIT_ASSERT_EQ(test, 0, world_delete(w, A));
	KUNIT_EXPECT_TRUE(test, list_empty(&w->policies.floors));
	world_end(test, w);
}

/* Only the shadow still changes, in every standing. */
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

/* poll() reports changes, but not those of the shadow. */
static void poll_reports_each_change(struct kunit *test)
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

static void only_one_policy_has_a_shadow(struct kunit *test)
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
	/* A version that takes its place is not the shadow. */
	world_must(test, w, IPE_WRITE_STAGE, A, 6);
	KUNIT_EXPECT_EQ(test, 0, ipe_slot_is_shadowed(w->slots[A]));
	world_must(test, w, IPE_WRITE_SHADOW, A, 0);
	world_must(test, w, IPE_WRITE_TRIAL, A, 0);
	KUNIT_EXPECT_EQ(test, 0, ipe_slot_is_shadowed(w->slots[A]));
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(policies->shadow));
	world_end(test, w);
}

/* Forgetting a policy that never became visible also drops a staged version. */
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

/* The record of its end names the version that was evaluated. */
static void end_of_a_shadow_names_the_shadow(struct kunit *test)
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
	static const struct step old = { ADD, A, 0, NULL, "a", "5.0.0" };
	static const struct step new = { ADD, A, 0, NULL, "a", "1.0.0" };
	struct world *w = world_new(test);

	must_take(test, w, &old);
	KUNIT_ASSERT_EQ(test, 0, world_delete(w, A));
	must_take(test, w, &new);
	world_end(test, w);
}

static void open_file_outlives_the_policy(struct kunit *test)
{
	static const struct step add = { ADD, A, 0, NULL, "a", "1.0.0" };
	struct world *w = world_new(test);
	struct ipe_loaded *reader;
	struct ipe_slot *slot;

	must_take(test, w, &add);
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

static struct kunit_case lifecycle_cases[] = {
	KUNIT_CASE(every_step_of_upstream_has_its_errno),
	KUNIT_CASE(bar_stays_after_a_rollback),
	KUNIT_CASE(rollback_returns_only_to_a_confirmed_version),
	KUNIT_CASE(floor_outlives_the_policy),
	KUNIT_CASE(unconfirmed_name_leaves_no_floor),
	KUNIT_CASE(locked_policies_stay_as_they_are),
	KUNIT_CASE(poll_reports_each_change),
	KUNIT_CASE(only_one_policy_has_a_shadow),
	KUNIT_CASE(end_of_a_shadow_names_the_shadow),
	KUNIT_CASE(forgotten_slot_leaves_no_version),
	KUNIT_CASE(name_is_found_while_it_is_visible),
	KUNIT_CASE(forgotten_name_is_free_again),
	KUNIT_CASE(open_file_outlives_the_policy),
	{}
};

static struct kunit_suite lifecycle_suite = {
	.name = "ipe-lifecycle",
	.test_cases = lifecycle_cases,
};

kunit_test_suite(lifecycle_suite);
