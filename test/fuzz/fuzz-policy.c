/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a policy: parsed, and where that succeeds linted, printed, parsed again and asked for verdicts, which
 * have to be those of a naive scan of the text. Linked with libFuzzer, or with replay.c.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#include "lint.h"
#include "policy.h"
#include "scan.h"

#define DIGESTS_MAX 16
#define FACTS 12

static uint64_t random_state;

static uint32_t below(uint32_t n) {
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (random_state >> 32) % n;
}

/* The same input is asked the same questions. */
static void seed(const char *text, size_t len) {
        random_state = 0xcbf29ce484222325;
        for (size_t i = 0; i < len; i++)
                random_state = (random_state ^ (uint8_t) text[i]) * 0x100000001b3;
        random_state |= 1;
}

/* Digests that occur in the text, so that rules match. */
struct digests {
        struct ipe_digest list[DIGESTS_MAX];
        uint8_t *bytes;
        unsigned n;
};

static int nibble(char c) {
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *found = c ? strchr(digits, c) : NULL;

        return found ? (found - digits) % 16 : -1;
}

/* text: after the '=' of a property; bytes: room for all its digits. Returns the bytes that it took. */
static size_t take_digest(const char *text, const char *end, uint8_t *bytes, struct ipe_digest *ret) {
        const char *colon = text;
        size_t n = 0;

        while (colon < end && !strchr(": \t\n#", *colon))
                colon++;
        if (colon == end || *colon != ':')
                return 0;
        for (const char *hex = colon + 1; hex + 1 < end && nibble(hex[0]) >= 0 && nibble(hex[1]) >= 0; hex += 2)
                bytes[n++] = nibble(hex[0]) << 4 | nibble(hex[1]);
        *ret = (struct ipe_digest) {
                .algorithm = text,
                .algorithm_len = colon - text,
                .value = bytes,
                .value_len = n,
        };
        return n;
}

static void find_digests(const char *text, size_t len, struct digests *digests) {
        static const char *const keys[] = { "dmverity_roothash=", "fsverity_digest=" };
        const char *end = text + len;
        size_t used = 0;

        for (const char *at = text; at < end && digests->n < DIGESTS_MAX; at++)
                for (unsigned i = 0; i < 2 && digests->n < DIGESTS_MAX; i++) {
                        size_t key = strlen(keys[i]), n;

                        if ((size_t) (end - at) <= key || memcmp(at, keys[i], key) != 0)
                                continue;
                        n = take_digest(at + key, end, digests->bytes + used, &digests->list[digests->n]);
                        digests->n += n > 0;
                        used += n;
                }
}

/* Lines whose rule can decide nothing, as the linter has it. */
struct remarks {
        unsigned *lines;
        unsigned n, room;
        unsigned first_extended, keyring, last_line;
};

static void collect(const struct ipe_lint *lint, void *userdata) {
        struct remarks *remarks = userdata;

        require(lint->line > 0 && lint->column > 0 && lint->sentence, "a remark names no place");
        require(lint->line >= remarks->last_line, "remarks are not in the order of the text");
        remarks->last_line = lint->line;
        if (lint->kind == IPE_LINT_EXTENDED && remarks->first_extended == 0)
                remarks->first_extended = lint->line;
        if (lint->kind == IPE_LINT_KEYRING) {
                require(remarks->keyring == 0, "the keyring is noted twice");
                remarks->keyring = lint->line;
        }
        if (lint->kind != IPE_LINT_SHADOWED && lint->kind != IPE_LINT_CONTRADICTION)
                return;
        if (lint->kind == IPE_LINT_SHADOWED)
                require(lint->other_line > 0 && lint->other_line < lint->line, "a shadow that is not before");
        require(remarks->n < remarks->room, "more remarks than lines");
        remarks->lines[remarks->n++] = lint->line;
}

static void check_verdicts(const struct ipe_policy *policy, const struct ipe_policy *again, const char *text,
                           size_t len, const struct ipe_facts *facts, const struct remarks *remarks) {
        for (unsigned op = 0; op <= IPE_OP_UNKNOWN; op++) {
                struct ipe_verdict verdict = ipe_policy_evaluate(policy, op, facts),
                                   second = ipe_policy_evaluate(again, op, facts);
                struct scan_result expected = scan_policy(text, len, op, facts);

                require(verdict.match == expected.match, "another part of the policy matches");
                require(verdict.action == expected.action, "another action");
                require(second.match == verdict.match && second.action == verdict.action,
                        "the canonical text has another verdict");
                require((verdict.match == IPE_MATCH_RULE) == (verdict.rule != NULL), "a rule where none matches");
                require(ipe_verdict_line(policy, &verdict) == expected.line, "another line decides");
                if (!verdict.rule)
                        continue;
                require(ipe_rule_line(verdict.rule) == expected.line, "another rule matches");
                require(ipe_rule_index(policy, verdict.rule) == ipe_rule_index(again, second.rule),
                        "the canonical text has another order");
                for (unsigned i = 0; i < remarks->n; i++)
                        require(remarks->lines[i] != expected.line, "a rule decides that the linter gave up");
        }
}

static struct ipe_policy *parse_again(const struct ipe_policy *policy, const struct ipe_vocabulary *vocabulary,
                                      char **ret_text) {
        struct ipe_policy *again = NULL;
        size_t len = ipe_policy_print(policy, NULL, 0);
        char *text = malloc(len + 1), *second = malloc(len + 1);

        require(text && second, "no memory");
        require(ipe_policy_print(policy, text, len + 1) == len, "two lengths of one text");
        require(ipe_policy_parse(text, len, vocabulary, &again, NULL) == 0, "the canonical text is refused");
        require(ipe_policy_print(again, second, len + 1) == len && memcmp(text, second, len + 1) == 0,
                "the canonical text is not its own");
        free(second);
        *ret_text = text;
        return again;
}

static void check_policy(const struct ipe_policy *policy, const struct ipe_vocabulary *vocabulary, const char *text,
                         size_t len) {
        struct digests digests = { .bytes = malloc(len + 1) };
        struct remarks remarks = { .lines = calloc(len + 1, sizeof(unsigned)), .room = len + 1 };
        struct ipe_policy *again;
        char *canonical;

        require(digests.bytes && remarks.lines, "no memory");
        again = parse_again(policy, vocabulary, &canonical);
        ipe_policy_lint(policy, collect, &remarks);
        require(remarks.first_extended == ipe_policy_extended_line(policy), "linter and parser differ");
        require(remarks.keyring == ipe_lint_keyring_line(policy), "the keyring is noted elsewhere");
        find_digests(text, len, &digests);

        for (unsigned i = 0; i < FACTS; i++) {
                struct ipe_facts facts = { .booleans = i == 0 ? 0 : below(16) };

                for (unsigned slot = 0; slot < 2; slot++)
                        if (i > 0 && digests.n > 0 && below(4) > 0)
                                facts.digests[slot] = digests.list[below(digests.n)];
                check_verdicts(policy, again, text, len, &facts, &remarks);
        }
        ipe_policy_free(again);
        free(canonical);
        free(remarks.lines);
        free(digests.bytes);
}

static void check_error(int r, const struct ipe_parse_error *error, const char *text, size_t len) {
        require(r == -EBADMSG || r == -EINVAL || r == -ERANGE, "an errno that is not documented");
        require(error->sentence, "an error without a sentence");
        require(!error->token || (error->token >= text && error->token + error->token_len <= text + len),
                "an error names bytes outside of the text");
        require(!error->token == !error->column, "an error's token and column differ");
        if (error->token) {
                const char *start = error->token - (error->column - 1);
                unsigned line = 1;

                require(start >= text && (start == text || start[-1] == '\n'), "a column that is not of its line");
                for (const char *at = text; at < start; at++)
                        line += *at == '\n';
                require(line == error->line, "a wrong line");
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct ipe_vocabulary vocabulary;
        struct ipe_policy *policy = NULL;
        struct ipe_parse_error error = {};
        const char *text = (const char *) data;
        int r;

        seed(text, size);
        ipe_vocabulary_init(&vocabulary);
        ipe_vocabulary_answer_builtin(&vocabulary);
        r = ipe_policy_parse(text, size, &vocabulary, &policy, &error);
        if (r == 0)
                check_policy(policy, &vocabulary, text, size);
        else
                check_error(r, &error, text, size);
        ipe_policy_free(policy);
        return 0;
}
