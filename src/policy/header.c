// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/*
 * The first line: name, version and additions. Also refuses a line, for all
 * parts of the parser.
 */

#include "internal.h"
#include "parser.h"

/**
 * ipe_parse_refuse() - Fill in the parse error
 * @parser: at the line with the mistake
 * @token: the mistake; NULL if the line as a whole is wrong
 * @error: the errno
 * @sentence: static
 *
 * Return: @error.
 */
int ipe_parse_refuse(struct ipe_parser *parser, const struct ipe_token *token,
		     int error, const char *sentence)
{
	const struct ipe_line *line = &parser->line;

	*parser->reterr = (struct ipe_parse_error){
		.line = line->number,
		.sentence = sentence,
	};
	if (token) {
		parser->reterr->column = token->text - line->start + 1;
		parser->reterr->token = token->text;
		parser->reterr->token_len = token->len;
	}
	return error;
}

/**
 * ipe_parse_extended() - Note that upstream refuses this line
 * @parser: at that line
 */
void ipe_parse_extended(struct ipe_parser *parser)
{
	if (!parser->policy->extended_line)
		parser->policy->extended_line = parser->line.number;
}

static int parse_name(struct ipe_parser *parser, struct ipe_token *token)
{
	struct ipe_token value = *token;
	char *name;

	if (!ipe_token_strip(&value, "policy_name=") || !value.len)
		return ipe_parse_refuse(parser, token, -EBADMSG,
					"expected 'policy_name=NAME'");
	name = ipe_port_alloc(value.len + 1, 1);
	if (!name)
		return -ENOMEM;
	memcpy(name, value.text, value.len);
	parser->policy->name = name;
	return 0;
}

static int parse_version(struct ipe_parser *parser, struct ipe_token *token,
			 const char *key, const char *sentence,
			 struct ipe_version *ret)
{
	struct ipe_token value = *token;
	int r;

	if (!ipe_token_strip(&value, key) || !value.len)
		return ipe_parse_refuse(parser, token, -EBADMSG, sentence);
	r = ipe_version_parse(value.text, value.len, ret);
	if (r == -EBADMSG)
		return ipe_parse_refuse(parser, token, r,
					"a version has three components: X.Y.Z");
	if (r == -EINVAL)
		return ipe_parse_refuse(parser, token, r,
					"a version component is not a decimal number");
	if (r == -ERANGE)
		return ipe_parse_refuse(parser, token, r,
					"a version component is above 65535");
	return r;
}

static int parse_floor(struct ipe_parser *parser, struct ipe_token *token)
{
	struct ipe_policy *policy = parser->policy;
	int r;

	if (policy->has_floor)
		return ipe_parse_refuse(parser, token, -EBADMSG,
					"policy_rollback_floor occurs twice");
	r = parse_version(parser, token, "policy_rollback_floor=",
			  "expected 'policy_rollback_floor=X.Y.Z'",
			  &policy->floor);
	if (r < 0)
		return r;
	if (ipe_version_compare(&policy->floor, &policy->version) > 0)
		return ipe_parse_refuse(parser, token, -EBADMSG,
					"policy_rollback_floor is above policy_version");
	policy->has_floor = true;
	return 0;
}

static int parse_unsigned(struct ipe_parser *parser, struct ipe_token *token)
{
	struct ipe_policy *policy = parser->policy;

	if (policy->may_be_unsigned)
		return ipe_parse_refuse(parser, token, -EBADMSG,
					"policy_unsigned occurs twice");
	if (!ipe_token_equals(token, "policy_unsigned=TRUE"))
		return ipe_parse_refuse(parser, token, -EBADMSG,
					"policy_unsigned has to be TRUE, or is left out");
	policy->may_be_unsigned = true;
	return 0;
}

/* The words behind the version are additions, in any order. */
static int parse_addition(struct ipe_parser *parser, struct ipe_token *token)
{
	struct ipe_token word = *token;

	if (ipe_token_strip(&word, "policy_rollback_floor="))
		return parse_floor(parser, token);
	if (ipe_token_strip(&word, "policy_unsigned="))
		return parse_unsigned(parser, token);
	return ipe_parse_refuse(parser, token, -EBADMSG,
				"expected 'policy_rollback_floor=X.Y.Z', 'policy_unsigned=TRUE' or nothing");
}

/**
 * ipe_parse_header() - Read the line that names the policy
 * @parser: at the first line that is not empty
 *
 * Return: %0, %-EBADMSG, %-EINVAL, %-ERANGE or %-ENOMEM.
 */
int ipe_parse_header(struct ipe_parser *parser)
{
	struct ipe_policy *policy = parser->policy;
	struct ipe_line *line = &parser->line;
	struct ipe_token token;
	int r;

	if (!ipe_line_next_token(line, &token))
		return ipe_parse_refuse(parser, NULL, -EBADMSG,
					"expected 'policy_name=NAME'");
	r = parse_name(parser, &token);
	if (r < 0)
		return r;

	if (!ipe_line_next_token(line, &token))
		return ipe_parse_refuse(parser, NULL, -EBADMSG,
					"expected 'policy_version=X.Y.Z' after the name");
	r = parse_version(parser, &token, "policy_version=",
			  "expected 'policy_version=X.Y.Z'", &policy->version);
	if (r < 0)
		return r;

	policy->header_line = line->number;
	policy->floor = policy->version;
	while (ipe_line_next_token(line, &token)) {
		r = parse_addition(parser, &token);
		if (r < 0)
			return r;
		ipe_parse_extended(parser);
	}
	return 0;
}
