/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Root hashes on the kernel command line. The same cases hold for the kernel's own reader, see
 * src/lsm/providers/dm_verity.c.
 */

#include "test-unit.h"

#include "cmdline.h"

static const struct {
        const char *cmdline;
        bool found;
} cases[] = {
        { "", false },
        { "roothash=", false },
        { "roothash=01ab", true },
        { "usrhash=01AB", true },
        { "quiet\troothash=01ab\n", true },
        { "quiet -- usrhash=01ab", true },
        { "\"roothash=01ab\"", true },
        { "roothash=\"01ab\"", true },
        { "other=\"a roothash=01ab\"", false },
        { "roothash=01ab roothash=00", false },
        { "roothash=00 roothash=01ab", true },
        { "roothash=01ab usrhash=00", true },
        { "roothash=01ab roothash=no-hex", false },
        { "roothash=01a", false },
        { "roothash=01abff", false },
        { "noroothash=01ab", false },
        { "roothash", false },
        { "roothash=01ab roothash", false },
        { "roothash=01ab roothash=", false },
        /* Quotes: taken off where a parameter or a value begins with one, and ends with one then. */
        { "roothash=\"01ab", true },
        { "roothash=\"01ab\n", true },
        { "\"roothash=01ab\n", true },
        { "\"roothash=\"01ab\"\"", false },
        { "\"roothash=\"01ab\"", true },
        { "roothash=01\"ab\"", false },
        { "roothash=01ab\"", false },
        { "roothash=\"01\"ab", false },
        { "roothash=\"01ab\" quiet", true },
        { "roothash=\"01ab quiet", false },
        { "root\"hash\"=01ab", false },
        { "\"roothash\"=01ab", false },
        { "x=\"a roothash=01ab", false },
        { "roothash=01ab x=\"a b", true },
        { "roothash=\"", false },
        { "roothash=\"\"", false },
        { "\"", false },
        { "\"\" roothash=01ab", true },
        { "=roothash=01ab", false },
        { "x\xa0roothash=01ab\xa0", true },
        { "\n\n", false },
};

static void the_last_of_each_parameter_counts(void **state) {
        const FactDigest root_hash = { .algorithm = "sha256", .value = { 0x01, 0xab }, .size = 2 };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                if (cmdline_has_root_hash(cases[i].cmdline, &root_hash) != cases[i].found)
                        fail_msg("'%s'", cases[i].cmdline);
}

static void no_root_hash_is_nowhere(void **state) {
        assert_false(cmdline_has_root_hash("roothash= usrhash=", &(const FactDigest) {}));
}

static void a_parameter_may_be_longer_than_any_hash(void **state) {
        FactDigest root_hash = { .algorithm = "sha512", .size = sizeof(root_hash.value) };
        char cmdline[512] = "roothash=";

        for (size_t i = 0; i < 2 * sizeof(root_hash.value); i++)
                strcat(cmdline, "0");
        assert_true(cmdline_has_root_hash(cmdline, &root_hash));
        strcat(cmdline, "0");
        assert_false(cmdline_has_root_hash(cmdline, &root_hash));
        strcat(cmdline, "00000000");
        assert_false(cmdline_has_root_hash(cmdline, &root_hash));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_last_of_each_parameter_counts),
                cmocka_unit_test(no_root_hash_is_nowhere),
                cmocka_unit_test(a_parameter_may_be_longer_than_any_hash),
        };

        return run_tests_as_tap(tests);
}
