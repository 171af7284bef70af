/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * src/libipe/seconds.c.
 */

#include "test-unit.h"

#include "seconds.h"

static void spans_are_read(void **unused) {
        static const struct {
                const char *text;
                uint64_t seconds;
        } cases[] = {
                { "0", 0 },       { "90", 90 },
                { "90s", 90 },    { "90 s", 90 },
                { "1sec", 1 },    { "2min", 120 },
                { "2 min", 120 }, { "24h", 86400 },
                { "007", 7 },     { "18446744073709551615", UINT64_MAX },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint64_t seconds = 1;

                assert_int_equal(seconds_parse(cases[i].text, &seconds), 0);
                assert_true(seconds == cases[i].seconds);
        }
}

static void nonsense_is_refused(void **unused) {
        static const char *const texts[] = { "",   " ",  " 1",  "+1",  "-1",  "1 ",      "1  s", "s",
                                             "1m", "1x", "1s1", "1.5", "0x1", "1min 1s", "one",  "1\n" };
        uint64_t seconds;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                assert_int_equal(seconds_parse(texts[i], &seconds), -EINVAL);
        assert_int_equal(seconds_parse("18446744073709551616", &seconds), -ERANGE);
        assert_int_equal(seconds_parse("18446744073709551615h", &seconds), -ERANGE);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(spans_are_read),
                cmocka_unit_test(nonsense_is_refused),
        };

        return run_tests_as_tap(tests);
}
