/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Policies to play with, apart from those that decide about this kernel.
 */
#ifndef _SECURITY_IPE_TESTS_WORLD_H
#define _SECURITY_IPE_TESTS_WORLD_H

#include <kunit/test.h>

#include "lifecycle.h"

/* Names are "a", "b" and "c". */
#define WORLD_NAMES 3

/**
 * struct world - what a test plays with
 * @lifecycle: all policies
 * @slots: of each name; NULL where it is not taken
 */
struct world {
	struct ipe_lifecycle lifecycle;
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

#endif
