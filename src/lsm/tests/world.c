// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policies for tests. Time stands still: trials last long enough, and end by
 * ipe_lifecycle_expire() with a time that the test chooses.
 */

#include <linux/slab.h>
#include <linux/sprintf.h>
#include <linux/string.h>

#include "floor.h"
#include "world.h"

struct world *world_new(struct kunit *test)
{
	struct world *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, w);
	ipe_lifecycle_init(&w->policies);
	return w;
}

static void drop_all(struct ipe_policies *policies)
{
	struct ipe_loaded *active;

	ipe_loaded_put(policies->confirmed);
	policies->confirmed = NULL;
	active = rcu_replace_pointer(policies->active, NULL, true);
	ipe_loaded_put(active);
	policies->locked = false;
	policies->bar = (struct ipe_version){};
}

/* Forgets all policies and their floors. */
void world_clear(struct kunit *test, struct world *w)
{
	const struct ipe_request revert = { .write = IPE_WRITE_REVERT };
	struct ipe_policies *policies = &w->policies;
	struct ipe_floor *floor, *next;
	int name;

	policies->locked = false;
	if (policies->trial)
		KUNIT_EXPECT_EQ(test, 0,
				ipe_lifecycle_write(policies, &revert));
	drop_all(policies);
	for (name = 0; name < WORLD_NAMES; name++) {
		/* The test may have deleted it without forgetting it. */
		if (w->slots[name] && world_delete(w, name) == -ENOENT)
			ipe_lifecycle_forget(w->slots[name]);
		w->slots[name] = NULL;
	}
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(policies->shadow));
	KUNIT_EXPECT_TRUE(test, list_empty(&policies->slots));
	list_for_each_entry_safe(floor, next, &policies->floors, list) {
		list_del(&floor->list);
		kfree(floor);
	}
}

void world_end(struct kunit *test, struct world *w)
{
	world_clear(test, w);
	hrtimer_cancel(&w->policies.timer);
	KUNIT_EXPECT_NULL(test, w->policies.expiry);
}

/*
 * A policy that owns its text, like one from user space. @floor may be NULL.
 */
struct ipe_loaded *world_load(struct kunit *test, const char *name,
			      const char *version, const char *floor)
{
	struct ipe_parse_error where = {};
	struct ipe_envelope envelope = {};
	struct ipe_loaded *loaded = NULL;
	char *text;

	text = kasprintf(GFP_KERNEL, "policy_name=%s policy_version=%s%s%s\n"
			 "DEFAULT action=ALLOW\n", name, version,
			 floor ? " policy_rollback_floor=" : "", floor ?: "");
	KUNIT_ASSERT_NOT_NULL(test, text);
	envelope.data = (u8 *)text;
	envelope.len = strlen(text);
	envelope.text = text;
	envelope.text_len = envelope.len;
	KUNIT_ASSERT_EQ(test, 0, ipe_loaded_new(&envelope, &loaded, &where));
	KUNIT_EXPECT_NULL(test, envelope.data);
	return loaded;
}

/* The same with one number for a version: N.0.0. */
struct ipe_loaded *world_policy(struct kunit *test, int name, int version,
				int floor)
{
	char text[2] = { 'a' + name }, v[16], f[16];

	snprintf(v, sizeof(v), "%d.0.0", version);
	snprintf(f, sizeof(f), "%d.0.0", floor);
	return world_load(test, text, v, f);
}

int world_add(struct world *w, int name, struct ipe_loaded *loaded)
{
	struct ipe_slot *slot;
	int r;

	r = ipe_lifecycle_add(&w->policies, loaded, &slot);
	if (!r)
		w->slots[name] = slot;
	return r;
}

int world_write(struct world *w, enum ipe_write write, int name,
		struct ipe_loaded *loaded)
{
	struct ipe_request request = {
		.write = write, .slot = w->slots[name], .loaded = loaded,
		.seconds = IPE_TRIAL_SECONDS_MAX,
	};

	if (write == IPE_WRITE_CONFIRM || write == IPE_WRITE_REVERT)
		request.slot = NULL;
	return ipe_lifecycle_write(&w->policies, &request);
}

/* Deletes and forgets a name, as the file does. */
int world_delete(struct world *w, int name)
{
	int r = world_write(w, IPE_WRITE_DELETE, name, NULL);

	if (!r) {
		ipe_lifecycle_forget(w->slots[name]);
		w->slots[name] = NULL;
	}
	return r;
}

/* Name and version of the active policy; "" for none. */
const char *world_active(struct world *w, char buf[32])
{
	char version[IPE_VERSION_STRLEN];
	const struct ipe_loaded *loaded;

	buf[0] = '\0';
	rcu_read_lock();
	loaded = ipe_policies_active(&w->policies);
	if (loaded) {
		ipe_version_print(ipe_policy_version(loaded->policy), version);
		snprintf(buf, 32, "%s %s", ipe_policy_name(loaded->policy),
			 version);
	}
	rcu_read_unlock();
	return buf;
}

/* The active policy: the major digit of A, 'b' for any of B, '-' for none. */
char world_digit(struct world *w)
{
	char buf[32];

	world_active(w, buf);
	return !*buf ? '-' : *buf == 'b' ? 'b' : buf[2];
}

void world_must(struct kunit *test, struct world *w, int write, int name,
		int version)
{
	struct ipe_loaded *loaded = NULL;
	int r;

	if (version)
		loaded = world_policy(test, name, version, 1);
	r = write == ADD ? world_add(w, name, loaded) :
			   world_write(w, write, name, loaded);
	ipe_loaded_put(loaded);
	KUNIT_ASSERT_EQ_MSG(test, 0, r, "write %d of %d", write, name);
}

/* A has version 4, next 5, and 3 as previous, which was confirmed; B has 6. */
struct world *world_prepare(struct kunit *test, enum standing standing,
			    bool has_next, bool has_previous)
{
	struct world *w = world_new(test);

	world_must(test, w, ADD, A, has_previous ? 3 : 4);
	if (has_previous) {
		w->slots[A]->versions[IPE_PLACE_CURRENT]->was_confirmed = true;
		world_must(test, w, IPE_WRITE_UPDATE, A, 4);
	}
	world_must(test, w, ADD, B, 6);
	if (standing == ACTIVE || standing == HELD ||
	    standing == NEXT_TRIED_HELD)
		world_must(test, w, IPE_WRITE_ACTIVATE, A, 0);
	if (standing == BYSTANDER || standing == HELD)
		world_must(test, w, IPE_WRITE_TRIAL, B, 0);
	if (standing == CURRENT_TRIED)
		world_must(test, w, IPE_WRITE_TRIAL, A, 0);
	if (has_next)
		world_must(test, w, IPE_WRITE_STAGE, A, 5);
	if (standing == NEXT_TRIED || standing == NEXT_TRIED_HELD)
		world_must(test, w, IPE_WRITE_TRIAL, A, 0);
	if (standing == DELETED)
		world_must(test, w, IPE_WRITE_DELETE, A, 0);
	return w;
}
