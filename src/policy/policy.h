/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * The policy language: text -> rules -> index -> verdict.
 *
 * One implementation, compiled into the LSM and into user space. It does not
 * know files, signatures or the kernel: a caller passes the text and, later,
 * the facts about a file, and gets a verdict. There is no state between calls:
 * a struct ipe_policy is immutable once it is parsed, so any number of threads
 * may evaluate it at once.
 *
 * Reading order: this file, token.c, header.c, parse.c, index.c, eval.c,
 * query.c, print.c.
 */
#ifndef IPE_POLICY_POLICY_H
#define IPE_POLICY_POLICY_H

#include "port.h"

/*
 * Operations on a file. IPE_OP_UNKNOWN is an operation of a newer kernel for
 * which the language has no word. No line of a policy names it: see
 * ipe_policy_evaluate().
 */
enum ipe_op {
	IPE_OP_EXECUTE,
	IPE_OP_FIRMWARE,
	IPE_OP_KMODULE,
	IPE_OP_KEXEC_IMAGE,
	IPE_OP_KEXEC_INITRAMFS,
	IPE_OP_POLICY,
	IPE_OP_X509_CERT,
	IPE_OP_COUNT,
	IPE_OP_UNKNOWN = IPE_OP_COUNT,
};

enum ipe_action {
	IPE_ACTION_UNSET,
	IPE_ACTION_ALLOW,
	IPE_ACTION_DENY,
};

/**
 * enum ipe_property_kind - the kind of value of a property
 * @IPE_PROPERTY_BOOLEAN: TRUE or FALSE
 * @IPE_PROPERTY_DIGEST: ALGORITHM:HEX
 */
enum ipe_property_kind {
	IPE_PROPERTY_BOOLEAN,
	IPE_PROPERTY_DIGEST,
};

/*
 * The properties that every build of the language knows. A provider may declare
 * more; they come after these in the vocabulary.
 */
enum ipe_property_id {
	IPE_PROPERTY_BOOT_VERIFIED,
	IPE_PROPERTY_DMVERITY_ROOTHASH,
	IPE_PROPERTY_DMVERITY_SIGNATURE,
	IPE_PROPERTY_FSVERITY_DIGEST,
	IPE_PROPERTY_FSVERITY_SIGNATURE,
	IPE_PROPERTY_DMVERITY_CMDLINE,
	IPE_PROPERTY_BUILTIN_COUNT,
};

/* Bounds of a vocabulary, and so of the index: see index.c. */
#define IPE_PROPERTIES_MAX	16
#define IPE_BOOLEANS_MAX	8
#define IPE_DIGESTS_MAX		4

/**
 * struct ipe_property - one word of the language
 * @name: the word before the '=' in a rule
 * @kind: of the value behind the '='
 * @extended: not part of the upstream grammar
 */
struct ipe_property {
	const char *name;
	enum ipe_property_kind kind;
	bool extended;
};

/**
 * struct ipe_vocabulary - the properties that a parser accepts
 * @properties: the first IPE_PROPERTY_BUILTIN_COUNT are the builtin ones in
 *	the order of enum ipe_property_id, see ipe_vocabulary_init()
 * @slot: for each property its place among those of its kind: the bit in
 *	&ipe_facts.booleans, or the element of &ipe_facts.digests
 * @name_len: for each property the bytes of its name
 * @n_properties: elements of @properties in use
 * @n_booleans: the number of IPE_PROPERTY_BOOLEAN among them
 * @n_digests: the number of IPE_PROPERTY_DIGEST among them
 * @answered: bit n is set if a provider fills in the facts of property n. A
 *	rule with a property that no provider answers is accepted and never
 *	matches, neither with TRUE nor with FALSE, as in upstream if a provider
 *	is configured out
 */
struct ipe_vocabulary {
	struct ipe_property properties[IPE_PROPERTIES_MAX];
	u8 slot[IPE_PROPERTIES_MAX];
	u8 name_len[IPE_PROPERTIES_MAX];
	unsigned int n_properties;
	unsigned int n_booleans;
	unsigned int n_digests;
	u32 answered;
};

/* Fills in the builtin properties, none answered. */
void ipe_vocabulary_init(struct ipe_vocabulary *vocabulary);

/**
 * ipe_vocabulary_answer() - Note that a provider answers a property
 * @vocabulary: not yet in use by any policy
 * @property: a builtin property, recognised by its name, or a new one
 *
 * Return: the number of the property (its index in @vocabulary), %-ENOSPC if
 * one of the IPE_*_MAX bounds is reached, or %-EEXIST if a property of that
 * name has another kind.
 */
int ipe_vocabulary_answer(struct ipe_vocabulary *vocabulary,
			  const struct ipe_property *property);

/* Notes that all builtin properties are answered. */
void ipe_vocabulary_answer_builtin(struct ipe_vocabulary *vocabulary);

/* X.Y.Z, compared from left to right. */
struct ipe_version {
	u16 major;
	u16 minor;
	u16 revision;
};

/* Bytes of "65535.65535.65535" and its NUL. */
#define IPE_VERSION_STRLEN 18

/* Writes "X.Y.Z". */
void ipe_version_print(const struct ipe_version *version,
		       char buf[IPE_VERSION_STRLEN]);

/* Below, equal to or above 0, as @a is below, equal to or above @b. */
int ipe_version_compare(const struct ipe_version *a,
			const struct ipe_version *b);

/**
 * ipe_version_parse() - Read "X.Y.Z" with the errnos of a policy header
 * @text: not NUL-terminated
 * @len: bytes of @text
 * @ret: unchanged on failure
 *
 * Return: %0; %-EBADMSG if there are not three components, %-EINVAL if one is
 * not a decimal number, %-ERANGE if one is above 65535.
 */
int ipe_version_parse(const char *text, size_t len, struct ipe_version *ret);

/**
 * struct ipe_digest - a digest, borrowed from a policy or from a file's facts
 * @algorithm_len: bytes of @algorithm
 * @algorithm: name in the kernel crypto API's spelling; not NUL-terminated
 * @value_len: bytes of @value
 * @value: raw bytes
 */
struct ipe_digest {
	size_t algorithm_len;
	const char *algorithm;
	size_t value_len;
	const u8 *value;
};

/**
 * struct ipe_facts - the facts about one file
 * @booleans: bit &ipe_vocabulary.slot of each boolean property that is TRUE
 * @digests: element &ipe_vocabulary.slot of each digest property;
 *	&ipe_digest.value is NULL if the file has none; then the other members
 *	do not count
 *
 * Anonymous memory has no facts: all zero.
 */
struct ipe_facts {
	u32 booleans;
	struct ipe_digest digests[IPE_DIGESTS_MAX];
};

struct ipe_policy;
struct ipe_rule;

/**
 * struct ipe_parse_error - why a text is not a policy
 * @line: counted from 1; 0 for the text as a whole
 * @column: byte in the line, counted from 1; 0 for the line as a whole
 * @token: the wrong bytes, borrowed from the text; may be NULL
 * @token_len: bytes of @token
 * @sentence: the mistake and the expectation, without the token; static
 */
struct ipe_parse_error {
	unsigned int line;
	unsigned int column;
	const char *token;
	size_t token_len;
	const char *sentence;
};

/**
 * ipe_policy_parse() - Compile a policy text
 * @text: not NUL-terminated; borrowed, and must outlive the policy
 * @len: bytes of @text
 * @vocabulary: borrowed, and must outlive the policy
 * @ret: the policy, to be freed with ipe_policy_free(); unchanged on failure
 * @reterr: filled in on %-EBADMSG, %-EINVAL and %-ERANGE; may be NULL
 *
 * The grammar is upstream's, with the additions and the stricter points of
 * docs/policy-language.md; where upstream refuses, so does this, with the
 * same errno.
 *
 * Return: %0, %-EBADMSG (not a policy), %-EINVAL (a version component or a
 * digest is not a number), %-ERANGE (a version component above 65535),
 * %-EFBIG (longer than IPE_POLICY_TEXT_MAX), %-ENOMEM.
 */
int ipe_policy_parse(const char *text, size_t len,
		     const struct ipe_vocabulary *vocabulary,
		     struct ipe_policy **ret, struct ipe_parse_error *reterr);

/* Longest policy text, in bytes: the extended envelope's ceiling. */
#define IPE_POLICY_TEXT_MAX (64U << 20)

/* NULL is fine. */
void ipe_policy_free(struct ipe_policy *policy);

/* The name is NUL-terminated and lives as long as the policy. */
const char *ipe_policy_name(const struct ipe_policy *policy);
const struct ipe_version *ipe_policy_version(const struct ipe_policy *policy);

/*
 * policy_rollback_floor= of the header; the policy's own version where the
 * header names none.
 */
const struct ipe_version *
ipe_policy_rollback_floor(const struct ipe_policy *policy);

/*
 * policy_unsigned=TRUE of the header: the author agrees that the text is loaded
 * without a signature, if something else proves its origin. A signed policy may
 * have it as well.
 */
bool ipe_policy_may_be_unsigned(const struct ipe_policy *policy);

/* The line of the header, counted from 1. */
unsigned int ipe_policy_header_line(const struct ipe_policy *policy);

/*
 * Does the policy need the extended ABI? The first line (counted from 1) that
 * upstream kernels refuse, or 0.
 */
unsigned int ipe_policy_extended_line(const struct ipe_policy *policy);

unsigned int ipe_policy_n_rules(const struct ipe_policy *policy);

/* Bytes of memory that @policy holds, its text not counted. */
size_t ipe_policy_size(const struct ipe_policy *policy);

/* The part of a policy that decided. */
enum ipe_match {
	IPE_MATCH_RULE,
	IPE_MATCH_OP_DEFAULT,
	IPE_MATCH_GLOBAL_DEFAULT,
};

/**
 * struct ipe_verdict - an answer, and the reason for it
 * @action: IPE_ACTION_ALLOW or IPE_ACTION_DENY
 * @match: what decided
 * @op: the operation of the question
 * @rule: the rule that matched, owned by the policy; NULL unless @match is
 *	IPE_MATCH_RULE
 */
struct ipe_verdict {
	enum ipe_action action;
	enum ipe_match match;
	enum ipe_op op;
	const struct ipe_rule *rule;
};

/*
 * Judges a file.
 *
 * Its time does not depend on the number of rules. It allocates nothing and
 * never sleeps. The first matching rule wins, then the operation's DEFAULT,
 * then the global DEFAULT.
 *
 * A policy that may deny anything that the kernel reads (any operation but
 * EXECUTE) denies IPE_OP_UNKNOWN, whatever the global DEFAULT: a later kernel
 * must not get around a denial by reading the file under another operation.
 * @match is then IPE_MATCH_OP_DEFAULT, and no line of the policy stands for it.
 * Under other policies the global DEFAULT decides; without one, the operation
 * is allowed.
 */
struct ipe_verdict ipe_policy_evaluate(const struct ipe_policy *policy,
				       enum ipe_op op,
				       const struct ipe_facts *facts);

/*
 * The line in the policy text, counted from 1, and the place among all rules.
 */
unsigned int ipe_rule_line(const struct ipe_rule *rule);
unsigned int ipe_rule_index(const struct ipe_policy *policy,
			    const struct ipe_rule *rule);

/* The line of the rule at a place among all rules, counted from 1. */
unsigned int ipe_policy_rule_line(const struct ipe_policy *policy,
				  unsigned int index);

/* The operation and the action of the rule at a place among all rules. */
enum ipe_op ipe_policy_rule_op(const struct ipe_policy *policy,
			       unsigned int index);
enum ipe_action ipe_policy_rule_action(const struct ipe_policy *policy,
				       unsigned int index);

/*
 * The line of an operation's DEFAULT, or of the global one where @op is
 * IPE_OP_UNKNOWN; 0 where the policy has none.
 */
unsigned int ipe_policy_default_line(const struct ipe_policy *policy,
				     enum ipe_op op);

/*
 * The action of an operation's DEFAULT, IPE_ACTION_UNSET where it has none; of
 * the global one where @op is IPE_OP_UNKNOWN, IPE_ACTION_ALLOW where there is
 * none.
 */
enum ipe_action ipe_policy_default_action(const struct ipe_policy *policy,
					  enum ipe_op op);

/*
 * The line of the rule or DEFAULT that decided; 0 if there is none, as for
 * IPE_OP_UNKNOWN with IPE_MATCH_OP_DEFAULT.
 */
unsigned int ipe_verdict_line(const struct ipe_policy *policy,
			      const struct ipe_verdict *verdict);

/*
 * Writes the rule or DEFAULT that decided, as canonical text.
 * @buf: NUL-terminated if @size is not 0, cut where it does not fit
 * @size: bytes of @buf
 *
 * Canonical: one space between tokens, properties in the order of the source,
 * digests in lower case. "op=EXECUTE boot_verified=TRUE action=ALLOW",
 * "DEFAULT op=EXECUTE action=DENY", "DEFAULT action=DENY". "DEFAULT op=UNKNOWN
 * action=DENY" stands in no policy: see ipe_policy_evaluate().
 *
 * Return: bytes that the whole text takes, without the NUL.
 */
size_t ipe_verdict_print(const struct ipe_policy *policy,
			 const struct ipe_verdict *verdict,
			 char *buf, size_t size);

/*
 * Bytes of a policy's text that ipe_verdict_excerpt() reads, from the start of
 * the rule on.
 */
#define IPE_EXCERPT_WINDOW 4096

/*
 * Writes the text of ipe_verdict_print(), or only its beginning if the rule is
 * longer than IPE_EXCERPT_WINDOW: a signed policy may have lines of any length,
 * and any user can cause denials. Never reads a comment. Arguments and return
 * as of ipe_verdict_print().
 */
size_t ipe_verdict_excerpt(const struct ipe_policy *policy,
			   const struct ipe_verdict *verdict,
			   char *buf, size_t size);

/*
 * Writes the whole policy as canonical text.
 *
 * Parsing the result gives a policy with the same verdicts, and printing that
 * policy gives the same text. Arguments and return as of ipe_verdict_print();
 * the result ends in a newline.
 */
size_t ipe_policy_print(const struct ipe_policy *policy, char *buf,
			size_t size);

/* Words of the language; "UNKNOWN" for IPE_OP_UNKNOWN. */
const char *ipe_op_name(enum ipe_op op);
const char *ipe_action_name(enum ipe_action action);

#endif
