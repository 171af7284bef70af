/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The excerpt of a rule for the log: the rule is at the start of a page, and nothing but that page can be read when
 * the excerpt is made.
 */

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test-unit.h"

#include "policy.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define START "policy_name=n policy_version=1.0.0\nDEFAULT action=DENY\n"

static struct ipe_vocabulary vocabulary;

/* Facts with the fs-verity digest of a file; @value lives as long as the caller's. */
static struct ipe_facts facts_with(const char *value, size_t value_len) {
        struct ipe_facts facts = {};

        facts.digests[vocabulary.slot[IPE_PROPERTY_FSVERITY_DIGEST]] = (struct ipe_digest) {
                .algorithm = "sha256",
                .algorithm_len = strlen("sha256"),
                .value = (const uint8_t *) value,
                .value_len = value_len,
        };
        return facts;
}

#define LONG (32U << 20)

struct guarded {
        char *text;
        size_t page, size;
        struct ipe_policy *policy;
};

/* A policy with the one rule "BEFORE", n times FILLER, "AFTER". */
static struct guarded guard(const char *before, char filler, size_t n, const char *after) {
        struct guarded g = { .page = sysconf(_SC_PAGESIZE) };
        size_t len = g.page + strlen(before) + n + strlen(after);
        char *at;

        g.size = (len + g.page) / g.page * g.page;
        g.text = mmap(NULL, g.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(g.text, MAP_FAILED);
        memset(g.text, '\n', g.page);
        memcpy(g.text, START, strlen(START));
        at = mempcpy(g.text + g.page, before, strlen(before));
        memset(at, filler, n);
        memcpy(at + n, after, strlen(after));
        assert_int_equal(ipe_policy_parse(g.text, len, &vocabulary, &g.policy, NULL), 0);
        return g;
}

static void unguard(struct guarded *g) {
        ipe_policy_free(g->policy);
        munmap(g->text, g->size);
}

static size_t excerpt_for(const struct guarded *g, const struct ipe_facts *facts, char *buf, size_t size) {
        struct ipe_verdict verdict = ipe_policy_evaluate(g->policy, IPE_OP_EXECUTE, facts);
        size_t len;

        assert_int_equal(verdict.match, IPE_MATCH_RULE);
        assert_int_equal(IPE_EXCERPT_WINDOW % g->page, 0);
        assert_int_equal(mprotect(g->text, g->page, PROT_NONE), 0);
        assert_int_equal(mprotect(g->text + g->page + IPE_EXCERPT_WINDOW, g->size - g->page - IPE_EXCERPT_WINDOW,
                                  PROT_NONE),
                         0);
        len = ipe_verdict_excerpt(g->policy, &verdict, buf, size);
        assert_int_equal(mprotect(g->text, g->size, PROT_READ), 0);
        return len;
}

static size_t excerpt(const struct guarded *g, char *buf, size_t size) {
        struct ipe_facts facts = facts_with("\xab", 1);

        return excerpt_for(g, &facts, buf, size);
}

static void excerpt_looks_at_a_page_of_a_rule(void **state) {
        static const struct {
                const char *before;
                char filler;
                const char *after, *expected;
        } cases[] = {
                { "op=EXECUTE action=DENY # ", 'x', "\n", "op=EXECUTE action=DENY" },
                { "op=EXECUTE boot_verified=FALSE action=DENY#", '#', "\r\n",
                  "op=EXECUTE boot_verified=FALSE action=DENY" },
                { "op=EXECUTE action=DENY", ' ', "\r\n", "op=EXECUTE action=DENY" },
                { "op=EXECUTE\taction=DENY", '\v', "\n", "op=EXECUTE action=DENY" },
                { "op=EXECUTE action=DENY\xa0", ' ', "# c\n", "op=EXECUTE action=DENY" },
                { "op=EXECUTE", ' ', "boot_verified=FALSE action=DENY\n", "op=EXECUTE" },
                { "op=EXECUTE  boot_verified=FALSE ", '\t', "action=DENY\n", "op=EXECUTE boot_verified=FALSE" },
        };
        char buf[128];

        for (size_t i = 0; i < N(cases); i++) {
                struct guarded g = guard(cases[i].before, cases[i].filler, LONG, cases[i].after);

                assert_int_equal(excerpt(&g, buf, sizeof(buf)), strlen(cases[i].expected));
                assert_string_equal(buf, cases[i].expected);
                unguard(&g);
        }
}

/* Wherever the window ends, in a word, a digest or between CR and LF, what there is is the beginning of the whole. */
static void excerpt_is_a_beginning_of_the_rule(void **state) {
        const char *before = "op=EXECUTE boot_verified=FALSE", *after = "fsverity_digest=sha256:AB action=DENY\r\n";
        const char *whole = "op=EXECUTE boot_verified=FALSE fsverity_digest=sha256:ab action=DENY";
        size_t window = IPE_EXCERPT_WINDOW - strlen(before), action = strlen(after) - strlen("DENY\r\n");
        char buf[128];

        for (size_t n = window - strlen(after) - 1; n <= window + 1; n++) {
                struct guarded g = guard(before, ' ', n, after);
                size_t len = excerpt(&g, buf, sizeof(buf));

                assert_int_equal(len, strlen(buf));
                assert_memory_equal(buf, whole, len);
                assert_int_equal(len == strlen(whole), n + action <= window);
                unguard(&g);
        }
}

/* Of a digest as long as they come, which no file has, the printer sees the same window. */
static void excerpt_of_a_digest_that_is_cut_is_in_lower_case(void **state) {
        struct guarded g = guard("op=EXECUTE fsverity_digest=sha256:", 'A', 2 * UINT16_MAX, " action=DENY\n");
        char buf[IPE_EXCERPT_WINDOW + 1], value[UINT16_MAX];
        struct ipe_facts facts;

        memset(value, 0xaa, sizeof(value));
        facts = facts_with(value, sizeof(value));
        assert_int_equal(excerpt_for(&g, &facts, buf, sizeof(buf)), IPE_EXCERPT_WINDOW);
        assert_int_equal(strspn(buf + strlen("op=EXECUTE fsverity_digest=sha256:"), "a"),
                         IPE_EXCERPT_WINDOW - strlen("op=EXECUTE fsverity_digest=sha256:"));
        unguard(&g);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(excerpt_looks_at_a_page_of_a_rule),
                cmocka_unit_test(excerpt_is_a_beginning_of_the_rule),
                cmocka_unit_test(excerpt_of_a_digest_that_is_cut_is_in_lower_case),
        };

        ipe_vocabulary_init(&vocabulary);
        ipe_vocabulary_answer_builtin(&vocabulary);
        return run_tests_as_tap(tests);
}
