// SPDX-License-Identifier: GPL-2.0-only
/*
 * The changes themselves: the one place that replaces the active policy, the
 * shadow and the versions of a slot. The caller has checked that a change is
 * permitted; no change can fail.
 */

#include <linux/lockdep.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "cache.h"
#include "change.h"
#include "floor.h"

static void set_shadow(struct ipe_policies *policies, struct ipe_slot *slot,
		       struct ipe_loaded *loaded)
{
	struct ipe_loaded *old = ipe_policies_shadow_locked(policies);

	rcu_assign_pointer(policies->shadow, ipe_loaded_get(loaded));
	policies->shadow_slot = slot;
	ipe_cache_invalidate();
	ipe_loaded_put(old);
}

static void end_shadow(struct ipe_policies *policies,
		       const struct ipe_loaded *loaded)
{
	if (loaded && loaded == ipe_policies_shadow_locked(policies))
		set_shadow(policies, NULL, NULL);
}

static void drop_version(struct ipe_slot *slot, enum ipe_place place)
{
	struct ipe_loaded *old = slot->versions[place];

	end_shadow(slot->policies, old);
	slot->versions[place] = NULL;
	ipe_loaded_put(old);
}

static void move_version(struct ipe_slot *slot, enum ipe_place from,
			 enum ipe_place to)
{
	drop_version(slot, to);
	end_shadow(slot->policies, slot->versions[from]);
	slot->versions[to] = slot->versions[from];
	slot->versions[from] = NULL;
}

static void wake_readers(struct ipe_policies *policies)
{
	atomic_long_inc(&policies->changes);
	wake_up_interruptible_poll(&policies->wait, EPOLLERR | EPOLLPRI);
}

/*
 * Makes a policy active, from the next verdict on; NULL: everything is allowed.
 */
static void set_active(struct ipe_policies *policies, struct ipe_loaded *loaded)
{
	struct ipe_loaded *old = ipe_policies_active_locked(policies);

	ipe_cache_replace_begin();
	rcu_assign_pointer(policies->active, ipe_loaded_get(loaded));
	ipe_cache_replace_end();
	end_shadow(policies, loaded);
	ipe_loaded_put(old);
	wake_readers(policies);
}

static void end_trial(struct ipe_policies *policies)
{
	policies->trial = NULL;
	kfree(policies->expiry);
	policies->expiry = NULL;
	/* A timer that has fired already finds no trial. */
	hrtimer_try_to_cancel(&policies->timer);
}

/**
 * ipe_change_confirm() - Make the current version of a slot active for good
 * @slot: has a current version
 *
 * A trial ends.
 *
 * Context: &ipe_policies.lock is held.
 */
void ipe_change_confirm(struct ipe_slot *slot)
{
	struct ipe_loaded *loaded = slot->versions[IPE_PLACE_CURRENT];
	struct ipe_policies *policies = slot->policies;
	struct ipe_loaded *old = policies->confirmed;

	end_trial(policies);
	policies->confirmed = ipe_loaded_get(loaded);
	ipe_loaded_put(old);
	set_active(policies, loaded);
	loaded->was_confirmed = true;
	ipe_floor_raise(&slot->floor->version,
			ipe_policy_rollback_floor(loaded->policy));
	ipe_floor_raise(&policies->bar, ipe_policy_version(loaded->policy));
}

/**
 * ipe_change_revert() - End a trial with the confirmed policy
 * @policies: all policies; one is on trial
 *
 * Context: &ipe_policies.lock is held.
 */
void ipe_change_revert(struct ipe_policies *policies)
{
	end_trial(policies);
	set_active(policies, policies->confirmed);
}

/* One function for each write. */

static void apply_update(struct ipe_slot *slot,
			 const struct ipe_request *request)
{
	bool live = slot->versions[IPE_PLACE_CURRENT] ==
		    ipe_policies_active_locked(slot->policies);
	struct ipe_loaded *next = slot->versions[IPE_PLACE_NEXT];

	move_version(slot, IPE_PLACE_CURRENT, IPE_PLACE_PREVIOUS);
	slot->versions[IPE_PLACE_CURRENT] = ipe_loaded_get(request->loaded);
	if (next && ipe_loaded_compare(next, request->loaded) <= 0)
		drop_version(slot, IPE_PLACE_NEXT);
	if (live)
		ipe_change_confirm(slot);
}

static void apply_stage(struct ipe_slot *slot,
			const struct ipe_request *request)
{
	drop_version(slot, IPE_PLACE_NEXT);
	slot->versions[IPE_PLACE_NEXT] = ipe_loaded_get(request->loaded);
}

static void apply_activate(struct ipe_slot *slot,
			   const struct ipe_request *request)
{
	ipe_change_confirm(slot);
}

static void apply_trial(struct ipe_slot *slot,
			const struct ipe_request *request)
{
	struct ipe_policies *policies = slot->policies;

	policies->trial = slot;
	policies->deadline =
		ktime_add(ktime_get_boottime(), ktime_set(request->seconds, 0));
	hrtimer_start(&policies->timer, policies->deadline,
		      HRTIMER_MODE_ABS_SOFT);
	set_active(policies, ipe_slot_candidate(slot));
}

static void apply_confirm(struct ipe_slot *slot,
			  const struct ipe_request *request)
{
	if (slot->versions[IPE_PLACE_NEXT] ==
	    ipe_policies_active_locked(slot->policies)) {
		move_version(slot, IPE_PLACE_CURRENT, IPE_PLACE_PREVIOUS);
		move_version(slot, IPE_PLACE_NEXT, IPE_PLACE_CURRENT);
	}
	ipe_change_confirm(slot);
}

static void apply_revert(struct ipe_slot *slot,
			 const struct ipe_request *request)
{
	ipe_change_revert(slot->policies);
}

/* Drops the current version: nobody is to use it again by mistake. */
static void apply_rollback(struct ipe_slot *slot,
			   const struct ipe_request *request)
{
	move_version(slot, IPE_PLACE_PREVIOUS, IPE_PLACE_CURRENT);
	ipe_change_confirm(slot);
}

static void apply_delete(struct ipe_slot *slot,
			 const struct ipe_request *request)
{
	drop_version(slot, IPE_PLACE_NEXT);
	drop_version(slot, IPE_PLACE_PREVIOUS);
	drop_version(slot, IPE_PLACE_CURRENT);
	wake_readers(slot->policies);
}

static void apply_shadow(struct ipe_slot *slot,
			 const struct ipe_request *request)
{
	set_shadow(slot->policies, slot, ipe_slot_candidate(slot));
}

static void apply_unshadow(struct ipe_slot *slot,
			   const struct ipe_request *request)
{
	if (slot->policies->shadow_slot == slot)
		set_shadow(slot->policies, NULL, NULL);
}

typedef void (*applier)(struct ipe_slot *slot,
			const struct ipe_request *request);

static const applier appliers[IPE_WRITE_COUNT] = {
	[IPE_WRITE_UPDATE] = apply_update,
	[IPE_WRITE_STAGE] = apply_stage,
	[IPE_WRITE_ACTIVATE] = apply_activate,
	[IPE_WRITE_TRIAL] = apply_trial,
	[IPE_WRITE_CONFIRM] = apply_confirm,
	[IPE_WRITE_REVERT] = apply_revert,
	[IPE_WRITE_ROLLBACK] = apply_rollback,
	[IPE_WRITE_DELETE] = apply_delete,
	[IPE_WRITE_SHADOW] = apply_shadow,
	[IPE_WRITE_UNSHADOW] = apply_unshadow,
};

/**
 * ipe_change_apply() - Do a write
 * @slot: of the request; of the policy on trial, if it names none
 * @request: permitted by ipe_transition_check()
 *
 * Context: &ipe_policies.lock is held.
 */
void ipe_change_apply(struct ipe_slot *slot, const struct ipe_request *request)
{
	lockdep_assert_held(&slot->policies->lock);

	appliers[request->write](slot, request);
}
