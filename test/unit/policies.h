/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policies and facts, for the tests of src/policy. */
#ifndef TEST_POLICIES_H
#define TEST_POLICIES_H

#include "policy.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* Lines for all operations, and no global DEFAULT. */
#define EACH_DEFAULT(execute, policy)                                                                                \
        "DEFAULT op=EXECUTE action=" execute "\nDEFAULT op=FIRMWARE action=ALLOW\nDEFAULT op=KMODULE action=ALLOW\n" \
        "DEFAULT op=KEXEC_IMAGE action=ALLOW\nDEFAULT op=KEXEC_INITRAMFS action=ALLOW\n"                             \
        "DEFAULT op=POLICY action=" policy "\nDEFAULT op=X509_CERT action=ALLOW\n"

/* All built-in properties, once main() has called init_vocabulary(). */
extern struct ipe_vocabulary vocabulary;

void init_vocabulary(void);

/* Fails the test if the text is no policy. The caller frees the result. */
struct ipe_policy *parse(const char *text);

/* Facts with one digest; both strings must outlive them. */
struct ipe_facts facts_with(int property, const char *algorithm, const char *value, size_t value_len);

#endif
