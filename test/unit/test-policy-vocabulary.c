/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Vocabularies: the properties that a kernel answers, and those that a provider adds.
 */

#include <string.h>

#include "test-unit.h"

#include "tests/cases.h"
#include "policies.h"

static void unanswered_property_matches_neither_way(void **state) {
        static const struct ipe_property boot = { "boot_verified", IPE_PROPERTY_BOOLEAN },
                                         digest = { "fsverity_digest", IPE_PROPERTY_DIGEST };
        const char *text = IPE_START "op=EXECUTE dmverity_signature=TRUE action=ALLOW\n"
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
                .algorithm = "sha256",
                .algorithm_len = 6,
                .value = (const uint8_t *) "\xab\xcd",
                .value_len = 2,
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

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(unanswered_property_matches_neither_way),
                cmocka_unit_test(provider_may_add_properties),
                cmocka_unit_test(property_of_another_kind_is_refused),
                cmocka_unit_test(vocabulary_is_bounded),
        };

        init_vocabulary();
        return run_tests_as_tap(tests);
}
