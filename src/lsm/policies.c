// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looks at policies for the files, and counts references to slots.
 */

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/math64.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#include "policies.h"

struct ipe_policies ipe_policies;

/**
 * ipe_slot_version() - A version of a policy
 * @slot: the caller has a reference
 * @place: of its versions
 *
 * Return: a reference, or NULL if there is no such version, or no policy.
 */
struct ipe_loaded *ipe_slot_version(struct ipe_slot *slot, enum ipe_place place)
{
	struct ipe_loaded *loaded;

	spin_lock_bh(&slot->policies->lock);
	loaded = slot->versions[place];
	if (loaded)
		ipe_loaded_get(loaded);
	spin_unlock_bh(&slot->policies->lock);
	return loaded;
}

/**
 * ipe_slot_is_active() - Is the current version active?
 * @slot: the caller has a reference
 *
 * Return: %1, %0, or %-ENOENT if the policy is deleted.
 */
int ipe_slot_is_active(struct ipe_slot *slot)
{
	struct ipe_policies *policies = slot->policies;
	int r = -ENOENT;

	spin_lock_bh(&policies->lock);
	if (slot->versions[IPE_PLACE_CURRENT])
		r = slot->versions[IPE_PLACE_CURRENT] ==
		    ipe_policies_active_locked(policies);
	spin_unlock_bh(&policies->lock);
	return r;
}

/**
 * ipe_slot_is_shadowed() - Is a version of the slot the shadow?
 * @slot: the caller has a reference
 *
 * Return: %1, %0, or %-ENOENT if the policy is deleted.
 */
int ipe_slot_is_shadowed(struct ipe_slot *slot)
{
	struct ipe_policies *policies = slot->policies;
	int r = -ENOENT;

	spin_lock_bh(&policies->lock);
	if (slot->versions[IPE_PLACE_CURRENT])
		r = policies->shadow_slot == slot;
	spin_unlock_bh(&policies->lock);
	return r;
}

/**
 * ipe_slot_trial_seconds() - How long does the trial of a version still last?
 * @slot: the caller has a reference
 *
 * Return: seconds, rounded up and at least %1 while it is on trial; %0 if it is
 * not, %-ENOENT if the policy is deleted.
 */
int ipe_slot_trial_seconds(struct ipe_slot *slot)
{
	struct ipe_policies *policies = slot->policies;
	ktime_t deadline = 0;
	int r = 0;
	s64 left;

	spin_lock_bh(&policies->lock);
	if (!slot->versions[IPE_PLACE_CURRENT])
		r = -ENOENT;
	else if (policies->trial == slot)
		deadline = policies->deadline;
	spin_unlock_bh(&policies->lock);
	if (!deadline)
		return r;
	left = ktime_to_ns(ktime_sub(deadline, ktime_get_boottime()));
	return left > 0 ? DIV_ROUND_UP_ULL(left, NSEC_PER_SEC) : 1;
}

/**
 * ipe_policies_on_trial() - The policy that is on trial
 * @policies: all policies
 *
 * Return: a reference, or NULL if there is none.
 */
struct ipe_loaded *ipe_policies_on_trial(struct ipe_policies *policies)
{
	struct ipe_loaded *loaded = NULL;

	spin_lock_bh(&policies->lock);
	if (policies->trial) {
		loaded = ipe_policies_active_locked(policies);
		ipe_loaded_get(loaded);
	}
	spin_unlock_bh(&policies->lock);
	return loaded;
}

/**
 * ipe_policies_is_locked() - Are policies locked until reboot?
 * @policies: all policies
 *
 * Return: whether ipe_lifecycle_lock() was called.
 */
bool ipe_policies_is_locked(struct ipe_policies *policies)
{
	return READ_ONCE(policies->locked);
}

/**
 * ipe_policies_changes() - Count the changes of the active policy and of trials
 * @policies: all policies
 *
 * Call this before looking at the policies, so that no change is missed.
 *
 * Return: a number for ipe_policies_poll().
 */
unsigned long ipe_policies_changes(struct ipe_policies *policies)
{
	return atomic_long_read_acquire(&policies->changes);
}

/**
 * ipe_policies_poll() - poll() on a file that shows the active policy or a
 * trial
 * @policies: all policies
 * @file: is polled
 * @wait: of poll()
 * @seen: ipe_policies_changes() at the last look; %0 before the first
 *
 * Return: as for an attribute in sysfs, EPOLLERR and EPOLLPRI if something may
 * have changed since.
 */
__poll_t ipe_policies_poll(struct ipe_policies *policies, struct file *file,
			   poll_table *wait, unsigned long seen)
{
	poll_wait(file, &policies->wait, wait);
	if (ipe_policies_changes(policies) == seen)
		return DEFAULT_POLLMASK;
	return DEFAULT_POLLMASK | EPOLLERR | EPOLLPRI;
}

/**
 * ipe_policies_find() - The slot of a name
 * @policies: all policies
 * @name: of a policy
 *
 * Return: a reference, to be given back with ipe_slot_put(); NULL if there is
 * no such slot, or it is not visible.
 */
struct ipe_slot *ipe_policies_find(struct ipe_policies *policies,
				   const char *name)
{
	struct ipe_slot *slot, *found = NULL;

	spin_lock_bh(&policies->lock);
	list_for_each_entry(slot, &policies->slots, list) {
		if (strcmp(slot->name, name))
			continue;
		if (slot->shown && slot->versions[IPE_PLACE_CURRENT] &&
		    ipe_slot_get(slot))
			found = slot;
		break;
	}
	spin_unlock_bh(&policies->lock);
	return found;
}

/**
 * ipe_slot_get() - Take a reference to a slot
 * @slot: the caller has a reference, or found it under RCU
 *
 * Return: %false if the last reference is gone already.
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
