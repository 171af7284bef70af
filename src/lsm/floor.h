/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How far back each policy name may go.
 */
#ifndef _SECURITY_IPE_FLOOR_H
#define _SECURITY_IPE_FLOOR_H

#include <linux/list.h>

#include "policies.h"

/**
 * struct ipe_floor - how far back a name may go
 * @list: in &ipe_policies.floors
 * @version: no version below it becomes active; 0.0.0 until a policy of this
 *	name is confirmed; &ipe_policies.lock
 * @name: of the policies; constant
 */
struct ipe_floor {
	struct list_head list;
	struct ipe_version version;
	char name[];
};

struct ipe_floor *ipe_floor_get(struct ipe_policies *policies,
				const char *name);
void ipe_floor_put(struct ipe_floor *floor);

/* Raises @version to @to; never lowers it. */
static inline void ipe_floor_raise(struct ipe_version *version,
				   const struct ipe_version *to)
{
	if (ipe_version_compare(to, version) > 0)
		*version = *to;
}

#endif
