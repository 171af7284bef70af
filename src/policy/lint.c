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
 * @fn: gets each remark
 * @userdata: for @fn
 * @line: being read
 * @booleans: slots that its rule has named so far
 * @wanted: those of @booleans that must be TRUE
 * @digests: for each slot the digest that its rule has named so far; no text if
 *	none
 * @dead: its rule can match no file, and a remark says why
 * @keyring_line: of IPE_LINT_KEYRING; 0 after that remark
 * @kexec_line: of IPE_LINT_KEXEC; 0 without that remark
 * @kexec_sentence: for @kexec_line
 */
struct linter {
	const struct ipe_policy *policy;
	ipe_lint_fn fn;
	void *userdata;

	struct ipe_line line;
	u32 booleans;
	u32 wanted;
	struct ipe_token digests[IPE_DIGESTS_MAX];
	bool dead;

	unsigned int keyring_line;
	unsigned int kexec_line;
	const char *kexec_sentence;
};

static void remark(struct linter *linter, enum ipe_lint_kind kind,
		   const char *at, unsigned int other_line,
		   const char *sentence)
{
	struct ipe_lint lint = {
		.kind = kind,
		.line = linter->line.number,
		.column = at - linter->line.start + 1,
		.other_line = other_line,
		.sentence = sentence,
	};

	linter->fn(&lint, linter->userdata);
}

static void remark_dead(struct linter *linter, enum ipe_lint_kind kind,
			const struct ipe_token *token, const char *sentence)
{
	remark(linter, kind, token->text, 0, sentence);
	linter->dead = true;
}

static void remark_extended(struct linter *linter,
			    const struct ipe_token *token)
{
	remark(linter, IPE_LINT_EXTENDED, token->text, 0,
	       "needs the extended ABI: upstream kernels refuse this");
}

/**
 * ipe_lint_keyring_line() - Does the policy depend on the keyring .fs-verity?
 * @policy: compiled
 *
 * Return: the line, counted from 1, of the first rule that asks for
 * fsverity_signature and can match; %0 if there is none.
 */
unsigned int ipe_lint_keyring_line(const struct ipe_policy *policy)
{
	u32 slot = policy->vocabulary->slot[IPE_PROPERTY_FSVERITY_SIGNATURE];
	const struct ipe_rule *rule;
	u32 i;

	for (i = 0; i < policy->rules.n; i++) {
		rule = ipe_rule_at(policy, i);
		if (!rule->never && (rule->booleans & (1U << slot)))
			return rule->line;
	}
	return 0;
}

static void lint_keyring(struct linter *linter, const struct ipe_token *token)
{
	if (linter->line.number != linter->keyring_line)
		return;
	remark(linter, IPE_LINT_KEYRING, token->text, 0,
	       "every key in the keyring .fs-verity counts, root's own too, until it is sealed: 'keyctl restrict_keyring %:.fs-verity' at boot does that");
	linter->keyring_line = 0;
}

static void lint_boolean(struct linter *linter, const struct ipe_token *token,
			 const struct ipe_token *value, u32 bit)
{
	bool wanted = ipe_token_equals(value, "TRUE");

	if ((linter->booleans & bit) && !!(linter->wanted & bit) != wanted)
		remark_dead(linter, IPE_LINT_CONTRADICTION, token,
			    "the rule names this property as TRUE and as FALSE, so it never matches");
	linter->booleans |= bit;
	if (wanted)
		linter->wanted |= bit;
}

static bool same_digest(const struct ipe_token *a, const struct ipe_token *b)
{
	const char *colon = memchr(a->text, ':', a->len);
	size_t i = colon - a->text;

	if (a->len != b->len || memcmp(a->text, b->text, i + 1))
		return false;
	for (; i < a->len; i++)
		if (ipe_hex_lower(a->text[i]) != ipe_hex_lower(b->text[i]))
			return false;
	return true;
}

static void lint_digest(struct linter *linter, const struct ipe_token *token,
			const struct ipe_token *value, int id)
{
	bool fsverity = id == IPE_PROPERTY_FSVERITY_DIGEST;
	const char *colon = memchr(value->text, ':', value->len);
	struct ipe_token name = { value->text, colon - value->text };
	size_t len = (value->text + value->len - colon - 1) / 2;
	const struct known_algorithm *algorithm;
	struct ipe_token *before =
		&linter->digests[linter->policy->vocabulary->slot[id]];

	if (!len) {
		remark_dead(linter, IPE_LINT_LENGTH, token,
			    "no file has an empty digest, so the rule never matches");
		return;
	}
	if (before->text && !same_digest(before, value))
		remark_dead(linter, IPE_LINT_CONTRADICTION, token,
			    "no file has two digests of one kind, so the rule never matches");
	*before = *value;

	/* The digests of other providers are unknown here. */
	if (id >= IPE_PROPERTY_BUILTIN_COUNT)
		return;
	algorithm = find_algorithm(&name, fsverity);
	if (!algorithm)
		remark_dead(linter, IPE_LINT_ALGORITHM, token,
			    fsverity ?
				    "fs-verity has no digest of this algorithm, so the rule never matches" :
				    "dm-verity has no digest of this algorithm, so the rule never matches");
	else if (algorithm->len != len)
		remark_dead(linter, IPE_LINT_LENGTH, token,
			    "a digest of this algorithm has another length, so the rule never matches");
}

static void lint_property(struct linter *linter, const struct ipe_token *token)
{
	const struct ipe_vocabulary *vocabulary = linter->policy->vocabulary;
	struct ipe_token value;
	int id = ipe_vocabulary_find(vocabulary, token, &value);

	if (id < 0)
		return;
	if (vocabulary->properties[id].extended)
		remark_extended(linter, token);
	if (id == IPE_PROPERTY_FSVERITY_SIGNATURE)
		lint_keyring(linter, token);
	if (!(vocabulary->answered & (1U << id)))
		remark_dead(linter, IPE_LINT_UNANSWERED, token,
			    "no provider answers this property, so the rule never matches");
	if (vocabulary->properties[id].kind == IPE_PROPERTY_BOOLEAN)
		lint_boolean(linter, token, &value,
			     1U << vocabulary->slot[id]);
	else
		lint_digest(linter, token, &value, id);
}

/*
 * A rule is useful if it decides about a file with its digests and some
 * combination of booleans; the index itself answers that. Further digests of
 * the file cannot change it, as no rule asks for a missing digest.
 */
static void lint_shadow(struct linter *linter, const struct ipe_rule *rule)
{
	const struct ipe_policy *policy = linter->policy;
	u32 slot, n = 0, booleans;
	struct ipe_facts facts = {};
	struct ipe_verdict verdict;
	unsigned int other = 0;

	for (slot = 0; slot < IPE_DIGESTS_MAX; slot++)
		if (rule->digests & (1U << slot))
			facts.digests[slot] = ipe_index_stored(
				policy, ipe_rule_digest(policy, rule, n++));

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
	remark(linter, IPE_LINT_SHADOWED, policy->text + rule->text, other,
	       "earlier rules match whatever this one matches");
}

static void lint_rule(struct linter *linter, const struct ipe_rule *rule)
{
	struct ipe_token token;

	linter->booleans = 0;
	linter->wanted = 0;
	memset(linter->digests, 0, sizeof(linter->digests));
	linter->dead = false;

	while (ipe_line_next_token(&linter->line, &token))
		lint_property(linter, &token);
	if (!linter->dead)
		lint_shadow(linter, rule);
}

static enum ipe_action default_of(const struct ipe_policy *policy,
				  enum ipe_op op)
{
	return policy->defaults[op] ?: policy->defaults[IPE_OP_COUNT];
}

/* May the policy decide so for any file? */
static bool may_decide(const struct ipe_policy *policy, enum ipe_op op,
		       enum ipe_action action)
{
	const struct ipe_rule *rule;
	u32 i;

	if (default_of(policy, op) == action)
		return true;
	for (i = 0; i < policy->rules.n; i++) {
		rule = ipe_rule_at(policy, i);
		if (!rule->never && rule->op == op && rule->action == action)
			return true;
	}
	return false;
}

/*
 * An open KEXEC_INITRAMFS gets a remark only if the policy allows some kernel
 * image: an initramfs does not start without a kernel.
 */
static void find_kexec(struct linter *linter)
{
	const struct ipe_policy *policy = linter->policy;
	enum ipe_op op;

	if (!may_decide(policy, IPE_OP_EXECUTE, IPE_ACTION_DENY))
		return;
	if (!may_decide(policy, IPE_OP_KEXEC_IMAGE, IPE_ACTION_DENY)) {
		op = IPE_OP_KEXEC_IMAGE;
		linter->kexec_sentence =
			"root decides about the next kernel's command line, so whoever may load a kexec image can switch the policy off: deny KEXEC_IMAGE";
	} else if (may_decide(policy, IPE_OP_KEXEC_IMAGE, IPE_ACTION_ALLOW) &&
		   !may_decide(policy, IPE_OP_KEXEC_INITRAMFS,
			       IPE_ACTION_DENY)) {
		op = IPE_OP_KEXEC_INITRAMFS;
		linter->kexec_sentence =
			"the next kernel treats all files of its initramfs as verified, so whoever may load one can run any program: deny KEXEC_INITRAMFS";
	} else {
		return;
	}
	linter->kexec_line = ipe_policy_default_line(
		policy, policy->defaults[op] ? op : IPE_OP_UNKNOWN);
}

static void lint_default(struct linter *linter)
{
	struct ipe_token token;

	if (linter->line.number == linter->kexec_line &&
	    ipe_line_next_token(&linter->line, &token))
		remark(linter, IPE_LINT_KEXEC, token.text, 0,
		       linter->kexec_sentence);
}

static void lint_header(struct linter *linter)
{
	struct ipe_token token, word;

	while (ipe_line_next_token(&linter->line, &token)) {
		word = token;
		if (ipe_token_strip(&word, "policy_rollback_floor=") ||
		    ipe_token_strip(&word, "policy_unsigned="))
			remark_extended(linter, &token);
	}
}

/**
 * ipe_policy_lint() - Call @fn for each remark, in the order of the text
 * @policy: compiled
 * @fn: gets each remark; the struct is valid during the call
 * @userdata: handed to @fn
 */
void ipe_policy_lint(const struct ipe_policy *policy, ipe_lint_fn fn,
		     void *userdata)
{
	struct linter linter = {
		.policy = policy,
		.fn = fn,
		.userdata = userdata,
		.keyring_line = ipe_lint_keyring_line(policy),
	};
	struct ipe_reader reader = {
		.next = policy->text,
		.end = policy->text + policy->text_len,
	};
	struct ipe_parse_error unwanted;
	bool header = false;
	u32 next = 0;

	find_kexec(&linter);
	while (ipe_reader_next_line(&reader, &linter.line, &unwanted) > 0) {
		if (linter.line.end == linter.line.start)
			continue;
		if (!header)
			lint_header(&linter);
		else if (next < policy->rules.n &&
			 ipe_rule_at(policy, next)->line == linter.line.number)
			lint_rule(&linter, ipe_rule_at(policy, next++));
		else
			lint_default(&linter);
		header = true;
	}
}
