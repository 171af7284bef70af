/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policy language: the table that the kernel's tests share, errors, questions to a policy, and its printed form.
 * Verdicts are in test-policy-meaning.c, random policies in test-policy-random.c.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test-unit.h"

#include "tests/cases.h"
#include "policies.h"

static void table_case(void **state) {
        const struct ipe_policy_case *c = *state;
        struct ipe_parse_error error = {};
        struct ipe_policy *policy = NULL;
        char *copy;
        int r;

        /* A copy without a NUL behind it, so that the sanitizer sees a read past the end. */
        copy = malloc(c->len ?: 1);
        assert_non_null(copy);
        memcpy(copy, c->text, c->len);

        r = ipe_policy_parse(copy, c->len, &vocabulary, &policy, &error);
        assert_int_equal(r, c->error);
        assert_int_equal(error.line, c->line);
        assert_int_equal(error.column, c->column);
        if (r < 0) {
                assert_null(policy);
                assert_non_null(error.sentence);
                assert_int_equal(error.token != NULL, error.column > 0);
                if (error.token) {
                        assert_true(error.token >= copy && error.token_len > 0);
                        assert_true(error.token + error.token_len <= copy + c->len);
                }
        } else {
                assert_non_null(policy);
                assert_null(error.sentence);
                ipe_policy_free(policy);
        }

        /* The same without a place for the error. */
        policy = NULL;
        assert_int_equal(ipe_policy_parse(copy, c->len, &vocabulary, &policy, NULL), c->error);
        ipe_policy_free(policy);
        free(copy);
}

static void error_names_the_token(void **state) {
        const char *text = IPE_START "op=EXECUTE  boot_verified=maybe action=ALLOW\n";
        struct ipe_parse_error error;
        struct ipe_policy *policy = NULL;

        assert_int_equal(ipe_policy_parse(text, strlen(text), &vocabulary, &policy, &error), -EBADMSG);
        assert_int_equal(error.token_len, strlen("boot_verified=maybe"));
        assert_memory_equal(error.token, "boot_verified=maybe", error.token_len);
        assert_string_equal(error.sentence, "this property is TRUE or FALSE");
}

static void text_above_the_ceiling_is_refused(void **state) {
        struct ipe_parse_error error;
        struct ipe_policy *policy = NULL;

        assert_int_equal(ipe_policy_parse("x", (size_t) IPE_POLICY_TEXT_MAX + 1, &vocabulary, &policy, &error), -EFBIG);
        assert_null(policy);
        assert_non_null(error.sentence);
}

static void text_of_the_ceiling_is_accepted(void **state) {
        struct ipe_policy *policy = NULL;
        char *text = malloc(IPE_POLICY_TEXT_MAX);

        assert_non_null(text);
        memset(text, ' ', IPE_POLICY_TEXT_MAX);
        memcpy(text, IPE_HEADER, strlen(IPE_HEADER));
        memcpy(text + IPE_POLICY_TEXT_MAX - strlen(IPE_DENY), IPE_DENY, strlen(IPE_DENY));
        assert_int_equal(ipe_policy_parse(text, IPE_POLICY_TEXT_MAX, &vocabulary, &policy, NULL), 0);
        ipe_policy_free(policy);
        free(text);
}

/* Questions to a policy, and its printed form. */

static void policy_tells_its_header(void **state) {
        struct ipe_policy *policy = parse("policy_name=corp-base policy_version=+3.02.1\n" IPE_DENY);
        char version[IPE_VERSION_STRLEN];

        assert_string_equal(ipe_policy_name(policy), "corp-base");
        ipe_version_print(ipe_policy_version(policy), version);
        assert_string_equal(version, "3.2.1");
        ipe_version_print(ipe_policy_rollback_floor(policy), version);
        assert_string_equal(version, "3.2.1");
        assert_int_equal(ipe_policy_extended_line(policy), 0);
        assert_int_equal(ipe_policy_n_rules(policy), 0);
        ipe_policy_free(policy);
}

static void policy_tells_its_floor(void **state) {
        struct ipe_policy *policy = parse(
                "\npolicy_name=n policy_version=3.2.1 policy_rollback_floor=1.0.9\n" IPE_DENY);
        char version[IPE_VERSION_STRLEN];

        ipe_version_print(ipe_policy_rollback_floor(policy), version);
        assert_string_equal(version, "1.0.9");
        assert_int_equal(ipe_policy_extended_line(policy), 2);
        ipe_policy_free(policy);
}

static void policy_tells_whether_it_may_be_unsigned(void **state) {
        static const struct {
                const char *text;
                bool may;
                unsigned line, extended;
        } cases[] = {
                { IPE_START, false, 1, 0 },
                { "#\n\npolicy_name=n policy_version=1.2.3 policy_rollback_floor=1.0.0\n" IPE_DENY, false, 3, 3 },
                { "policy_name=n policy_version=1.2.3 policy_unsigned=TRUE\n" IPE_DENY, true, 1, 1 },
                { "# c\r\npolicy_name=n policy_version=1.2.3 policy_unsigned=TRUE "
                  "policy_rollback_floor=1.0.0\n" IPE_DENY,
                  true, 2, 2 },
                { "policy_name=policy_unsigned=TRUE policy_version=1.2.3 #policy_unsigned=TRUE\n" IPE_DENY, false, 1,
                  0 },
        };

        for (size_t i = 0; i < N(cases); i++) {
                struct ipe_policy *policy = parse(cases[i].text);

                assert_int_equal(ipe_policy_may_be_unsigned(policy), cases[i].may);
                assert_int_equal(ipe_policy_header_line(policy), cases[i].line);
                assert_int_equal(ipe_policy_extended_line(policy), cases[i].extended);
                ipe_policy_free(policy);
        }
}

static void header_word_that_is_wrong_gets_its_sentence(void **state) {
        static const struct {
                const char *words, *sentence;
        } cases[] = {
                { "policy_unsigned=FALSE", "policy_unsigned has to be TRUE, or is left out" },
                { "policy_unsigned=TRUE policy_unsigned=TRUE", "policy_unsigned occurs twice" },
                { "policy_unsigned=TRUE policy_unsigned=FALSE", "policy_unsigned occurs twice" },
                { "policy_rollback_floor=1.0.0 policy_rollback_floor=x", "policy_rollback_floor occurs twice" },
                { "policy_rollback_floor=", "expected 'policy_rollback_floor=X.Y.Z'" },
                { "policy_rollback_floor=1.0.0 x",
                  "expected 'policy_rollback_floor=X.Y.Z', 'policy_unsigned=TRUE' or nothing" },
                { "policy_unsigned", "expected 'policy_rollback_floor=X.Y.Z', 'policy_unsigned=TRUE' or nothing" },
        };

        for (size_t i = 0; i < N(cases); i++) {
                struct ipe_policy *policy = NULL;
                struct ipe_parse_error error;
                char text[256];

                snprintf(text, sizeof(text), "policy_name=n policy_version=1.2.3 %s\n" IPE_DENY, cases[i].words);
                assert_int_equal(ipe_policy_parse(text, strlen(text), &vocabulary, &policy, &error), -EBADMSG);
                assert_string_equal(error.sentence, cases[i].sentence);
                assert_memory_equal(error.token,
                                    strrchr(cases[i].words, ' ') ? strrchr(cases[i].words, ' ') + 1 : cases[i].words,
                                    error.token_len);
        }
}

static void policy_tells_the_first_extended_line(void **state) {
        struct ipe_policy *policy = parse(IPE_START "# dmverity_cmdline=TRUE\n"
                                                    "op=EXECUTE boot_verified=TRUE action=ALLOW\n"
                                                    "op=EXECUTE dmverity_cmdline=TRUE action=ALLOW\n"
                                                    "op=KMODULE dmverity_cmdline=TRUE action=ALLOW\n");

        assert_int_equal(ipe_policy_extended_line(policy), 5);
        ipe_policy_free(policy);
}

static void rule_tells_its_line_and_index(void **state) {
        struct ipe_policy *policy = parse("# c\n\n" IPE_START
                                          "op=KMODULE action=DENY\r\n\n\top=EXECUTE action=ALLOW\n");
        struct ipe_facts facts = {};
        struct ipe_verdict verdict = ipe_policy_evaluate(policy, IPE_OP_EXECUTE, &facts);

        assert_int_equal(ipe_policy_n_rules(policy), 2);
        assert_int_equal(ipe_rule_line(verdict.rule), 7);
        assert_int_equal(ipe_rule_index(policy, verdict.rule), 1);
        ipe_policy_free(policy);
}

static void what_decided_tells_its_line(void **state) {
        struct ipe_policy *policy = parse("policy_name=n policy_version=1.0.0\n"
                                          "# c\n"
                                          "DEFAULT op=KMODULE action=DENY\n"
                                          "DEFAULT action=ALLOW\n"
                                          "op=FIRMWARE action=DENY\n");
        static const struct {
                enum ipe_op op;
                unsigned line, default_line;
        } cases[] = {
                { IPE_OP_FIRMWARE, 5, 0 },
                { IPE_OP_KMODULE, 3, 3 },
                { IPE_OP_POLICY, 4, 0 },
                { IPE_OP_UNKNOWN, 0, 4 },
        };

        for (size_t i = 0; i < N(cases); i++) {
                struct ipe_facts facts = {};
                struct ipe_verdict verdict = ipe_policy_evaluate(policy, cases[i].op, &facts);

                assert_int_equal(ipe_verdict_line(policy, &verdict), cases[i].line);
                assert_int_equal(ipe_policy_default_line(policy, cases[i].op), cases[i].default_line);
        }
        assert_int_equal(ipe_policy_rule_line(policy, 0), 5);
        ipe_policy_free(policy);
}

static void no_line_decides_where_the_policy_has_none(void **state) {
        struct ipe_policy *policy = parse("policy_name=n policy_version=1.0.0\n" EACH_DEFAULT("DENY", "ALLOW"));
        struct ipe_facts facts = {};
        struct ipe_verdict verdict = ipe_policy_evaluate(policy, IPE_OP_UNKNOWN, &facts);

        assert_int_equal(verdict.action, IPE_ACTION_ALLOW);
        assert_int_equal(ipe_verdict_line(policy, &verdict), 0);
        ipe_policy_free(policy);
}

static void canonical_text_is_as_documented(void **state) {
        struct ipe_policy *policy = parse(
                "# comment\r\n"
                "\tpolicy_name=n\tpolicy_version=+1.02.3 policy_unsigned=TRUE "
                " policy_rollback_floor=1.0.0 \r\n"
                "op=EXECUTE\t fsverity_digest=SHA256:ABCD  boot_verified=TRUE action=ALLOW#x\n"
                "DEFAULT op=KMODULE   action=ALLOW\n"
                "DEFAULT action=DENY\n");
        const char *expected = "policy_name=n policy_version=1.2.3 policy_rollback_floor=1.0.0 policy_unsigned=TRUE\n"
                               "DEFAULT action=DENY\n"
                               "DEFAULT op=KMODULE action=ALLOW\n"
                               "op=EXECUTE fsverity_digest=SHA256:abcd boot_verified=TRUE action=ALLOW\n";
        char buf[512];

        assert_int_equal(ipe_policy_print(policy, buf, sizeof(buf)), strlen(expected));
        assert_string_equal(buf, expected);
        ipe_policy_free(policy);
}

static void text_that_does_not_fit_is_cut(void **state) {
        struct ipe_policy *policy = parse(IPE_START);
        const char *expected = IPE_START;
        char buf[sizeof(IPE_START) + 1];

        for (size_t size = 0; size <= sizeof(buf); size++) {
                size_t fits = size == 0 ? 0 : size - 1 < strlen(expected) ? size - 1 : strlen(expected);

                memset(buf, '~', sizeof(buf));
                assert_int_equal(ipe_policy_print(policy, buf, size), strlen(expected));
                assert_memory_equal(buf, expected, fits);
                if (size > 0)
                        assert_int_equal(buf[fits], '\0');
                for (size_t i = size; i < sizeof(buf); i++)
                        assert_int_equal(buf[i], '~');
        }
        assert_int_equal(ipe_policy_print(policy, NULL, 0), strlen(expected));
        ipe_policy_free(policy);
}

static const struct CMUnitTest others[] = {
        cmocka_unit_test(error_names_the_token),
        cmocka_unit_test(text_above_the_ceiling_is_refused),
        cmocka_unit_test(text_of_the_ceiling_is_accepted),
        cmocka_unit_test(policy_tells_its_header),
        cmocka_unit_test(policy_tells_its_floor),
        cmocka_unit_test(policy_tells_whether_it_may_be_unsigned),
        cmocka_unit_test(header_word_that_is_wrong_gets_its_sentence),
        cmocka_unit_test(policy_tells_the_first_extended_line),
        cmocka_unit_test(rule_tells_its_line_and_index),
        cmocka_unit_test(what_decided_tells_its_line),
        cmocka_unit_test(no_line_decides_where_the_policy_has_none),
        cmocka_unit_test(canonical_text_is_as_documented),
        cmocka_unit_test(text_that_does_not_fit_is_cut),
};

int main(void) {
        static struct CMUnitTest tests[N(ipe_policy_cases) + N(others)];

        init_vocabulary();

        /* One test a case, so that a report names the case. */
        for (unsigned i = 0; i < N(ipe_policy_cases); i++)
                tests[i] = (struct CMUnitTest) {
                        .name = ipe_policy_cases[i].description,
                        .test_func = table_case,
                        .initial_state = (void *) &ipe_policy_cases[i],
                };
        memcpy(tests + N(ipe_policy_cases), others, sizeof(others));
        return run_tests_as_tap(tests);
}
