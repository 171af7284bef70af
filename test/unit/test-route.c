/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way to a directory: which names in which places count.
 */

#include "test-unit.h"

#include <sys/stat.h>

#include "files.h"
#include "route.h"

/* Absolute, of what is in the directory of the test. */
static char *absolute(const char *path) {
        char *directory = getcwd(NULL, 0), *text;

        assert_non_null(directory);
        assert_true(asprintf(&text, "%s/%s", directory, path) >= 0);
        free(directory);
        return text;
}

static int add(Route *route, const char *path) {
        _cleanup_free_ char *text = absolute(path);

        return route_add_directory(route, text);
}

static const Place *find(const Route *route, const char *path) {
        struct stat st;

        assert_int_equal(stat(path, &st), 0);
        for (size_t i = 0; i < route->n; i++)
                if (route->places[i]->device == st.st_dev && route->places[i]->inode == st.st_ino)
                        return route->places[i];
        return NULL;
}

static bool counts(const Route *route, const char *directory, const char *name) {
        const Place *place = find(route, directory);

        return place && place_has(place, name);
}

static void every_name_on_the_way_counts_and_no_other(void **state) {
        _cleanup_(route_done) Route route = {};

        make_directory("a");
        make_directory("a/b");
        assert_int_equal(add(&route, "a/b"), 0);
        assert_true(counts(&route, ".", "a"));
        assert_true(counts(&route, "a", "b"));
        assert_false(counts(&route, "a", "c"));
        assert_true(counts(&route, "a/b", "whatever"));
}

static void a_missing_name_is_waited_for(void **state) {
        _cleanup_(route_done) Route route = {};

        make_directory("a");
        assert_int_equal(add(&route, "a/b/c"), 0);
        assert_true(counts(&route, "a", "b"));
        assert_false(counts(&route, "a", "c"));
}

static void links_and_their_targets_count(void **state) {
        _cleanup_free_ char *target = absolute("a/../b/./c");
        _cleanup_(route_done) Route route = {};

        make_directory("a");
        make_directory("b");
        make_directory("b/c");
        assert_int_equal(symlink(target, "link"), 0);
        assert_int_equal(symlink("link", "a/link"), 0);
        assert_int_equal(symlink("../link", "a/other"), 0);
        assert_int_equal(add(&route, "a/other"), 0);
        assert_true(counts(&route, "a", "other"));
        assert_true(counts(&route, ".", "link"));
        assert_true(counts(&route, ".", "b"));
        assert_true(counts(&route, "b", "c"));
        assert_true(counts(&route, "b/c", "whatever"));
        assert_false(counts(&route, "a", "link"));
}

static void links_of_files_are_followed(void **state) {
        _cleanup_(route_done) Route route = {};

        make_directory("a");
        make_directory("store");
        put_text("store/1", "");
        assert_int_equal(symlink("../store/1", "a/file"), 0);
        assert_int_equal(symlink("../nowhere", "a/dangling"), 0);
        assert_int_equal(symlink("circle", "a/circle"), 0);
        assert_int_equal(add(&route, "a"), 0);
        assert_true(counts(&route, "store", "1"));
        assert_false(counts(&route, "store", "2"));
        assert_true(counts(&route, ".", "nowhere"));
}

static void a_circle_ends(void **state) {
        _cleanup_(route_done) Route route = {};

        assert_int_equal(symlink("b", "a"), 0);
        assert_int_equal(symlink("a", "b"), 0);
        assert_int_equal(add(&route, "a"), -ELOOP);
        assert_true(counts(&route, ".", "a"));
        assert_true(counts(&route, ".", "b"));
}

static void a_file_on_the_way_is_as_a_missing_name(void **state) {
        _cleanup_(route_done) Route route = {};

        put_text("a", "");
        assert_int_equal(add(&route, "a/b"), 0);
        assert_true(counts(&route, ".", "a"));
}

static void places_and_links_are_bounded(void **state) {
        _cleanup_(route_done) Route route = {};
        char path[64], target[64];

        make_directory("a");
        for (unsigned i = 0; i < ROUTE_PLACES_MAX + 10; i++) {
                snprintf(path, sizeof(path), "store-%u", i);
                make_directory(path);
                snprintf(target, sizeof(target), "../store-%u/file", i);
                snprintf(path, sizeof(path), "a/%u", i);
                assert_int_equal(symlink(target, path), 0);
        }
        assert_int_equal(add(&route, "a"), -E2BIG);
        assert_int_equal(route.n, ROUTE_PLACES_MAX);
        assert_true(counts(&route, "a", "whatever"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                unit_test_in_directory(every_name_on_the_way_counts_and_no_other),
                unit_test_in_directory(a_missing_name_is_waited_for),
                unit_test_in_directory(links_and_their_targets_count),
                unit_test_in_directory(links_of_files_are_followed),
                unit_test_in_directory(a_circle_ends),
                unit_test_in_directory(a_file_on_the_way_is_as_a_missing_name),
                unit_test_in_directory(places_and_links_are_bounded),
        };

        return run_tests_as_tap(tests);
}
