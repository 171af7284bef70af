/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Random policies against a naive scan.
 *
 * A policy is generated as a list of rules; from that list come both its text, which goes through parser and index,
 * and the expected verdict, by a scan from top to bottom over the list. So the reference shares nothing with what
 * is tested: neither the parser nor the index. IPE_TEST_SEED sets the seed; without it all runs are the same.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test-unit.h"

#include "policy.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

#define POLICIES 4000
#define FACTS_PER_POLICY 260
#define RULES_MAX 48
#define CONDITIONS_MAX 6
#define POOL 12

static uint64_t random_state;

static uint64_t random64(void) {
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return random_state * 0x2545f4914f6cdd1d;
}

static uint32_t below(uint32_t n) {
        return (random64() >> 32) % n;
}

/* One in n. */
static bool rarely(uint32_t n) {
        return below(n) == 0;
}

struct known_digest {
        char algorithm[8];
        uint8_t value[64];
        unsigned len;
};

struct condition {
        int property;
        bool wanted;     /* of a boolean */
        unsigned digest; /* of a digest: into the pool */
};

struct line {
        bool is_default;
        int op; /* -1: the global DEFAULT */
        bool deny;
        unsigned n;
        struct condition conditions[CONDITIONS_MAX];
};

struct model {
        struct ipe_vocabulary vocabulary;
        struct known_digest pool[POOL]; /* the last three are in no rule */
        struct line lines[RULES_MAX + IPE_OP_COUNT + 1];
        unsigned n;
};

/* Generating. */

static void generate_vocabulary(struct ipe_vocabulary *vocabulary) {
        static const struct ipe_property more[] = {
                { "tpm", IPE_PROPERTY_BOOLEAN },  { "tpm_sealed", IPE_PROPERTY_BOOLEAN },
                { "x", IPE_PROPERTY_DIGEST },     { "measure", IPE_PROPERTY_DIGEST },
                { "kept", IPE_PROPERTY_BOOLEAN }, { "y", IPE_PROPERTY_BOOLEAN },
        };

        ipe_vocabulary_init(vocabulary);
        ipe_vocabulary_answer_builtin(vocabulary);
        if (rarely(4))
                for (unsigned i = 0, n = below(N(more) + 1); i < n; i++)
                        assert_true(ipe_vocabulary_answer(vocabulary, &more[i]) >= 0);
        if (rarely(4))
                vocabulary->answered &= random64();
}

/* Digests that are easily mistaken for one another: common prefixes, common bytes, no algorithm. */
static void generate_pool(struct known_digest pool[POOL]) {
        static const char *const algorithms[] = { "sha256", "sha256", "sha256", "sha512", "sha25", "" };
        static const unsigned lens[] = { 1, 2, 8, 20, 32, 32, 32, 64, 0 };

        for (unsigned i = 0; i < POOL; i++) {
                struct known_digest *d = &pool[i];

                memset(d, 0, sizeof(*d));
                strcpy(d->algorithm, algorithms[below(N(algorithms))]);
                d->len = lens[below(N(lens))];
                if (i > 0 && rarely(2))
                        memcpy(d->value, pool[below(i)].value, sizeof(d->value));
                else
                        for (unsigned j = 0; j < sizeof(d->value); j++)
                                d->value[j] = below(256);
                if (rarely(4) && d->len > 0)
                        d->value[d->len - 1] ^= 1U << below(8);
        }
}

static void generate_rule(struct model *m, struct line *line) {
        /* Few operations and digests, so that rules meet. */
        line->op = rarely(4) ? below(IPE_OP_COUNT) : below(2);
        line->deny = rarely(2);
        line->n = rarely(12) ? 0 : 1 + below(rarely(4) ? CONDITIONS_MAX : 3);
        for (unsigned i = 0; i < line->n; i++)
                line->conditions[i] = (struct condition) {
                        .property = below(m->vocabulary.n_properties),
                        .wanted = rarely(2),
                        .digest = below(POOL - 3),
                };
}

static void generate(struct model *m) {
        bool global = !rarely(4);
        unsigned rules = below(rarely(2) ? RULES_MAX : 6);

        generate_vocabulary(&m->vocabulary);
        generate_pool(m->pool);
        m->n = 0;
        if (global)
                m->lines[m->n++] = (struct line) { .is_default = true, .op = -1, .deny = rarely(2) };
        for (int op = 0; op < IPE_OP_COUNT; op++)
                if (!global || rarely(3))
                        m->lines[m->n++] = (struct line) { .is_default = true, .op = op, .deny = rarely(2) };
        for (unsigned i = 0; i < rules; i++) {
                m->lines[m->n] = (struct line) {};
                generate_rule(m, &m->lines[m->n++]);
        }

        /* A DEFAULT may stand anywhere. */
        for (unsigned i = m->n; i > 1; i--) {
                unsigned j = below(i);
                struct line swap = m->lines[j];

                m->lines[j] = m->lines[i - 1];
                m->lines[i - 1] = swap;
        }
}

/* Writing. The line of the text is two below the index: the header is line 1. */

static const char *space(bool canonical) {
        static const char *const spaces[] = { " ", "  ", "\t", " \t " };

        return canonical ? " " : spaces[below(N(spaces))];
}

static size_t write_digest(const struct known_digest *d, bool canonical, char *text) {
        size_t len = sprintf(text, "%s:", d->algorithm);
        bool upper = !canonical && rarely(2);

        for (unsigned i = 0; i < d->len; i++)
                len += sprintf(text + len, upper ? "%02X" : "%02x", d->value[i]);
        return len;
}

static size_t write_line(const struct model *m, const struct line *line, bool canonical, char *text) {
        size_t len = 0;

        if (line->is_default)
                len += sprintf(text + len, "DEFAULT%s", space(canonical));
        if (line->op >= 0)
                len += sprintf(text + len, "op=%s%s", ipe_op_name(line->op), space(canonical));
        for (unsigned i = 0; i < line->n; i++) {
                const struct condition *c = &line->conditions[i];
                const struct ipe_property *property = &m->vocabulary.properties[c->property];

                len += sprintf(text + len, "%s=", property->name);
                if (property->kind == IPE_PROPERTY_BOOLEAN)
                        len += sprintf(text + len, c->wanted ? "TRUE" : "FALSE");
                else
                        len += write_digest(&m->pool[c->digest], canonical, text + len);
                len += sprintf(text + len, "%s", space(canonical));
        }
        len += sprintf(text + len, "action=%s", line->deny ? "DENY" : "ALLOW");
        return len;
}

static size_t write_policy(const struct model *m, char *text) {
        static const char *const ends[] = { "\n", "\n", "\r\n", " # c\n", "#\r\n", " \v\f\xa0\n" };
        size_t len = sprintf(text, "policy_name=random policy_version=1.0.0\n");

        for (unsigned i = 0; i < m->n; i++) {
                len += write_line(m, &m->lines[i], false, text + len);
                len += sprintf(text + len, "%s", ends[below(N(ends))]);
        }
        return len;
}

/* The reference. */

static bool holds(const struct model *m, const struct condition *c, const struct ipe_facts *facts) {
        const struct known_digest *d = &m->pool[c->digest];
        const struct ipe_digest *fact;

        if (!(m->vocabulary.answered & (1U << c->property)))
                return false;
        if (m->vocabulary.properties[c->property].kind == IPE_PROPERTY_BOOLEAN)
                return ((facts->booleans >> m->vocabulary.slot[c->property]) & 1) == c->wanted;
        fact = &facts->digests[m->vocabulary.slot[c->property]];
        return fact->value && d->len > 0 && fact->value_len == d->len && fact->algorithm_len == strlen(d->algorithm) &&
               memcmp(fact->algorithm, d->algorithm, fact->algorithm_len) == 0 &&
               memcmp(fact->value, d->value, d->len) == 0;
}

static bool applies(const struct model *m, const struct line *line, int op, const struct ipe_facts *facts) {
        if (line->is_default || line->op != op)
                return false;
        for (unsigned i = 0; i < line->n; i++)
                if (!holds(m, &line->conditions[i], facts))
                        return false;
        return true;
}

/* No line says so, but a policy that denies anything that the kernel reads denies what has no word. */
static const struct line no_word = { .is_default = true, .op = IPE_OP_UNKNOWN, .deny = true };

static bool denies_reads(const struct model *m) {
        for (unsigned i = 0; i < m->n; i++)
                if (m->lines[i].op > (int) IPE_OP_EXECUTE && m->lines[i].deny)
                        return true;
        return false;
}

static const struct line *global_default(const struct model *m) {
        for (unsigned i = 0; i < m->n; i++)
                if (m->lines[i].is_default && m->lines[i].op < 0)
                        return &m->lines[i];
        return NULL;
}

/* Returns the line that decides; NULL if none does, which allows. */
static const struct line *scan(const struct model *m, int op, const struct ipe_facts *facts) {
        for (unsigned i = 0; i < m->n; i++)
                if (op < IPE_OP_COUNT && applies(m, &m->lines[i], op, facts))
                        return &m->lines[i];
        for (unsigned i = 0; i < m->n; i++)
                if (op < IPE_OP_COUNT && m->lines[i].is_default && m->lines[i].op == op)
                        return &m->lines[i];
        if (op == IPE_OP_UNKNOWN && denies_reads(m) && !(global_default(m) && global_default(m)->deny))
                return &no_word;
        return global_default(m);
}

static void generate_facts(const struct model *m, struct ipe_facts *facts) {
        memset(facts, 0, sizeof(*facts));
        facts->booleans = below(1U << m->vocabulary.n_booleans);
        if (rarely(8))
                facts->booleans |= (uint32_t) random64() << m->vocabulary.n_booleans;
        for (unsigned i = 0; i < m->vocabulary.n_digests; i++) {
                const struct known_digest *d = &m->pool[below(POOL)];

                if (!rarely(4))
                        facts->digests[i] = (struct ipe_digest) {
                                .algorithm = d->algorithm,
                                .algorithm_len = strlen(d->algorithm),
                                .value = d->value,
                                .value_len = d->len,
                        };
        }
}

/* Comparing. */

static void assert_same_decision(const struct model *m, const struct ipe_policy *policy, int op,
                                 const struct ipe_facts *facts, bool print) {
        struct ipe_verdict verdict = ipe_policy_evaluate(policy, op, facts);
        const struct line *expected = scan(m, op, facts);
        char text[2048], canonical[2048];

        if (!expected) {
                assert_int_equal(verdict.match, IPE_MATCH_GLOBAL_DEFAULT);
                assert_int_equal(verdict.action, IPE_ACTION_ALLOW);
                return;
        }
        assert_int_equal(verdict.action, expected->deny ? IPE_ACTION_DENY : IPE_ACTION_ALLOW);
        assert_int_equal(verdict.match, !expected->is_default ? IPE_MATCH_RULE
                                        : expected->op >= 0   ? IPE_MATCH_OP_DEFAULT
                                                              : IPE_MATCH_GLOBAL_DEFAULT);
        if (verdict.match == IPE_MATCH_RULE)
                assert_int_equal(ipe_rule_line(verdict.rule), expected - m->lines + 2);
        if (print) {
                canonical[write_line(m, expected, true, canonical)] = '\0';
                assert_int_equal(ipe_verdict_print(policy, &verdict, text, sizeof(text)), strlen(canonical));
                assert_string_equal(text, canonical);
                assert_int_equal(ipe_verdict_excerpt(policy, &verdict, text, sizeof(text)), strlen(canonical));
                assert_string_equal(text, canonical);
        }
}

static struct ipe_policy *compile(struct model *m, const char *text, size_t len) {
        struct ipe_parse_error error = {};
        struct ipe_policy *policy = NULL;

        if (ipe_policy_parse(text, len, &m->vocabulary, &policy, &error) < 0)
                fail_msg("%u:%u: %s in:\n%.*s", error.line, error.column, error.sentence, (int) len, text);
        return policy;
}

static struct model model;
static char text[128 * 1024], printed[128 * 1024], printed_again[128 * 1024];

static void verdicts_are_those_of_a_scan(void **state) {
        uint64_t pairs = 0, rules = 0;

        for (unsigned i = 0; i < POLICIES; i++) {
                struct ipe_policy *policy;
                struct ipe_facts facts;

                generate(&model);
                policy = compile(&model, text, write_policy(&model, text));
                for (unsigned j = 0; j < FACTS_PER_POLICY; j++) {
                        int op = rarely(16) ? (int) below(IPE_OP_COUNT + 1) : (int) below(2);

                        generate_facts(&model, &facts);
                        assert_same_decision(&model, policy, op, &facts, j < 8);
                        pairs++;
                        rules += ipe_policy_evaluate(policy, op, &facts).match == IPE_MATCH_RULE;
                }
                ipe_policy_free(policy);
        }
        print_message("# %" PRIu64 " pairs, decided by a rule: %" PRIu64 "\n", pairs, rules);
        assert_true(pairs >= 1000000);
        /* A generator of policies whose rules never match would test nothing. */
        assert_true(rules > pairs / 4 && rules < pairs - pairs / 10);
}

static void canonical_text_has_the_same_verdicts(void **state) {
        for (unsigned i = 0; i < POLICIES / 4; i++) {
                struct ipe_policy *policy, *again;
                struct ipe_facts facts;
                size_t len;

                generate(&model);
                policy = compile(&model, text, write_policy(&model, text));
                len = ipe_policy_print(policy, printed, sizeof(printed));
                assert_in_range(len, 1, sizeof(printed) - 1);
                again = compile(&model, printed, len);
                assert_int_equal(ipe_policy_print(again, printed_again, sizeof(printed_again)), len);
                assert_string_equal(printed, printed_again);

                for (unsigned j = 0; j < 50; j++) {
                        int op = below(IPE_OP_COUNT + 1);
                        struct ipe_verdict a, b;

                        generate_facts(&model, &facts);
                        a = ipe_policy_evaluate(policy, op, &facts);
                        b = ipe_policy_evaluate(again, op, &facts);
                        assert_int_equal(a.action, b.action);
                        assert_int_equal(a.match, b.match);
                        if (a.match == IPE_MATCH_RULE)
                                assert_int_equal(ipe_rule_index(policy, a.rule), ipe_rule_index(again, b.rule));
                }
                ipe_policy_free(again);
                ipe_policy_free(policy);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(verdicts_are_those_of_a_scan),
                cmocka_unit_test(canonical_text_has_the_same_verdicts),
        };
        const char *seed = getenv("IPE_TEST_SEED");

        random_state = seed ? strtoull(seed, NULL, 0) : 20240917;
        if (random_state == 0)
                random_state = 1;
        return run_tests_as_tap(tests);
}
