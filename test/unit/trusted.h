/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A trust.d in layers below the current directory, for tests of what is in it, and of whom it trusts.
 */
#ifndef TRUSTED_H
#define TRUSTED_H

#include "identity.h"
#include "trust.h"

#define TEXT "policy_name=corp-base policy_version=1.0.0\nDEFAULT action=DENY\n"

/* root issues intermediate and leaf; intermediate issues low. */
extern Identity *root, *intermediate, *leaf, *low, *stranger;

/* For all tests of a group. */
int make_identities(void **state);
int free_identities(void **state);

extern const char *const layers[];

void put_certificate(const char *path, const Identity *identity);
void put_list(const char *path, const Identity *issuer, const Identity *revoked);

typedef struct Problems {
        unsigned n;
        char path[64]; /* of the last one */
} Problems;

void note_problem(const char *path, const char *sentence, void *userdata);
Trust *load(Problems *problems);

/* There are as many problems as the test expects: none, but for verify_with_problems(). */
Trust *load_all(void);

Envelope *parse(const void *message, size_t size);

/* The sentence of the latest verification. */
extern Failure failure;

/* Asks what is in trust.d now about a message. */
int verify_at(bool any_time, const MessageOptions *options);
int verify(const MessageOptions *options);

/* problems: how many files are not taken. */
int verify_with_problems(unsigned problems, const MessageOptions *options);

#define assert_verified(...) assert_int_equal(verify(&(MessageOptions) { .text = TEXT, __VA_ARGS__ }), 0)
#define assert_refused(code, ...) assert_int_equal(verify(&(MessageOptions) { .text = TEXT, __VA_ARGS__ }), code)
#define assert_result_at_any_time(code, ...) \
        assert_int_equal(verify_at(true, &(MessageOptions) { .text = TEXT, __VA_ARGS__ }), code)

#endif
