// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/*
 * Questions about a compiled policy, its rules and its verdicts.
 */

#include "internal.h"

/**
 * ipe_policy_name() - The policy_name of the header
 * @policy: compiled
 *
 * Return: NUL-terminated, owned by @policy.
 */
const char *ipe_policy_name(const struct ipe_policy *policy)
{
	return policy->name;
}

/**
 * ipe_policy_version() - The policy_version of the header
 * @policy: compiled
 *
 * Return: owned by @policy.
 */
const struct ipe_version *ipe_policy_version(const struct ipe_policy *policy)
{
	return &policy->version;
}

/**
 * ipe_policy_rollback_floor() - The policy_rollback_floor of the header
 * @policy: compiled
 *
 * Return: the floor; the policy's own version where the header names none.
 */
const struct ipe_version *
ipe_policy_rollback_floor(const struct ipe_policy *policy)
{
	return &policy->floor;
}

/**
 * ipe_policy_may_be_unsigned() - Does the policy do without a signature?
 * @policy: compiled
 *
 * Return: whether the header has policy_unsigned=TRUE.
 */
bool ipe_policy_may_be_unsigned(const struct ipe_policy *policy)
{
	return policy->may_be_unsigned;
}

/**
 * ipe_policy_header_line() - Where the header stands in the text
 * @policy: compiled
 *
 * Return: the line, counted from 1.
 */
unsigned int ipe_policy_header_line(const struct ipe_policy *policy)
{
	return policy->header_line;
}

/**
 * ipe_policy_extended_line() - Does the policy need the extended ABI?
 * @policy: compiled
 *
 * Return: the first line that upstream kernels refuse, or %0.
 */
unsigned int ipe_policy_extended_line(const struct ipe_policy *policy)
{
	return policy->extended_line;
}

/**
 * ipe_policy_n_rules() - Count the rules
 * @policy: compiled
 *
 * Return: how many there are, DEFAULTs not counted.
 */
unsigned int ipe_policy_n_rules(const struct ipe_policy *policy)
{
	return policy->rules.n;
}

/**
 * ipe_policy_size() - Measure a policy
 * @policy: compiled
 *
 * Return: bytes of memory that it holds, its text not counted.
 */
size_t ipe_policy_size(const struct ipe_policy *policy)
{
	size_t columns = (size_t)1 << policy->vocabulary->n_booleans;

	return sizeof(*policy) + strlen(policy->name) + 1 +
	       policy->rules.room * sizeof(struct ipe_rule) +
	       policy->refs.room * sizeof(u32) +
	       policy->digests.room * sizeof(struct ipe_stored_digest) +
	       policy->bytes.room +
	       ((size_t)policy->interned.mask + 1) * sizeof(u32) +
	       ((size_t)policy->chains.mask + 1) * sizeof(u32) +
	       IPE_OP_COUNT * columns * sizeof(u32);
}

/**
 * ipe_rule_line() - Where a rule stands in the text
 * @rule: of a verdict
 *
 * Return: the line, counted from 1.
 */
unsigned int ipe_rule_line(const struct ipe_rule *rule)
{
	return rule->line;
}

/**
 * ipe_rule_index() - The place of a rule among all rules
 * @policy: that has the rule
 * @rule: of a verdict
 *
 * Return: the place, counted from 0.
 */
unsigned int ipe_rule_index(const struct ipe_policy *policy,
			    const struct ipe_rule *rule)
{
	return rule - ipe_rule_at(policy, 0);
}

/**
 * ipe_policy_rule_line() - Where a rule stands in the text
 * @policy: compiled
 * @index: of the rule among all rules, below ipe_policy_n_rules()
 *
 * Return: the line, counted from 1.
 */
unsigned int ipe_policy_rule_line(const struct ipe_policy *policy,
				  unsigned int index)
{
	return ipe_rule_at(policy, index)->line;
}

/**
 * ipe_policy_rule_op() - The operation of a rule
 * @policy: compiled
 * @index: of the rule among all rules, below ipe_policy_n_rules()
 *
 * Return: the operation.
 */
enum ipe_op ipe_policy_rule_op(const struct ipe_policy *policy,
			       unsigned int index)
{
	return ipe_rule_at(policy, index)->op;
}

/**
 * ipe_policy_rule_action() - The action of a rule
 * @policy: compiled
 * @index: of the rule among all rules, below ipe_policy_n_rules()
 *
 * Return: the action.
 */
enum ipe_action ipe_policy_rule_action(const struct ipe_policy *policy,
				       unsigned int index)
{
	return ipe_rule_at(policy, index)->action;
}

/**
 * ipe_policy_default_action() - The action of a DEFAULT
 * @policy: compiled
 * @op: whose DEFAULT; IPE_OP_UNKNOWN for the global one
 *
 * Return: the action; IPE_ACTION_UNSET where an operation has no DEFAULT of its
 * own, IPE_ACTION_ALLOW where there is no global one.
 */
enum ipe_action ipe_policy_default_action(const struct ipe_policy *policy,
					  enum ipe_op op)
{
	if (op == IPE_OP_UNKNOWN && !policy->defaults[IPE_OP_COUNT])
		return IPE_ACTION_ALLOW;
	return policy->defaults[op];
}

/**
 * ipe_policy_default_line() - Where a DEFAULT stands in the text
 * @policy: compiled
 * @op: whose DEFAULT; IPE_OP_UNKNOWN for the global one
 *
 * Return: the line, counted from 1; %0 where the policy has no such DEFAULT.
 */
unsigned int ipe_policy_default_line(const struct ipe_policy *policy,
				     enum ipe_op op)
{
	return policy->default_line[op];
}

/**
 * ipe_verdict_line() - Where the rule or DEFAULT that decided stands
 * @policy: the policy that gave the verdict
 * @verdict: of that policy
 *
 * Return: the line, counted from 1; %0 where nothing in the policy decided.
 */
unsigned int ipe_verdict_line(const struct ipe_policy *policy,
			      const struct ipe_verdict *verdict)
{
	if (verdict->match == IPE_MATCH_RULE)
		return verdict->rule->line;
	if (verdict->match == IPE_MATCH_GLOBAL_DEFAULT)
		return policy->default_line[IPE_OP_COUNT];
	if (verdict->op == IPE_OP_UNKNOWN)
		return 0;
	return policy->default_line[verdict->op];
}
