/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Verdicts: the rule or DEFAULT that matches an operation and facts.
 */

#include <stdio.h>
#include <string.h>

#include "test-unit.h"

#include "tests/cases.h"
#include "policies.h"

static uint32_t bit(int property) {
        return 1U << vocabulary.slot[property];
}

/* expected: the canonical text of the rule or DEFAULT that matches. */
static void assert_decides(const char *text, enum ipe_op op, const struct ipe_facts *facts, const char *expected) {
        static const struct ipe_facts nothing;
        struct ipe_policy *policy = parse(text);
        struct ipe_verdict verdict = ipe_policy_evaluate(policy, op, facts ?: &nothing);
        char buf[512];

        ipe_verdict_print(policy, &verdict, buf, sizeof(buf));
        assert_string_equal(buf, expected);
        assert_int_equal(verdict.action, strstr(expected, "=ALLOW") ? IPE_ACTION_ALLOW : IPE_ACTION_DENY);
        assert_int_equal(verdict.rule != NULL, verdict.match == IPE_MATCH_RULE);
        assert_int_equal(verdict.op, op);
        ipe_policy_free(policy);
}

static void first_matching_rule_wins(void **state) {
        const char *text = IPE_START "op=EXECUTE boot_verified=TRUE action=DENY\n"
                                     "op=EXECUTE action=ALLOW\n"
                                     "op=EXECUTE boot_verified=FALSE action=DENY\n";
        struct ipe_facts facts = { .booleans = bit(IPE_PROPERTY_BOOT_VERIFIED) };

        assert_decides(text, IPE_OP_EXECUTE, &facts, "op=EXECUTE boot_verified=TRUE action=DENY");
        assert_decides(text, IPE_OP_EXECUTE, NULL, "op=EXECUTE action=ALLOW");
}

static void first_matching_rule_wins_whatever_index_finds_it(void **state) {
        struct ipe_facts facts = facts_with(IPE_PROPERTY_FSVERITY_DIGEST, "sha256", "\xab", 1);

        assert_decides(IPE_START "op=EXECUTE fsverity_digest=sha256:ab action=ALLOW\n"
                                 "op=EXECUTE action=DENY\n",
                       IPE_OP_EXECUTE, &facts, "op=EXECUTE fsverity_digest=sha256:ab action=ALLOW");
        assert_decides(IPE_START "op=EXECUTE boot_verified=FALSE action=DENY\n"
                                 "op=EXECUTE fsverity_digest=sha256:ab action=ALLOW\n",
                       IPE_OP_EXECUTE, &facts, "op=EXECUTE boot_verified=FALSE action=DENY");
}

static void default_of_the_operation_comes_before_the_global_one(void **state) {
        const char *text = IPE_START "DEFAULT op=KMODULE action=ALLOW\nop=FIRMWARE boot_verified=TRUE action=ALLOW\n";

        assert_decides(text, IPE_OP_KMODULE, NULL, "DEFAULT op=KMODULE action=ALLOW");
        assert_decides(text, IPE_OP_FIRMWARE, NULL, "DEFAULT action=DENY");
        assert_decides(text, IPE_OP_EXECUTE, NULL, "DEFAULT action=DENY");
}

static void rules_of_other_operations_do_not_match(void **state) {
        static const char *const ops[] = { "EXECUTE",         "FIRMWARE", "KMODULE",  "KEXEC_IMAGE",
                                           "KEXEC_INITRAMFS", "POLICY",   "X509_CERT" };
        char text[256], rule[64];

        for (unsigned i = 0; i < N(ops); i++) {
                snprintf(rule, sizeof(rule), "op=%s action=ALLOW", ops[i]);
                snprintf(text, sizeof(text), IPE_START "%s\n", rule);
                assert_string_equal(ipe_op_name(i), ops[i]);
                for (unsigned op = 0; op < IPE_OP_COUNT; op++)
                        assert_decides(text, op, NULL, op == i ? rule : "DEFAULT action=DENY");
        }
}

static void unknown_operation_is_for_the_global_default(void **state) {
        assert_decides(IPE_START "op=EXECUTE action=ALLOW\n", IPE_OP_UNKNOWN, NULL, "DEFAULT action=DENY");
        assert_decides(IPE_HEADER "DEFAULT action=ALLOW\n", IPE_OP_UNKNOWN, NULL, "DEFAULT action=ALLOW");
        assert_string_equal(ipe_op_name(IPE_OP_UNKNOWN), "UNKNOWN");
        assert_string_equal(ipe_op_name(1000), "UNKNOWN");
}

static void unknown_operation_is_denied_if_any_kernel_read_may_be(void **state) {
        static const struct {
                const char *before, *after;
        } denials[] = {
                { "DEFAULT op=", " action=DENY" },
                { "op=", " action=DENY" },
                { "op=", " boot_verified=FALSE action=DENY" },
                { "op=EXECUTE action=ALLOW\nop=", " action=DENY" },
                { "op=", " boot_verified=TRUE boot_verified=FALSE action=DENY" },
                { "op=", " fsverity_digest=sha256:ab action=DENY" },
        };
        char denial[128], text[256];

        for (unsigned op = 0; op < IPE_OP_COUNT; op++)
                for (size_t i = 0; i < N(denials); i++) {
                        const char *expected = op == IPE_OP_EXECUTE ? "DEFAULT action=ALLOW"
                                                                    : "DEFAULT op=UNKNOWN action=DENY";

                        snprintf(denial, sizeof(denial), "%s%s%s\n", denials[i].before, ipe_op_name(op),
                                 denials[i].after);
                        snprintf(text, sizeof(text), IPE_HEADER "DEFAULT action=ALLOW\n%s", denial);
                        assert_decides(text, IPE_OP_UNKNOWN, NULL, expected);
                        /* The order of lines does not matter, and a line that denies is named. */
                        snprintf(text, sizeof(text), IPE_HEADER "%sDEFAULT action=ALLOW\n", denial);
                        assert_decides(text, IPE_OP_UNKNOWN, NULL, expected);
                        snprintf(text, sizeof(text), IPE_HEADER "%sDEFAULT action=DENY\n", denial);
                        assert_decides(text, IPE_OP_UNKNOWN, NULL, "DEFAULT action=DENY");
                }
}

static void unknown_operation_without_a_global_default(void **state) {
        assert_decides(IPE_HEADER EACH_DEFAULT("DENY", "ALLOW"), IPE_OP_UNKNOWN, NULL, "DEFAULT action=ALLOW");
        assert_decides(IPE_HEADER EACH_DEFAULT("ALLOW", "DENY"), IPE_OP_UNKNOWN, NULL,
                       "DEFAULT op=UNKNOWN action=DENY");
        /* A global default that no known operation is left to. */
        assert_decides(IPE_START EACH_DEFAULT("DENY", "ALLOW"), IPE_OP_UNKNOWN, NULL, "DEFAULT action=DENY");
}

static void number_that_is_no_operation_is_unknown(void **state) {
        struct ipe_policy *policy = parse(IPE_START "op=EXECUTE action=ALLOW\n");
        struct ipe_facts facts = {};
        struct ipe_verdict verdict = ipe_policy_evaluate(policy, (enum ipe_op) 4711, &facts);

        assert_int_equal(verdict.op, IPE_OP_UNKNOWN);
        assert_int_equal(verdict.match, IPE_MATCH_GLOBAL_DEFAULT);
        assert_int_equal(verdict.action, IPE_ACTION_DENY);
        ipe_policy_free(policy);
}

static void booleans_are_a_conjunction(void **state) {
        const char *rule = "op=EXECUTE boot_verified=TRUE dmverity_signature=FALSE fsverity_signature=TRUE "
                           "dmverity_cmdline=FALSE action=ALLOW";
        uint32_t wanted = bit(IPE_PROPERTY_BOOT_VERIFIED) | bit(IPE_PROPERTY_FSVERITY_SIGNATURE);
        char text[256];

        snprintf(text, sizeof(text), IPE_START "%s\n", rule);
        for (uint32_t booleans = 0; booleans < 16; booleans++) {
                struct ipe_facts facts = { .booleans = booleans };

                assert_decides(text, IPE_OP_EXECUTE, &facts, booleans == wanted ? rule : "DEFAULT action=DENY");
        }
}

static void false_matches_what_nothing_is_known_of(void **state) {
        assert_decides(IPE_START "op=EXECUTE dmverity_signature=FALSE action=ALLOW\n", IPE_OP_EXECUTE, NULL,
                       "op=EXECUTE dmverity_signature=FALSE action=ALLOW");
}

static void contradiction_never_matches(void **state) {
        for (uint32_t booleans = 0; booleans < 16; booleans++) {
                struct ipe_facts facts = { .booleans = booleans };

                assert_decides(IPE_START "op=EXECUTE boot_verified=TRUE boot_verified=FALSE action=ALLOW\n",
                               IPE_OP_EXECUTE, &facts, "DEFAULT action=DENY");
                assert_decides(IPE_START "op=EXECUTE boot_verified=FALSE boot_verified=TRUE boot_verified=FALSE "
                                         "action=ALLOW\n",
                               IPE_OP_EXECUTE, &facts, "DEFAULT action=DENY");
        }
}

static void repeated_property_is_that_property(void **state) {
        struct ipe_facts facts = facts_with(IPE_PROPERTY_FSVERITY_DIGEST, "sha256", "\xab", 1);

        assert_decides(IPE_START "op=EXECUTE fsverity_digest=sha256:ab fsverity_digest=sha256:AB action=ALLOW\n",
                       IPE_OP_EXECUTE, &facts,
                       "op=EXECUTE fsverity_digest=sha256:ab fsverity_digest=sha256:ab action=ALLOW");
}

static void two_digests_of_one_kind_never_match(void **state) {
        const char *text = IPE_START "op=EXECUTE fsverity_digest=sha256:ab fsverity_digest=sha256:cd action=ALLOW\n";
        struct ipe_facts first = facts_with(IPE_PROPERTY_FSVERITY_DIGEST, "sha256", "\xab", 1),
                         second = facts_with(IPE_PROPERTY_FSVERITY_DIGEST, "sha256", "\xcd", 1);

        assert_decides(text, IPE_OP_EXECUTE, &first, "DEFAULT action=DENY");
        assert_decides(text, IPE_OP_EXECUTE, &second, "DEFAULT action=DENY");
}

static void digest_is_algorithm_length_and_bytes(void **state) {
        static const struct {
                const char *algorithm, *value;
                size_t len;
                bool matches;
        } table[] = {
                { "sha256", "\xab\xcd", 2, true },      { "sha256", "\xab\xce", 2, false },
                { "sha256", "\xab\xcd\x00", 3, false }, { "sha256", "\xab", 1, false },
                { "sha512", "\xab\xcd", 2, false },     { "SHA256", "\xab\xcd", 2, false },
                { "sha25", "\xab\xcd", 2, false },      { "sha2567", "\xab\xcd", 2, false },
                { "", "\xab\xcd", 2, false },
        };

        for (unsigned i = 0; i < N(table); i++) {
                struct ipe_facts facts = facts_with(IPE_PROPERTY_DMVERITY_ROOTHASH, table[i].algorithm, table[i].value,
                                                    table[i].len);

                assert_decides(IPE_START "op=EXECUTE dmverity_roothash=sha256:ABCD action=ALLOW\n", IPE_OP_EXECUTE,
                               &facts,
                               table[i].matches ? "op=EXECUTE dmverity_roothash=sha256:abcd action=ALLOW"
                                                : "DEFAULT action=DENY");
        }
}

static void algorithm_may_be_empty_or_odd(void **state) {
        struct ipe_facts none = facts_with(IPE_PROPERTY_FSVERITY_DIGEST, "", "\xab", 1),
                         odd = facts_with(IPE_PROPERTY_FSVERITY_DIGEST, "\xff=", "\xab", 1);

        assert_decides(IPE_START "op=EXECUTE fsverity_digest=:ab action=ALLOW\n", IPE_OP_EXECUTE, &none,
                       "op=EXECUTE fsverity_digest=:ab action=ALLOW");
        assert_decides(IPE_START "op=EXECUTE fsverity_digest=\xff=:ab action=ALLOW\n", IPE_OP_EXECUTE, &odd,
                       "op=EXECUTE fsverity_digest=\xff=:ab action=ALLOW");
}

static void empty_digest_never_matches(void **state) {
        const char *text = IPE_START "op=EXECUTE fsverity_digest=sha256: action=ALLOW\n";
        struct ipe_facts facts = facts_with(IPE_PROPERTY_FSVERITY_DIGEST, "sha256", "", 0);

        assert_decides(text, IPE_OP_EXECUTE, &facts, "DEFAULT action=DENY");
        assert_decides(text, IPE_OP_EXECUTE, NULL, "DEFAULT action=DENY");
}

static void digests_of_different_kinds_are_kept_apart(void **state) {
        const char *text = IPE_START "op=EXECUTE fsverity_digest=sha256:ab action=ALLOW\n"
                                     "op=KMODULE dmverity_roothash=sha256:ab action=ALLOW\n";
        struct ipe_facts fsverity = facts_with(IPE_PROPERTY_FSVERITY_DIGEST, "sha256", "\xab", 1),
                         dmverity = facts_with(IPE_PROPERTY_DMVERITY_ROOTHASH, "sha256", "\xab", 1);

        assert_decides(text, IPE_OP_EXECUTE, &fsverity, "op=EXECUTE fsverity_digest=sha256:ab action=ALLOW");
        assert_decides(text, IPE_OP_EXECUTE, &dmverity, "DEFAULT action=DENY");
        assert_decides(text, IPE_OP_KMODULE, &dmverity, "op=KMODULE dmverity_roothash=sha256:ab action=ALLOW");
        assert_decides(text, IPE_OP_KMODULE, &fsverity, "DEFAULT action=DENY");
}

static void rule_with_two_digests_wants_both(void **state) {
        const char *text = IPE_START "op=EXECUTE dmverity_roothash=sha256:01 fsverity_digest=sha256:02 action=ALLOW\n"
                                     "op=EXECUTE fsverity_digest=sha256:02 dmverity_signature=TRUE action=ALLOW\n";
        struct ipe_facts facts = facts_with(IPE_PROPERTY_FSVERITY_DIGEST, "sha256", "\x02", 1),
                         volume = facts_with(IPE_PROPERTY_DMVERITY_ROOTHASH, "sha256", "\x01", 1);

        assert_decides(text, IPE_OP_EXECUTE, &facts, "DEFAULT action=DENY");
        facts.booleans = bit(IPE_PROPERTY_DMVERITY_SIGNATURE);
        assert_decides(text, IPE_OP_EXECUTE, &facts,
                       "op=EXECUTE fsverity_digest=sha256:02 dmverity_signature=TRUE action=ALLOW");
        facts.digests[vocabulary.slot[IPE_PROPERTY_DMVERITY_ROOTHASH]] =
                volume.digests[vocabulary.slot[IPE_PROPERTY_DMVERITY_ROOTHASH]];
        assert_decides(text, IPE_OP_EXECUTE, &facts,
                       "op=EXECUTE dmverity_roothash=sha256:01 fsverity_digest=sha256:02 action=ALLOW");
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(first_matching_rule_wins),
                cmocka_unit_test(first_matching_rule_wins_whatever_index_finds_it),
                cmocka_unit_test(default_of_the_operation_comes_before_the_global_one),
                cmocka_unit_test(rules_of_other_operations_do_not_match),
                cmocka_unit_test(unknown_operation_is_for_the_global_default),
                cmocka_unit_test(unknown_operation_is_denied_if_any_kernel_read_may_be),
                cmocka_unit_test(unknown_operation_without_a_global_default),
                cmocka_unit_test(number_that_is_no_operation_is_unknown),
                cmocka_unit_test(booleans_are_a_conjunction),
                cmocka_unit_test(false_matches_what_nothing_is_known_of),
                cmocka_unit_test(contradiction_never_matches),
                cmocka_unit_test(repeated_property_is_that_property),
                cmocka_unit_test(two_digests_of_one_kind_never_match),
                cmocka_unit_test(digest_is_algorithm_length_and_bytes),
                cmocka_unit_test(algorithm_may_be_empty_or_odd),
                cmocka_unit_test(empty_digest_never_matches),
                cmocka_unit_test(digests_of_different_kinds_are_kept_apart),
                cmocka_unit_test(rule_with_two_digests_wants_both),
        };

        init_vocabulary();
        return run_tests_as_tap(tests);
}
