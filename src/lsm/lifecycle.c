// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of policies:
 *
 *	add or stage -> trial -> confirm -> rollback
 *			trial -> revert, or its time is over
 *	delete, then forget: the name is free
 *
 * One policy is active and one is confirmed. They differ only during a trial. A
 * trial ends when somebody confirms the policy on trial, or when somebody or
 * the timer makes the confirmed one active again.
 *
 * transition.c decides whether a write is permitted. Then change.c does it,
 * which cannot fail. The outcome is recorded here, without a lock.
 *
 * A policy below the floor of its name never becomes active. The floor is the
 * highest policy_rollback_floor of all policies of that name that were ever
 * confirmed. It outlives them, and a trial does not move it. The bar is the
 * highest version of any name that was confirmed: a policy of another name than
 * the confirmed one has to reach it, even after a rollback.
 */

#include <linux/cleanup.h>
#include <linux/errno.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#include "audit.h"
#include "change.h"
#include "floor.h"
#include "lifecycle.h"
#include "recorder.h"

/**
 * struct outcome - the policies that a record names
 * @old: the active policy before, with a reference; may be NULL
 * @new: the active policy afterwards; after a failure the confirmed one. With a
 *	reference; may be NULL
 * @subject: the version that the write is about, with a reference; may be NULL
 */
struct outcome {
	struct ipe_loaded *old;
	struct ipe_loaded *new;
	struct ipe_loaded *subject;
};

static void release_outcome(struct outcome *outcome)
{
	ipe_loaded_put(outcome->old);
	ipe_loaded_put(outcome->new);
	ipe_loaded_put(outcome->subject);
}

static void record_shadow(const struct ipe_request *request,
			  struct ipe_identity identity, bool known, int error)
{
	bool on = request->write == IPE_WRITE_SHADOW;

	ipe_audit_shadow(identity, !known ? "?" : on ? "1" : "0", error);
}

/* @known: the value that was written could be read */
static void record_outcome(const struct ipe_request *request,
			   const struct outcome *outcome, bool known, int error)
{
	struct ipe_identity identity = {
		.name = request->slot ? request->slot->name : NULL,
	};
	const struct ipe_loaded *new = outcome->new;

	/* After a failure: the policy that would have become active. */
	if (error && request->write != IPE_WRITE_REVERT)
		new = outcome->subject;
	if (outcome->subject)
		identity = ipe_identity(outcome->subject);

	switch (request->write) {
	case IPE_WRITE_UPDATE:
		ipe_audit_load(identity, NULL, error);
		if (!error && outcome->old != outcome->new)
			ipe_audit_activation(outcome->old, new, 0);
		break;
	case IPE_WRITE_STAGE:
		ipe_audit_stage(identity, NULL, error);
		break;
	case IPE_WRITE_ACTIVATE:
		ipe_audit_activation(outcome->old, new, error);
		break;
	case IPE_WRITE_TRIAL:
		ipe_audit_trial(outcome->old, new, request->seconds, error);
		break;
	case IPE_WRITE_CONFIRM:
		ipe_audit_step("confirm", outcome->old, new, error);
		break;
	case IPE_WRITE_REVERT:
		ipe_audit_step("revert", outcome->old, new, error);
		break;
	case IPE_WRITE_ROLLBACK:
		ipe_audit_step("rollback", outcome->old, new, error);
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

/* Ends a trial whose time has passed; sets the timer again for another. */
static void expire_trial(struct ipe_policies *policies, ktime_t now)
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
	expiry->from = ipe_loaded_get(ipe_policies_active_locked(policies));
	expiry->to = ipe_loaded_get(policies->confirmed);
	expiry->turn = ipe_recorder_turn();
	ipe_change_revert(policies);
	/* Queued in the order of turns: no worker waits for a later one. */
	queue_work(system_unbound_wq, &expiry->work);
}

/**
 * ipe_lifecycle_expire() - End a trial whose time has passed
 * @policies: all policies
 * @now: on CLOCK_BOOTTIME
 *
 * The confirmed policy becomes active again. Does nothing if no trial is due.
 *
 * Context: any but hard interrupts; does not sleep.
 */
void ipe_lifecycle_expire(struct ipe_policies *policies, ktime_t now)
{
	spin_lock_bh(&policies->lock);
	expire_trial(policies, now);
	spin_unlock_bh(&policies->lock);
}

static enum hrtimer_restart on_trial_timer(struct hrtimer *timer)
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
	policies->timer.function = on_trial_timer;
	atomic_long_set(&policies->changes, 1);
	init_waitqueue_head(&policies->wait);
	INIT_LIST_HEAD(&policies->slots);
	INIT_LIST_HEAD(&policies->floors);
}

/**
 * ipe_lifecycle_refuse() - Record a write that failed before it was checked
 * @policies: all policies
 * @request: as far as it could be read
 * @error: a negative errno
 *
 * Takes no turn and waits for no writer: the caller may lack the permission to
 * write.
 *
 * Context: Process context.
 */
void ipe_lifecycle_refuse(struct ipe_policies *policies,
			  const struct ipe_request *request, int error)
{
	const struct ipe_slot *slot;
	struct outcome outcome = {};

	scoped_guard(spinlock_bh, &policies->lock) {
		outcome.old =
			ipe_loaded_get(ipe_policies_active_locked(policies));
		slot = request->slot ?: policies->trial;
		outcome.subject =
			ipe_loaded_get(ipe_transition_subject(slot, request));
		outcome.new = ipe_loaded_get(policies->confirmed);
	}
	record_outcome(request, &outcome, false, error);
	release_outcome(&outcome);
}

/* Returns 0, 1 if there was nothing to do, or an errno. */
static int check_and_apply(struct ipe_policies *policies,
			   const struct ipe_request *request,
			   struct outcome *outcome)
{
	struct ipe_slot *slot = request->slot ?: policies->trial;
	int r;

	lockdep_assert_held(&policies->lock);

	r = ipe_transition_check(policies, slot, request);
	outcome->old = ipe_loaded_get(ipe_policies_active_locked(policies));
	outcome->subject =
		ipe_loaded_get(ipe_transition_subject(slot, request));
	if (!r)
		ipe_change_apply(slot, request);
	outcome->new = ipe_loaded_get(r ? policies->confirmed :
					  ipe_policies_active_locked(policies));
	return r;
}

/**
 * ipe_lifecycle_write() - Do a write, if it is permitted
 * @policies: all policies
 * @request: the write
 *
 * Records success and failure. A failure changes nothing. The change is done
 * before the record waits for its turn.
 *
 * Context: Process context.
 * Return:
 * * %0         - done, or nothing had to be done
 * * %-EPERM    - policies are locked; DELETE: a version is active or confirmed;
 *		  ROLLBACK: the current version is not confirmed, or the
 *		  previous one never was since the boot; the version is below
 *		  the floor of its name
 * * %-ENOENT   - the policy is deleted
 * * %-EBUSY    - a trial is in the way; SHADOW: another policy is the shadow
 * * %-ENODATA  - CONFIRM, REVERT: there is no trial; ROLLBACK: no previous
 * * %-EINVAL   - UPDATE, STAGE: another name; ACTIVATE, TRIAL: the version is
 *		  below the confirmed one of its name, or, of another name,
 *		  below the bar
 * * %-ESTALE   - UPDATE, STAGE: not above the current version
 * * %-EALREADY - TRIAL: the version is confirmed; SHADOW: it is active
 * * %-ENOMEM   - TRIAL
 */
int ipe_lifecycle_write(struct ipe_policies *policies,
			const struct ipe_request *request)
{
	struct ipe_expiry *expiry __free(kfree) = NULL;
	struct outcome outcome = {};
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
		/* The timer may be late: the deadline counts. */
		expire_trial(policies, ktime_get_boottime());
		r = check_and_apply(policies, request, &outcome);
		if (!r && expiry)
			policies->expiry = no_free_ptr(expiry);
		if (r <= 0)
			turn = ipe_recorder_turn();
	}
	if (turn) {
		ipe_recorder_begin(turn);
		record_outcome(request, &outcome, true, r);
		ipe_recorder_end(turn);
	}
	release_outcome(&outcome);
	return min(r, 0);
}

/**
 * ipe_lifecycle_lock() - Refuse all changes of policies until reboot
 * @policies: all policies
 *
 * Records success and failure.
 *
 * Context: Process context.
 * Return: %0, or %-EBUSY during a trial, as nobody could confirm it any more.
 */
int ipe_lifecycle_lock(struct ipe_policies *policies)
{
	u64 turn;
	int r = 0;

	/* Waits until no name is being added. */
	mutex_lock(&policies->writer);
	spin_lock_bh(&policies->lock);
	expire_trial(policies, ktime_get_boottime());
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

static struct ipe_slot *new_slot(struct ipe_policies *policies,
				 struct ipe_loaded *loaded)
{
	const char *name = ipe_policy_name(loaded->policy);
	size_t size = strlen(name) + 1;
	struct ipe_slot *slot;

	slot = kzalloc(struct_size(slot, name, size), GFP_KERNEL_ACCOUNT);
	if (!slot)
		return NULL;
	slot->floor = ipe_floor_get(policies, name);
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
 * ipe_lifecycle_add() - Add a policy under a new name
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
 * ipe_lifecycle_forget() - Free a name
 * @slot: deleted, or added and never made visible; gone when its last open file
 *	is closed
 *
 * Context: Process context.
 */
void ipe_lifecycle_forget(struct ipe_slot *slot)
{
	static const struct ipe_request delete = { .write = IPE_WRITE_DELETE };
	struct ipe_policies *policies = slot->policies;

	mutex_lock(&policies->writer);
	scoped_guard(spinlock_bh, &policies->lock) {
		ipe_change_apply(slot, &delete);
		slot->shown = false;
		list_del(&slot->list);
	}
	ipe_floor_put(slot->floor);
	slot->floor = NULL;
	mutex_unlock(&policies->writer);
	ipe_slot_put(slot);
}

/**
 * ipe_lifecycle_boot() - Make the boot policy active
 * @policies: without policies
 * @loaded: takes over the caller's reference
 *
 * Makes no record: audit does not run yet.
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
		ipe_change_confirm(slot);
		spin_unlock_bh(&policies->lock);
	}
	ipe_loaded_put(loaded);
	return r;
}
