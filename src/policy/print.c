// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/*
 * Rules, verdicts and policies -> canonical text.
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

static void put_bytes(struct ipe_output *out, const char *text, size_t len)
{
	while (len--)
		put_char(out, *text++);
}

static void put_word(struct ipe_output *out, const char *word)
{
	put_bytes(out, word, strlen(word));
}

static void put_version(struct ipe_output *out,
			const struct ipe_version *version)
{
	char buf[IPE_VERSION_STRLEN];

	ipe_version_print(version, buf);
	put_word(out, buf);
}

static bool is_digest(const struct ipe_policy *policy,
		      const struct ipe_token *token)
{
	struct ipe_token value;
	int id = ipe_vocabulary_find(policy->vocabulary, token, &value);

	return id >= 0 && policy->vocabulary->properties[id].kind ==
				  IPE_PROPERTY_DIGEST;
}

/* A token that was cut may end before the colon of the digest. */
static void put_token(struct ipe_output *out, const struct ipe_policy *policy,
		      const struct ipe_token *token)
{
	const char *end = token->text + token->len, *hex = NULL;

	if (is_digest(policy, token))
		hex = memchr(token->text, ':', token->len);
	if (!hex)
		hex = end;
	put_bytes(out, token->text, hex - token->text);
	for (; hex < end; hex++)
		put_char(out, ipe_hex_lower(*hex));
}

static void put_action(struct ipe_output *out, u8 action)
{
	put_word(out, "action=");
	put_word(out, ipe_action_name(action));
}

/*
 * A parsed rule ends with its action: stop there, without a look at the letters
 * of the action, and at space and comment behind it.
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
 * ipe_verdict_excerpt() - The same in bounded time, whatever the policy
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
