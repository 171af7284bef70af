// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/*
 * Rules -> index, so that a verdict takes the same time at any number of
 * rules.
 *
 * A rule is a set of conditions on booleans and a set of digests. Rules with
 * the same operation and the very same digests form a chain, in the order of
 * the text. Within a chain only the booleans tell rules apart, and a rule
 * whose boolean conditions an earlier one of its chain has already can never
 * be the first to match, so it is left out: a chain is never longer than
 * 3^booleans, however many rules there are. Chains are found in a hash table
 * by their identity. Those without digests are unrolled into a table with an
 * entry for each combination of the booleans.
 *
 * A file has at most one digest of each kind, so a verdict looks at one table
 * entry, and at one chain for each set of digest kinds that occurs in the
 * rules of its operation.
 *
 * Both hashes are keyed with a secret of this policy: nobody can choose
 * digests, or combinations of them, that collide.
 */

#include "internal.h"

/**
 * ipe_index_init() - Draw the policy's secret
 * @policy: as it is before the first rule
 *
 * Return: %0 or %-ENOMEM.
 */
int ipe_index_init(struct ipe_policy *policy)
{
	u8 i;

	ipe_port_key_init(&policy->key);
	for (i = 0; i < 1 + IPE_DIGESTS_MAX; i++)
		policy->mix[i] = ipe_port_hash(&policy->key, &i, 1) | 1;
	return ipe_table_init(&policy->interned, 0);
}

/* The name of the algorithm enters as a polynomial at a secret point. */
static u32 digest_hash(const struct ipe_policy *policy,
		       const struct ipe_digest *digest)
{
	u64 hash = 0;
	size_t i;

	for (i = 0; i < digest->algorithm_len; i++)
		hash = (hash + (u8)digest->algorithm[i]) * policy->mix[0];
	hash += ipe_port_hash(&policy->key, digest->value, digest->value_len);
	return hash >> 32;
}

/**
 * ipe_index_stored() - The digest of a number
 * @policy: compiled, or being compiled
 * @id: index into &ipe_policy.digests
 *
 * Return: the digest, borrowed from @policy until its next digest is added.
 */
struct ipe_digest ipe_index_stored(const struct ipe_policy *policy, u32 id)
{
	const struct ipe_stored_digest *stored = policy->digests.data;

	stored += id;
	return (struct ipe_digest){
		.algorithm = policy->text + stored->algorithm,
		.algorithm_len = stored->algorithm_len,
		.value = (const u8 *)policy->bytes.data + stored->value,
		.value_len = stored->value_len,
	};
}

static bool digest_equal(const struct ipe_digest *a, const struct ipe_digest *b)
{
	return a->value_len == b->value_len &&
	       a->algorithm_len == b->algorithm_len &&
	       !memcmp(a->value, b->value, a->value_len) &&
	       !memcmp(a->algorithm, b->algorithm, a->algorithm_len);
}

/* The slot that holds @digest, or the empty one where it belongs. */
static u32 *find_interned(const struct ipe_policy *policy,
			  const struct ipe_digest *digest)
{
	const struct ipe_table *table = &policy->interned;
	u32 at = digest_hash(policy, digest) & table->mask;
	struct ipe_digest there;

	for (;; at = (at + 1) & table->mask) {
		if (table->slots[at] == IPE_NONE)
			return &table->slots[at];
		there = ipe_index_stored(policy, table->slots[at]);
		if (digest_equal(&there, digest))
			return &table->slots[at];
	}
}

static int grow_interned(struct ipe_policy *policy)
{
	struct ipe_table *table = &policy->interned;
	u32 i, n = table->n;
	struct ipe_digest digest;
	int r;

	if (2 * ((u64)n + 1) <= (u64)table->mask + 1)
		return 0;
	r = ipe_table_init(table, 2 * (n + 1));
	if (r < 0)
		return r;
	for (i = 0; i < n; i++) {
		digest = ipe_index_stored(policy, i);
		*find_interned(policy, &digest) = i;
		if (!(i & 0xfff))
			ipe_port_relax();
	}
	table->n = n;
	return 0;
}

/**
 * ipe_index_intern() - Give a digest of the text its number
 * @policy: being compiled
 * @digest: its value is the last that was pushed to &ipe_policy.bytes, and is
 *	taken off again if it is there already
 * @ret: index into &ipe_policy.digests; equal digests have equal ones
 *
 * Return: %0 or %-ENOMEM.
 */
int ipe_index_intern(struct ipe_policy *policy,
		     const struct ipe_stored_digest *digest, u32 *ret)
{
	struct ipe_digest key = {
		.algorithm = policy->text + digest->algorithm,
		.algorithm_len = digest->algorithm_len,
		.value = (const u8 *)policy->bytes.data + digest->value,
		.value_len = digest->value_len,
	};
	struct ipe_stored_digest *added;
	u32 *slot;
	int r;

	r = grow_interned(policy);
	if (r < 0)
		return r;
	slot = find_interned(policy, &key);
	if (*slot != IPE_NONE) {
		policy->bytes.n = digest->value;
		*ret = *slot;
		return 0;
	}
	added = ipe_array_push(&policy->digests, 1, sizeof(*added));
	if (!added)
		return -ENOMEM;
	*added = *digest;
	*slot = *ret = policy->digests.n - 1;
	policy->interned.n++;
	return 0;
}

/**
 * ipe_index_digest() - Find the number of a file's digest
 * @policy: compiled
 * @digest: any
 *
 * Return: the number, or IPE_NONE if no rule names it.
 */
u32 ipe_index_digest(const struct ipe_policy *policy,
		     const struct ipe_digest *digest)
{
	if (!digest->value || !digest->value_len)
		return IPE_NONE;
	return *find_interned(policy, digest);
}

/* Multilinear hashing: universal, as the coefficients are secret and odd. */
static u32 chain_hash(const struct ipe_policy *policy, u32 op, u32 shape,
		      const u32 *ids, u32 n)
{
	u64 hash = policy->mix[0] * (op << IPE_DIGESTS_MAX | shape);
	u32 i;

	for (i = 0; i < n; i++)
		hash += policy->mix[1 + i] * (ids[i] + 1);
	return hash >> 32;
}

static u32 count_bits(u32 bits)
{
	u32 n;

	for (n = 0; bits; n++)
		bits &= bits - 1;
	return n;
}

static u32 *find_chain(const struct ipe_policy *policy, u32 op, u32 shape,
		       const u32 *ids)
{
	const struct ipe_table *table = &policy->chains;
	u32 i, n = count_bits(shape);
	u32 at = chain_hash(policy, op, shape, ids, n) & table->mask;
	const struct ipe_rule *rule;

	for (;; at = (at + 1) & table->mask) {
		if (table->slots[at] == IPE_NONE)
			return &table->slots[at];
		rule = ipe_rule_at(policy, table->slots[at]);
		if (rule->op != op || rule->digests != shape)
			continue;
		for (i = 0; i < n; i++)
			if (ipe_ref_at(policy, rule->refs + i) != ids[i])
				break;
		if (i == n)
			return &table->slots[at];
	}
}

/**
 * ipe_index_chain() - Find the rules that name exactly these digests
 * @policy: compiled
 * @op: not IPE_OP_UNKNOWN
 * @shape: digest slots named
 * @ids: the digest of each slot of @shape, in their order
 *
 * Return: the first of those rules, the others by &ipe_rule.next; or IPE_NONE.
 */
u32 ipe_index_chain(const struct ipe_policy *policy, enum ipe_op op, u32 shape,
		    const u32 *ids)
{
	return *find_chain(policy, op, shape, ids);
}

/* Appends a rule to its chain, unless an earlier one has its conditions. */
static void add_to_chain(struct ipe_policy *policy, u32 index)
{
	struct ipe_rule *rule = ipe_rule_at(policy, index);
	u32 ids[IPE_DIGESTS_MAX], i, n = count_bits(rule->digests);
	u32 *link;

	for (i = 0; i < n; i++)
		ids[i] = ipe_ref_at(policy, rule->refs + i);

	for (link = find_chain(policy, rule->op, rule->digests, ids);
	     *link != IPE_NONE; link = &ipe_rule_at(policy, *link)->next) {
		const struct ipe_rule *other = ipe_rule_at(policy, *link);

		if (other->booleans == rule->booleans &&
		    other->wanted == rule->wanted)
			return;
	}
	*link = index;
	policy->shapes[rule->op] |= 1U << rule->digests;
}

/* The chain without digests, unrolled: one entry a combination of booleans. */
static void unroll(struct ipe_policy *policy, enum ipe_op op, u32 *row)
{
	u32 index, facts, n = 1U << policy->vocabulary->n_booleans;
	const struct ipe_rule *rule;

	for (facts = 0; facts < n; facts++)
		row[facts] = IPE_NONE;
	if (!(policy->shapes[op] & 1))
		return;
	for (facts = 0; facts < n; facts++) {
		index = ipe_index_chain(policy, op, 0, NULL);
		for (; index != IPE_NONE; index = rule->next) {
			rule = ipe_rule_at(policy, index);
			if ((facts & rule->booleans) == rule->wanted)
				break;
		}
		row[facts] = index;
	}
	/* Only a set of digests that is not empty needs a look-up. */
	policy->shapes[op] &= ~1U;
}

/**
 * ipe_index_build() - Build the index of a policy whose rules are all there
 * @policy: being compiled
 *
 * Return: %0 or %-ENOMEM.
 */
int ipe_index_build(struct ipe_policy *policy)
{
	u32 i, n, columns = 1U << policy->vocabulary->n_booleans;
	const struct ipe_rule *rule;
	int r;

	for (i = 0, n = 0; i < policy->rules.n; i++)
		n += !ipe_rule_at(policy, i)->never;
	r = ipe_table_init(&policy->chains, n);
	if (r < 0)
		return r;
	policy->by_booleans = ipe_port_alloc(IPE_OP_COUNT * columns,
					     sizeof(*policy->by_booleans));
	if (!policy->by_booleans)
		return -ENOMEM;

	for (i = 0; i < policy->rules.n; i++) {
		rule = ipe_rule_at(policy, i);
		if (!rule->never)
			add_to_chain(policy, i);
		if (!(i & 0xfff))
			ipe_port_relax();
	}
	for (i = 0; i < IPE_OP_COUNT; i++)
		unroll(policy, i, policy->by_booleans + i * columns);
	return 0;
}
