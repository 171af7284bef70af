/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "test-unit.h"

#include "policies.h"

struct ipe_vocabulary vocabulary;

void init_vocabulary(void) {
        ipe_vocabulary_init(&vocabulary);
        ipe_vocabulary_answer_builtin(&vocabulary);
}

struct ipe_policy *parse(const char *text) {
        struct ipe_parse_error error;
        struct ipe_policy *policy = NULL;
        int r;

        r = ipe_policy_parse(text, strlen(text), &vocabulary, &policy, &error);
        if (r < 0)
                fail_msg("%u:%u: %s", error.line, error.column, error.sentence);
        return policy;
}

struct ipe_facts facts_with(int property, const char *algorithm, const char *value, size_t value_len) {
        struct ipe_facts facts = {};

        facts.digests[vocabulary.slot[property]] = (struct ipe_digest) {
                .algorithm = algorithm,
                .algorithm_len = strlen(algorithm),
                .value = (const uint8_t *) value,
                .value_len = value_len,
        };
        return facts;
}
