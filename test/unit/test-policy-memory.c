/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policy language where memory ends, where a policy is large, where bytes are garbage, and where threads share
 * a policy. What a leak or a wild read looks like is left to the sanitizers.
 */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test-unit.h"

#include "tests/cases.h"
#include "lint.h"
#include "policy.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static struct ipe_vocabulary vocabulary;

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint32_t random_below(uint32_t n) {
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (random_state >> 32) % n;
}

static void *allocate(size_t size) {
        void *memory = malloc(size ?: 1);

        if (!memory)
                abort();
        return memory;
}

/* SHA-256 length, and different for each number in a few bytes that are spread. */
static void number_to_digest(uint32_t number, uint8_t digest[32]) {
        for (unsigned i = 0; i < 32; i++)
                digest[i] = (number >> (i % 4 * 8)) + i;
}

/* n rules of distinct digests; every other one denies. The caller frees. */
static char *many_rules(uint32_t n) {
        size_t room = 128 + (size_t) n * 128, len = 0;
        char *text = allocate(room);
        uint8_t digest[32];

        len += sprintf(text, IPE_START);
        for (uint32_t i = 0; i < n; i++) {
                number_to_digest(i, digest);
                len += sprintf(text + len, "op=EXECUTE fsverity_digest=sha256:");
                for (unsigned j = 0; j < 32; j++)
                        len += sprintf(text + len, "%02x", digest[j]);
                len += sprintf(text + len, " action=%s\n", i % 2 ? "DENY" : "ALLOW");
        }
        return text;
}

static struct ipe_policy *parse(const char *text) {
        struct ipe_policy *policy = NULL;

        assert_int_equal(ipe_policy_parse(text, strlen(text), &vocabulary, &policy, NULL), 0);
        return policy;
}

static struct ipe_facts facts_of(const uint8_t digest[32]) {
        struct ipe_facts facts = {};

        facts.digests[vocabulary.slot[IPE_PROPERTY_FSVERITY_DIGEST]] = (struct ipe_digest) {
                .algorithm = "sha256",
                .algorithm_len = strlen("sha256"),
                .value = digest,
                .value_len = 32,
        };
        return facts;
}

static void policy_without_memory_is_refused_at_every_allocation(void **state) {
        char *text = many_rules(1000);
        struct ipe_policy *policy = NULL;
        int r = -ENOMEM;
        unsigned n;

        for (n = 0; n < 1000 && r == -ENOMEM; n++) {
                ipe_port_fail_after(n);
                r = ipe_policy_parse(text, strlen(text), &vocabulary, &policy, NULL);
                ipe_port_fail_after(-1);
                assert_true(r == -ENOMEM ? !policy : r == 0);
        }
        assert_int_equal(r, 0);
        /* The policy, its name, arrays that grow, tables: no less than one each, and none a rule. */
        assert_in_range(n, 10, 100);
        ipe_policy_free(policy);
        free(text);
}

static void mistake_without_memory_is_never_a_policy(void **state) {
        for (unsigned i = 0; i < N(ipe_policy_cases); i++) {
                const struct ipe_policy_case *c = &ipe_policy_cases[i];
                int r = -ENOMEM;

                for (unsigned n = 0; n < 100 && r == -ENOMEM; n++) {
                        struct ipe_policy *policy = NULL;

                        ipe_port_fail_after(n);
                        r = ipe_policy_parse(c->text, c->len, &vocabulary, &policy, NULL);
                        ipe_port_fail_after(-1);
                        assert_true(r == -ENOMEM || r == c->error);
                        ipe_policy_free(policy);
                }
                assert_int_equal(r, c->error);
        }
}

static void hundred_thousand_rules_are_compact(void **state) {
        uint32_t n = 100000;
        char *text = many_rules(n);
        struct ipe_policy *policy = parse(text);
        uint8_t digest[32];

        assert_int_equal(ipe_policy_n_rules(policy), n);
        print_message("# %zu bytes a rule\n", ipe_policy_size(policy) / n);
        assert_in_range(ipe_policy_size(policy) / n, 32, 199);

        for (uint32_t i = 0; i < n + 1000; i++) {
                struct ipe_facts facts;
                struct ipe_verdict verdict;

                number_to_digest(i, digest);
                facts = facts_of(digest);
                verdict = ipe_policy_evaluate(policy, IPE_OP_EXECUTE, &facts);
                if (i < n) {
                        assert_int_equal(verdict.match, IPE_MATCH_RULE);
                        assert_int_equal(ipe_rule_index(policy, verdict.rule), i);
                        assert_int_equal(ipe_rule_line(verdict.rule), i + 3);
                        assert_int_equal(verdict.action, i % 2 ? IPE_ACTION_DENY : IPE_ACTION_ALLOW);
                } else
                        assert_int_equal(verdict.match, IPE_MATCH_GLOBAL_DEFAULT);
                verdict = ipe_policy_evaluate(policy, IPE_OP_KMODULE, &facts);
                assert_int_equal(verdict.match, IPE_MATCH_GLOBAL_DEFAULT);
        }
        ipe_policy_free(policy);
        free(text);
}

static void same_rule_many_times_is_the_first(void **state) {
        static const char rule[] = "op=EXECUTE fsverity_digest=sha256:" IPE_AB64 " action=ALLOW\n";
        uint32_t n = 50000;
        char *text = allocate(strlen(IPE_START) + n * strlen(rule) + 1), *at;
        struct ipe_policy *policy;
        struct ipe_facts facts;
        struct ipe_verdict verdict;
        uint8_t digest[32];

        at = stpcpy(text, IPE_START);
        for (uint32_t i = 0; i < n; i++)
                at = stpcpy(at, rule);
        policy = parse(text);
        memset(digest, 0xab, sizeof(digest));
        facts = facts_of(digest);
        verdict = ipe_policy_evaluate(policy, IPE_OP_EXECUTE, &facts);
        assert_int_equal(verdict.match, IPE_MATCH_RULE);
        assert_int_equal(ipe_rule_index(policy, verdict.rule), 0);
        ipe_policy_free(policy);
        free(text);
}

static void count(const struct ipe_lint *lint, void *userdata) {
        unsigned *n = userdata;

        assert_true(lint->line > 0 && lint->column > 0);
        (*n)++;
}

/* Whatever parses can be linted, printed, parsed again and judged by. */
static void use_policy(const struct ipe_policy *policy) {
        struct ipe_policy *again = NULL;
        size_t len = ipe_policy_print(policy, NULL, 0);
        char *text = allocate(len + 1), *second = allocate(len + 1);
        struct ipe_facts facts = { .booleans = random_below(16) };
        unsigned remarks = 0;

        assert_int_equal(ipe_policy_print(policy, text, len + 1), len);
        assert_int_equal(ipe_policy_parse(text, len, &vocabulary, &again, NULL), 0);
        assert_int_equal(ipe_policy_print(again, second, len + 1), len);
        assert_string_equal(text, second);
        for (unsigned op = 0; op <= IPE_OP_UNKNOWN; op++)
                assert_int_equal(ipe_policy_evaluate(policy, op, &facts).action,
                                 ipe_policy_evaluate(again, op, &facts).action);
        ipe_policy_lint(policy, count, &remarks);
        ipe_policy_free(again);
        free(second);
        free(text);
}

static void assert_error_is_within(const struct ipe_parse_error *error, const char *text, size_t len) {
        assert_non_null(error->sentence);
        if (error->line == 0) {
                assert_int_equal(error->column, 0);
                return;
        }
        assert_true(error->line <= len + 1);
        assert_true(error->column <= len + 1);
        if (error->token)
                assert_true(error->token >= text && error->token + error->token_len <= text + len);
}

static void garbage_is_refused_or_used(void **state) {
        static const char alphabet[] = "\0\n\r\t #=:.aA0TFR\xa0\xff";
        char *copy = NULL;
        unsigned accepted = 0, refused = 0;

        for (unsigned i = 0; i < 100000; i++) {
                const struct ipe_policy_case *c = &ipe_policy_cases[random_below(N(ipe_policy_cases))];
                struct ipe_parse_error error = {};
                struct ipe_policy *policy = NULL;
                size_t len = c->len;
                int r;

                copy = allocate(len);
                memcpy(copy, c->text, len);
                for (unsigned j = random_below(4); len > 0 && j > 0; j--)
                        copy[random_below(len)] = random_below(2) ? alphabet[random_below(sizeof(alphabet) - 1)]
                                                                  : (char) random_below(256);
                if (len > 0 && random_below(4) == 0)
                        len = random_below(len);

                r = ipe_policy_parse(copy, len, &vocabulary, &policy, &error);
                assert_true(r == 0 || r == -EBADMSG || r == -EINVAL || r == -ERANGE);
                if (r == 0) {
                        accepted++;
                        use_policy(policy);
                } else {
                        refused++;
                        assert_null(policy);
                        assert_error_is_within(&error, copy, len);
                }
                ipe_policy_free(policy);
                free(copy);
        }
        print_message("# %u accepted, %u refused\n", accepted, refused);
        assert_true(accepted > 1000 && refused > 1000);
}

static void *evaluate_often(void *userdata) {
        const struct ipe_policy *policy = userdata;
        uint8_t digest[32];
        uintptr_t wrong = 0;

        for (uint32_t i = 0; i < 20000; i++) {
                struct ipe_facts facts;
                struct ipe_verdict verdict;

                number_to_digest(i % 1500, digest);
                facts = facts_of(digest);
                verdict = ipe_policy_evaluate(policy, IPE_OP_EXECUTE, &facts);
                if (i % 1500 < 1000)
                        wrong += verdict.match != IPE_MATCH_RULE || ipe_rule_index(policy, verdict.rule) != i % 1500;
                else
                        wrong += verdict.match != IPE_MATCH_GLOBAL_DEFAULT;
        }
        return (void *) wrong;
}

static void threads_share_a_policy(void **state) {
        char *text = many_rules(1000);
        struct ipe_policy *policy = parse(text);
        pthread_t threads[4];

        for (unsigned i = 0; i < N(threads); i++)
                assert_int_equal(pthread_create(&threads[i], NULL, evaluate_often, policy), 0);
        for (unsigned i = 0; i < N(threads); i++) {
                void *wrong;

                assert_int_equal(pthread_join(threads[i], &wrong), 0);
                assert_null(wrong);
        }
        ipe_policy_free(policy);
        free(text);
}

static void nothing_can_be_freed(void **state) {
        ipe_policy_free(NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(policy_without_memory_is_refused_at_every_allocation),
                cmocka_unit_test(mistake_without_memory_is_never_a_policy),
                cmocka_unit_test(hundred_thousand_rules_are_compact),
                cmocka_unit_test(same_rule_many_times_is_the_first),
                cmocka_unit_test(garbage_is_refused_or_used),
                cmocka_unit_test(threads_share_a_policy),
                cmocka_unit_test(nothing_can_be_freed),
        };

        ipe_vocabulary_init(&vocabulary);
        ipe_vocabulary_answer_builtin(&vocabulary);
        return run_tests_as_tap(tests);
}
