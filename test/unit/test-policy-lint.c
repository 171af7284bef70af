/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The linter's remarks on policies that parse, and policies without remarks.
 */

#include <stdio.h>
#include <string.h>

#include "test-unit.h"

#include "lint.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

#define START "policy_name=n policy_version=1.2.3\nDEFAULT action=DENY\n"
#define HEX32 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX64 HEX32 HEX32

struct remark {
        enum ipe_lint_kind kind;
        unsigned line, column, other_line;
};

struct remarks {
        struct remark list[16];
        unsigned n;
};

static void collect(const struct ipe_lint *lint, void *userdata) {
        struct remarks *remarks = userdata;

        assert_true(remarks->n < N(remarks->list));
        assert_non_null(lint->sentence);
        remarks->list[remarks->n++] = (struct remark) { lint->kind, lint->line, lint->column, lint->other_line };
}

static struct ipe_vocabulary everything(void) {
        struct ipe_vocabulary vocabulary;

        ipe_vocabulary_init(&vocabulary);
        ipe_vocabulary_answer_builtin(&vocabulary);
        return vocabulary;
}

static void assert_remarks_with(const struct ipe_vocabulary *vocabulary, const char *text,
                                const struct remark *expected, unsigned n) {
        struct ipe_policy *policy = NULL;
        struct remarks remarks = {};

        assert_int_equal(ipe_policy_parse(text, strlen(text), vocabulary, &policy, NULL), 0);
        ipe_policy_lint(policy, collect, &remarks);
        ipe_policy_free(policy);

        for (unsigned i = 0; i < remarks.n && i < n; i++) {
                assert_int_equal(remarks.list[i].kind, expected[i].kind);
                assert_int_equal(remarks.list[i].line, expected[i].line);
                assert_int_equal(remarks.list[i].column, expected[i].column);
                assert_int_equal(remarks.list[i].other_line, expected[i].other_line);
        }
        assert_int_equal(remarks.n, n);
}

static void assert_remarks(const char *text, const struct remark *expected, unsigned n) {
        struct ipe_vocabulary vocabulary = everything();

        assert_remarks_with(&vocabulary, text, expected, n);
}

#define REMARKS(text, ...) \
        assert_remarks(text, (const struct remark[]) { __VA_ARGS__ }, N(((const struct remark[]) { __VA_ARGS__ })))
#define NO_REMARK(text) assert_remarks(text, NULL, 0)

static void good_policy_has_no_remark(void **state) {
        NO_REMARK(START "op=EXECUTE boot_verified=TRUE action=ALLOW\n"
                        "op=EXECUTE dmverity_signature=TRUE action=ALLOW\n"
                        "op=EXECUTE fsverity_digest=sha256:" HEX32 " action=DENY\n"
                        "op=EXECUTE dmverity_roothash=sha512:" HEX64 " dmverity_signature=FALSE action=ALLOW\n"
                        "op=KMODULE fsverity_digest=sha256:" HEX32 " action=ALLOW\n");
}

static void each_algorithm_of_its_length_is_fine(void **state) {
        static const struct {
                const char *name;
                unsigned len;
                bool fsverity;
        } table[] = {
                { "sha256", 32, true },       { "sha512", 64, true },       { "sha224", 28, false },
                { "sha384", 48, false },      { "sha1", 20, false },        { "sha3-224", 28, false },
                { "sha3-256", 32, false },    { "sha3-384", 48, false },    { "sha3-512", 64, false },
                { "blake2b-512", 64, false }, { "blake2s-256", 32, false }, { "sm3", 32, false },
                { "rmd160", 20, false },
        };
        char text[512];

        for (unsigned i = 0; i < N(table); i++) {
                int digits = table[i].len * 2;

                snprintf(text, sizeof(text), START "op=EXECUTE dmverity_roothash=%s:%.*s action=ALLOW\n", table[i].name,
                         digits, HEX64);
                NO_REMARK(text);
                snprintf(text, sizeof(text), START "op=EXECUTE dmverity_roothash=%s:%.*s action=ALLOW\n", table[i].name,
                         digits - 2, HEX64);
                REMARKS(text, { IPE_LINT_LENGTH, 3, 12 });
                snprintf(text, sizeof(text), START "op=EXECUTE fsverity_digest=%s:%.*s action=ALLOW\n", table[i].name,
                         digits, HEX64);
                if (table[i].fsverity)
                        NO_REMARK(text);
                else
                        REMARKS(text, { IPE_LINT_ALGORITHM, 3, 12 });
        }
}

static void unknown_algorithm_is_named(void **state) {
        REMARKS(START "op=EXECUTE boot_verified=TRUE dmverity_roothash=SHA256:" HEX32 " action=ALLOW\n"
                      "\n  op=EXECUTE fsverity_digest=:" HEX32 " action=ALLOW # c\r\n"
                      "op=EXECUTE fsverity_digest=md5:" HEX32 " action=ALLOW\n",
                { IPE_LINT_ALGORITHM, 3, 31 }, { IPE_LINT_ALGORITHM, 5, 14 }, { IPE_LINT_ALGORITHM, 6, 12 });
}

static void wrong_length_is_named(void **state) {
        REMARKS(START "op=EXECUTE fsverity_digest=sha256:" HEX64 " action=ALLOW\n"
                      "op=EXECUTE fsverity_digest=sha256:ab dmverity_roothash=sha512:" HEX32 " action=ALLOW\n",
                { IPE_LINT_LENGTH, 3, 12 }, { IPE_LINT_LENGTH, 4, 12 }, { IPE_LINT_LENGTH, 4, 38 });
}

static void empty_digest_is_named(void **state) {
        REMARKS(START "op=EXECUTE fsverity_digest=sha256: action=ALLOW\n"
                      "op=EXECUTE dmverity_roothash=: action=ALLOW\n",
                { IPE_LINT_LENGTH, 3, 12 }, { IPE_LINT_LENGTH, 4, 12 });
}

static void contradicting_booleans_are_named(void **state) {
        REMARKS(START "op=EXECUTE boot_verified=TRUE dmverity_signature=TRUE boot_verified=FALSE action=ALLOW\n"
                      "op=EXECUTE fsverity_signature=FALSE fsverity_signature=TRUE action=ALLOW\n",
                { IPE_LINT_CONTRADICTION, 3, 55 }, { IPE_LINT_CONTRADICTION, 4, 37 });
}

static void contradicting_digests_are_named(void **state) {
        REMARKS(START "op=EXECUTE fsverity_digest=sha256:" HEX32 " fsverity_digest=sha512:" HEX64 " action=ALLOW\n",
                { IPE_LINT_CONTRADICTION, 3, 12 + 16 + 7 + 64 + 1 });
}

static void repetition_is_no_contradiction(void **state) {
        NO_REMARK(START "op=EXECUTE boot_verified=TRUE boot_verified=TRUE action=ALLOW\n"
                        "op=EXECUTE fsverity_digest=sha256:" HEX32 " fsverity_digest=sha256:"
                        "0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF action=ALLOW\n");
}

static void shadowed_rule_is_named_with_its_shadow(void **state) {
        REMARKS(START "op=EXECUTE boot_verified=TRUE action=ALLOW\n"
                      "op=EXECUTE boot_verified=TRUE action=DENY\n"
                      "op=KMODULE boot_verified=TRUE action=DENY\n"
                      "op=EXECUTE boot_verified=TRUE dmverity_signature=TRUE action=DENY\n",
                { IPE_LINT_SHADOWED, 4, 1, 3 }, { IPE_LINT_SHADOWED, 6, 1, 3 });
}

static void rules_that_shadow_together_are_found(void **state) {
        REMARKS(START "op=EXECUTE boot_verified=FALSE action=DENY\n"
                      "op=EXECUTE boot_verified=TRUE action=ALLOW\n"
                      " op=EXECUTE fsverity_digest=sha256:" HEX32 " action=DENY\n",
                { IPE_LINT_SHADOWED, 5, 2, 4 });
}

static void rule_behind_one_without_conditions_is_shadowed(void **state) {
        REMARKS(START "op=EXECUTE action=DENY\n"
                      "op=EXECUTE dmverity_roothash=sha256:" HEX32 " fsverity_digest=sha256:" HEX32 " action=ALLOW\n",
                { IPE_LINT_SHADOWED, 4, 1, 3 });
}

static void rule_of_a_subset_of_digests_shadows(void **state) {
        REMARKS(START "op=EXECUTE fsverity_digest=sha256:" HEX32 " action=DENY\n"
                      "op=EXECUTE dmverity_roothash=sha256:" HEX32 " fsverity_digest=sha256:" HEX32 " action=ALLOW\n",
                { IPE_LINT_SHADOWED, 4, 1, 3 });
        NO_REMARK(START "op=EXECUTE dmverity_roothash=sha256:" HEX32 " fsverity_digest=sha256:" HEX32 " action=ALLOW\n"
                        "op=EXECUTE fsverity_digest=sha256:" HEX32 " action=DENY\n");
}

static void rule_that_can_never_match_shadows_nothing(void **state) {
        REMARKS(START "op=EXECUTE boot_verified=TRUE boot_verified=FALSE action=DENY\n"
                      "op=EXECUTE boot_verified=TRUE action=ALLOW\n",
                { IPE_LINT_CONTRADICTION, 3, 31 });
}

static void what_needs_the_extended_abi_is_noted(void **state) {
        REMARKS("\n policy_name=policy_unsigned=TRUE policy_version=1.2.3 policy_unsigned=TRUE "
                "policy_rollback_floor=1.0.0\n"
                "DEFAULT action=DENY\n"
                "op=EXECUTE boot_verified=TRUE action=ALLOW\n"
                "op=EXECUTE dmverity_cmdline=TRUE action=ALLOW\n"
                "op=KMODULE boot_verified=FALSE dmverity_cmdline=TRUE action=ALLOW\n",
                { IPE_LINT_EXTENDED, 2, 56 }, { IPE_LINT_EXTENDED, 2, 77 }, { IPE_LINT_EXTENDED, 5, 12 },
                { IPE_LINT_EXTENDED, 6, 32 });
}

static void property_that_nobody_answers_is_named(void **state) {
        struct ipe_vocabulary vocabulary = everything();
        const struct remark expected = { IPE_LINT_UNANSWERED, 3, 31 };

        vocabulary.answered &= ~(1U << IPE_PROPERTY_FSVERITY_SIGNATURE);
        assert_remarks_with(&vocabulary,
                            START "op=EXECUTE boot_verified=TRUE fsverity_signature=TRUE action=ALLOW\n"
                                  "op=EXECUTE boot_verified=TRUE action=ALLOW\n",
                            &expected, 1);
}

static void digest_of_another_provider_is_not_judged(void **state) {
        static const struct ipe_property measure = { "measurement", IPE_PROPERTY_DIGEST };
        struct ipe_vocabulary vocabulary = everything();
        const struct remark expected = { IPE_LINT_LENGTH, 4, 12 };

        assert_true(ipe_vocabulary_answer(&vocabulary, &measure) >= 0);
        assert_remarks_with(&vocabulary,
                            START "op=EXECUTE measurement=odd:ab action=ALLOW\n"
                                  "op=EXECUTE measurement=odd: action=ALLOW\n",
                            &expected, 1);
}

static void fsverity_signature_is_noted_once_where_a_rule_can_match(void **state) {
        REMARKS(START "op=EXECUTE boot_verified=TRUE action=ALLOW\n"
                      "op=EXECUTE boot_verified=FALSE fsverity_signature=TRUE fsverity_signature=TRUE action=ALLOW\n"
                      "op=KMODULE fsverity_signature=FALSE action=DENY\n",
                { IPE_LINT_KEYRING, 4, 32 });
        REMARKS(START "  op=KMODULE fsverity_signature=FALSE action=DENY\n", { IPE_LINT_KEYRING, 3, 14 });
        NO_REMARK(START "op=EXECUTE boot_verified=TRUE action=ALLOW # fsverity_signature=TRUE\n");
        REMARKS(START "op=EXECUTE fsverity_signature=TRUE fsverity_signature=FALSE action=ALLOW\n",
                { IPE_LINT_CONTRADICTION, 3, 36 });
}

static void line_of_the_keyring_is_that_of_the_note(void **state) {
        static const struct {
                const char *text;
                unsigned line;
        } cases[] = {
                { START, 0 },
                { START "op=EXECUTE fsverity_digest=sha256:" HEX32 " action=ALLOW\n", 0 },
                { START "op=EXECUTE dmverity_signature=TRUE action=ALLOW\n", 0 },
                { START "\nop=EXECUTE fsverity_signature=TRUE action=ALLOW\n", 4 },
                { START "op=EXECUTE fsverity_signature=FALSE action=DENY\n", 3 },
                { START "op=EXECUTE fsverity_signature=TRUE fsverity_signature=FALSE action=ALLOW\n", 0 },
        };
        struct ipe_vocabulary vocabulary = everything();

        for (unsigned i = 0; i < N(cases); i++) {
                struct ipe_policy *policy = NULL;

                assert_int_equal(ipe_policy_parse(cases[i].text, strlen(cases[i].text), &vocabulary, &policy, NULL), 0);
                assert_int_equal(ipe_lint_keyring_line(policy), cases[i].line);
                ipe_policy_free(policy);
        }
}

#define KEXEC(header, line, column) \
        REMARKS("policy_name=n policy_version=1.2.3\n" header, { IPE_LINT_KEXEC, line, column })
#define NO_KEXEC(header) NO_REMARK("policy_name=n policy_version=1.2.3\n" header)

static void open_kexec_is_named_where_execution_is_restricted(void **state) {
        KEXEC("DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n", 2, 1);
        KEXEC("DEFAULT op=EXECUTE action=DENY\n  DEFAULT action=ALLOW\n", 3, 3);
        KEXEC("DEFAULT action=ALLOW\nop=EXECUTE boot_verified=FALSE action=DENY\n", 2, 1);
        KEXEC("DEFAULT action=DENY\nDEFAULT op=KEXEC_IMAGE action=ALLOW\n", 3, 1);
        /* Rules that only allow change nothing. */
        KEXEC("DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n"
              "op=KEXEC_IMAGE boot_verified=TRUE action=ALLOW\n",
              2, 1);
        /* The initramfs that may be loaded with a kernel that may. */
        KEXEC("DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\nDEFAULT op=KEXEC_IMAGE action=DENY\n"
              "op=KEXEC_IMAGE dmverity_signature=TRUE action=ALLOW\n",
              2, 1);
        KEXEC("DEFAULT action=DENY\nDEFAULT op=KEXEC_INITRAMFS action=ALLOW\n"
              "op=KEXEC_IMAGE dmverity_signature=TRUE action=ALLOW\n",
              3, 1);
}

static void a_rule_that_never_matches_closes_no_kexec(void **state) {
        REMARKS("policy_name=n policy_version=1.2.3\nDEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n"
                "op=KEXEC_IMAGE boot_verified=TRUE boot_verified=FALSE action=DENY\n",
                { IPE_LINT_KEXEC, 2, 1 }, { IPE_LINT_CONTRADICTION, 4, 35 });
}

static void kexec_that_is_denied_or_judged_has_no_remark(void **state) {
        NO_KEXEC("DEFAULT action=DENY\n");
        NO_KEXEC("DEFAULT action=DENY\nop=EXECUTE boot_verified=TRUE action=ALLOW\n");
        NO_KEXEC("DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\nDEFAULT op=KEXEC_IMAGE action=DENY\n");
        NO_KEXEC("DEFAULT action=ALLOW\nDEFAULT op=EXECUTE action=DENY\n"
                 "op=KEXEC_IMAGE dmverity_signature=FALSE action=DENY\n"
                 "op=KEXEC_INITRAMFS dmverity_signature=FALSE action=DENY\n");
        NO_KEXEC("DEFAULT action=DENY\nDEFAULT op=KEXEC_INITRAMFS action=ALLOW\n");
        /* Kexec is no way round a policy that lets anything be executed. */
        NO_KEXEC("DEFAULT action=ALLOW\n");
        NO_KEXEC("DEFAULT action=ALLOW\nop=EXECUTE boot_verified=TRUE action=ALLOW\n");
        NO_KEXEC("DEFAULT action=DENY\nDEFAULT op=EXECUTE action=ALLOW\nDEFAULT op=KEXEC_IMAGE action=ALLOW\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(good_policy_has_no_remark),
                cmocka_unit_test(each_algorithm_of_its_length_is_fine),
                cmocka_unit_test(unknown_algorithm_is_named),
                cmocka_unit_test(wrong_length_is_named),
                cmocka_unit_test(empty_digest_is_named),
                cmocka_unit_test(contradicting_booleans_are_named),
                cmocka_unit_test(contradicting_digests_are_named),
                cmocka_unit_test(repetition_is_no_contradiction),
                cmocka_unit_test(shadowed_rule_is_named_with_its_shadow),
                cmocka_unit_test(rules_that_shadow_together_are_found),
                cmocka_unit_test(rule_behind_one_without_conditions_is_shadowed),
                cmocka_unit_test(rule_of_a_subset_of_digests_shadows),
                cmocka_unit_test(rule_that_can_never_match_shadows_nothing),
                cmocka_unit_test(what_needs_the_extended_abi_is_noted),
                cmocka_unit_test(property_that_nobody_answers_is_named),
                cmocka_unit_test(digest_of_another_provider_is_not_judged),
                cmocka_unit_test(fsverity_signature_is_noted_once_where_a_rule_can_match),
                cmocka_unit_test(line_of_the_keyring_is_that_of_the_note),
                cmocka_unit_test(open_kexec_is_named_where_execution_is_restricted),
                cmocka_unit_test(a_rule_that_never_matches_closes_no_kexec),
                cmocka_unit_test(kexec_that_is_denied_or_judged_has_no_remark),
        };

        return run_tests_as_tap(tests);
}
