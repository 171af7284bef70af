// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/*
 * Rules -> index, so that a verdict takes the same time at any number of rules.
 *
 * A rule is a set of conditions on booleans and a set of digests. Rules with
 * the same operation and the same digests form a chain, in the order of the
 * text. Within a chain rules differ only in booleans. A rule that repeats the
 * boolean conditions of an earlier rule of its chain can never match first, so
 * it is left out: a chain has at most 3^booleans rules, whatever the size of
 * the policy. Chains without digests are unrolled into a table with an entry
 * for each combination of the booleans. Chains with one digest begin at that
 * digest, all operations and slots in one list; its length is bounded by their
 * number, times 3^booleans. Chains with more digests are found in a hash table
 * by their identity.
 *
 * A file has at most one digest of each kind, so a verdict looks at one table
 * entry, and at one chain for each set of digest kinds that occurs in the rules
 * of its operation.
 *
 * Both hashes have a secret key of this policy, drawn when it is loaded: nobody
 * can choose digests, or combinations of them, that collide. They are
 * multilinear: they multiply each part of 32 bits by a coefficient of 64 bits,
 * or add a coefficient to each of two parts and multiply the two. The hash is
 * the upper half of the sum. Two different keys collide with a chance of 1 in
 * 2^32 (Lemire and Kaser, "Strongly universal string hashing is fast":
 * MULTILINEAR and MULTILINEAR-HM).
 */

#include "internal.h"

/**
 * ipe_index_init() - Draw the policy's secret
 * @policy: before its first rule
 *
 * Return: %0 or %-ENOMEM.
 */
int ipe_index_init(struct ipe_policy *policy)
{
	u8 i;

	ipe_port_key_init(&policy->key);
	for (i = 0; i < IPE_MIX_COUNT; i++)
		policy->mix[i] = ipe_port_hash(&policy->key, &i, 1);
	return ipe_table_init(&policy->interned, 0, 0);
}

static bool has_words(const struct ipe_digest *digest)
{
	return digest->algorithm_len >= IPE_WORDS_LETTERS_MIN &&
	       digest->algorithm_len <= IPE_WORDS_LETTERS_MAX &&
	       digest->value_len <= IPE_WORDS_VALUE_MAX &&
	       !(digest->value_len % 16);
}

/* The first and the last four letters of an algorithm; they may overlap. */
static u64 letters_of(const struct ipe_digest *digest)
{
	const char *end = digest->algorithm + digest->algorithm_len;

	return ipe_port_load32(digest->algorithm) |
	       (u64)ipe_port_load32(end - 4) << 32;
}

static u64 mix_word(const u64 *mix, u64 word)
{
	return (mix[0] + (u32)word) * (mix[1] + (word >> 32));
}

static __always_inline u32 digest_hash(const struct ipe_policy *policy,
				       const struct ipe_digest *digest)
{
	const u64 *mix = policy->mix;
	const u8 *value = digest->value, *end = value + digest->value_len;
	u64 hash;

	if (!has_words(digest)) {
		hash = ipe_port_hash(&policy->key, digest->algorithm,
				     digest->algorithm_len) +
		       *mix * ipe_port_hash(&policy->key, value,
					    digest->value_len);
		return hash >> 32;
	}
	hash = *mix++ * (u32)(digest->value_len << 8 | digest->algorithm_len);
	hash += mix_word(mix, letters_of(digest));
	for (; value < end; value += 16) {
		mix += 4;
		hash += mix_word(mix - 2, ipe_port_load(value));
		hash += mix_word(mix, ipe_port_load(value + 8));
	}
	return hash >> 32;
}

/**
 * ipe_index_stored() - The digest with a number
 * @policy: compiled, or being compiled
 * @id: index into &ipe_policy.digests
 *
 * Return: the digest, borrowed from @policy until its next digest is added.
 */
struct ipe_digest ipe_index_stored(const struct ipe_policy *policy, u32 id)
{
	const struct ipe_stored_digest *stored = ipe_stored_at(policy, id);

	return (struct ipe_digest){
		.algorithm = policy->text + stored->algorithm,
		.algorithm_len = stored->algorithm_len,
		.value = (const u8 *)policy->bytes.data + stored->value,
		.value_len = stored->value_len,
	};
}

static bool digest_equal(const struct ipe_digest *a, const struct ipe_digest *b)
{
	size_t i;

	if (a->value_len != b->value_len ||
	    a->algorithm_len != b->algorithm_len)
		return false;
	if (!has_words(a))
		return !memcmp(a->value, b->value, a->value_len) &&
		       !memcmp(a->algorithm, b->algorithm, a->algorithm_len);
	for (i = 0; i < a->value_len; i += 8)
		if (ipe_port_load(a->value + i) != ipe_port_load(b->value + i))
			return false;
	return letters_of(a) == letters_of(b);
}

/* Returns the number of @digest; or IPE_NONE, with @probe at its empty slot. */
static __always_inline u32 find_interned(const struct ipe_policy *policy,
					 const struct ipe_digest *digest,
					 struct ipe_probe *probe)
{
	const struct ipe_table *table = &policy->interned;
	struct ipe_digest there;
	u32 id;

	*probe = ipe_table_probe(table, digest_hash(policy, digest));
	while (ipe_table_step(table, probe, &id)) {
		there = ipe_index_stored(policy, id);
		if (digest_equal(&there, digest))
			return id;
		ipe_table_next(table, probe);
	}
	return IPE_NONE;
}

/**
 * ipe_index_expect() - Make room in the table of digests
 * @policy: being compiled
 * @n: expected digests
 *
 * Return: %0 or %-ENOMEM.
 */
int ipe_index_expect(struct ipe_policy *policy, u32 n)
{
	struct ipe_table *table = &policy->interned;
	u32 i, known = policy->digests.n;
	struct ipe_digest digest;
	struct ipe_probe probe;
	int r;

	r = ipe_table_init(table, n, n);
	if (r < 0)
		return r;
	for (i = 0; i < known; i++) {
		digest = ipe_index_stored(policy, i);
		find_interned(policy, &digest, &probe);
		ipe_table_put(table, &probe, i);
		if (!(i & 0xfff))
			ipe_port_relax();
	}
	return 0;
}

/* Has the table room for one more? */
static bool has_room(const struct ipe_table *table)
{
	return 5 * ((u64)table->n + 1) <= 4 * ((u64)table->mask + 1) &&
	       table->n + 1 < (1U << table->shift);
}

/**
 * ipe_index_intern() - Give a digest of the text its number
 * @policy: being compiled
 * @digest: its value was pushed last to &ipe_policy.bytes, and is removed again
 *	if the digest is known already
 * @ret: index into &ipe_policy.digests, the same for equal digests
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
	struct ipe_probe probe;
	u32 id;
	int r;

	if (!has_room(&policy->interned)) {
		r = ipe_index_expect(policy, 2 * (policy->digests.n + 1));
		if (r < 0)
			return r;
	}
	id = find_interned(policy, &key, &probe);
	if (id != IPE_NONE) {
		policy->bytes.n = digest->value;
		*ret = id;
		return 0;
	}
	added = ipe_array_push(&policy->digests, 1, sizeof(*added));
	if (!added)
		return -ENOMEM;
	*added = *digest;
	added->rules = IPE_NONE;
	*ret = policy->digests.n - 1;
	ipe_table_put(&policy->interned, &probe, *ret);
	return 0;
}

/**
 * ipe_index_digest() - Find the number of a file's digest
 * @policy: compiled
 * @digest: with a value
 *
 * Return: the number, or IPE_NONE if no rule names it.
 */
u32 ipe_index_digest(const struct ipe_policy *policy,
		     const struct ipe_digest *digest)
{
	struct ipe_probe probe;

	return find_interned(policy, digest, &probe);
}

static u32 chain_hash(const struct ipe_policy *policy, u32 op, u32 shape,
		      const u32 *ids, u32 n)
{
	u64 hash = policy->mix[0] * (op << IPE_DIGESTS_MAX | shape);
	u32 i;

	for (i = 0; i < n; i++)
		hash += policy->mix[1 + i] * ids[i];
	return hash >> 32;
}

static u32 count_bits(u32 bits)
{
	u32 n;

	for (n = 0; bits; n++)
		bits &= bits - 1;
	return n;
}

/* Returns the first rule of the chain; or IPE_NONE, with @probe at its slot. */
static u32 find_chain(const struct ipe_policy *policy, u32 op, u32 shape,
		      const u32 *ids, struct ipe_probe *probe)
{
	const struct ipe_table *table = &policy->chains;
	u32 i, index, n = count_bits(shape);
	const struct ipe_rule *rule;

	*probe = ipe_table_probe(table, chain_hash(policy, op, shape, ids, n));
	while (ipe_table_step(table, probe, &index)) {
		rule = ipe_rule_at(policy, index);
		for (i = 0; i < n; i++)
			if (ipe_rule_digest(policy, rule, i) != ids[i])
				break;
		if (rule->op == op && rule->digests == shape && i == n)
			return index;
		ipe_table_next(table, probe);
	}
	return IPE_NONE;
}

/**
 * ipe_index_chain() - Find the rules that name exactly these digests
 * @policy: compiled
 * @op: not IPE_OP_UNKNOWN
 * @shape: the digest slots, several
 * @ids: the digest of each slot of @shape, in the order of the slots
 *
 * Return: the first of a list by &ipe_rule.next, or IPE_NONE.
 */
u32 ipe_index_chain(const struct ipe_policy *policy, enum ipe_op op, u32 shape,
		    const u32 *ids)
{
	struct ipe_probe probe;

	return find_chain(policy, op, shape, ids, &probe);
}

/**
 * ipe_index_first() - The first rule of a list that matches
 * @policy: compiled, or being compiled
 * @index: the first rule of the list, or IPE_NONE
 * @op: the operation
 * @shape: the digest slots that the rule names
 * @booleans: the ones that are TRUE
 *
 * Return: the rule, or IPE_NONE.
 */
u32 ipe_index_first(const struct ipe_policy *policy, u32 index, enum ipe_op op,
		    u32 shape, u32 booleans)
{
	const struct ipe_rule *rule;

	for (; index != IPE_NONE; index = rule->next) {
		rule = ipe_rule_at(policy, index);
		if (rule->digests == shape && rule->op == op &&
		    (booleans & rule->booleans) == rule->wanted)
			break;
	}
	return index;
}

/* The end of a list; NULL if a rule of the list has the same conditions. */
static u32 *find_end(struct ipe_policy *policy, u32 *link,
		     const struct ipe_rule *rule)
{
	struct ipe_rule *other;

	for (; *link != IPE_NONE; link = &other->next) {
		other = ipe_rule_at(policy, *link);
		if (other->op == rule->op && other->digests == rule->digests &&
		    other->booleans == rule->booleans &&
		    other->wanted == rule->wanted)
			return NULL;
	}
	return link;
}

/* Adds a rule with several digests. */
static void add_to_chain(struct ipe_policy *policy, u32 index)
{
	struct ipe_rule *rule = ipe_rule_at(policy, index);
	u32 ids[IPE_DIGESTS_MAX], i, first, *link;
	u32 n = count_bits(rule->digests);
	struct ipe_probe probe;

	for (i = 0; i < n; i++)
		ids[i] = ipe_rule_digest(policy, rule, i);
	first = find_chain(policy, rule->op, rule->digests, ids, &probe);
	if (first == IPE_NONE) {
		ipe_table_put(&policy->chains, &probe, index);
		return;
	}
	link = find_end(policy, &first, rule);
	if (link)
		*link = index;
}

/*
 * Adds a rule to the chain of its digests, unless an earlier one has the same
 * conditions.
 *
 * @plain: for each operation, the first rule without digests
 */
static void add_rule(struct ipe_policy *policy, u32 *plain, u32 index)
{
	struct ipe_rule *rule = ipe_rule_at(policy, index);
	u32 *link;

	policy->slots[rule->op] |= rule->digests;
	if (rule->digests && !ipe_is_single(rule->digests)) {
		policy->shapes[rule->op] |= 1U << rule->digests;
		add_to_chain(policy, index);
		return;
	}
	link = rule->digests ? &ipe_stored_at(policy, rule->refs)->rules :
			       &plain[rule->op];
	link = find_end(policy, link, rule);
	if (link)
		*link = index;
}

/* Fills a row of the table: one entry for each combination of booleans. */
static void unroll_chain(struct ipe_policy *policy, enum ipe_op op, u32 first,
			 u32 *row)
{
	u32 facts, n = 1U << policy->vocabulary->n_booleans;

	for (facts = 0; facts < n; facts++)
		row[facts] = ipe_index_first(policy, first, op, 0, facts);
}

/**
 * ipe_index_build() - Build the index of a policy whose rules are complete
 * @policy: being compiled
 *
 * Return: %0 or %-ENOMEM.
 */
int ipe_index_build(struct ipe_policy *policy)
{
	u32 i, n, columns = 1U << policy->vocabulary->n_booleans;
	u32 plain[IPE_OP_COUNT];
	const struct ipe_rule *rule;
	int r;

	for (i = 0, n = 0; i < policy->rules.n; i++) {
		rule = ipe_rule_at(policy, i);
		n += rule->digests && !ipe_is_single(rule->digests);
	}
	r = ipe_table_init(&policy->chains, n, policy->rules.n);
	if (r < 0)
		return r;
	policy->by_booleans = ipe_port_alloc(IPE_OP_COUNT * columns,
					     sizeof(*policy->by_booleans));
	if (!policy->by_booleans)
		return -ENOMEM;

	for (i = 0; i < IPE_OP_COUNT; i++)
		plain[i] = IPE_NONE;
	for (i = 0; i < policy->rules.n; i++) {
		if (!ipe_rule_at(policy, i)->never)
			add_rule(policy, plain, i);
		if (!(i & 0xfff))
			ipe_port_relax();
	}
	for (i = 0; i < IPE_OP_COUNT; i++)
		unroll_chain(policy, i, plain[i],
			     policy->by_booleans + i * columns);
	return 0;
}
