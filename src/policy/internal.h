/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * The form of a compiled policy in memory, private to src/policy.
 *
 * All positions in the text are byte offsets, all references are 32-bit
 * indices: a policy of 100,000 digests is mostly its digests.
 */
#ifndef IPE_POLICY_INTERNAL_H
#define IPE_POLICY_INTERNAL_H

#include "policy.h"

/* "No such element" of any 32-bit index here. */
#define IPE_NONE U32_MAX

/**
 * struct ipe_rule - one "op=..." line
 * @line: counted from 1
 * @text: offset of "op="
 * @refs: if @digests has one bit, that digest; if it has more, the first of its
 *	elements in &ipe_policy.refs, one for each bit in the order of the
 *	slots. See ipe_rule_digest()
 * @next: the next rule of the same chain (see index.c), or IPE_NONE
 * @op: enum ipe_op
 * @action: enum ipe_action
 * @booleans: slots of the boolean properties that the rule names
 * @wanted: those of @booleans that must be TRUE
 * @digests: slots of the digest properties that the rule names
 * @never: it cannot match: it is contradictory, or has an empty digest, or a
 *	property that no provider answers
 */
struct ipe_rule {
	u32 line;
	u32 text;
	u32 refs;
	u32 next;
	u8 op;
	u8 action;
	u8 booleans;
	u8 wanted;
	u8 digests;
	bool never;
};

/**
 * struct ipe_stored_digest - a digest that some rule names, stored once
 * @algorithm: offset of its name in the text
 * @value: offset of its raw bytes in &ipe_policy.bytes
 * @rules: the first rule that names only this digest, or IPE_NONE; the others
 *	follow by &ipe_rule.next
 * @algorithm_len: bytes of the name
 * @value_len: number of raw bytes
 */
struct ipe_stored_digest {
	u32 algorithm;
	u32 value;
	u32 rules;
	u16 algorithm_len;
	u16 value_len;
};

/**
 * struct ipe_array - growable array
 * @data: the elements; NULL while there are none
 * @n: elements in use
 * @room: elements that fit
 */
struct ipe_array {
	void *data;
	u32 n;
	u32 room;
};

/**
 * struct ipe_table - open-addressing hash table of indices
 * @slots: IPE_NONE if empty; otherwise an index in the lower bits, and bits of
 *	its hash above them, so that most other entries are skipped at a glance
 * @mask: number of slots, a power of two, less one
 * @n: taken slots
 * @shift: bits of an index
 */
struct ipe_table {
	u32 *slots;
	u32 mask;
	u32 n;
	u8 shift;
};

/* Most bits of an index; the others are for the hash. */
#define IPE_TABLE_SHIFT_MAX 28

/**
 * struct ipe_probe - a position in a table while a hash is looked up
 * @at: slot
 * @step: distance to the next slot; grows by one each time, which leads to
 *	every slot, and away from the slots of other hashes
 * @tag: the bits above the index in an entry with this hash
 */
struct ipe_probe {
	u32 at;
	u32 step;
	u32 tag;
};

static inline struct ipe_probe ipe_table_probe(const struct ipe_table *table,
					       u32 hash)
{
	return (struct ipe_probe){
		.at = hash & table->mask,
		.step = 1,
		.tag = hash >> table->shift << table->shift,
	};
}

static inline void ipe_table_next(const struct ipe_table *table,
				  struct ipe_probe *probe)
{
	probe->at = (probe->at + probe->step++) & table->mask;
}

/*
 * Advances to the next entry with the same tag, sets @ret_index and returns
 * true; or returns false at an empty slot.
 */
static inline bool ipe_table_step(const struct ipe_table *table,
				  struct ipe_probe *probe, u32 *ret_index)
{
	struct ipe_probe way = *probe;
	u32 entry;

	for (;; ipe_table_next(table, &way)) {
		entry = table->slots[way.at];
		if (entry == IPE_NONE || !((entry ^ way.tag) >> table->shift))
			break;
	}
	*probe = way;
	*ret_index = entry ^ way.tag;
	return entry != IPE_NONE;
}

/* @probe is at an empty slot. */
static inline void ipe_table_put(struct ipe_table *table,
				 const struct ipe_probe *probe, u32 index)
{
	table->slots[probe->at] = probe->tag | index;
	table->n++;
}

/*
 * Bounds for hashing and comparing a digest by words: two words of 32 bits
 * cover the name of the algorithm, and the value is a multiple of 16 bytes.
 * Others are rare.
 */
#define IPE_WORDS_LETTERS_MIN	4
#define IPE_WORDS_LETTERS_MAX	8
#define IPE_WORDS_VALUE_MAX	64
#define IPE_MIX_COUNT		(3 + IPE_WORDS_VALUE_MAX / 4)

/**
 * struct ipe_policy - a compiled policy, immutable once it is parsed
 * @vocabulary: the caller's
 * @text: the caller's
 * @text_len: its bytes
 * @name: owned, NUL-terminated
 * @version: of the header
 * @floor: policy_rollback_floor, or @version
 * @has_floor: the header names a floor
 * @may_be_unsigned: the header has policy_unsigned=TRUE
 * @header_line: line of the header
 * @extended_line: first line that upstream refuses; 0 if none
 * @default_line: line of each operation's DEFAULT; last: of the global one; 0
 *	for none
 * @defaults: actions; last: of the global DEFAULT
 * @unknown: IPE_ACTION_DENY if IPE_OP_UNKNOWN is denied whatever the global
 *	DEFAULT; otherwise unset
 * @rules: struct ipe_rule, in the order of the text
 * @refs: u32, indices into @digests, of rules with several digests
 * @digests: struct ipe_stored_digest
 * @bytes: u8, raw digest values
 * @key: secret of the tables below
 * @mix: coefficients of their hashes, derived from @key: see index.c
 * @interned: digest bytes -> index into @digests
 * @chains: (operation, digest slots, digests) -> first rule; of rules with
 *	several digests
 * @shapes: for each operation the sets of several digest slots in its rules:
 *	bit n is set for the set n
 * @slots: for each operation the digest slots that occur in any of its rules
 * @by_booleans: for each operation, for each combination of boolean
 *	properties, the first rule that names no digest and matches; IPE_NONE
 */
struct ipe_policy {
	const struct ipe_vocabulary *vocabulary;
	const char *text;
	u32 text_len;

	char *name;
	struct ipe_version version;
	struct ipe_version floor;
	bool has_floor;
	bool may_be_unsigned;
	u32 header_line;
	u32 extended_line;
	u32 default_line[IPE_OP_COUNT + 1];
	u8 defaults[IPE_OP_COUNT + 1];
	u8 unknown;

	struct ipe_array rules;
	struct ipe_array refs;
	struct ipe_array digests;
	struct ipe_array bytes;

	struct ipe_port_key key;
	u64 mix[IPE_MIX_COUNT];
	struct ipe_table interned;
	struct ipe_table chains;
	u16 shapes[IPE_OP_COUNT];
	u8 slots[IPE_OP_COUNT];
	u32 *by_booleans;
};

static inline struct ipe_rule *ipe_rule_at(const struct ipe_policy *policy,
					   u32 index)
{
	return (struct ipe_rule *)policy->rules.data + index;
}

static inline struct ipe_stored_digest *
ipe_stored_at(const struct ipe_policy *policy, u32 id)
{
	return (struct ipe_stored_digest *)policy->digests.data + id;
}

/* Does a set of slots have one member? */
static inline bool ipe_is_single(u32 slots)
{
	return slots && !(slots & (slots - 1));
}

/* The nth digest of a rule, in the order of its slots. */
static inline u32 ipe_rule_digest(const struct ipe_policy *policy,
				  const struct ipe_rule *rule, u32 n)
{
	if (ipe_is_single(rule->digests))
		return rule->refs;
	return ((const u32 *)policy->refs.data)[rule->refs + n];
}

/* Bytes of the text. */
struct ipe_token {
	const char *text;
	size_t len;
};

/* Digests are printed and compared in lower case. */
static inline char ipe_hex_lower(char c)
{
	return c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c;
}

/* hex.c */
bool ipe_hex_decode(const char *hex, size_t n, u8 *ret);

/* Gaps of a line that are remembered; most rules have two. */
#define IPE_LINE_GAPS 4

/**
 * struct ipe_line - one line of the text, and the position in it
 * @start: its first byte
 * @next: where the search for the next token begins
 * @end: behind its last byte that is neither comment nor trailing space
 * @gaps: its first spaces and tabs, so that tokens need no second search
 * @n_gaps: number of @gaps; if not all are in use, the line has no more
 * @number: counted from 1
 */
struct ipe_line {
	const char *start;
	const char *next;
	const char *end;
	const char *gaps[IPE_LINE_GAPS];
	u32 n_gaps;
	u32 number;
};

/* The text, and the position in it: lines up to @number are read. */
struct ipe_reader {
	u32 number;
	const char *next;
	const char *end;
};

/* token.c */
void ipe_line_init(struct ipe_line *line, const char *start, const char *end);
int ipe_reader_next_line(struct ipe_reader *reader, struct ipe_line *ret,
			 struct ipe_parse_error *reterr);
bool ipe_line_next_token(struct ipe_line *line, struct ipe_token *ret);

/**
 * ipe_token_equals() - Is the token exactly this word?
 * @token: to be compared
 * @word: NUL-terminated
 *
 * Return: %true if it is.
 */
static inline bool ipe_token_equals(const struct ipe_token *token,
				    const char *word)
{
	return token->len == strlen(word) &&
	       !memcmp(token->text, word, token->len);
}

/**
 * ipe_token_strip() - Take a prefix from a token
 * @token: advanced behind @prefix; unchanged if it does not start with it
 * @prefix: NUL-terminated
 *
 * Return: %true if it started with @prefix.
 */
static inline bool ipe_token_strip(struct ipe_token *token, const char *prefix)
{
	size_t len = strlen(prefix);

	if (token->len < len || memcmp(token->text, prefix, len))
		return false;
	token->text += len;
	token->len -= len;
	return true;
}

/* vocabulary.c */
int ipe_vocabulary_find(const struct ipe_vocabulary *vocabulary,
			const struct ipe_token *token,
			struct ipe_token *ret_value);

/* array.c */
int ipe_array_grow(struct ipe_array *array, u32 n, size_t size);
int ipe_array_reserve(struct ipe_array *array, u64 room, size_t size);
int ipe_array_trim(struct ipe_array *array, size_t size);
int ipe_table_init(struct ipe_table *table, u32 n, u32 limit);

/**
 * ipe_array_push() - Add @n elements
 * @array: doubled if it is full
 * @n: new elements
 * @size: bytes of an element, always the same for one array
 *
 * Return: the first new element, not initialised, valid until the next push;
 * NULL if there is no memory.
 */
static inline void *ipe_array_push(struct ipe_array *array, u32 n, size_t size)
{
	void *added;

	if (n > array->room - array->n && ipe_array_grow(array, n, size) < 0)
		return NULL;
	added = (u8 *)array->data + array->n * size;
	array->n += n;
	return added;
}

/* index.c */
int ipe_index_init(struct ipe_policy *policy);
int ipe_index_expect(struct ipe_policy *policy, u32 n);
int ipe_index_intern(struct ipe_policy *policy,
		     const struct ipe_stored_digest *digest, u32 *ret);
struct ipe_digest ipe_index_stored(const struct ipe_policy *policy, u32 id);
u32 ipe_index_digest(const struct ipe_policy *policy,
		     const struct ipe_digest *digest);
u32 ipe_index_chain(const struct ipe_policy *policy, enum ipe_op op,
		    u32 shape, const u32 *ids);
u32 ipe_index_first(const struct ipe_policy *policy, u32 index, enum ipe_op op,
		    u32 shape, u32 booleans);
int ipe_index_build(struct ipe_policy *policy);

#endif
