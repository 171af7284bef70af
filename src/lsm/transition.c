// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decides which write is permitted; changes nothing.
 *
 * The checks come in this order: are policies locked, does the standing of the
 * slot permit the write, does the version exist, is the version good for it.
 */

#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/string.h>

#include "floor.h"
#include "transition.h"

/* How a slot stands to the active policy and to a trial. */
enum standing {
	DELETED,
	/* There is no trial. */
	IDLE,
	ACTIVE, /* current is active */
	/* Another name is on trial. */
	BYSTANDER,
	HELD, /* current is confirmed */
	/* This name is on trial. */
	CURRENT_TRIED,
	NEXT_TRIED,
	NEXT_TRIED_HELD, /* and current is confirmed */
	STANDING_COUNT,
};

/* %0, or the errno of a write to a slot of this standing. */
static const int permitted[IPE_WRITE_COUNT][STANDING_COUNT] = {
	[IPE_WRITE_UPDATE] = {
		[DELETED] = -ENOENT, [HELD] = -EBUSY, [CURRENT_TRIED] = -EBUSY,
		[NEXT_TRIED] = -EBUSY, [NEXT_TRIED_HELD] = -EBUSY,
	},
	[IPE_WRITE_STAGE] = {
		[DELETED] = -ENOENT, [NEXT_TRIED] = -EBUSY,
		[NEXT_TRIED_HELD] = -EBUSY,
	},
	[IPE_WRITE_ACTIVATE] = {
		[DELETED] = -ENOENT,
	},
	[IPE_WRITE_TRIAL] = {
		[DELETED] = -ENOENT, [BYSTANDER] = -EBUSY, [HELD] = -EBUSY,
		[CURRENT_TRIED] = -EBUSY, [NEXT_TRIED] = -EBUSY,
		[NEXT_TRIED_HELD] = -EBUSY,
	},
	/* These two are about the slot on trial, if there is one. */
	[IPE_WRITE_CONFIRM] = {
		[DELETED] = -ENODATA, [IDLE] = -ENODATA, [ACTIVE] = -ENODATA,
		[BYSTANDER] = -ENODATA, [HELD] = -ENODATA,
	},
	[IPE_WRITE_REVERT] = {
		[DELETED] = -ENODATA, [IDLE] = -ENODATA, [ACTIVE] = -ENODATA,
		[BYSTANDER] = -ENODATA, [HELD] = -ENODATA,
	},
	[IPE_WRITE_ROLLBACK] = {
		[DELETED] = -ENOENT, [IDLE] = -EPERM, [BYSTANDER] = -EPERM,
		[HELD] = -EBUSY, [CURRENT_TRIED] = -EBUSY,
		[NEXT_TRIED] = -EBUSY, [NEXT_TRIED_HELD] = -EBUSY,
	},
	[IPE_WRITE_DELETE] = {
		[DELETED] = -ENOENT, [ACTIVE] = -EPERM, [HELD] = -EPERM,
		[CURRENT_TRIED] = -EPERM, [NEXT_TRIED] = -EPERM,
		[NEXT_TRIED_HELD] = -EPERM,
	},
	[IPE_WRITE_SHADOW] = {
		[DELETED] = -ENOENT,
	},
	[IPE_WRITE_UNSHADOW] = {
		[DELETED] = -ENOENT,
	},
};

static enum standing standing_of(const struct ipe_policies *policies,
				 const struct ipe_slot *slot)
{
	const struct ipe_loaded *current_version;

	if (!slot || !slot->versions[IPE_PLACE_CURRENT])
		return DELETED;
	current_version = slot->versions[IPE_PLACE_CURRENT];
	if (!policies->trial)
		return current_version == ipe_policies_active_locked(policies)
			       ? ACTIVE
			       : IDLE;
	if (policies->trial != slot)
		return current_version == policies->confirmed ? HELD
							      : BYSTANDER;
	if (current_version == ipe_policies_active_locked(policies))
		return CURRENT_TRIED;
	return current_version == policies->confirmed ? NEXT_TRIED_HELD
						      : NEXT_TRIED;
}

/* Checks of the version that a write is about. */
enum check {
	SAME_NAME = BIT(0),
	ABOVE_CURRENT = BIT(1),
	NOT_CONFIRMED = BIT(2),
	NOT_BELOW_BAR = BIT(3),
	NOT_BELOW_FLOOR = BIT(4),
	ONLY_SHADOW = BIT(5),
	NOT_ACTIVE = BIT(6),
	WAS_CONFIRMED = BIT(7),
};

/**
 * struct rules - of a write
 * @checks: enum check
 * @harmless: permitted when policies are locked
 */
struct rules {
	unsigned int checks;
	bool harmless;
};

static const struct rules rules[IPE_WRITE_COUNT] = {
	[IPE_WRITE_UPDATE] = { SAME_NAME | ABOVE_CURRENT },
	[IPE_WRITE_STAGE] = { SAME_NAME | ABOVE_CURRENT },
	[IPE_WRITE_ACTIVATE] = { NOT_BELOW_BAR | NOT_BELOW_FLOOR },
	[IPE_WRITE_TRIAL] = {
		NOT_CONFIRMED | NOT_BELOW_BAR | NOT_BELOW_FLOOR,
	},
	[IPE_WRITE_ROLLBACK] = { WAS_CONFIRMED | NOT_BELOW_FLOOR },
	[IPE_WRITE_SHADOW] = { ONLY_SHADOW | NOT_ACTIVE, .harmless = true },
	[IPE_WRITE_UNSHADOW] = { .harmless = true },
};

/**
 * ipe_transition_subject() - The version that a write is about
 * @slot: of the request; of the policy on trial, if it names none; may be NULL
 * @request: the write
 *
 * Context: &ipe_policies.lock is held.
 * Return: the version, or NULL if there is none.
 */
struct ipe_loaded *ipe_transition_subject(const struct ipe_slot *slot,
					  const struct ipe_request *request)
{
	if (!slot)
		return NULL;
	switch (request->write) {
	case IPE_WRITE_UPDATE:
	case IPE_WRITE_STAGE:
		return request->loaded;
	case IPE_WRITE_CONFIRM:
		return ipe_policies_active_locked(slot->policies);
	case IPE_WRITE_ROLLBACK:
		return slot->versions[IPE_PLACE_PREVIOUS];
	case IPE_WRITE_UNSHADOW:
		if (slot->policies->shadow_slot == slot)
			return ipe_policies_shadow_locked(slot->policies);
		return ipe_slot_candidate(slot);
	case IPE_WRITE_TRIAL:
	case IPE_WRITE_SHADOW:
		return ipe_slot_candidate(slot);
	default:
		return slot->versions[IPE_PLACE_CURRENT];
	}
}

/*
 * A version is compared with the confirmed one of its name, a version of
 * another name with the bar. Otherwise a rollback within a name with a low
 * floor would open the way down for all names.
 *
 * CONFIRM and UPDATE need not check this again: nothing is confirmed during a
 * trial without ending it, and UPDATE only raises the version of its name.
 */
static bool is_below_bar(const struct ipe_policies *policies,
			 const struct ipe_loaded *subject)
{
	const struct ipe_loaded *confirmed = policies->confirmed;

	if (confirmed && !strcmp(ipe_policy_name(confirmed->policy),
				 ipe_policy_name(subject->policy)))
		return ipe_loaded_compare(subject, confirmed) < 0;
	return ipe_version_compare(ipe_policy_version(subject->policy),
				   &policies->bar) < 0;
}

static int check_version(const struct ipe_slot *slot, unsigned int checks,
			 const struct ipe_loaded *subject)
{
	const struct ipe_loaded *current_version =
		slot->versions[IPE_PLACE_CURRENT];
	const struct ipe_policies *policies = slot->policies;

	if (checks & SAME_NAME &&
	    strcmp(ipe_policy_name(subject->policy), slot->name))
		return -EINVAL;
	if (checks & ABOVE_CURRENT &&
	    ipe_loaded_compare(subject, current_version) <= 0)
		return -ESTALE;
	if (checks & NOT_CONFIRMED && subject == policies->confirmed)
		return -EALREADY;
	if (checks & NOT_BELOW_BAR && is_below_bar(policies, subject))
		return -EINVAL;
	if (checks & WAS_CONFIRMED && !subject->was_confirmed)
		return -EPERM;
	if (checks & NOT_BELOW_FLOOR &&
	    ipe_version_compare(ipe_policy_version(subject->policy),
				&slot->floor->version) < 0)
		return -EPERM;
	if (checks & ONLY_SHADOW && policies->shadow_slot &&
	    policies->shadow_slot != slot)
		return -EBUSY;
	if (checks & NOT_ACTIVE &&
	    subject == ipe_policies_active_locked(policies))
		return -EALREADY;
	return 0;
}

/**
 * ipe_transition_check() - Is a write permitted?
 * @policies: all policies
 * @slot: of the request; of the policy on trial, if it names none; may be NULL
 * @request: the write
 *
 * Context: &ipe_policies.lock is held.
 * Return: %0, %1 if there is nothing to do, or an errno of
 * ipe_lifecycle_write().
 */
int ipe_transition_check(const struct ipe_policies *policies,
			 const struct ipe_slot *slot,
			 const struct ipe_request *request)
{
	const struct rules *rule = &rules[request->write];
	enum standing standing = standing_of(policies, slot);
	const struct ipe_loaded *subject;
	int r;

	if (policies->locked && !rule->harmless)
		return -EPERM;
	r = permitted[request->write][standing];
	if (r)
		return r;
	subject = ipe_transition_subject(slot, request);
	if (!subject)
		return -ENODATA;
	r = check_version(slot, rule->checks, subject);
	if (r)
		return r;
	if (request->write == IPE_WRITE_ACTIVATE)
		return standing == ACTIVE;
	if (request->write == IPE_WRITE_SHADOW)
		return subject == ipe_policies_shadow_locked(policies);
	if (request->write == IPE_WRITE_UNSHADOW)
		return policies->shadow_slot != slot;
	return 0;
}
