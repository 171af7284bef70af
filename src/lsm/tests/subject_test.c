// SPDX-License-Identifier: GPL-2.0-only
/*
 * The user to whom a denial counts.
 */

#include <kunit/test.h>
#include <linux/cred.h>
#include <linux/highuid.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#include "subject.h"

/**
 * struct nest - a user namespace in another one
 * @outer: made in the initial namespace
 * @inner: made in @outer
 */
struct nest {
	struct user_namespace outer;
	struct user_namespace inner;
};

/* @outer maps the users from @lower on; @inner maps the same. */
static struct nest *new_nest(struct kunit *test, u32 owner, u32 lower,
			     u32 count)
{
	struct nest *nest = kunit_kzalloc(test, sizeof(*nest), GFP_KERNEL);
	struct uid_gid_map *map;

	KUNIT_ASSERT_NOT_NULL(test, nest);
	map = &nest->outer.uid_map;
	map->nr_extents = count ? 1 : 0;
	map->extent[0].lower_first = lower;
	map->extent[0].count = count;
	nest->outer.parent = &init_user_ns;
	nest->outer.level = 1;
	nest->outer.owner = KUIDT_INIT(owner);
	nest->inner.parent = &nest->outer;
	nest->inner.level = 2;
	nest->inner.owner = KUIDT_INIT(lower + 7);
	nest->inner.uid_map = nest->outer.uid_map;
	return nest;
}

static u32 uid_in(struct user_namespace *ns, u32 uid)
{
	const struct cred cred = { .user_ns = ns, .uid = KUIDT_INIT(uid) };

	return ipe_subject_uid_of(&cred);
}

static void user_is_itself_in_the_initial_namespace(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, uid_in(&init_user_ns, 0), 0);
	KUNIT_EXPECT_EQ(test, uid_in(&init_user_ns, 1000), 1000);
	KUNIT_EXPECT_EQ(test, uid_in(&init_user_ns, U32_MAX - 1), U32_MAX - 1);
}

static void users_of_a_users_namespace_are_that_user(struct kunit *test)
{
	struct nest *nest = new_nest(test, 1000, 100000, 65536);

	KUNIT_EXPECT_EQ(test, uid_in(&nest->outer, 1000), 1000);
	KUNIT_EXPECT_EQ(test, uid_in(&nest->outer, 100000), 1000);
	KUNIT_EXPECT_EQ(test, uid_in(&nest->outer, 165535), 1000);
	KUNIT_EXPECT_EQ(test, uid_in(&nest->inner, 100012), 1000);
}

static void users_of_a_container_of_root_are_its_root(struct kunit *test)
{
	struct nest *nest = new_nest(test, 0, 524288, 65536);

	KUNIT_EXPECT_EQ(test, uid_in(&nest->outer, 524288), 524288);
	/* Without CONFIG_USER_NS, make_kuid() reads no map. */
	if (!IS_ENABLED(CONFIG_USER_NS))
		return;
	KUNIT_EXPECT_EQ(test, uid_in(&nest->outer, 525288), 524288);
	KUNIT_EXPECT_EQ(test, uid_in(&nest->inner, 525289), 524288);
}

/* Like the namespace of a service in which users keep their numbers. */
static void users_of_a_namespace_with_roots_numbers_are_themselves(struct kunit *test)
{
	struct nest *nest = new_nest(test, 0, 0, 65536);

	KUNIT_EXPECT_EQ(test, uid_in(&nest->outer, 0), 0);
	KUNIT_EXPECT_EQ(test, uid_in(&nest->outer, 1000), 1000);
	KUNIT_EXPECT_EQ(test, uid_in(&nest->inner, 1000), 1000);
}

/* A task inside may have any number. */
static void users_of_a_namespace_of_root_without_numbers_are_one(struct kunit *test)
{
	u32 one = IS_ENABLED(CONFIG_USER_NS) ? overflowuid : 1000;
	struct nest *nest = new_nest(test, 0, 0, 0);

	KUNIT_EXPECT_EQ(test, uid_in(&nest->outer, 1000), one);
}

/*
 * Root that enters the namespace of a user does not use the share of that user.
 */
static void root_is_root_everywhere(struct kunit *test)
{
	struct nest *nest = new_nest(test, 1000, 100000, 65536);

	KUNIT_EXPECT_EQ(test, uid_in(&nest->outer, 0), 0);
	KUNIT_EXPECT_EQ(test, uid_in(&nest->inner, 0), 0);
}

static struct kunit_case subject_cases[] = {
	KUNIT_CASE(user_is_itself_in_the_initial_namespace),
	KUNIT_CASE(users_of_a_users_namespace_are_that_user),
	KUNIT_CASE(users_of_a_container_of_root_are_its_root),
	KUNIT_CASE(users_of_a_namespace_with_roots_numbers_are_themselves),
	KUNIT_CASE(users_of_a_namespace_of_root_without_numbers_are_one),
	KUNIT_CASE(root_is_root_everywhere),
	{}
};

static struct kunit_suite subject_suite = {
	.name = "ipe-subject",
	.test_cases = subject_cases,
};

kunit_test_suite(subject_suite);
