/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Directories in layers: which file counts.
 */

#include "test-unit.h"

#include <sys/stat.h>

#include "files.h"
#include "layers.h"

static const char *const directories[] = { "etc", "run", "usr", NULL };

/* Compares the paths, in their order, with those expected, which end with NULL. */
static void assert_listed(const char *const *expected) {
        _cleanup_layers_ LayeredFiles files = {};
        size_t n = 0;

        assert_int_equal(layers_list(directories, ".p7b", &files, NULL), 0);
        for (; expected[n]; n++) {
                assert_in_range(files.n, n + 1, SIZE_MAX);
                assert_string_equal(files.files[n].path, expected[n]);
                assert_string_equal(files.files[n].name, strchr(expected[n], '/') + 1);
        }
        assert_int_equal(files.n, n);
}

#define assert_files(...) assert_listed((const char *const[]) { __VA_ARGS__ __VA_OPT__(, ) NULL })

static void put_link(const char *target, const char *path) {
        assert_int_equal(symlink(target, path), 0);
}

static void directories_that_do_not_exist_are_empty(void **state) {
        assert_files();
        put_text("run/a.p7b", "");
        assert_files("run/a.p7b");
}

static void files_of_all_layers_are_sorted_by_name(void **state) {
        put_text("usr/a.p7b", "");
        put_text("etc/z.p7b", "");
        put_text("run/m.p7b", "");
        put_text("etc/M.p7b", "");
        put_text("run/10.p7b", "");
        assert_files("run/10.p7b", "etc/M.p7b", "usr/a.p7b", "run/m.p7b", "etc/z.p7b");
}

static void the_highest_layer_counts(void **state) {
        put_text("usr/a.p7b", "");
        assert_files("usr/a.p7b");
        put_text("run/a.p7b", "");
        assert_files("run/a.p7b");
        put_text("etc/a.p7b", "");
        assert_files("etc/a.p7b");
}

static void a_link_to_dev_null_masks_what_is_below_it_and_nothing_above(void **state) {
        put_text("usr/a.p7b", "");
        put_text("usr/b.p7b", "");
        make_directory("run");
        put_link("/dev/null", "run/a.p7b");
        assert_files("usr/b.p7b");
        put_text("etc/a.p7b", "");
        assert_files("etc/a.p7b", "usr/b.p7b");
}

/* Neither is an empty file a mask, nor a link to anything else; whoever reads it will say what is wrong. */
static void only_a_link_to_dev_null_is_a_mask(void **state) {
        static const char *const targets[] = {
                "/dev/zero", "/dev/null/", "/dev/nul", "../dev/null", "null", "missing"
        };

        put_text("usr/a.p7b", "");
        put_text("etc/a.p7b", "");
        assert_files("etc/a.p7b");
        for (size_t i = 0; i < ELEMENTSOF(targets); i++) {
                assert_int_equal(unlink("etc/a.p7b"), 0);
                put_link(targets[i], "etc/a.p7b");
                assert_files("etc/a.p7b");
        }
}

static void hidden_names_and_other_suffixes_do_not_count(void **state) {
        static const char *const other[] = {
                "etc/.hidden.p7b", "etc/.p7b",   "etc/.#a.p7b.0123", "etc/p7b",  "etc/a",
                "etc/a.P7B",       "etc/a.p7b~", "etc/a.p7b.tmp",    "etc/a.p7",
        };

        for (size_t i = 0; i < ELEMENTSOF(other); i++)
                put_text(other[i], "");
        assert_files();
        put_text("etc/a.b.p7b", "");
        put_text("etc/ space\n.p7b", "");
        assert_files("etc/ space\n.p7b", "etc/a.b.p7b");
}

static void a_directory_that_cannot_be_read_is_named(void **state) {
        LayeredFiles files = {};
        const char *path = NULL;

        put_text("etc/a.p7b", "");
        put_text("run", "not a directory");
        assert_int_equal(layers_list(directories, ".p7b", &files, &path), -ENOTDIR);
        assert_string_equal(path, "run");
        assert_null(files.files);
        assert_int_equal(layers_list(directories, ".p7b", &files, NULL), -ENOTDIR);
}

static void note_problem(const char *directory, int error, void *userdata) {
        assert_string_equal(directory, "run");
        assert_int_equal(error, -ENOTDIR);
        ++*(unsigned *) userdata;
}

static void a_directory_that_cannot_be_read_stops_no_other(void **state) {
        _cleanup_layers_ LayeredFiles files = {};
        unsigned problems = 0;

        put_text("etc/a.p7b", "");
        put_text("usr/a.p7b", "");
        put_text("usr/b.p7b", "");
        put_text("run", "not a directory");
        assert_int_equal(layers_list_readable(directories, ".p7b", note_problem, &problems, &files), 0);
        assert_int_equal(problems, 1);
        assert_int_equal(files.n, 2);
        assert_string_equal(files.files[0].path, "etc/a.p7b");
        assert_string_equal(files.files[1].path, "usr/b.p7b");
}

static void the_stem_is_what_comes_before_the_suffix(void **state) {
        static const struct {
                const char *name, *suffix;
                size_t length;
        } cases[] = {
                { "a.p7b", ".p7b", 1 },
                { "a.p7b.p7b", ".p7b", 5 },
                { "root.crl.pem", ".pem", 8 },
                { "root.crl.pem", ".crl.pem", 4 },
                { ".p7b", ".p7b", 0 },
                { "p7b", ".p7b", 0 },
                { "", ".p7b", 0 },
                { "a.p7", ".p7b", 0 },
                { "a.p7b ", ".p7b", 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_int_equal(stem_length(cases[i].name, cases[i].suffix), cases[i].length);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                unit_test_in_directory(directories_that_do_not_exist_are_empty),
                unit_test_in_directory(files_of_all_layers_are_sorted_by_name),
                unit_test_in_directory(the_highest_layer_counts),
                unit_test_in_directory(a_link_to_dev_null_masks_what_is_below_it_and_nothing_above),
                unit_test_in_directory(only_a_link_to_dev_null_is_a_mask),
                unit_test_in_directory(hidden_names_and_other_suffixes_do_not_count),
                unit_test_in_directory(a_directory_that_cannot_be_read_is_named),
                unit_test_in_directory(a_directory_that_cannot_be_read_stops_no_other),
                cmocka_unit_test(the_stem_is_what_comes_before_the_suffix),
        };

        return run_tests_as_tap(tests);
}
