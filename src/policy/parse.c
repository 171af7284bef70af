// SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later
/*
 * Tokens -> rules. The grammar, and the order in which mistakes are found, are
 * those of upstream; docs/policy-language.md lists the differences.
 */

#include "internal.h"
#include "parser.h"

/**
 * struct ipe_draft - a rule while its line is being read
 * @rule: as far as it is read
 * @ids: the digest of each slot in &ipe_rule.digests
 * @is_default: the line starts with DEFAULT
 * @has_op: an operation was read
 * @has_property: a property was read
 */
struct ipe_draft {
	struct ipe_rule rule;
	u32 ids[IPE_DIGESTS_MAX];
	bool is_default;
	bool has_op;
	bool has_property;
};

static u32 text_offset(const struct ipe_parser *parser, const char *at)
{
	return at - parser->policy->text;
}

static int parse_op(struct ipe_parser *parser, const struct ipe_token *token,
		    u8 *ret)
{
	struct ipe_token value = *token;
	unsigned int op;

	if (!ipe_token_strip(&value, "op="))
		return ipe_parse_refuse(parser, token, -EBADMSG,
					"expected 'op=OPERATION' here");
	for (op = 0; op < IPE_OP_COUNT; op++) {
		if (ipe_token_equals(&value, ipe_op_name(op))) {
			*ret = op;
			return 0;
		}
	}
	return ipe_parse_refuse(parser, token, -EBADMSG, "no such operation");
}

static int parse_boolean(struct ipe_parser *parser,
			 const struct ipe_token *token,
			 const struct ipe_token *value, u32 slot,
			 struct ipe_rule *rule)
{
	bool wanted = ipe_token_equals(value, "TRUE");
	u8 bit = 1U << slot;

	if (!wanted && !ipe_token_equals(value, "FALSE"))
		return ipe_parse_refuse(parser, token, -EBADMSG,
					"this property is TRUE or FALSE");
	if ((rule->booleans & bit) && !!(rule->wanted & bit) != wanted)
		rule->never = true;
	rule->booleans |= bit;
	if (wanted)
		rule->wanted |= bit;
	return 0;
}

/*
 * The number of elements in the whole text, if it continues as it did up to
 * here with @n elements; so that an array grows only once or twice.
 */
static u64 extrapolate(const struct ipe_parser *parser, u64 n)
{
	const struct ipe_policy *policy = parser->policy;
	u64 done = parser->line.end - policy->text;
	u64 left = policy->text_len - done, more = n * left / (done + 1);

	more += more / 64;
	/* An element takes at least one byte of the text. */
	return n + (more < left ? more : left) + 16;
}

static void *push_elements(const struct ipe_parser *parser,
			   struct ipe_array *array, u32 n, size_t size)
{
	if (array->n + (u64)n > array->room && array->n > 64 &&
	    ipe_array_reserve(array, extrapolate(parser, array->n + n),
			      size) < 0)
		return NULL;
	return ipe_array_push(array, n, size);
}

/* Makes room for one more digest, in the table and the array at once. */
static int expect_digests(const struct ipe_parser *parser)
{
	struct ipe_policy *policy = parser->policy;
	u32 n = policy->digests.n;
	u64 expected;
	int r;

	if (n < policy->digests.room || n <= 64)
		return 0;
	expected = extrapolate(parser, n);
	r = ipe_array_reserve(&policy->digests, expected,
			      sizeof(struct ipe_stored_digest));
	return r < 0 ? r : ipe_index_expect(policy, expected);
}

static int parse_digest(struct ipe_parser *parser,
			const struct ipe_token *token,
			const struct ipe_token *value, u32 slot,
			struct ipe_draft *draft)
{
	struct ipe_policy *policy = parser->policy;
	struct ipe_rule *rule = &draft->rule;
	struct ipe_stored_digest digest = {};
	const char *colon, *hex;
	u32 id, n;
	u8 *raw;
	int r;

	colon = value->len ? memchr(value->text, ':', value->len) : NULL;
	if (!colon)
		return ipe_parse_refuse(parser, token, -EBADMSG,
					"a digest is written ALGORITHM:HEX");
	hex = colon + 1;
	n = value->text + value->len - hex;
	if (n % 2)
		return ipe_parse_refuse(parser, token, -EINVAL,
					"a digest has two hexadecimal digits for each byte");
	n /= 2;
	if (n > U16_MAX || colon - value->text > U16_MAX)
		return ipe_parse_refuse(parser, token, -EBADMSG,
					"a digest has at most 65535 bytes, and its algorithm 65535 letters");
	if (!n) {
		/* Upstream accepts an empty digest, which no file has. */
		rule->never = true;
		return 0;
	}

	digest.algorithm = text_offset(parser, value->text);
	digest.algorithm_len = colon - value->text;
	digest.value = policy->bytes.n;
	digest.value_len = n;
	raw = push_elements(parser, &policy->bytes, n, 1);
	if (!raw)
		return -ENOMEM;
	if (!ipe_hex_decode(hex, n, raw))
		return ipe_parse_refuse(parser, token, -EINVAL,
					"not a hexadecimal digit in the digest");
	r = expect_digests(parser);
	if (r < 0)
		return r;
	r = ipe_index_intern(policy, &digest, &id);
	if (r < 0)
		return r;

	if ((rule->digests & (1U << slot)) && draft->ids[slot] != id)
		rule->never = true;
	rule->digests |= 1U << slot;
	draft->ids[slot] = id;
	return 0;
}

static int parse_property(struct ipe_parser *parser,
			  const struct ipe_token *token,
			  struct ipe_draft *draft)
{
	const struct ipe_vocabulary *vocabulary = parser->policy->vocabulary;
	const struct ipe_property *property;
	struct ipe_token value;
	int id, r;

	id = ipe_vocabulary_find(vocabulary, token, &value);
	if (id < 0)
		return ipe_parse_refuse(parser, token, -EBADMSG,
					"no such property");
	property = &vocabulary->properties[id];
	if (property->kind == IPE_PROPERTY_BOOLEAN)
		r = parse_boolean(parser, token, &value, vocabulary->slot[id],
				  &draft->rule);
	else
		r = parse_digest(parser, token, &value, vocabulary->slot[id],
				 draft);
	if (r < 0)
		return r;

	draft->has_property = true;
	if (property->extended)
		ipe_parse_extended(parser);
	if (!(vocabulary->answered & (1U << id)))
		draft->rule.never = true;
	return 0;
}

static int parse_action(struct ipe_parser *parser,
			const struct ipe_token *token, u8 *ret)
{
	if (ipe_token_equals(token, "action=ALLOW"))
		*ret = IPE_ACTION_ALLOW;
	else if (ipe_token_equals(token, "action=DENY"))
		*ret = IPE_ACTION_DENY;
	else
		return ipe_parse_refuse(parser, token, -EBADMSG,
					"a rule ends in 'action=ALLOW' or 'action=DENY'");
	return 0;
}

/* IPE_OP_UNKNOWN is denied if any operation but EXECUTE may be denied. */
static void restrict_unknown(struct ipe_policy *policy, u32 op, u8 action)
{
	if (op != IPE_OP_EXECUTE && action == IPE_ACTION_DENY)
		policy->unknown = IPE_ACTION_DENY;
}

static int add_default(struct ipe_parser *parser, const struct ipe_draft *draft)
{
	struct ipe_policy *policy = parser->policy;
	u32 op = draft->has_op ? draft->rule.op : IPE_OP_COUNT;

	if (draft->has_property)
		return ipe_parse_refuse(parser, NULL, -EBADMSG,
					"a DEFAULT has no properties");
	if (policy->defaults[op])
		return ipe_parse_refuse(parser, NULL, -EBADMSG,
					draft->has_op ?
						"this operation has a DEFAULT already" :
						"there is a global DEFAULT already");
	policy->defaults[op] = draft->rule.action;
	policy->default_line[op] = draft->rule.line;
	restrict_unknown(policy, op, draft->rule.action);
	return 0;
}

static int add_rule(struct ipe_parser *parser, struct ipe_draft *draft)
{
	struct ipe_policy *policy = parser->policy;
	struct ipe_rule *rule;
	u32 slot, *ref;

	draft->rule.refs = policy->refs.n;
	for (slot = 0; slot < IPE_DIGESTS_MAX; slot++) {
		if (!(draft->rule.digests & (1U << slot)))
			continue;
		if (ipe_is_single(draft->rule.digests)) {
			draft->rule.refs = draft->ids[slot];
			break;
		}
		ref = ipe_array_push(&policy->refs, 1, sizeof(*ref));
		if (!ref)
			return -ENOMEM;
		*ref = draft->ids[slot];
	}
	rule = push_elements(parser, &policy->rules, 1, sizeof(*rule));
	if (!rule)
		return -ENOMEM;
	*rule = draft->rule;
	restrict_unknown(policy, rule->op, rule->action);
	return 0;
}

/* A token that is not the last one of its line. */
static int parse_condition(struct ipe_parser *parser,
			   const struct ipe_token *token, bool first,
			   struct ipe_draft *draft)
{
	int r;

	if (first && ipe_token_equals(token, "DEFAULT")) {
		draft->is_default = true;
		return 0;
	}
	if (draft->has_op)
		return parse_property(parser, token, draft);
	r = parse_op(parser, token, &draft->rule.op);
	draft->has_op = r >= 0;
	return r;
}

static int parse_rule(struct ipe_parser *parser)
{
	struct ipe_line *line = &parser->line;
	struct ipe_draft draft = { .rule.next = IPE_NONE };
	struct ipe_token token;
	bool first = true;
	int r;

	draft.rule.line = line->number;
	while (ipe_line_next_token(line, &token) && line->next < line->end) {
		if (first)
			draft.rule.text = text_offset(parser, token.text);
		r = parse_condition(parser, &token, first, &draft);
		if (r < 0)
			return r;
		first = false;
	}
	r = parse_action(parser, &token, &draft.rule.action);
	if (r < 0)
		return r;
	if (draft.is_default)
		return add_default(parser, &draft);
	if (!draft.has_op)
		return ipe_parse_refuse(parser, &token, -EBADMSG,
					"a rule starts with 'op=OPERATION' or DEFAULT");
	return add_rule(parser, &draft);
}

static int settle_defaults(struct ipe_parser *parser)
{
	struct ipe_policy *policy = parser->policy;
	unsigned int op;

	/* The global DEFAULT gives the same verdict, and has a line. */
	if (policy->defaults[IPE_OP_COUNT] == IPE_ACTION_DENY)
		policy->unknown = IPE_ACTION_UNSET;
	if (policy->defaults[IPE_OP_COUNT])
		return 0;
	for (op = 0; op < IPE_OP_COUNT; op++) {
		if (policy->defaults[op])
			continue;
		*parser->reterr = (struct ipe_parse_error){
			.sentence = "neither a global DEFAULT nor one for every operation"
		};
		return -EBADMSG;
	}
	return 0;
}

static int parse_text(struct ipe_parser *parser)
{
	struct ipe_policy *policy = parser->policy;
	struct ipe_reader reader = {
		.next = policy->text,
		.end = policy->text + policy->text_len,
	};
	bool header = false;
	int r;

	for (;;) {
		r = ipe_reader_next_line(&reader, &parser->line,
					 parser->reterr);
		if (r < 0)
			return r;
		if (!r)
			break;
		if (parser->line.end == parser->line.start)
			continue;
		r = header ? parse_rule(parser) : ipe_parse_header(parser);
		if (r < 0)
			return r;
		header = true;
		if (!(parser->line.number & 0xfff))
			ipe_port_relax();
	}
	if (!header) {
		*parser->reterr = (struct ipe_parse_error){
			.sentence = "no header: the first line is 'policy_name=NAME policy_version=X.Y.Z'"
		};
		return -EBADMSG;
	}
	return settle_defaults(parser);
}

static int compile_text(struct ipe_parser *parser)
{
	struct ipe_policy *policy = parser->policy;
	int r;

	r = ipe_index_init(policy);
	if (r < 0)
		return r;
	r = parse_text(parser);
	if (r < 0)
		return r;
	r = ipe_array_trim(&policy->rules, sizeof(struct ipe_rule));
	if (r < 0)
		return r;
	r = ipe_array_trim(&policy->refs, sizeof(u32));
	if (r < 0)
		return r;
	r = ipe_array_trim(&policy->digests, sizeof(struct ipe_stored_digest));
	if (r < 0)
		return r;
	r = ipe_array_trim(&policy->bytes, 1);
	if (r < 0)
		return r;
	return ipe_index_build(policy);
}

/**
 * ipe_policy_parse() - Compile a policy text
 * @text: borrowed, and must outlive the policy
 * @len: bytes of @text
 * @vocabulary: borrowed, and must outlive the policy
 * @ret: the policy; unchanged on failure
 * @reterr: may be NULL
 *
 * Return: %0, %-EBADMSG, %-EINVAL, %-ERANGE, %-EFBIG or %-ENOMEM; see
 * policy.h.
 */
int ipe_policy_parse(const char *text, size_t len,
		     const struct ipe_vocabulary *vocabulary,
		     struct ipe_policy **ret, struct ipe_parse_error *reterr)
{
	struct ipe_parse_error unwanted;
	struct ipe_parser parser = {
		.reterr = reterr ? reterr : &unwanted,
	};
	int r;

	*parser.reterr = (struct ipe_parse_error){};
	if (len > IPE_POLICY_TEXT_MAX) {
		parser.reterr->sentence = "the text is longer than 64 MiB";
		return -EFBIG;
	}
	if (!len) {
		parser.reterr->sentence = "the text is empty";
		return -EBADMSG;
	}
	parser.policy = ipe_port_alloc(1, sizeof(*parser.policy));
	if (!parser.policy)
		return -ENOMEM;
	parser.policy->text = text;
	parser.policy->text_len = len;
	parser.policy->vocabulary = vocabulary;

	r = compile_text(&parser);
	if (r < 0) {
		ipe_policy_free(parser.policy);
		return r;
	}
	*ret = parser.policy;
	return 0;
}

/**
 * ipe_policy_free() - Free a policy
 * @policy: may be NULL
 */
void ipe_policy_free(struct ipe_policy *policy)
{
	if (!policy)
		return;
	ipe_port_free(policy->by_booleans);
	ipe_port_free(policy->chains.slots);
	ipe_port_free(policy->interned.slots);
	ipe_port_free(policy->bytes.data);
	ipe_port_free(policy->digests.data);
	ipe_port_free(policy->refs.data);
	ipe_port_free(policy->rules.data);
	ipe_port_free(policy->name);
	ipe_port_free(policy);
}
