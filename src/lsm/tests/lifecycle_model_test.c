// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random sequences of writes, to the lifecycle and to a small model that
 * follows ipe(7), in whole numbers. After each write both have to look the
 * same.
 */

#include <kunit/test.h>
#include <linux/prandom.h>
#include <linux/string.h>

#include "world.h"

/*
 * Fewer writes for a slow kernel: for debugging, or on an emulated processor.
 */
#define SEQUENCES \
	(IS_ENABLED(CONFIG_UML) && !IS_ENABLED(CONFIG_KASAN) ? 100000 : 2000)
#define WRITES 12
#define VERSIONS 6
/* By a number from 1. */
#define POLICIES (VERSIONS + 1)

/**
 * struct version - a version of a policy; all zero for none
 * @number: of the version, from 1
 * @floor: its policy_rollback_floor
 * @was_confirmed: a rollback may return to it
 */
struct version {
	int number;
	int floor;
	bool was_confirmed;
};

/**
 * struct name - a policy name
 * @loaded: there is a policy of this name
 * @now: the version that the files of its directory show
 * @next: the version that next/ shows
 * @previous: the version that previous/ shows
 * @floor: no version below it becomes active; outlives the policy
 */
struct name {
	bool loaded;
	struct version now;
	struct version next;
	struct version previous;
	int floor;
};

/**
 * struct policy - one version of one name
 * @name: index; -1: no policy
 * @number: of the version
 */
struct policy {
	int name;
	int number;
};

/**
 * struct model - the expected state
 * @names: the names
 * @active: the active policy
 * @confirmed: becomes active when a trial ends
 * @bar: the highest version of any name that was confirmed
 * @tried: index of the name that is on trial, or -1
 * @shadow: the policy that is evaluated beside @active
 */
struct model {
	struct name names[WORLD_NAMES];
	struct policy active;
	struct policy confirmed;
	int bar;
	int tried;
	struct policy shadow;
};

static const struct policy none = { -1, 0 };

static bool is(struct policy policy, int name, struct version version)
{
	return policy.name == name && policy.number == version.number;
}

static struct policy policy_of(int name, struct version version)
{
	return (struct policy){ name, version.number };
}

/* A version that is no longer the candidate, or is active, is no shadow. */
static void check_shadow(struct model *m)
{
	const struct name *n;

	if (m->shadow.name < 0)
		return;
	n = &m->names[m->shadow.name];
	if (!n->loaded ||
	    is(m->active, m->shadow.name,
	       (struct version){ m->shadow.number }) ||
	    (m->shadow.number != n->now.number &&
	     m->shadow.number != n->next.number))
		m->shadow = none;
}

static void confirm(struct model *m, int name)
{
	struct name *n = &m->names[name];

	m->tried = -1;
	m->active = policy_of(name, n->now);
	m->confirmed = m->active;
	n->floor = max(n->floor, n->now.floor);
	n->now.was_confirmed = true;
	m->bar = max(m->bar, n->now.number);
}

static bool is_below_bar(const struct model *m, int name,
			 struct version version)
{
	return version.number <
	       (m->confirmed.name == name ? m->confirmed.number : m->bar);
}

static int update(struct model *m, int name, struct version brought)
{
	struct name *n = &m->names[name];
	bool live = is(m->active, name, n->now);

	if (m->tried == name ||
	    (m->tried >= 0 && is(m->confirmed, name, n->now)))
		return -EBUSY;
	if (brought.number <= n->now.number)
		return -ESTALE;
	if (is(m->shadow, name, n->now))
		m->shadow = none;
	n->previous = n->now;
	n->now = brought;
	if (n->next.number <= brought.number) {
		if (is(m->shadow, name, n->next))
			m->shadow = none;
		n->next = (struct version){};
	}
	if (live)
		confirm(m, name);
	return 0;
}

static int stage(struct model *m, int name, struct version brought)
{
	struct name *n = &m->names[name];

	if (m->tried == name && is(m->active, name, n->next))
		return -EBUSY;
	if (brought.number <= n->now.number)
		return -ESTALE;
	if (is(m->shadow, name, n->next))
		m->shadow = none;
	n->next = brought;
	return 0;
}

static int activate(struct model *m, int name)
{
	struct name *n = &m->names[name];

	if (is_below_bar(m, name, n->now))
		return -EINVAL;
	if (n->now.number < n->floor)
		return -EPERM;
	confirm(m, name);
	return 0;
}

static struct version candidate(const struct name *n)
{
	return n->next.number ? n->next : n->now;
}

static int try(struct model *m, int name)
{
	struct name *n = &m->names[name];
	struct version version = candidate(n);

	if (m->tried >= 0)
		return -EBUSY;
	if (is(m->confirmed, name, version))
		return -EALREADY;
	if (is_below_bar(m, name, version))
		return -EINVAL;
	if (version.number < n->floor)
		return -EPERM;
	m->tried = name;
	m->active = policy_of(name, version);
	return 0;
}

static int confirm_tried(struct model *m)
{
	struct name *n;

	if (m->tried < 0)
		return -ENODATA;
	n = &m->names[m->tried];
	if (is(m->active, m->tried, n->next)) {
		n->previous = n->now;
		n->now = n->next;
		n->next = (struct version){};
	}
	confirm(m, m->tried);
	return 0;
}

static int revert(struct model *m)
{
	if (m->tried < 0)
		return -ENODATA;
	m->tried = -1;
	m->active = m->confirmed;
	return 0;
}

static int roll_back(struct model *m, int name)
{
	struct name *n = &m->names[name];

	if (m->tried == name)
		return -EBUSY;
	if (!is(m->confirmed, name, n->now))
		return -EPERM;
	if (m->tried >= 0)
		return -EBUSY;
	if (!n->previous.number)
		return -ENODATA;
	if (n->previous.number < n->floor || !n->previous.was_confirmed)
		return -EPERM;
	n->now = n->previous;
	n->previous = (struct version){};
	confirm(m, name);
	return 0;
}

static int forget(struct model *m, int name)
{
	struct name *n = &m->names[name];

	if (m->active.name == name || m->confirmed.name == name)
		return -EPERM;
	*n = (struct name){ .floor = n->floor };
	return 0;
}

static int shadow(struct model *m, int name)
{
	struct version version = candidate(&m->names[name]);

	if (m->shadow.name >= 0 && m->shadow.name != name)
		return -EBUSY;
	if (is(m->active, name, version))
		return -EALREADY;
	m->shadow = policy_of(name, version);
	return 0;
}

static int write_model(struct model *m, int write, int name,
		       struct version brought)
{
	switch (write) {
	case IPE_WRITE_CONFIRM:
		return confirm_tried(m);
	case IPE_WRITE_REVERT:
		return revert(m);
	case IPE_WRITE_UPDATE:
		return update(m, name, brought);
	case IPE_WRITE_STAGE:
		return stage(m, name, brought);
	case IPE_WRITE_ACTIVATE:
		return activate(m, name);
	case IPE_WRITE_TRIAL:
		return try(m, name);
	case IPE_WRITE_ROLLBACK:
		return roll_back(m, name);
	case IPE_WRITE_DELETE:
		return forget(m, name);
	case IPE_WRITE_SHADOW:
		return shadow(m, name);
	case IPE_WRITE_UNSHADOW:
		if (m->shadow.name == name)
			m->shadow = none;
		return 0;
	}
	return -ENOTSUPP;
}

/**
 * struct game - both sides
 * @world: the lifecycle
 * @model: the model
 * @random: the source of the writes
 * @policies: the policy of each name, version and floor, so that none is parsed
 *	twice
 */
struct game {
	struct world *world;
	struct model model;
	struct rnd_state random;
	struct ipe_loaded *policies[WORLD_NAMES][POLICIES][POLICIES];
};

static int draw(struct game *g, int below)
{
	return prandom_u32_state(&g->random) % below;
}

/* Loading it again would make another object. */
static void forget_confirmation(struct game *g, int name,
				struct ipe_loaded *loaded)
{
	struct ipe_slot *slot = g->world->slots[name];
	int which;

	for (which = 0; slot && which < IPE_PLACE_COUNT; which++)
		if (slot->versions[which] == loaded)
			return;
	loaded->was_confirmed = false;
}

/* A new policy if the name is free; otherwise a write, or the timer. */
enum { EXPIRE = IPE_WRITE_COUNT, MOVES };

static int move(struct game *g, int *ret_expected)
{
	struct ipe_policies *policies = &g->world->policies;
	int move = draw(g, MOVES), name = draw(g, WORLD_NAMES);
	struct name *n = &g->model.names[name];
	struct ipe_loaded *loaded;
	struct version brought;

	brought.number = 1 + draw(g, VERSIONS);
	brought.floor = 1 + draw(g, brought.number);
	brought.was_confirmed = false;
	loaded = g->policies[name][brought.number][brought.floor];
	forget_confirmation(g, name, loaded);
	if (move == EXPIRE) {
		ipe_lifecycle_expire(policies, KTIME_MAX);
		revert(&g->model);
		return *ret_expected = 0;
	}
	if (!n->loaded && move != IPE_WRITE_CONFIRM &&
	    move != IPE_WRITE_REVERT) {
		n->loaded = true;
		n->now = brought;
		*ret_expected = 0;
		return world_add(g->world, name, loaded);
	}
	*ret_expected = write_model(&g->model, move, name, brought);
	if (move == IPE_WRITE_DELETE)
		return world_delete(g->world, name);
	return world_write(g->world, move, name, loaded);
}

static int number(struct ipe_loaded *loaded)
{
	int number = loaded ? ipe_policy_version(loaded->policy)->major : 0;

	ipe_loaded_put(loaded);
	return number;
}

static bool same_name(const struct game *g, int name)
{
	struct ipe_slot *slot = g->world->slots[name];
	const struct name *n = &g->model.names[name];

	if (!n->loaded || !slot)
		return !n->loaded && !slot;
	return number(ipe_slot_version(slot, IPE_PLACE_CURRENT)) ==
		       n->now.number &&
	       number(ipe_slot_version(slot, IPE_PLACE_NEXT)) ==
		       n->next.number &&
	       number(ipe_slot_version(slot, IPE_PLACE_PREVIOUS)) ==
		       n->previous.number &&
	       ipe_slot_is_active(slot) == is(g->model.active, name, n->now) &&
	       ipe_slot_is_shadowed(slot) == (g->model.shadow.name == name) &&
	       !!ipe_slot_trial_seconds(slot) == (g->model.tried == name);
}

static bool same_policy(const struct ipe_loaded *loaded, struct policy policy)
{
	if (!loaded)
		return policy.name < 0;
	return policy.name >= 0 &&
	       *ipe_policy_name(loaded->policy) == 'a' + policy.name &&
	       ipe_policy_version(loaded->policy)->major == policy.number;
}

static bool same(const struct game *g)
{
	struct ipe_policies *policies = &g->world->policies;
	struct ipe_loaded *tried = ipe_policies_on_trial(policies);
	bool same =
		same_policy(tried, g->model.tried < 0 ? none : g->model.active);
	int name;

	ipe_loaded_put(tried);
	rcu_read_lock();
	same = same &&
	       same_policy(ipe_policies_active(policies), g->model.active);
	same = same &&
	       same_policy(ipe_policies_shadow(policies), g->model.shadow);
	rcu_read_unlock();
	for (name = 0; name < WORLD_NAMES; name++)
		same = same && same_name(g, name);
	return same;
}

/*
 * Returns whether both sides agree; @ret_writes counts the writes until then.
 */
static bool play(struct game *g, int *ret_writes)
{
	int i, r, expected;

	g->model = (struct model){
		.active = none,
		.confirmed = none,
		.tried = -1,
		.shadow = none,
	};
	for (i = 0; i < WRITES; i++) {
		r = move(g, &expected);
		check_shadow(&g->model);
		*ret_writes = i;
		if (r != expected || !same(g))
			return false;
	}
	return true;
}

static void make_policies(struct kunit *test, struct game *g)
{
	int name, version, floor;

	for (name = 0; name < WORLD_NAMES; name++)
		for (version = 1; version <= VERSIONS; version++)
			for (floor = 1; floor <= version; floor++)
				g->policies[name][version][floor] =
					world_policy(test, name, version,
						     floor);
}

static void free_policies(struct game *g)
{
	int name, version, floor;

	for (name = 0; name < WORLD_NAMES; name++)
		for (version = 1; version <= VERSIONS; version++)
			for (floor = 1; floor <= version; floor++)
				ipe_loaded_put(g->policies[name][version][floor]);
}

static void random_writes_match_the_model(struct kunit *test)
{
	struct game *g = kunit_kzalloc(test, sizeof(*g), GFP_KERNEL);
	int i, writes = 0;

	KUNIT_ASSERT_NOT_NULL(test, g);
	g->world = world_new(test);
	make_policies(test, g);
	for (i = 0; i < SEQUENCES; i++) {
		prandom_seed_state(&g->random, i);
		if (!play(g, &writes)) {
			KUNIT_FAIL(test, "sequence %d, write %d", i, writes);
			break;
		}
		world_clear(test, g->world);
		cond_resched();
	}
	KUNIT_EXPECT_EQ(test, i, SEQUENCES);
	world_end(test, g->world);
	free_policies(g);
}

static struct kunit_case model_cases[] = {
	KUNIT_CASE(random_writes_match_the_model),
	{}
};

static struct kunit_suite model_suite = {
	.name = "ipe-lifecycle-model",
	.test_cases = model_cases,
};

kunit_test_suite(model_suite);
