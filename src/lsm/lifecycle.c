// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of policies, and the one place that changes which one decides.
 *
 *	add -> stage -> trial -> confirm -> rollback -> delete -> forget
 *
 * One policy decides and one is confirmed. They are the same but for the time
 * of a trial, which ends with the confirmed one: somebody confirms what is on
 * trial, or takes it back, or the timer does.
 *
 * Whether a write is permitted is decided in transition.c. Only then it is
 * done here, and that cannot fail.
 *
 * A policy below the floor of its name is never let decide. The floor is the
 * highest policy_rollback_floor of all policies of that name that were ever
 * confirmed. It outlives them, and a trial does not move it. The bar is the
 * highest version of all names that was confirmed: another name than the
 * confirmed one does not get below it, whatever was rolled back.
 */

#include <linux/cleanup.h>
#include <linux/errno.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#include "audit.h"
#include "cache.h"
#include "lifecycle.h"
#include "recorder.h"

static struct ipe_loaded *get(struct ipe_loaded *loaded)
{
	return loaded ? ipe_loaded_get(loaded) : NULL;
}

/* The parts of which the changes consist; they cannot fail. */

static void set_shadow(struct ipe_policies *policies, struct ipe_slot *slot,
		       struct ipe_loaded *loaded)
{
	struct ipe_loaded *old = ipe_policies_shadow_locked(policies);

	rcu_assign_pointer(policies->shadow, get(loaded));
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

static void drop(struct ipe_slot *slot, enum ipe_place place)
{
	struct ipe_loaded *old = slot->versions[place];

	end_shadow(slot->policies, old);
	slot->versions[place] = NULL;
	ipe_loaded_put(old);
}

static void move(struct ipe_slot *slot, enum ipe_place from, enum ipe_place to)
{
	drop(slot, to);
	end_shadow(slot->policies, slot->versions[from]);
	slot->versions[to] = slot->versions[from];
	slot->versions[from] = NULL;
}

static void tell_readers(struct ipe_policies *policies)
{
	atomic_long_inc(&policies->changes);
	wake_up_interruptible_poll(&policies->wait, EPOLLERR | EPOLLPRI);
}

/* Lets a policy decide from the next verdict on; NULL: nobody decides. */
static void decide(struct ipe_policies *policies, struct ipe_loaded *loaded)
{
	struct ipe_loaded *old = ipe_policies_active_locked(policies);

	ipe_cache_replace_begin();
	rcu_assign_pointer(policies->active, get(loaded));
	ipe_cache_replace_end();
	end_shadow(policies, loaded);
	ipe_loaded_put(old);
	tell_readers(policies);
}

static void end_trial(struct ipe_policies *policies)
{
	policies->trial = NULL;
	kfree(policies->expiry);
	policies->expiry = NULL;
	/* One that has fired already finds that nothing is due. */
	hrtimer_try_to_cancel(&policies->timer);
}

static void raise(struct ipe_version *version, const struct ipe_version *to)
{
	if (ipe_version_compare(to, version) > 0)
		*version = *to;
}

/* Lets the current version of a slot decide for good. */
static void confirm_current(struct ipe_slot *slot)
{
	struct ipe_loaded *loaded = slot->versions[IPE_PLACE_CURRENT];
	struct ipe_policies *policies = slot->policies;
	struct ipe_loaded *old = policies->confirmed;

	end_trial(policies);
	policies->confirmed = ipe_loaded_get(loaded);
	ipe_loaded_put(old);
	decide(policies, loaded);
	loaded->was_confirmed = true;
	raise(&slot->floor->version, ipe_policy_rollback_floor(loaded->policy));
	raise(&policies->bar, ipe_policy_version(loaded->policy));
}

static void go_back(struct ipe_policies *policies)
{
	end_trial(policies);
	decide(policies, policies->confirmed);
}

/* The writes, one function each, when all is checked. */

static void do_update(struct ipe_slot *slot, const struct ipe_request *request)
{
	bool live = slot->versions[IPE_PLACE_CURRENT] ==
		    ipe_policies_active_locked(slot->policies);
	struct ipe_loaded *next = slot->versions[IPE_PLACE_NEXT];

	move(slot, IPE_PLACE_CURRENT, IPE_PLACE_PREVIOUS);
	slot->versions[IPE_PLACE_CURRENT] = ipe_loaded_get(request->loaded);
	if (next && ipe_loaded_compare(next, request->loaded) <= 0)
		drop(slot, IPE_PLACE_NEXT);
	if (live)
		confirm_current(slot);
}

static void do_stage(struct ipe_slot *slot, const struct ipe_request *request)
{
	drop(slot, IPE_PLACE_NEXT);
	slot->versions[IPE_PLACE_NEXT] = ipe_loaded_get(request->loaded);
}

static void do_activate(struct ipe_slot *slot,
			const struct ipe_request *request)
{
	confirm_current(slot);
}

static void do_trial(struct ipe_slot *slot, const struct ipe_request *request)
{
	struct ipe_policies *policies = slot->policies;

	policies->trial = slot;
	policies->deadline =
		ktime_add(ktime_get_boottime(), ktime_set(request->seconds, 0));
	hrtimer_start(&policies->timer, policies->deadline,
		      HRTIMER_MODE_ABS_SOFT);
	decide(policies, ipe_slot_candidate(slot));
}

static void do_confirm(struct ipe_slot *slot, const struct ipe_request *request)
{
	if (slot->versions[IPE_PLACE_NEXT] ==
	    ipe_policies_active_locked(slot->policies)) {
		move(slot, IPE_PLACE_CURRENT, IPE_PLACE_PREVIOUS);
		move(slot, IPE_PLACE_NEXT, IPE_PLACE_CURRENT);
	}
	confirm_current(slot);
}

static void do_revert(struct ipe_slot *slot, const struct ipe_request *request)
{
	go_back(slot->policies);
}

/* What somebody took back is not kept ready to be used by mistake. */
static void do_rollback(struct ipe_slot *slot,
			const struct ipe_request *request)
{
	move(slot, IPE_PLACE_PREVIOUS, IPE_PLACE_CURRENT);
	confirm_current(slot);
}

static void do_delete(struct ipe_slot *slot, const struct ipe_request *request)
{
	drop(slot, IPE_PLACE_NEXT);
	drop(slot, IPE_PLACE_PREVIOUS);
	drop(slot, IPE_PLACE_CURRENT);
	tell_readers(slot->policies);
}

static void do_shadow(struct ipe_slot *slot, const struct ipe_request *request)
{
	set_shadow(slot->policies, slot, ipe_slot_candidate(slot));
}

static void do_unshadow(struct ipe_slot *slot,
			const struct ipe_request *request)
{
	if (slot->policies->shadow_slot == slot)
		set_shadow(slot->policies, NULL, NULL);
}

static void (*const apply[IPE_WRITE_COUNT])(struct ipe_slot *slot,
					    const struct ipe_request *request) = {
	[IPE_WRITE_UPDATE] = do_update,
	[IPE_WRITE_STAGE] = do_stage,
	[IPE_WRITE_ACTIVATE] = do_activate,
	[IPE_WRITE_TRIAL] = do_trial,
	[IPE_WRITE_CONFIRM] = do_confirm,
	[IPE_WRITE_REVERT] = do_revert,
	[IPE_WRITE_ROLLBACK] = do_rollback,
	[IPE_WRITE_DELETE] = do_delete,
	[IPE_WRITE_SHADOW] = do_shadow,
	[IPE_WRITE_UNSHADOW] = do_unshadow,
};

/**
 * struct change - what a record says
 * @old: the policy that decided before, with a reference; may be NULL
 * @new: the one that decides afterwards; after a failure the confirmed one. With
 *	a reference; may be NULL
 * @subject: the version that it is about, with a reference; may be NULL
 */
struct change {
	struct ipe_loaded *old;
	struct ipe_loaded *new;
	struct ipe_loaded *subject;
};

static void release_change(struct change *change)
{
	ipe_loaded_put(change->old);
	ipe_loaded_put(change->new);
	ipe_loaded_put(change->subject);
}

static void record_shadow(const struct ipe_request *request,
			  struct ipe_identity identity, bool known, int error)
{
	bool on = request->write == IPE_WRITE_SHADOW;

	ipe_audit_shadow(identity, !known ? "?" : on ? "1" : "0", error);
}

/* @known: what was written could be read */
static void record(const struct ipe_request *request,
		   const struct change *change, bool known, int error)
{
	struct ipe_identity identity = {
		.name = request->slot ? request->slot->name : NULL,
	};
	const struct ipe_loaded *new = change->new;

	/* What would have decided: the confirmed policy, or what it is about. */
	if (error && request->write != IPE_WRITE_REVERT)
		new = change->subject;
	if (change->subject)
		identity = ipe_identity(change->subject);

	switch (request->write) {
	case IPE_WRITE_UPDATE:
		ipe_audit_load(identity, NULL, error);
		if (!error && change->old != change->new)
			ipe_audit_activation(change->old, new, 0);
		break;
	case IPE_WRITE_STAGE:
		ipe_audit_stage(identity, NULL, error);
		break;
	case IPE_WRITE_ACTIVATE:
		ipe_audit_activation(change->old, new, error);
		break;
	case IPE_WRITE_TRIAL:
		ipe_audit_trial(change->old, new, request->seconds, error);
		break;
	case IPE_WRITE_CONFIRM:
		ipe_audit_step("confirm", change->old, new, error);
		break;
	case IPE_WRITE_REVERT:
		ipe_audit_step("revert", change->old, new, error);
		break;
	case IPE_WRITE_ROLLBACK:
		ipe_audit_step("rollback", change->old, new, error);
		break;
	case IPE_WRITE_DELETE:
		ipe_audit_delete(identity, error);
		break;
	case IPE_WRITE_SHADOW:
	case IPE_WRITE_UNSHADOW:
		record_shadow(request, identity, known, error);
		break;
	case IPE_WRITE_COUNT:
		break;
	}
}

static void record_expiry(struct work_struct *work)
{
	struct ipe_expiry *expiry = container_of(work, struct ipe_expiry, work);

	ipe_recorder_begin(expiry->turn);
	ipe_audit_step("expire", expiry->from, expiry->to, 0);
	ipe_recorder_end(expiry->turn);
	ipe_loaded_put(expiry->from);
	ipe_loaded_put(expiry->to);
	kfree(expiry);
}

static struct ipe_expiry *new_expiry(void)
{
	struct ipe_expiry *expiry = kzalloc(sizeof(*expiry),
					    GFP_KERNEL_ACCOUNT);

	if (expiry)
		INIT_WORK(&expiry->work, record_expiry);
	return expiry;
}

/* Ends a trial whose time is over, and one that is not goes on. */
static void expire(struct ipe_policies *policies, ktime_t now)
{
	struct ipe_expiry *expiry = policies->expiry;

	if (!policies->trial)
		return;
	if (ktime_before(now, policies->deadline)) {
		hrtimer_start(&policies->timer, policies->deadline,
			      HRTIMER_MODE_ABS_SOFT);
		return;
	}
	policies->expiry = NULL;
	expiry->from = get(ipe_policies_active_locked(policies));
	expiry->to = get(policies->confirmed);
	expiry->turn = ipe_recorder_turn();
	go_back(policies);
	/* In the order of turns, so no worker waits for one behind it. */
	queue_work(system_unbound_wq, &expiry->work);
}

/**
 * ipe_lifecycle_expire() - End a trial whose time is over
 * @policies: all policies
 * @now: on CLOCK_BOOTTIME
 *
 * The confirmed policy decides again. Does nothing if no trial is due.
 *
 * Context: any but hard interrupts; does not sleep.
 */
void ipe_lifecycle_expire(struct ipe_policies *policies, ktime_t now)
{
	spin_lock_bh(&policies->lock);
	expire(policies, now);
	spin_unlock_bh(&policies->lock);
}

static enum hrtimer_restart on_timer(struct hrtimer *timer)
{
	ipe_lifecycle_expire(container_of(timer, struct ipe_policies, timer),
			     ktime_get_boottime());
	return HRTIMER_NORESTART;
}

/**
 * ipe_lifecycle_init() - Begin with no policies
 * @policies: all zero
 */
void ipe_lifecycle_init(struct ipe_policies *policies)
{
	mutex_init(&policies->writer);
	spin_lock_init(&policies->lock);
	hrtimer_init(&policies->timer, CLOCK_BOOTTIME, HRTIMER_MODE_ABS_SOFT);
	policies->timer.function = on_timer;
	atomic_long_set(&policies->changes, 1);
	init_waitqueue_head(&policies->wait);
	INIT_LIST_HEAD(&policies->slots);
	INIT_LIST_HEAD(&policies->floors);
}

/**
 * ipe_lifecycle_refuse() - Record a write that came to nothing before
 * @policies: all policies
 * @request: what was asked for
 * @error: why not
 *
 * Waits for no writer: there may be nobody who may write.
 *
 * Context: Process context.
 */
void ipe_lifecycle_refuse(struct ipe_policies *policies,
			  const struct ipe_request *request, int error)
{
	const struct ipe_slot *slot;
	struct change change = {};

	scoped_guard(spinlock_bh, &policies->lock) {
		change.old = get(ipe_policies_active_locked(policies));
		slot = request->slot ?: policies->trial;
		change.subject = get(ipe_transition_subject(slot, request));
		change.new = get(policies->confirmed);
	}
	record(request, &change, false, error);
	release_change(&change);
}

/* Returns 0, 1 if there was nothing to do, or an errno. */
static int change_it(struct ipe_policies *policies,
		     const struct ipe_request *request, struct change *change)
{
	struct ipe_slot *slot = request->slot ?: policies->trial;
	int r;

	lockdep_assert_held(&policies->lock);

	r = ipe_transition_check(policies, slot, request);
	change->old = get(ipe_policies_active_locked(policies));
	change->subject = get(ipe_transition_subject(slot, request));
	if (!r)
		apply[request->write](slot, request);
	change->new = get(r ? policies->confirmed
			    : ipe_policies_active_locked(policies));
	return r;
}

/**
 * ipe_lifecycle_write() - Change something, if that is permitted
 * @policies: all policies
 * @request: what is asked for
 *
 * It is recorded, whether it is done or not. After a failure all is as it was.
 * It is done before any record is waited for.
 *
 * Context: Process context.
 * Return:
 * * %0         - done, or nothing had to be done
 * * %-EPERM    - policies are locked; DELETE: a version decides or is
 *		  confirmed; ROLLBACK: the current version is not confirmed, or
 *		  the previous one never was since the boot; the version is
 *		  below the floor of its name
 * * %-ENOENT   - the policy is deleted
 * * %-EBUSY    - a trial is in the way; SHADOW: another policy is one
 * * %-ENODATA  - CONFIRM, REVERT: there is no trial; ROLLBACK: no previous
 * * %-EINVAL   - UPDATE, STAGE: another name; ACTIVATE, TRIAL: the version is
 *		  below the confirmed one of its name, or, of another name,
 *		  below the bar
 * * %-ESTALE   - UPDATE, STAGE: not above the current version
 * * %-EALREADY - TRIAL: the version is confirmed; SHADOW: it decides
 * * %-ENOMEM   - TRIAL
 */
int ipe_lifecycle_write(struct ipe_policies *policies,
			const struct ipe_request *request)
{
	struct ipe_expiry *expiry __free(kfree) = NULL;
	struct change change = {};
	u64 turn = 0;
	int r;

	if (request->write == IPE_WRITE_TRIAL) {
		expiry = new_expiry();
		if (!expiry) {
			ipe_lifecycle_refuse(policies, request, -ENOMEM);
			return -ENOMEM;
		}
	}
	scoped_guard(spinlock_bh, &policies->lock) {
		/* The timer may be late. */
		expire(policies, ktime_get_boottime());
		r = change_it(policies, request, &change);
		if (!r && expiry)
			policies->expiry = no_free_ptr(expiry);
		if (r <= 0)
			turn = ipe_recorder_turn();
	}
	if (turn) {
		ipe_recorder_begin(turn);
		record(request, &change, true, r);
		ipe_recorder_end(turn);
	}
	release_change(&change);
	return min(r, 0);
}

/**
 * ipe_lifecycle_lock() - Let nobody change policies any more, until reboot
 * @policies: all policies
 *
 * It is recorded, whether it is done or not.
 *
 * Context: Process context.
 * Return: %0, or %-EBUSY during a trial, which could not be ended any more.
 */
int ipe_lifecycle_lock(struct ipe_policies *policies)
{
	u64 turn;
	int r = 0;

	/* No name is being taken that would be there afterwards. */
	mutex_lock(&policies->writer);
	spin_lock_bh(&policies->lock);
	expire(policies, ktime_get_boottime());
	if (policies->trial)
		r = -EBUSY;
	else
		WRITE_ONCE(policies->locked, true);
	turn = ipe_recorder_turn();
	spin_unlock_bh(&policies->lock);
	mutex_unlock(&policies->writer);
	ipe_recorder_begin(turn);
	ipe_audit_lock("policy", r);
	ipe_recorder_end(turn);
	return r;
}

static bool name_is_taken(struct ipe_policies *policies, const char *name)
{
	const struct ipe_slot *slot;

	lockdep_assert_held(&policies->writer);

	list_for_each_entry(slot, &policies->slots, list)
		if (!strcmp(slot->name, name))
			return true;
	return false;
}

/* The floor of a name, made where there is none; NULL if there is no memory. */
static struct ipe_floor *get_floor(struct ipe_policies *policies,
				   const char *name)
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

/* A name of which nothing was ever confirmed need not be remembered. */
static void put_floor(struct ipe_floor *floor)
{
	static const struct ipe_version none;

	if (floor && !ipe_version_compare(&floor->version, &none)) {
		list_del(&floor->list);
		kfree(floor);
	}
}

static struct ipe_slot *new_slot(struct ipe_policies *policies,
				 struct ipe_loaded *loaded)
{
	const char *name = ipe_policy_name(loaded->policy);
	size_t size = strlen(name) + 1;
	struct ipe_slot *slot;

	slot = kzalloc(struct_size(slot, name, size), GFP_KERNEL_ACCOUNT);
	if (!slot)
		return NULL;
	slot->floor = get_floor(policies, name);
	if (!slot->floor) {
		kfree(slot);
		return NULL;
	}
	memcpy(slot->name, name, size);
	refcount_set(&slot->refs, 1);
	slot->policies = policies;
	slot->versions[IPE_PLACE_CURRENT] = ipe_loaded_get(loaded);
	return slot;
}

/**
 * ipe_lifecycle_add() - Take a policy in under its name
 * @policies: all policies
 * @loaded: the slot takes a reference of its own
 * @ret: the slot, valid until ipe_lifecycle_forget()
 *
 * The caller makes it visible, and records it.
 *
 * Context: Process context.
 * Return: %0, %-EPERM if policies are locked, %-EEXIST if the name is taken,
 * %-ENOMEM.
 */
int ipe_lifecycle_add(struct ipe_policies *policies, struct ipe_loaded *loaded,
		      struct ipe_slot **ret)
{
	struct ipe_slot *slot;

	guard(mutex)(&policies->writer);

	if (ipe_policies_is_locked(policies))
		return -EPERM;
	if (name_is_taken(policies, ipe_policy_name(loaded->policy)))
		return -EEXIST;
	slot = new_slot(policies, loaded);
	if (!slot)
		return -ENOMEM;
	scoped_guard(spinlock_bh, &policies->lock)
		list_add_tail(&slot->list, &policies->slots);
	*ret = slot;
	return 0;
}

/**
 * ipe_lifecycle_show() - Let a policy be found by its name
 * @slot: added, and visible to user space
 */
void ipe_lifecycle_show(struct ipe_slot *slot)
{
	spin_lock_bh(&slot->policies->lock);
	slot->shown = true;
	spin_unlock_bh(&slot->policies->lock);
}

/**
 * ipe_lifecycle_forget() - Give a name free
 * @slot: deleted, or added and never made visible; gone when its last open file
 *	is closed
 *
 * Context: Process context.
 */
void ipe_lifecycle_forget(struct ipe_slot *slot)
{
	struct ipe_policies *policies = slot->policies;

	mutex_lock(&policies->writer);
	scoped_guard(spinlock_bh, &policies->lock) {
		do_delete(slot, NULL);
		slot->shown = false;
		list_del(&slot->list);
	}
	put_floor(slot->floor);
	slot->floor = NULL;
	mutex_unlock(&policies->writer);
	ipe_slot_put(slot);
}

/**
 * ipe_lifecycle_boot() - Make the boot policy the one that decides
 * @policies: without policies
 * @loaded: the caller's reference is used up
 *
 * There is nobody to tell yet: no record is made.
 *
 * Context: while the LSM starts.
 * Return: %0, or an error of ipe_lifecycle_add().
 */
int __init ipe_lifecycle_boot(struct ipe_policies *policies,
			      struct ipe_loaded *loaded)
{
	struct ipe_slot *slot;
	int r;

	r = ipe_lifecycle_add(policies, loaded, &slot);
	if (!r) {
		spin_lock_bh(&policies->lock);
		confirm_current(slot);
		spin_unlock_bh(&policies->lock);
	}
	ipe_loaded_put(loaded);
	return r;
}
