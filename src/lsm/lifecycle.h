/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which policies there are, and which one decides. Nobody else writes either;
 * see lifecycle.c for the rules.
 */
#ifndef _SECURITY_IPE_LIFECYCLE_H
#define _SECURITY_IPE_LIFECYCLE_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>

#include "loaded.h"

/**
 * struct ipe_lifecycle - all policies
 * @lock: held for every change of what is below
 * @active: the policy that decides, with a reference; NULL: everything is
 *	allowed. Read under RCU
 * @shadow: the policy that is evaluated beside it and decides nothing, with a
 *	reference; NULL if there is none. Read under RCU
 * @slots: struct ipe_slot, one a policy name
 */
struct ipe_lifecycle {
	struct mutex lock;
	struct ipe_loaded __rcu *active;
	struct ipe_loaded __rcu *shadow;
	struct list_head slots;
};

#define IPE_LIFECYCLE_INIT(name) {				\
	.lock = __MUTEX_INITIALIZER((name).lock),		\
	.slots = LIST_HEAD_INIT((name).slots),			\
}

/**
 * struct ipe_slot - a policy name
 * @list: in &ipe_lifecycle.slots; its lock
 * @refs: of the list, and of each open file of the policy's directory
 * @rcu: a file that is being opened looks at a slot before it has a reference
 * @lifecycle: whose slot this is; constant
 * @current_policy: the policy, with a reference; NULL once it is deleted;
 *	&ipe_lifecycle.lock
 * @dir: the policy's directory, NULL while there is none; fs_policy.c alone
 *	uses it, before the slot can be reached and after it cannot any more
 * @name: taken until ipe_lifecycle_forget(); constant
 */
struct ipe_slot {
	struct list_head list;
	refcount_t refs;
	struct rcu_head rcu;
	struct ipe_lifecycle *lifecycle;
	struct ipe_loaded *current_policy;
	struct dentry *dir;
	char name[];
};

extern struct ipe_lifecycle ipe_lifecycle;

int ipe_lifecycle_boot(struct ipe_lifecycle *lifecycle,
		       struct ipe_loaded *loaded);
int ipe_lifecycle_add(struct ipe_lifecycle *lifecycle,
		      struct ipe_loaded *loaded, struct ipe_slot **ret);
int ipe_lifecycle_update(struct ipe_slot *slot, struct ipe_loaded *loaded);
int ipe_lifecycle_activate(struct ipe_slot *slot);
int ipe_lifecycle_delete(struct ipe_slot *slot);
void ipe_lifecycle_forget(struct ipe_slot *slot);

struct ipe_loaded *ipe_lifecycle_active(struct ipe_lifecycle *lifecycle);
struct ipe_loaded *ipe_slot_policy(struct ipe_slot *slot);
int ipe_slot_is_active(struct ipe_slot *slot);
bool ipe_slot_get(struct ipe_slot *slot);
void ipe_slot_put(struct ipe_slot *slot);

/**
 * ipe_lifecycle_deciding() - The policy to judge by
 * @lifecycle: all policies
 *
 * Context: RCU read-side critical section, which must last as long as the
 * result is used.
 * Return: NULL if no policy is active.
 */
static inline const struct ipe_loaded *
ipe_lifecycle_deciding(const struct ipe_lifecycle *lifecycle)
{
	return rcu_dereference(lifecycle->active);
}

/**
 * ipe_lifecycle_shadowed() - The policy to evaluate beside it
 * @lifecycle: all policies
 *
 * Context: as ipe_lifecycle_deciding().
 * Return: NULL if there is none.
 */
static inline const struct ipe_loaded *
ipe_lifecycle_shadowed(const struct ipe_lifecycle *lifecycle)
{
	return rcu_dereference(lifecycle->shadow);
}

#endif
