// SPDX-License-Identifier: GPL-2.0-only
/*
 * The list of floors. A floor outlives the policies of its name: deleting them
 * and loading an old one is no way down.
 */

#include <linux/lockdep.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "floor.h"

/**
 * ipe_floor_get() - The floor of a name; a new one if the name has none
 * @policies: all policies; their &ipe_policies.writer is held
 * @name: of a policy
 *
 * Return: the floor, to be given back with ipe_floor_put(); NULL if there is no
 * memory.
 */
struct ipe_floor *ipe_floor_get(struct ipe_policies *policies, const char *name)
{
	size_t size = strlen(name) + 1;
	struct ipe_floor *floor;

	lockdep_assert_held(&policies->writer);

	list_for_each_entry(floor, &policies->floors, list)
		if (!strcmp(floor->name, name))
			return floor;
	floor = kzalloc(struct_size(floor, name, size), GFP_KERNEL_ACCOUNT);
	if (floor) {
		memcpy(floor->name, name, size);
		list_add_tail(&floor->list, &policies->floors);
	}
	return floor;
}

/**
 * ipe_floor_put() - Forget a floor that no policy has raised
 * @floor: of a name that is no longer taken; NULL is fine
 *
 * Context: &ipe_policies.writer is held.
 */
void ipe_floor_put(struct ipe_floor *floor)
{
	static const struct ipe_version none;

	if (floor && !ipe_version_compare(&floor->version, &none)) {
		list_del(&floor->list);
		kfree(floor);
	}
}
