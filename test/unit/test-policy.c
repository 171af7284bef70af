/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policy language: the table that the kernel's tests share, what each kind of rule means, printing, versions
 * and vocabularies. Random policies are in test-policy-random.c, excerpts in test-policy-excerpt.c.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test-unit.h"

#include "tests/cases.h"
#include "policy.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static struct ipe_vocabulary vocabulary;

static struct ipe_policy *parse(const char *text) {
        struct ipe_parse_error error;
        struct ipe_policy *policy = NULL;
        int r;

        r = ipe_policy_parse(text, strlen(text), &vocabulary, &policy, &error);
        if (r < 0)
                fail_msg("%u:%u: %s", error.line, error.column, error.sentence);
        return policy;
}

/* Facts with one digest; both strings live as long as the caller's. */
static struct ipe_facts facts_with(int property, const char *algorithm, const char *value, size_t value_len) {
        struct ipe_facts facts = {};

        facts.digests[vocabulary.slot[property]] = (struct ipe_digest) {
                .algorithm = algorithm,
                .algorithm_len = strlen(algorithm),
                .value = (const uint8_t *) value,
                .value_len = value_len,
        };
        return facts;
}

static uint32_t bit(int property) {
        return 1U << vocabulary.slot[property];
}

/* What decides, as text: the canonical rule or DEFAULT. */
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

        assert_int_equal(ipe_policy_parse("x", (size_t) IPE_POLICY_TEXT_MAX + 1, &vocabulary, &policy, &error),
                         -EFBIG);
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

/* Meaning. */

static void first_matching_rule_wins(void **state) {
        const char *text = IPE_START
                "op=EXECUTE boot_verified=TRUE action=DENY\n"
                "op=EXECUTE action=ALLOW\n"
                "op=EXECUTE boot_verified=FALSE action=DENY\n";
        struct ipe_facts facts = { .booleans = bit(IPE_PROPERTY_BOOT_VERIFIED) };

        assert_decides(text, IPE_OP_EXECUTE, &facts, "op=EXECUTE boot_verified=TRUE action=DENY");
        assert_decides(text, IPE_OP_EXECUTE, NULL, "op=EXECUTE action=ALLOW");
}

static void first_matching_rule_wins_whatever_index_finds_it(void **state) {
        struct ipe_facts facts = facts_with(IPE_PROPERTY_FSVERITY_DIGEST, "sha256", "\xab", 1);

        assert_decides(IPE_START
                       "op=EXECUTE fsverity_digest=sha256:ab action=ALLOW\n"
                       "op=EXECUTE action=DENY\n", IPE_OP_EXECUTE, &facts,
                       "op=EXECUTE fsverity_digest=sha256:ab action=ALLOW");
        assert_decides(IPE_START
                       "op=EXECUTE boot_verified=FALSE action=DENY\n"
                       "op=EXECUTE fsverity_digest=sha256:ab action=ALLOW\n", IPE_OP_EXECUTE, &facts,
                       "op=EXECUTE boot_verified=FALSE action=DENY");
}

static void default_of_the_operation_comes_before_the_global_one(void **state) {
        const char *text = IPE_START "DEFAULT op=KMODULE action=ALLOW\nop=FIRMWARE boot_verified=TRUE action=ALLOW\n";

        assert_decides(text, IPE_OP_KMODULE, NULL, "DEFAULT op=KMODULE action=ALLOW");
        assert_decides(text, IPE_OP_FIRMWARE, NULL, "DEFAULT action=DENY");
        assert_decides(text, IPE_OP_EXECUTE, NULL, "DEFAULT action=DENY");
}

static void rules_of_other_operations_do_not_match(void **state) {
        static const char *const ops[] = { "EXECUTE", "FIRMWARE", "KMODULE", "KEXEC_IMAGE", "KEXEC_INITRAMFS",
                                           "POLICY", "X509_CERT" };
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
        static const struct { const char *before, *after; } denials[] = {
                { "DEFAULT op=", " action=DENY" }, { "op=", " action=DENY" },
                { "op=", " boot_verified=FALSE action=DENY" }, { "op=EXECUTE action=ALLOW\nop=", " action=DENY" },
                { "op=", " boot_verified=TRUE boot_verified=FALSE action=DENY" },
                { "op=", " fsverity_digest=sha256:ab action=DENY" },
        };
        char denial[128], text[256];

        for (unsigned op = 0; op < IPE_OP_COUNT; op++)
                for (size_t i = 0; i < N(denials); i++) {
                        const char *expected = op == IPE_OP_EXECUTE ? "DEFAULT action=ALLOW" :
                                                                      "DEFAULT op=UNKNOWN action=DENY";

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

#define EACH_DEFAULT(execute, policy)                                                                                \
        "DEFAULT op=EXECUTE action=" execute "\nDEFAULT op=FIRMWARE action=ALLOW\nDEFAULT op=KMODULE action=ALLOW\n" \
        "DEFAULT op=KEXEC_IMAGE action=ALLOW\nDEFAULT op=KEXEC_INITRAMFS action=ALLOW\n"                             \
        "DEFAULT op=POLICY action=" policy "\nDEFAULT op=X509_CERT action=ALLOW\n"

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
                               "action=ALLOW\n", IPE_OP_EXECUTE, &facts, "DEFAULT action=DENY");
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
                { "sha256", "\xab\xcd", 2, true },
                { "sha256", "\xab\xce", 2, false },
                { "sha256", "\xab\xcd\x00", 3, false },
                { "sha256", "\xab", 1, false },
                { "sha512", "\xab\xcd", 2, false },
                { "SHA256", "\xab\xcd", 2, false },
                { "sha25", "\xab\xcd", 2, false },
                { "sha2567", "\xab\xcd", 2, false },
                { "", "\xab\xcd", 2, false },
        };

        for (unsigned i = 0; i < N(table); i++) {
                struct ipe_facts facts = facts_with(IPE_PROPERTY_DMVERITY_ROOTHASH, table[i].algorithm,
                                                    table[i].value, table[i].len);

                assert_decides(IPE_START "op=EXECUTE dmverity_roothash=sha256:ABCD action=ALLOW\n", IPE_OP_EXECUTE,
                               &facts, table[i].matches ? "op=EXECUTE dmverity_roothash=sha256:abcd action=ALLOW" :
                                                          "DEFAULT action=DENY");
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
        const char *text = IPE_START
                "op=EXECUTE dmverity_roothash=sha256:01 fsverity_digest=sha256:02 action=ALLOW\n"
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

/* What a policy says of itself. */

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
        struct ipe_policy *policy = parse("\npolicy_name=n policy_version=3.2.1 policy_rollback_floor=1.0.9\n" IPE_DENY);
        char version[IPE_VERSION_STRLEN];

        ipe_version_print(ipe_policy_rollback_floor(policy), version);
        assert_string_equal(version, "1.0.9");
        assert_int_equal(ipe_policy_extended_line(policy), 2);
        ipe_policy_free(policy);
}

static void policy_tells_whether_it_may_be_unsigned(void **state) {
        static const struct { const char *text; bool may; unsigned line, extended; } cases[] = {
                { IPE_START, false, 1, 0 },
                { "#\n\npolicy_name=n policy_version=1.2.3 policy_rollback_floor=1.0.0\n" IPE_DENY, false, 3, 3 },
                { "policy_name=n policy_version=1.2.3 policy_unsigned=TRUE\n" IPE_DENY, true, 1, 1 },
                { "# c\r\npolicy_name=n policy_version=1.2.3 policy_unsigned=TRUE policy_rollback_floor=1.0.0\n" IPE_DENY,
                  true, 2, 2 },
                { "policy_name=policy_unsigned=TRUE policy_version=1.2.3 #policy_unsigned=TRUE\n" IPE_DENY, false, 1, 0 },
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
        static const struct { const char *words, *sentence; } cases[] = {
                { "policy_unsigned=FALSE", "policy_unsigned has to be TRUE, or is left out" },
                { "policy_unsigned=TRUE policy_unsigned=TRUE", "policy_unsigned occurs twice" },
                { "policy_unsigned=TRUE policy_unsigned=FALSE", "policy_unsigned occurs twice" },
                { "policy_rollback_floor=1.0.0 policy_rollback_floor=x", "policy_rollback_floor occurs twice" },
                { "policy_rollback_floor=", "expected 'policy_rollback_floor=X.Y.Z'" },
                { "policy_rollback_floor=1.0.0 x",
                  "expected 'policy_rollback_floor=X.Y.Z', 'policy_unsigned=TRUE' or nothing" },
                { "policy_unsigned",
                  "expected 'policy_rollback_floor=X.Y.Z', 'policy_unsigned=TRUE' or nothing" },
        };

        for (size_t i = 0; i < N(cases); i++) {
                struct ipe_policy *policy = NULL;
                struct ipe_parse_error error;
                char text[256];

                snprintf(text, sizeof(text), "policy_name=n policy_version=1.2.3 %s\n" IPE_DENY, cases[i].words);
                assert_int_equal(ipe_policy_parse(text, strlen(text), &vocabulary, &policy, &error), -EBADMSG);
                assert_string_equal(error.sentence, cases[i].sentence);
                assert_memory_equal(error.token, strrchr(cases[i].words, ' ') ? strrchr(cases[i].words, ' ') + 1 :
                                                                                cases[i].words, error.token_len);
        }
}

static void policy_tells_the_first_extended_line(void **state) {
        struct ipe_policy *policy = parse(IPE_START
                                          "# dmverity_cmdline=TRUE\n"
                                          "op=EXECUTE boot_verified=TRUE action=ALLOW\n"
                                          "op=EXECUTE dmverity_cmdline=TRUE action=ALLOW\n"
                                          "op=KMODULE dmverity_cmdline=TRUE action=ALLOW\n");

        assert_int_equal(ipe_policy_extended_line(policy), 5);
        ipe_policy_free(policy);
}

static void rule_tells_its_line_and_index(void **state) {
        struct ipe_policy *policy = parse("# c\n\n" IPE_START "op=KMODULE action=DENY\r\n\n\top=EXECUTE action=ALLOW\n");
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
        static const struct { enum ipe_op op; unsigned line, default_line; } cases[] = {
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
        struct ipe_policy *policy = parse("policy_name=n policy_version=1.0.0\n"
                                          EACH_DEFAULT("DENY", "ALLOW"));
        struct ipe_facts facts = {};
        struct ipe_verdict verdict = ipe_policy_evaluate(policy, IPE_OP_UNKNOWN, &facts);

        assert_int_equal(verdict.action, IPE_ACTION_ALLOW);
        assert_int_equal(ipe_verdict_line(policy, &verdict), 0);
        ipe_policy_free(policy);
}

static void canonical_text_is_as_documented(void **state) {
        struct ipe_policy *policy = parse("# comment\r\n"
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

/* Versions. */

static void versions_are_ordered_from_left_to_right(void **state) {
        static const struct ipe_version order[] = {
                { 0, 0, 0 }, { 0, 0, 1 }, { 0, 0, 65535 }, { 0, 1, 0 }, { 0, 65535, 2 }, { 1, 0, 0 }, { 1, 0, 1 },
                { 2, 0, 0 }, { 65535, 65535, 65534 }, { 65535, 65535, 65535 },
        };

        for (unsigned i = 0; i < N(order); i++)
                for (unsigned j = 0; j < N(order); j++) {
                        int c = ipe_version_compare(&order[i], &order[j]);

                        assert_int_equal((c > 0) - (c < 0), (i > j) - (i < j));
                }
}

static void version_survives_printing(void **state) {
        static const char *const texts[] = { "0.0.0", "1.20.300", "65535.65535.65535", "9.10.11", "10000.0.1" };

        for (unsigned i = 0; i < N(texts); i++) {
                struct ipe_version version;
                char buf[IPE_VERSION_STRLEN];

                assert_int_equal(ipe_version_parse(texts[i], strlen(texts[i]), &version), 0);
                ipe_version_print(&version, buf);
                assert_string_equal(buf, texts[i]);
        }
}

static void bad_version_leaves_the_result_alone(void **state) {
        static const struct {
                const char *text;
                int error;
        } table[] = {
                { "", -EINVAL },          { "1", -EBADMSG },     { "1.2", -EBADMSG },     { "1.2.3.4", -EBADMSG },
                { "1.2.x", -EINVAL },     { "1..3", -EINVAL },   { "65536.0.0", -ERANGE }, { "1.2.3 ", -EINVAL },
                { "1.2.-3", -EINVAL },
        };

        for (unsigned i = 0; i < N(table); i++) {
                struct ipe_version version = { 7, 8, 9 };

                assert_int_equal(ipe_version_parse(table[i].text, strlen(table[i].text), &version), table[i].error);
                assert_int_equal(version.major, 7);
                assert_int_equal(version.minor, 8);
                assert_int_equal(version.revision, 9);
        }
        assert_int_equal(ipe_version_parse(NULL, 0, &(struct ipe_version) {}), -EINVAL);
}

/* Vocabularies. */

static void unanswered_property_matches_neither_way(void **state) {
        static const struct ipe_property boot = { "boot_verified", IPE_PROPERTY_BOOLEAN },
                digest = { "fsverity_digest", IPE_PROPERTY_DIGEST };
        const char *text = IPE_START
                "op=EXECUTE dmverity_signature=TRUE action=ALLOW\n"
                "op=EXECUTE dmverity_signature=FALSE action=ALLOW\n"
                "op=EXECUTE dmverity_roothash=sha256:ab action=ALLOW\n"
                "op=EXECUTE fsverity_digest=sha256:ab action=ALLOW\n"
                "op=KMODULE boot_verified=FALSE dmverity_cmdline=FALSE action=ALLOW\n"
                "op=KMODULE boot_verified=FALSE action=ALLOW\n";
        struct ipe_vocabulary some;
        struct ipe_policy *policy = NULL;
        struct ipe_facts facts = facts_with(IPE_PROPERTY_DMVERITY_ROOTHASH, "sha256", "\xab", 1);
        struct ipe_verdict verdict;

        ipe_vocabulary_init(&some);
        assert_int_equal(ipe_vocabulary_answer(&some, &boot), IPE_PROPERTY_BOOT_VERIFIED);
        assert_int_equal(ipe_vocabulary_answer(&some, &digest), IPE_PROPERTY_FSVERITY_DIGEST);
        assert_int_equal(ipe_policy_parse(text, strlen(text), &some, &policy, NULL), 0);

        for (facts.booleans = 0; facts.booleans < 16; facts.booleans++) {
                verdict = ipe_policy_evaluate(policy, IPE_OP_EXECUTE, &facts);
                assert_int_equal(verdict.match, IPE_MATCH_GLOBAL_DEFAULT);
        }
        facts.booleans = 0;
        verdict = ipe_policy_evaluate(policy, IPE_OP_KMODULE, &facts);
        assert_int_equal(verdict.match, IPE_MATCH_RULE);
        assert_int_equal(ipe_rule_line(verdict.rule), 8);

        facts = facts_with(IPE_PROPERTY_FSVERITY_DIGEST, "sha256", "\xab", 1);
        verdict = ipe_policy_evaluate(policy, IPE_OP_EXECUTE, &facts);
        assert_int_equal(verdict.match, IPE_MATCH_RULE);
        assert_int_equal(ipe_rule_line(verdict.rule), 6);
        ipe_policy_free(policy);
}

static void provider_may_add_properties(void **state) {
        static const struct ipe_property tpm = { "tpm_sealed", IPE_PROPERTY_BOOLEAN, true },
                measure = { "measurement", IPE_PROPERTY_DIGEST, true };
        const char *text = IPE_START "op=EXECUTE tpm_sealed=TRUE measurement=sha256:abcd action=ALLOW\n";
        struct ipe_vocabulary more = vocabulary;
        struct ipe_policy *policy = NULL;
        struct ipe_facts facts = {};
        int a, b;

        assert_int_equal(ipe_policy_parse(text, strlen(text), &more, &policy, NULL), -EBADMSG);
        a = ipe_vocabulary_answer(&more, &tpm);
        b = ipe_vocabulary_answer(&more, &measure);
        assert_int_equal(a, IPE_PROPERTY_BUILTIN_COUNT);
        assert_int_equal(b, IPE_PROPERTY_BUILTIN_COUNT + 1);
        assert_int_equal(ipe_vocabulary_answer(&more, &tpm), a);
        assert_int_equal(ipe_policy_parse(text, strlen(text), &more, &policy, NULL), 0);
        assert_int_equal(ipe_policy_extended_line(policy), 3);

        facts.digests[more.slot[b]] = (struct ipe_digest) {
                        .algorithm = "sha256", .algorithm_len = 6,
                        .value = (const uint8_t *) "\xab\xcd", .value_len = 2,
                };
        assert_int_equal(ipe_policy_evaluate(policy, IPE_OP_EXECUTE, &facts).action, IPE_ACTION_DENY);
        facts.booleans = 1U << more.slot[a];
        assert_int_equal(ipe_policy_evaluate(policy, IPE_OP_EXECUTE, &facts).action, IPE_ACTION_ALLOW);
        ipe_policy_free(policy);
}

static void property_of_another_kind_is_refused(void **state) {
        static const struct ipe_property wrong = { "boot_verified", IPE_PROPERTY_DIGEST };
        struct ipe_vocabulary words;

        ipe_vocabulary_init(&words);
        assert_int_equal(ipe_vocabulary_answer(&words, &wrong), -EEXIST);
        assert_int_equal(words.answered, 0);
}

static void vocabulary_is_bounded(void **state) {
        static const struct ipe_property more[] = {
                { "a", IPE_PROPERTY_BOOLEAN }, { "b", IPE_PROPERTY_BOOLEAN }, { "c", IPE_PROPERTY_BOOLEAN },
                { "d", IPE_PROPERTY_BOOLEAN }, { "e", IPE_PROPERTY_BOOLEAN }, { "f", IPE_PROPERTY_DIGEST },
                { "g", IPE_PROPERTY_DIGEST },  { "h", IPE_PROPERTY_DIGEST },
        };
        struct ipe_vocabulary words;
        unsigned taken = 0;

        ipe_vocabulary_init(&words);
        for (unsigned i = 0; i < N(more); i++) {
                int r = ipe_vocabulary_answer(&words, &more[i]);

                if (r >= 0)
                        assert_int_equal(r, IPE_PROPERTY_BUILTIN_COUNT + taken++);
                else
                        assert_int_equal(r, -ENOSPC);
        }
        assert_int_equal(taken, N(more) - 2);
        assert_int_equal(words.n_booleans, IPE_BOOLEANS_MAX);
        assert_int_equal(words.n_digests, IPE_DIGESTS_MAX);
        assert_int_equal(words.n_properties, IPE_PROPERTY_BUILTIN_COUNT + taken);
}

static const struct CMUnitTest meaning[] = {
        cmocka_unit_test(error_names_the_token),
        cmocka_unit_test(text_above_the_ceiling_is_refused),
        cmocka_unit_test(text_of_the_ceiling_is_accepted),
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
        cmocka_unit_test(versions_are_ordered_from_left_to_right),
        cmocka_unit_test(version_survives_printing),
        cmocka_unit_test(bad_version_leaves_the_result_alone),
        cmocka_unit_test(unanswered_property_matches_neither_way),
        cmocka_unit_test(provider_may_add_properties),
        cmocka_unit_test(property_of_another_kind_is_refused),
        cmocka_unit_test(vocabulary_is_bounded),
};

int main(void) {
        static struct CMUnitTest tests[N(ipe_policy_cases) + N(meaning)];

        ipe_vocabulary_init(&vocabulary);
        ipe_vocabulary_answer_builtin(&vocabulary);

        /* One test a case, so that a report names the case. */
        for (unsigned i = 0; i < N(ipe_policy_cases); i++)
                tests[i] = (struct CMUnitTest) {
                        .name = ipe_policy_cases[i].description,
                        .test_func = table_case,
                        .initial_state = (void *) &ipe_policy_cases[i],
                };
        memcpy(tests + N(ipe_policy_cases), meaning, sizeof(meaning));
        return run_tests_as_tap(tests);
}
