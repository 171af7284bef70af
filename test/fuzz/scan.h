/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The naive reference of the policy language: reads the text again for each question, line by line, and knows no
 * index. Only for texts that the parser accepts.
 */
#ifndef TEST_FUZZ_SCAN_H
#define TEST_FUZZ_SCAN_H

#include "policy.h"

struct scan_result {
        enum ipe_match match;
        enum ipe_action action;
        unsigned line; /* of the rule or DEFAULT, counted from 1; 0 if none decides */
};

/* All builtin properties are answered. Aborts where memory ends. */
struct scan_result scan_policy(const char *text, size_t len, enum ipe_op op, const struct ipe_facts *facts);

#endif
