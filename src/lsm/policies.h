/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All policies, by name, and the active one. This header is for readers;
 * lifecycle.h is for writers.
 */
#ifndef _SECURITY_IPE_POLICIES_H
#define _SECURITY_IPE_POLICIES_H

#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/cache.h>
#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/stddef.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "loaded.h"

struct ipe_floor;

/* Where the versions of a name are kept. */
enum ipe_place {
	IPE_PLACE_CURRENT,
	IPE_PLACE_NEXT,
	IPE_PLACE_PREVIOUS,
	IPE_PLACE_COUNT,
};

/**
 * struct ipe_expiry - a trial that the timer ended, to be recorded
 * @from: the policy that was on trial, with a reference
 * @to: the confirmed policy, with a reference; may be NULL
 * @turn: of the record
 * @work: records the end, and frees this
 */
struct ipe_expiry {
	struct ipe_loaded *from;
	struct ipe_loaded *to;
	u64 turn;
	struct work_struct work;
};

/**
 * struct ipe_policies - all policies
 * @active: the active policy, with a reference; NULL: everything is allowed.
 *	Read under RCU
 * @shadow: the policy that is evaluated beside it and decides nothing, with a
 *	reference; NULL if there is none. Read under RCU
 * @lock: of all but @writer, @changes and @wait. Held for changes alone, never
 *	while waiting; the timer takes it, too
 * @writer: serialises adding and forgetting names. Taken before @lock
 * @shadow_slot: has @shadow as one of its versions
 * @confirmed: becomes active again when a trial ends without a confirmation;
 *	with a reference, may be NULL. The same as @active without a trial
 * @bar: the highest version of any name that was confirmed since the boot; a
 *	rollback does not lower it
 * @trial: the slot whose next or current is on trial; NULL if none is
 * @deadline: of the trial, on CLOCK_BOOTTIME, which counts on in suspend
 * @timer: ends the trial
 * @expiry: for the timer to fill in; made when a trial begins, so that its end
 *	needs no memory. NULL while there is no trial
 * @locked: one-way: only the shadow still changes. Read with READ_ONCE()
 * @changes: counts possible changes of the files "confirm", "active" and
 *	"trial", from 1 on
 * @wait: readers that wait for @changes
 * @slots: struct ipe_slot, one for each policy name. Changed under both locks
 * @floors: struct ipe_floor, one for each policy name that is taken or had a
 *	confirmed policy. The list is changed under @writer
 *
 * Each verdict reads the first two, so no other member shares their cache line.
 */
struct ipe_policies {
	struct ipe_loaded __rcu *active;
	struct ipe_loaded __rcu *shadow;
	spinlock_t lock ____cacheline_aligned_in_smp;
	struct mutex writer;
	struct ipe_slot *shadow_slot;
	struct ipe_loaded *confirmed;
	struct ipe_version bar;
	struct ipe_slot *trial;
	ktime_t deadline;
	struct hrtimer timer;
	struct ipe_expiry *expiry;
	bool locked;
	atomic_long_t changes;
	wait_queue_head_t wait;
	struct list_head slots;
	struct list_head floors;
};

static_assert(!IS_ENABLED(CONFIG_SMP) ||
	      offsetof(struct ipe_policies, lock) >= SMP_CACHE_BYTES);
static_assert(offsetofend(struct ipe_policies, shadow) <= L1_CACHE_BYTES);

/**
 * struct ipe_slot - a policy name
 * @list: in &ipe_policies.slots
 * @refs: of the list, and of each open file of the policy's directory
 * @rcu: a file that is being opened uses a slot before it has a reference
 * @policies: have this slot; constant
 * @versions: by enum ipe_place, each with a reference, or NULL.
 *	IPE_PLACE_CURRENT is set until the policy is deleted; &ipe_policies.lock
 * @floor: of this name; &ipe_policies.lock
 * @shown: user space can see it, and it can be found by its name;
 *	&ipe_policies.lock
 * @dir: the policy's directory, or NULL; only fs_policy.c uses it, before and
 *	after files lead to the slot
 * @name: taken until ipe_lifecycle_forget(); constant
 */
struct ipe_slot {
	struct list_head list;
	refcount_t refs;
	struct rcu_head rcu;
	struct ipe_policies *policies;
	struct ipe_loaded *versions[IPE_PLACE_COUNT];
	struct ipe_floor *floor;
	bool shown;
	struct dentry *dir;
	char name[];
};

extern struct ipe_policies ipe_policies;

struct ipe_loaded *ipe_slot_version(struct ipe_slot *slot,
				    enum ipe_place place);
int ipe_slot_is_active(struct ipe_slot *slot);
int ipe_slot_is_shadowed(struct ipe_slot *slot);
int ipe_slot_trial_seconds(struct ipe_slot *slot);
struct ipe_loaded *ipe_policies_on_trial(struct ipe_policies *policies);
bool ipe_policies_is_locked(struct ipe_policies *policies);
unsigned long ipe_policies_changes(struct ipe_policies *policies);
__poll_t ipe_policies_poll(struct ipe_policies *policies, struct file *file,
			   poll_table *wait, unsigned long seen);
struct ipe_slot *ipe_policies_find(struct ipe_policies *policies,
				   const char *name);
bool ipe_slot_get(struct ipe_slot *slot);
void ipe_slot_put(struct ipe_slot *slot);

/**
 * ipe_policies_active() - The active policy
 * @policies: all policies
 *
 * Context: RCU read-side critical section, which must last as long as the
 * result is used.
 * Return: NULL if no policy is active.
 */
static inline const struct ipe_loaded *
ipe_policies_active(const struct ipe_policies *policies)
{
	return rcu_dereference(policies->active);
}

/**
 * ipe_policies_shadow() - The policy that is evaluated beside the active one
 * @policies: all policies
 *
 * Context: as ipe_policies_active().
 * Return: NULL if there is none.
 */
static inline const struct ipe_loaded *
ipe_policies_shadow(const struct ipe_policies *policies)
{
	return rcu_dereference(policies->shadow);
}

/* The same for a holder of &ipe_policies.lock. */
static inline struct ipe_loaded *
ipe_policies_active_locked(const struct ipe_policies *policies)
{
	return rcu_dereference_protected(policies->active,
					 lockdep_is_held(&policies->lock));
}

/* The same for a holder of &ipe_policies.lock. */
static inline struct ipe_loaded *
ipe_policies_shadow_locked(const struct ipe_policies *policies)
{
	return rcu_dereference_protected(policies->shadow,
					 lockdep_is_held(&policies->lock));
}

/* The version for a trial or a shadow; &ipe_policies.lock is held. */
static inline struct ipe_loaded *ipe_slot_candidate(const struct ipe_slot *slot)
{
	return slot->versions[IPE_PLACE_NEXT]
		       ?: slot->versions[IPE_PLACE_CURRENT];
}

#endif
