// SPDX-License-Identifier: GPL-2.0-only
/*
 * The errno of each step in a policy's life, on a set of policies of its own:
 * the one that decides about this kernel is left alone.
 */

#include <kunit/test.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/sprintf.h>
#include <linux/string.h>

#include "lifecycle.h"

enum step_kind { ADD, UPDATE, ACTIVATE, DELETE };

/**
 * struct step - one call, and its result
 * @kind: what is called
 * @slot: 'a' or 'b': the slot of that name; ADD fills it
 * @name: of the policy that ADD and UPDATE bring
 * @version: of that policy
 * @error: %0 or the errno
 * @active: which slot's policy decides afterwards; 0 if none does
 */
struct step {
	enum step_kind kind;
	char slot;
	const char *name;
	const char *version;
	int error;
	char active;
};

static const struct step steps[] = {
	{ ADD, 'a', "a", "1.2.3", 0, 0 },
	{ ADD, 0, "a", "1.2.3", -EEXIST, 0 },
	{ ADD, 0, "a", "9.0.0", -EEXIST, 0 },
	{ UPDATE, 'a', "a", "1.2.3", -ESTALE, 0 },
	{ UPDATE, 'a', "a", "1.2.2", -ESTALE, 0 },
	{ UPDATE, 'a', "a", "0.65535.65535", -ESTALE, 0 },
	{ UPDATE, 'a', "b", "2.0.0", -EINVAL, 0 },
	{ UPDATE, 'a', "aa", "2.0.0", -EINVAL, 0 },
	{ UPDATE, 'a', "a", "1.2.4", 0, 0 },
	{ ACTIVATE, 'a', NULL, NULL, 0, 'a' },
	{ ACTIVATE, 'a', NULL, NULL, 0, 'a' },
	{ DELETE, 'a', NULL, NULL, -EPERM, 'a' },
	{ UPDATE, 'a', "a", "1.2.4", -ESTALE, 'a' },
	{ UPDATE, 'a', "a", "1.3.0", 0, 'a' },
	{ ADD, 'b', "b", "1.2.9", 0, 'a' },
	{ ACTIVATE, 'b', NULL, NULL, -EINVAL, 'a' },
	{ UPDATE, 'b', "b", "1.3.0", 0, 'a' },
	{ ACTIVATE, 'b', NULL, NULL, 0, 'b' },
	{ ACTIVATE, 'a', NULL, NULL, 0, 'a' },
	{ UPDATE, 'b', "b", "2.0.0", 0, 'a' },
	{ ACTIVATE, 'b', NULL, NULL, 0, 'b' },
	{ ACTIVATE, 'a', NULL, NULL, -EINVAL, 'b' },
	{ DELETE, 'a', NULL, NULL, 0, 'b' },
	{ DELETE, 'a', NULL, NULL, -ENOENT, 'b' },
	{ UPDATE, 'a', "a", "3.0.0", -ENOENT, 'b' },
	{ ACTIVATE, 'a', NULL, NULL, -ENOENT, 'b' },
	{ ADD, 0, "a", "0.0.1", -EEXIST, 'b' },
};

/**
 * struct world - what a test plays with
 * @lifecycle: all policies
 * @a: the slot 'a'
 * @b: the slot 'b'
 */
struct world {
	struct ipe_lifecycle lifecycle;
	struct ipe_slot *a;
	struct ipe_slot *b;
};

static struct world *new_world(struct kunit *test)
{
	struct world *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, w);
	mutex_init(&w->lifecycle.lock);
	INIT_LIST_HEAD(&w->lifecycle.slots);
	return w;
}

/* The policy owns its text, as one from user space does. */
static struct ipe_loaded *load(struct kunit *test, const char *name,
			       const char *version)
{
	struct ipe_parse_error where = {};
	struct ipe_envelope envelope = {};
	struct ipe_loaded *loaded = NULL;
	char *text;

	text = kasprintf(GFP_KERNEL, "policy_name=%s policy_version=%s\n"
			 "DEFAULT action=ALLOW\n", name, version);
	KUNIT_ASSERT_NOT_NULL(test, text);
	envelope.data = (u8 *)text;
	envelope.len = strlen(text);
	envelope.text = text;
	envelope.text_len = envelope.len;
	KUNIT_ASSERT_EQ(test, 0, ipe_loaded_new(&envelope, &loaded, &where));
	KUNIT_EXPECT_NULL(test, envelope.data);
	return loaded;
}

static int take_step(struct kunit *test, struct world *w,
		     const struct step *step)
{
	struct ipe_slot **slot = step->slot == 'b' ? &w->b : &w->a;
	struct ipe_slot *unwanted = ERR_PTR(-EINVAL);
	struct ipe_loaded *loaded = NULL;
	int r = -EINVAL;

	if (step->name)
		loaded = load(test, step->name, step->version);
	switch (step->kind) {
	case ADD:
		r = ipe_lifecycle_add(&w->lifecycle, loaded,
				      step->slot ? slot : &unwanted);
		break;
	case UPDATE:
		r = ipe_lifecycle_update(*slot, loaded);
		break;
	case ACTIVATE:
		r = ipe_lifecycle_activate(*slot);
		break;
	case DELETE:
		r = ipe_lifecycle_delete(*slot);
		break;
	}
	/* It is untouched by a failure. */
	KUNIT_EXPECT_TRUE(test, IS_ERR(unwanted));
	ipe_loaded_put(loaded);
	return r;
}

static char name_of_active(struct world *w)
{
	struct ipe_loaded *active = ipe_lifecycle_active(&w->lifecycle);
	char name = active ? *ipe_policy_name(active->policy) : 0;

	ipe_loaded_put(active);
	return name;
}

static void end_world(struct kunit *test, struct world *w)
{
	struct ipe_loaded *active;

	active = rcu_replace_pointer(w->lifecycle.active, NULL, true);
	ipe_loaded_put(active);
	if (w->a)
		ipe_lifecycle_forget(w->a);
	if (w->b)
		ipe_lifecycle_forget(w->b);
	KUNIT_EXPECT_TRUE(test, list_empty(&w->lifecycle.slots));
}

static void every_step_has_its_errno(struct kunit *test)
{
	struct world *w = new_world(test);
	int i;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		KUNIT_EXPECT_EQ_MSG(test, steps[i].error,
				    take_step(test, w, &steps[i]), "step %d",
				    i);
		KUNIT_EXPECT_EQ_MSG(test, steps[i].active, name_of_active(w),
				    "step %d", i);
	}
	end_world(test, w);
}

static void forgotten_name_is_free_again(struct kunit *test)
{
	static const struct step old = { ADD, 'a', "a", "5.0.0" };
	static const struct step new = { ADD, 'a', "a", "1.0.0" };
	static const struct step delete = { DELETE, 'a' };
	struct world *w = new_world(test);

	KUNIT_ASSERT_EQ(test, 0, take_step(test, w, &old));
	KUNIT_ASSERT_EQ(test, 0, take_step(test, w, &delete));
	ipe_lifecycle_forget(w->a);
	w->a = NULL;
	KUNIT_EXPECT_EQ(test, 0, take_step(test, w, &new));
	end_world(test, w);
}

static void open_file_outlives_the_policy(struct kunit *test)
{
	static const struct step add = { ADD, 'a', "a", "1.0.0" };
	struct world *w = new_world(test);
	struct ipe_loaded *reader;
	struct ipe_slot *slot;

	KUNIT_ASSERT_EQ(test, 0, take_step(test, w, &add));
	slot = w->a;
	KUNIT_ASSERT_TRUE(test, ipe_slot_get(slot));
	reader = ipe_slot_policy(slot);
	KUNIT_ASSERT_NOT_NULL(test, reader);
	KUNIT_EXPECT_EQ(test, 0, ipe_slot_is_active(slot));

	KUNIT_EXPECT_EQ(test, 0, ipe_lifecycle_delete(slot));
	ipe_lifecycle_forget(slot);
	w->a = NULL;
	KUNIT_EXPECT_NULL(test, ipe_slot_policy(slot));
	KUNIT_EXPECT_EQ(test, -ENOENT, ipe_slot_is_active(slot));
	KUNIT_EXPECT_STREQ(test, ipe_policy_name(reader->policy), "a");
	ipe_loaded_put(reader);
	ipe_slot_put(slot);
	end_world(test, w);
}

static void active_policy_is_what_verdicts_see(struct kunit *test)
{
	static const struct step add = { ADD, 'a', "a", "1.0.0" };
	static const struct step activate = { ACTIVATE, 'a' };
	struct world *w = new_world(test);

	KUNIT_ASSERT_EQ(test, 0, take_step(test, w, &add));
	rcu_read_lock();
	KUNIT_EXPECT_NULL(test, ipe_lifecycle_deciding(&w->lifecycle));
	rcu_read_unlock();
	KUNIT_ASSERT_EQ(test, 0, take_step(test, w, &activate));
	rcu_read_lock();
	KUNIT_EXPECT_PTR_EQ(test, ipe_lifecycle_deciding(&w->lifecycle),
			    w->a->current_policy);
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, 1, ipe_slot_is_active(w->a));
	end_world(test, w);
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
	KUNIT_CASE(every_step_has_its_errno),
	KUNIT_CASE(forgotten_name_is_free_again),
	KUNIT_CASE(open_file_outlives_the_policy),
	KUNIT_CASE(active_policy_is_what_verdicts_see),
	KUNIT_CASE(unsigned_policy_has_the_digest_of_nothing),
	KUNIT_CASE(text_that_is_no_policy_is_not_loaded),
	{}
};

static struct kunit_suite lifecycle_suite = {
	.name = "ipe-lifecycle",
	.test_cases = lifecycle_cases,
};

kunit_test_suite(lifecycle_suite);
