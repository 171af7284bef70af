/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Digests, and their names in hex.
 */

#include "test-unit.h"

#include "digest.h"
#include "envelope.h"

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void sha256_of_known_bytes_is_the_published_one(void **state) {
        char hex[DIGEST_HEX_SIZE];
        Digest digest;

        assert_int_equal(digest_of("abc", 3, &digest), 0);
        digest_to_hex(&digest, hex);
        assert_string_equal(hex, ABC);
        assert_int_equal(digest_of("", 0, &digest), 0);
        digest_to_hex(&digest, hex);
        assert_string_equal(hex, EMPTY);
}

static void every_byte_survives_in_hex(void **state) {
        Digest digest = {}, back;
        char hex[DIGEST_HEX_SIZE];

        for (unsigned value = 0; value < 256; value++) {
                digest.bytes[value % sizeof(digest.bytes)] = (uint8_t) value;
                digest_to_hex(&digest, hex);
                assert_int_equal(strlen(hex), DIGEST_HEX_SIZE - 1);
                assert_int_equal(digest_from_hex(hex, &back), 0);
                assert_true(digest_equal(&digest, &back));
        }
}

static void what_is_not_64_lower_case_digits_is_refused(void **state) {
        static const char *const wrong[] = {
                "",
                "ba7816bf",
                (ABC "0"),
                (ABC " "),
                (" " ABC),
                "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
                "ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a/",
                "../../../../../../../../../../../../../../../../../../../../../e",
        };
        Digest untouched, digest;

        memset(&digest, 0x5a, sizeof(digest));
        untouched = digest;
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                assert_int_equal(digest_from_hex(wrong[i], &digest), -EINVAL);
        assert_true(digest_equal(&digest, &untouched));
}

static void digests_that_differ_in_any_byte_are_not_equal(void **state) {
        Digest a = {};

        for (size_t i = 0; i < sizeof(a.bytes); i++) {
                Digest b = a;

                assert_true(digest_equal(&a, &b));
                b.bytes[i] ^= 1;
                assert_false(digest_equal(&a, &b));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sha256_of_known_bytes_is_the_published_one),
                cmocka_unit_test(every_byte_survives_in_hex),
                cmocka_unit_test(what_is_not_64_lower_case_digits_is_refused),
                cmocka_unit_test(digests_that_differ_in_any_byte_are_not_equal),
        };

        return run_tests_as_tap(tests);
}
