// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of policies, and the one place that changes which one decides.
 *
 *	add -> activate, update -> delete -> forget
 *
 * add() takes a name, so that no second policy gets it; whoever added it makes
 * it visible. delete() takes the policy out of the slot: from then on nobody
 * finds it, though files of its directory may still be open. When those are
 * gone from the directory tree too, forget() gives the name free.
 *
 * A change and its record are made under the lock, so that records are in the
 * order of the changes.
 */

#include <linux/cleanup.h>
#include <linux/errno.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "audit.h"
#include "lifecycle.h"

struct ipe_lifecycle ipe_lifecycle = IPE_LIFECYCLE_INIT(ipe_lifecycle);

static struct ipe_loaded *active_locked(struct ipe_lifecycle *lifecycle)
{
	return rcu_dereference_protected(lifecycle->active,
					 lockdep_is_held(&lifecycle->lock));
}

static int compare_versions(const struct ipe_loaded *a,
			    const struct ipe_loaded *b)
{
	return ipe_version_compare(ipe_policy_version(a->policy),
				   ipe_policy_version(b->policy));
}

/* Lets @loaded decide from the next verdict on. */
static void switch_active(struct ipe_lifecycle *lifecycle,
			  struct ipe_loaded *loaded)
{
	struct ipe_loaded *old = active_locked(lifecycle);

	rcu_assign_pointer(lifecycle->active, ipe_loaded_get(loaded));
	ipe_audit_activation(old, loaded, 0);
	ipe_loaded_put(old);
}

static struct ipe_slot *find_slot(struct ipe_lifecycle *lifecycle,
				  const char *name)
{
	struct ipe_slot *slot;

	lockdep_assert_held(&lifecycle->lock);

	list_for_each_entry(slot, &lifecycle->slots, list)
		if (!strcmp(slot->name, name))
			return slot;
	return NULL;
}

/**
 * ipe_lifecycle_add() - Take a policy in under its name
 * @lifecycle: all policies
 * @loaded: the slot takes a reference of its own
 * @ret: the slot, valid until ipe_lifecycle_forget()
 *
 * Context: Process context. Takes &ipe_lifecycle.lock.
 * Return: %0, %-EEXIST if the name is taken, %-ENOMEM.
 */
int ipe_lifecycle_add(struct ipe_lifecycle *lifecycle,
		      struct ipe_loaded *loaded, struct ipe_slot **ret)
{
	const char *name = ipe_policy_name(loaded->policy);
	size_t size = strlen(name) + 1;
	struct ipe_slot *slot;

	guard(mutex)(&lifecycle->lock);

	if (find_slot(lifecycle, name))
		return -EEXIST;
	slot = kzalloc(struct_size(slot, name, size), GFP_KERNEL_ACCOUNT);
	if (!slot)
		return -ENOMEM;
	memcpy(slot->name, name, size);
	refcount_set(&slot->refs, 1);
	slot->lifecycle = lifecycle;
	slot->current_policy = ipe_loaded_get(loaded);
	list_add_tail(&slot->list, &lifecycle->slots);
	*ret = slot;
	return 0;
}

/**
 * ipe_lifecycle_boot() - Make the boot policy the one that decides
 * @lifecycle: empty
 * @loaded: the caller's reference is used up
 *
 * There is nobody to tell yet: no record is made.
 *
 * Context: while the LSM starts.
 * Return: %0, or an error of ipe_lifecycle_add().
 */
int __init ipe_lifecycle_boot(struct ipe_lifecycle *lifecycle,
			      struct ipe_loaded *loaded)
{
	struct ipe_slot *slot;
	int r;

	r = ipe_lifecycle_add(lifecycle, loaded, &slot);
	if (r)
		ipe_loaded_put(loaded);
	else
		rcu_assign_pointer(lifecycle->active, loaded);
	return r;
}

/**
 * ipe_lifecycle_update() - Replace a policy by a newer version of it
 * @slot: of the policy
 * @loaded: the slot takes a reference of its own
 *
 * If the policy is active, the new version decides from now on.
 *
 * Context: Process context. Takes &ipe_lifecycle.lock.
 * Return:
 * * %0       - done
 * * %-ENOENT - the policy is deleted
 * * %-EINVAL - @loaded has another name
 * * %-ESTALE - its version is not above the present one
 */
int ipe_lifecycle_update(struct ipe_slot *slot, struct ipe_loaded *loaded)
{
	struct ipe_loaded *old;

	guard(mutex)(&slot->lifecycle->lock);

	old = slot->current_policy;
	if (!old)
		return -ENOENT;
	if (strcmp(ipe_policy_name(loaded->policy), slot->name))
		return -EINVAL;
	if (compare_versions(loaded, old) <= 0)
		return -ESTALE;

	slot->current_policy = ipe_loaded_get(loaded);
	ipe_audit_load(ipe_identity(loaded), NULL, 0);
	if (old == active_locked(slot->lifecycle))
		switch_active(slot->lifecycle, loaded);
	ipe_loaded_put(old);
	return 0;
}

/**
 * ipe_lifecycle_activate() - Let a policy decide
 * @slot: of the policy
 *
 * Context: Process context. Takes &ipe_lifecycle.lock.
 * Return:
 * * %0       - it decides from the next verdict on, or already did
 * * %-ENOENT - the policy is deleted
 * * %-EINVAL - its version is below the active policy's, whatever the names
 */
int ipe_lifecycle_activate(struct ipe_slot *slot)
{
	struct ipe_loaded *active;

	guard(mutex)(&slot->lifecycle->lock);

	if (!slot->current_policy)
		return -ENOENT;
	active = active_locked(slot->lifecycle);
	if (active == slot->current_policy)
		return 0;
	if (active && compare_versions(slot->current_policy, active) < 0)
		return -EINVAL;
	switch_active(slot->lifecycle, slot->current_policy);
	return 0;
}

/**
 * ipe_lifecycle_delete() - Take a policy out of its slot
 * @slot: of the policy; the caller forgets it when its files are gone
 *
 * Context: Process context. Takes &ipe_lifecycle.lock.
 * Return: %0, %-ENOENT if it is deleted already, %-EPERM if it is active.
 */
int ipe_lifecycle_delete(struct ipe_slot *slot)
{
	struct ipe_loaded *old;

	guard(mutex)(&slot->lifecycle->lock);

	old = slot->current_policy;
	if (!old)
		return -ENOENT;
	if (old == active_locked(slot->lifecycle))
		return -EPERM;
	slot->current_policy = NULL;
	ipe_audit_delete(ipe_identity(old), 0);
	ipe_loaded_put(old);
	return 0;
}

/**
 * ipe_lifecycle_forget() - Give a name free
 * @slot: deleted, or added and never made visible; gone when its last open file
 *	is closed
 *
 * Context: Process context. Takes &ipe_lifecycle.lock.
 */
void ipe_lifecycle_forget(struct ipe_slot *slot)
{
	struct ipe_lifecycle *lifecycle = slot->lifecycle;

	mutex_lock(&lifecycle->lock);
	ipe_loaded_put(slot->current_policy);
	slot->current_policy = NULL;
	list_del(&slot->list);
	mutex_unlock(&lifecycle->lock);
	ipe_slot_put(slot);
}

/**
 * ipe_lifecycle_active() - The policy that decides at this moment
 * @lifecycle: all policies
 *
 * Context: Process context. Takes &ipe_lifecycle.lock.
 * Return: a reference, or NULL if no policy is active.
 */
struct ipe_loaded *ipe_lifecycle_active(struct ipe_lifecycle *lifecycle)
{
	struct ipe_loaded *active;

	guard(mutex)(&lifecycle->lock);

	active = active_locked(lifecycle);
	return active ? ipe_loaded_get(active) : NULL;
}

/**
 * ipe_slot_policy() - The policy of a name
 * @slot: the caller has a reference
 *
 * Context: Process context. Takes &ipe_lifecycle.lock.
 * Return: a reference, or NULL if it is deleted.
 */
struct ipe_loaded *ipe_slot_policy(struct ipe_slot *slot)
{
	guard(mutex)(&slot->lifecycle->lock);

	return slot->current_policy ? ipe_loaded_get(slot->current_policy) :
				      NULL;
}

/**
 * ipe_slot_is_active() - Does the policy of this name decide?
 * @slot: the caller has a reference
 *
 * Context: Process context. Takes &ipe_lifecycle.lock.
 * Return: %1, %0, or %-ENOENT if it is deleted.
 */
int ipe_slot_is_active(struct ipe_slot *slot)
{
	guard(mutex)(&slot->lifecycle->lock);

	if (!slot->current_policy)
		return -ENOENT;
	return slot->current_policy == active_locked(slot->lifecycle);
}

/**
 * ipe_slot_get() - Take a reference to a slot
 * @slot: the caller has a reference, or found it under RCU
 *
 * Return: false if it is too late.
 */
bool ipe_slot_get(struct ipe_slot *slot)
{
	return refcount_inc_not_zero(&slot->refs);
}

/**
 * ipe_slot_put() - Give a reference to a slot back
 * @slot: freed under RCU after the last one
 */
void ipe_slot_put(struct ipe_slot *slot)
{
	if (refcount_dec_and_test(&slot->refs))
		kfree_rcu(slot, rcu);
}
