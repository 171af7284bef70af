// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/*
 * Remarks about a policy that parses.
 */

#include "internal.h"
#include "lint.h"

/**
 * struct known_algorithm - a digest that the kernel can have
 * @name: in the kernel crypto API's spelling
 * @len: bytes of the digest
 * @fsverity: fs-verity has it too, not only dm-verity
 */
struct known_algorithm {
	const char *name;
	size_t len;
	bool fsverity;
};

/* Sources: Documentation/admin-guide/LSM/ipe.rst, fs/verity/hash_algs.c. */
static const struct known_algorithm algorithms[] = {
	{ "sha256", 32, true },	      { "sha512", 64, true },
	{ "blake2b-512", 64, false }, { "blake2s-256", 32, false },
	{ "sha384", 48, false },      { "sha3-224", 28, false },
	{ "sha3-256", 32, false },    { "sha3-384", 48, false },
	{ "sha3-512", 64, false },    { "sm3", 32, false },
	{ "rmd160", 20, false },      { "sha1", 20, false },
	{ "sha224", 28, false },
};

static const struct known_algorithm *
find_algorithm(const struct ipe_token *name, bool fsverity)
{
	size_t i;

	for (i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (ipe_token_equals(name, algorithms[i].name) &&
		    (algorithms[i].fsverity || !fsverity))
			return &algorithms[i];
	return NULL;
}

/**
 * struct linter - one run
 * @policy: the policy
 * @fn: told each remark
 * @userdata: for @fn
 */
struct linter {
	const struct ipe_policy *policy;
	ipe_lint_fn fn;
	void *userdata;
};

static void remark(const struct linter *linter, enum ipe_lint_kind kind,
		   const struct ipe_rule *rule, unsigned int other_line,
		   const char *sentence)
{
	struct ipe_lint lint = { kind, rule->line, other_line, sentence };

	linter->fn(&lint, linter->userdata);
}

/*
 * The digest of a token, if it is one of the two properties whose algorithms
 * are known.
 */
static bool split_digest(const struct ipe_token *token,
			 struct ipe_token *ret_algorithm, size_t *ret_len,
			 bool *ret_fsverity)
{
	struct ipe_token value = *token;
	const char *colon;

	*ret_fsverity = ipe_token_strip(&value, "fsverity_digest=");
	if (!*ret_fsverity && !ipe_token_strip(&value, "dmverity_roothash="))
		return false;
	colon = memchr(value.text, ':', value.len);
	if (!colon)
		return false;
	*ret_algorithm = (struct ipe_token){ value.text, colon - value.text };
	*ret_len = (value.text + value.len - colon - 1) / 2;
	return true;
}

/* Returns whether all digests of the rule can be digests of files. */
static bool lint_digests(const struct linter *linter,
			 const struct ipe_rule *rule)
{
	const struct ipe_policy *policy = linter->policy;
	const struct known_algorithm *algorithm;
	struct ipe_token token, name;
	bool fsverity, good = true;
	struct ipe_line line = {
		.next = policy->text + rule->text,
		.end = policy->text + rule->text + rule->text_len,
	};
	size_t len;

	while (ipe_line_next_token(&line, &token)) {
		if (!split_digest(&token, &name, &len, &fsverity))
			continue;
		algorithm = find_algorithm(&name, fsverity);
		if (!algorithm)
			remark(linter, IPE_LINT_ALGORITHM, rule, 0,
			       fsverity ?
				       "fs-verity has no digest of this algorithm, so the rule never matches" :
				       "the kernel has no digest of this algorithm, so the rule never matches");
		else if (algorithm->len != len)
			remark(linter, IPE_LINT_LENGTH, rule, 0,
			       "a digest of this algorithm has another length, so the rule never matches");
		else
			continue;
		good = false;
	}
	return good;
}

/*
 * A rule is worth its line if a file with its digests and some combination of
 * booleans is decided by it: asked of the index itself.
 */
static void lint_shadow(const struct linter *linter,
			const struct ipe_rule *rule)
{
	const struct ipe_policy *policy = linter->policy;
	u32 slot, ref = rule->refs, booleans;
	const struct ipe_stored_digest *stored;
	struct ipe_facts facts = {};
	struct ipe_verdict verdict;
	unsigned int other = 0;

	for (slot = 0; slot < IPE_DIGESTS_MAX; slot++) {
		if (!(rule->digests & (1U << slot)))
			continue;
		stored = policy->digests.data;
		stored += ipe_ref_at(policy, ref++);
		facts.digests[slot] = (struct ipe_digest){
			policy->text + stored->algorithm,
			stored->algorithm_len,
			(const u8 *)policy->bytes.data + stored->value,
			stored->value_len,
		};
	}
	for (booleans = 0; booleans >> policy->vocabulary->n_booleans == 0;
	     booleans++) {
		if ((booleans & rule->booleans) != rule->wanted)
			continue;
		facts.booleans = booleans;
		verdict = ipe_policy_evaluate(policy, rule->op, &facts);
		if (verdict.rule == rule)
			return;
		other = verdict.rule->line;
	}
	remark(linter, IPE_LINT_SHADOWED, rule, other,
	       "earlier rules match whatever this one matches");
}

/**
 * ipe_policy_lint() - Call @fn for each remark, in the order of the lines
 * @policy: compiled
 * @fn: told each remark; the struct lives for the call alone
 * @userdata: handed to @fn
 */
void ipe_policy_lint(const struct ipe_policy *policy, ipe_lint_fn fn,
		     void *userdata)
{
	struct linter linter = { policy, fn, userdata };
	unsigned int extended = policy->extended_line;
	struct ipe_lint note = {
		.kind = IPE_LINT_EXTENDED,
		.line = extended,
		.sentence = "needs the extended ABI: upstream kernels refuse this line",
	};
	const struct ipe_rule *rule;
	u32 i;

	for (i = 0; i < policy->rules.n; i++) {
		rule = ipe_rule_at(policy, i);
		if (extended && rule->line >= extended) {
			fn(&note, userdata);
			extended = 0;
		}
		if (!lint_digests(&linter, rule))
			continue;
		if (rule->never)
			remark(&linter, IPE_LINT_CONTRADICTION, rule, 0,
			       "no file has all these properties, so the rule never matches");
		else
			lint_shadow(&linter, rule);
	}
	if (extended)
		fn(&note, userdata);
}
