/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * veritytab: what is an entry, and which unit it becomes. test/bus/test_generator.py holds both against systemd's own
 * programs.
 */

#include "test-unit.h"

#include "veritytab.h"

static void fields_are_between_white_space(void **state) {
        static const char text[] = "# a comment\n\n \t \n  # another one\nusr /dev/a /dev/b AB12\n\troot\tUUID=1  "
                                   "PARTLABEL=x\t- nofail,_netdev,a=b   more\n"
                                   "short /dev/a /dev/b\n\"a b\" /dev/a x y z\nlast 1 2 3 4";
        static const struct {
                const char *name, *data, *hash, *root_hash, *options;
        } expected[] = {
                { "usr", "/dev/a", "/dev/b", "AB12", "" },
                { "root", "UUID=1", "PARTLABEL=x", "-", "nofail,_netdev,a=b" },
                { "\"a", "b\"", "/dev/a", "x", "y" },
                { "last", "1", "2", "3", "4" },
        };
        const char *rest = text;
        size_t size = strlen(text);

        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                _cleanup_veritytab_entry_ VeritytabEntry entry = {};

                assert_int_equal(veritytab_next(&rest, &size, &entry), 1);
                assert_string_equal(entry.name, expected[i].name);
                assert_string_equal(entry.data, expected[i].data);
                assert_string_equal(entry.hash, expected[i].hash);
                assert_string_equal(entry.root_hash, expected[i].root_hash);
                assert_string_equal(entry.options, expected[i].options);
        }
        assert_int_equal(veritytab_next(&rest, &size, &(VeritytabEntry) {}), 0);
        assert_int_equal(size, 0);
}

static void a_nul_ends_a_line(void **state) {
        static const char text[] = "a 1 2 3\0b 1 2 3\0\0";
        const char *rest = text;
        size_t size = sizeof(text) - 1;
        unsigned n = 0;

        for (;;) {
                _cleanup_veritytab_entry_ VeritytabEntry entry = {};

                if (veritytab_next(&rest, &size, &entry) == 0)
                        break;
                n++;
        }
        assert_int_equal(n, 2);
}

static void options_are_whole_words(void **state) {
        VeritytabEntry entry = { .options = (char *) "nofail,a=_netdev,xnoauto,_netdev2" };

        assert_true(veritytab_has_option(&entry, "nofail"));
        assert_false(veritytab_has_option(&entry, "_netdev"));
        assert_false(veritytab_has_option(&entry, "noauto"));
        entry.options = (char *) "a,_netdev";
        assert_true(veritytab_has_option(&entry, "_netdev"));
        entry.options = (char *) "";
        assert_false(veritytab_has_option(&entry, "_netdev"));
}

/* systemd reads one option after the other, so the last one counts. */
static void a_value_is_that_of_the_last_option_of_that_name(void **state) {
        static const struct {
                const char *options, *value;
        } cases[] = {
                { "", NULL },
                { "nofail", NULL },
                { "hash", NULL },
                { "xhash=sha1", NULL },
                { "a=hash=sha1", NULL },
                { "hash=sha512", "sha512" },
                { "xhash=sha1,hash=sha512,nofail", "sha512" },
                { "hash=sha1,hash=sha512", "sha512" },
                { "hash=sha1,hash=", "" },
                { ",,hash=sha512,,", "sha512" },
                { "hash=a=b", "a=b" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                VeritytabEntry entry = { .options = (char *) cases[i].options };
                size_t size = 0;
                const char *found = veritytab_find_option(&entry, "hash=", &size);

                assert_int_equal(!found, !cases[i].value);
                if (!found)
                        continue;
                assert_int_equal(size, strlen(cases[i].value));
                assert_memory_equal(found, cases[i].value, size);
        }
}

static void names_become_units(void **state) {
        static const struct {
                const char *name, *unit;
        } cases[] = {
                { "usr", "systemd-veritysetup@usr.service" },
                { "a-b/c.d_e:f", "systemd-veritysetup@a\\x2db-c.d_e:f.service" },
                { ".hid", "systemd-veritysetup@\\x2ehid.service" },
                { "%i\n\\x20\"", "systemd-veritysetup@\\x25i\\x0a\\x5cx20\\x22.service" },
                { "\xc3\xa4", "systemd-veritysetup@\\xc3\\xa4.service" },
        };
        char name[256], *unit = NULL;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *found = NULL;

                assert_int_equal(veritytab_unit(cases[i].name, &found), 0);
                assert_string_equal(found, cases[i].unit);
        }
        memset(name, '-', sizeof(name) - 1);
        name[255] = '\0';
        assert_int_equal(veritytab_unit(name, &unit), -ENAMETOOLONG);
        memset(name, 'a', sizeof(name) - 1);
        assert_int_equal(veritytab_unit(name, &unit), -ENAMETOOLONG);
        name[227] = '\0';
        assert_int_equal(veritytab_unit(name, &unit), 0);
        free(unit);
        assert_int_equal(veritytab_unit("", &unit), -ENAMETOOLONG);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(fields_are_between_white_space),
                cmocka_unit_test(a_nul_ends_a_line),
                cmocka_unit_test(options_are_whole_words),
                cmocka_unit_test(a_value_is_that_of_the_last_option_of_that_name),
                cmocka_unit_test(names_become_units),
        };

        return run_tests_as_tap(tests);
}
