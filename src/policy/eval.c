// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/*
 * Facts -> verdict, by looking them up in the index of index.c.
 */

#include "internal.h"

/* The first matching rule among those that name several digests. */
static u32 match_several(const struct ipe_policy *policy, enum ipe_op op,
			 const u32 *known, u32 have, u32 booleans)
{
	u32 slot, shape, shapes, n, index, best = IPE_NONE;
	u32 ids[IPE_DIGESTS_MAX];

	for (shape = 0, shapes = policy->shapes[op]; shapes;
	     shape++, shapes >>= 1) {
		if (!(shapes & 1) || (shape & ~have))
			continue;
		for (slot = 0, n = 0; slot < IPE_DIGESTS_MAX; slot++)
			if (shape & (1U << slot))
				ids[n++] = known[slot];
		index = ipe_index_chain(policy, op, shape, ids);
		index = ipe_index_first(policy, index, op, shape, booleans);
		if (index < best)
			best = index;
	}
	return best;
}

/*
 * The first matching rule among those that name a digest. IPE_NONE, for none,
 * is above every index.
 */
static u32 match_digests(const struct ipe_policy *policy, enum ipe_op op,
			 const struct ipe_facts *facts)
{
	u32 slot, slots, index, best = IPE_NONE, have = 0;
	u32 known[IPE_DIGESTS_MAX];

	for (slots = policy->slots[op]; slots; slots &= slots - 1) {
		slot = ipe_port_lowest_bit(slots);
		if (!facts->digests[slot].value)
			continue;
		known[slot] = ipe_index_digest(policy, &facts->digests[slot]);
		if (known[slot] == IPE_NONE)
			continue;
		have |= 1U << slot;
		index = ipe_stored_at(policy, known[slot])->rules;
		index = ipe_index_first(policy, index, op, 1U << slot,
					facts->booleans);
		if (index < best)
			best = index;
	}
	if (policy->shapes[op] && !ipe_is_single(have)) {
		index = match_several(policy, op, known, have, facts->booleans);
		if (index < best)
			best = index;
	}
	return best;
}

static struct ipe_verdict decide_default(const struct ipe_policy *policy,
					 enum ipe_op op)
{
	u8 own = op == IPE_OP_UNKNOWN ? policy->unknown : policy->defaults[op];
	struct ipe_verdict verdict = { .op = op };

	if (own) {
		verdict.match = IPE_MATCH_OP_DEFAULT;
		verdict.action = own;
		return verdict;
	}
	verdict.match = IPE_MATCH_GLOBAL_DEFAULT;
	verdict.action = policy->defaults[IPE_OP_COUNT];
	if (verdict.action == IPE_ACTION_UNSET)
		verdict.action = IPE_ACTION_ALLOW;
	return verdict;
}

/**
 * ipe_policy_evaluate() - Judge a file
 * @policy: compiled
 * @op: about to happen to the file
 * @facts: about the file
 *
 * Return: the verdict; see policy.h.
 */
struct ipe_verdict ipe_policy_evaluate(const struct ipe_policy *policy,
				       enum ipe_op op,
				       const struct ipe_facts *facts)
{
	u32 bits = policy->vocabulary->n_booleans;
	const struct ipe_rule *rule;
	u32 index, other;

	if ((unsigned int)op >= IPE_OP_COUNT)
		return decide_default(policy, IPE_OP_UNKNOWN);

	index = policy->by_booleans[(op << bits) +
				    (facts->booleans & ((1U << bits) - 1))];
	if (policy->slots[op]) {
		other = match_digests(policy, op, facts);
		if (other < index)
			index = other;
	}
	if (index == IPE_NONE)
		return decide_default(policy, op);

	rule = ipe_rule_at(policy, index);
	return (struct ipe_verdict){
		.action = rule->action,
		.match = IPE_MATCH_RULE,
		.op = op,
		.rule = rule,
	};
}
