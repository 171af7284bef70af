/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Versions of policies: their order, printing and parsing.
 */

#include <string.h>

#include "test-unit.h"

#include "policies.h"

static void versions_are_ordered_from_left_to_right(void **state) {
        static const struct ipe_version order[] = {
                { 0, 0, 0 },
                { 0, 0, 1 },
                { 0, 0, 65535 },
                { 0, 1, 0 },
                { 0, 65535, 2 },
                { 1, 0, 0 },
                { 1, 0, 1 },
                { 2, 0, 0 },
                { 65535, 65535, 65534 },
                { 65535, 65535, 65535 },
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
                { "", -EINVAL },          { "1", -EBADMSG },     { "1.2", -EBADMSG },
                { "1.2.3.4", -EBADMSG },  { "1.2.x", -EINVAL },  { "1..3", -EINVAL },
                { "65536.0.0", -ERANGE }, { "1.2.3 ", -EINVAL }, { "1.2.-3", -EINVAL },
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

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(versions_are_ordered_from_left_to_right),
                cmocka_unit_test(version_survives_printing),
                cmocka_unit_test(bad_version_leaves_the_result_alone),
        };

        init_vocabulary();
        return run_tests_as_tap(tests);
}
