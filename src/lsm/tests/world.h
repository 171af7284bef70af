/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Policies for tests, apart from those of the running kernel.
 */
#ifndef _SECURITY_IPE_TESTS_WORLD_H
#define _SECURITY_IPE_TESTS_WORLD_H

#include <kunit/test.h>

#include "lifecycle.h"

enum { A, B };

/* Beside the writes to a slot: a new policy. */
#define ADD IPE_WRITE_COUNT

/* Names are "a", "b" and "c". */
#define WORLD_NAMES 3

/**
 * struct world - the policies of a test
 * @policies: all policies
 * @slots: of each name; NULL if the name is free
 */
struct world {
	struct ipe_policies policies;
	struct ipe_slot *slots[WORLD_NAMES];
};

struct world *world_new(struct kunit *test);
void world_clear(struct kunit *test, struct world *w);
void world_end(struct kunit *test, struct world *w);

struct ipe_loaded *world_load(struct kunit *test, const char *name,
			      const char *version, const char *floor);
struct ipe_loaded *world_policy(struct kunit *test, int name, int version,
				int floor);
int world_add(struct world *w, int name, struct ipe_loaded *loaded);
int world_write(struct world *w, enum ipe_write write, int name,
		struct ipe_loaded *loaded);
int world_delete(struct world *w, int name);

/* How the slot of A stands to the active policy and to a trial. */
enum standing {
	DELETED,
	IDLE,
	ACTIVE,
	BYSTANDER,
	HELD,
	CURRENT_TRIED,
	NEXT_TRIED,
	NEXT_TRIED_HELD,
	STANDING_COUNT,
};

const char *world_active(struct world *w, char buf[32]);
char world_digit(struct world *w);
void world_must(struct kunit *test, struct world *w, int write, int name,
		int version);
struct world *world_prepare(struct kunit *test, enum standing standing,
			    bool has_next, bool has_previous);

#endif
