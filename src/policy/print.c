// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/*
 * Rules, verdicts and policies -> canonical text, and what else is asked of a
 * compiled policy.
 */

#include "internal.h"

/**
 * struct ipe_output - where text goes
 * @buf: NUL-terminated as long as @size is not 0
 * @size: bytes of @buf
 * @len: bytes that were to be written, whether they fitted or not
 */
struct ipe_output {
	char *buf;
	size_t size;
	size_t len;
};

static void put_char(struct ipe_output *out, char c)
{
	if (out->len + 1 < out->size) {
		out->buf[out->len] = c;
		out->buf[out->len + 1] = '\0';
	}
	out->len++;
}

static void put(struct ipe_output *out, const char *text, size_t len)
{
	while (len--)
		put_char(out, *text++);
}

static void put_word(struct ipe_output *out, const char *word)
{
	put(out, word, strlen(word));
}

static void put_number(struct ipe_output *out, u16 number)
{
	if (number >= 10)
		put_number(out, number / 10);
	put_char(out, '0' + number % 10);
}

static void put_version(struct ipe_output *out,
			const struct ipe_version *version)
{
	put_number(out, version->major);
	put_char(out, '.');
	put_number(out, version->minor);
	put_char(out, '.');
	put_number(out, version->revision);
}

static bool is_digest(const struct ipe_policy *policy,
		      const struct ipe_token *token)
{
	struct ipe_token value;
	int id = ipe_vocabulary_find(policy->vocabulary, token, &value);

	return id >= 0 && policy->vocabulary->properties[id].kind ==
				  IPE_PROPERTY_DIGEST;
}

/* A token that was cut may end before the digest's colon. */
static void put_token(struct ipe_output *out, const struct ipe_policy *policy,
		      const struct ipe_token *token)
{
	const char *end = token->text + token->len, *hex = NULL;

	if (is_digest(policy, token))
		hex = memchr(token->text, ':', token->len);
	if (!hex)
		hex = end;
	put(out, token->text, hex - token->text);
	for (; hex < end; hex++)
		put_char(out, ipe_hex_lower(*hex));
}

static void put_action(struct ipe_output *out, u8 action)
{
	put_word(out, "action=");
	put_word(out, ipe_action_name(action));
}

/*
 * The rule is known to be sound, so it ends with its action: neither the space
 * and the comment behind that are looked at, nor the action's own letters.
 *
 * @window: bytes of the policy's text to look at, from the rule's start on
 */
static void put_rule(struct ipe_output *out, const struct ipe_policy *policy,
		     const struct ipe_rule *rule, size_t window)
{
	const char *start = policy->text + rule->text;
	size_t left = policy->text_len - rule->text;
	struct ipe_token token, word;
	struct ipe_line line;

	ipe_line_init(&line, start, start + (window < left ? window : left));
	while (ipe_line_next_token(&line, &token)) {
		if (token.text > start)
			put_char(out, ' ');
		word = token;
		if (ipe_token_strip(&word, "action=")) {
			put_action(out, rule->action);
			break;
		}
		put_token(out, policy, &token);
	}
}

/* @op: its name; NULL for the global DEFAULT */
static void put_default(struct ipe_output *out, const char *op, u8 action)
{
	put_word(out, "DEFAULT ");
	if (op) {
		put_word(out, "op=");
		put_word(out, op);
		put_char(out, ' ');
	}
	put_action(out, action);
}

static struct ipe_output output_init(char *buf, size_t size)
{
	if (size)
		buf[0] = '\0';
	return (struct ipe_output){ .buf = buf, .size = size };
}

static size_t print_verdict(const struct ipe_policy *policy,
			    const struct ipe_verdict *verdict, size_t window,
			    char *buf, size_t size)
{
	struct ipe_output out = output_init(buf, size);

	if (verdict->match == IPE_MATCH_RULE)
		put_rule(&out, policy, verdict->rule, window);
	else
		put_default(&out,
			    verdict->match == IPE_MATCH_OP_DEFAULT ?
				    ipe_op_name(verdict->op) :
				    NULL,
			    verdict->action);
	return out.len;
}

/**
 * ipe_verdict_print() - The rule or DEFAULT that decided, as canonical text
 * @policy: the policy that gave the verdict
 * @verdict: of that policy
 * @buf: NUL-terminated if @size is not 0, cut where it does not fit
 * @size: bytes of @buf
 *
 * Return: bytes that the whole text takes, without the NUL.
 */
size_t ipe_verdict_print(const struct ipe_policy *policy,
			 const struct ipe_verdict *verdict, char *buf,
			 size_t size)
{
	return print_verdict(policy, verdict, policy->text_len, buf, size);
}

/**
 * ipe_verdict_excerpt() - The same, in a time that the policy does not decide
 * @policy: the policy that gave the verdict
 * @verdict: of that policy
 * @buf: NUL-terminated if @size is not 0, cut where it does not fit
 * @size: bytes of @buf
 *
 * Return: bytes that the excerpt takes, without the NUL.
 */
size_t ipe_verdict_excerpt(const struct ipe_policy *policy,
			   const struct ipe_verdict *verdict, char *buf,
			   size_t size)
{
	return print_verdict(policy, verdict, IPE_EXCERPT_WINDOW, buf, size);
}

/**
 * ipe_policy_print() - The whole policy as canonical text
 * @policy: compiled
 * @buf: NUL-terminated if @size is not 0, cut where it does not fit
 * @size: bytes of @buf
 *
 * Return: bytes that the whole text takes, without the NUL.
 */
size_t ipe_policy_print(const struct ipe_policy *policy, char *buf, size_t size)
{
	struct ipe_output out = output_init(buf, size);
	u32 i;

	put_word(&out, "policy_name=");
	put_word(&out, policy->name);
	put_word(&out, " policy_version=");
	put_version(&out, &policy->version);
	if (policy->has_floor) {
		put_word(&out, " policy_rollback_floor=");
		put_version(&out, &policy->floor);
	}
	if (policy->may_be_unsigned)
		put_word(&out, " policy_unsigned=TRUE");
	put_char(&out, '\n');

	if (policy->defaults[IPE_OP_COUNT]) {
		put_default(&out, NULL, policy->defaults[IPE_OP_COUNT]);
		put_char(&out, '\n');
	}
	for (i = 0; i < IPE_OP_COUNT; i++) {
		if (!policy->defaults[i])
			continue;
		put_default(&out, ipe_op_name(i), policy->defaults[i]);
		put_char(&out, '\n');
	}
	for (i = 0; i < policy->rules.n; i++) {
		put_rule(&out, policy, ipe_rule_at(policy, i),
			 policy->text_len);
		put_char(&out, '\n');
	}
	return out.len;
}

/**
 * ipe_version_print() - "X.Y.Z"
 * @version: to be printed
 * @buf: of IPE_VERSION_STRLEN bytes
 */
void ipe_version_print(const struct ipe_version *version,
		       char buf[IPE_VERSION_STRLEN])
{
	struct ipe_output out = output_init(buf, IPE_VERSION_STRLEN);

	put_version(&out, version);
}

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
