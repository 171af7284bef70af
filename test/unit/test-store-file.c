/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * state.json and its predecessor as files: which of them is read where one is damaged or missing, and what a write
 * leaves in both. Crashes are in test-store-crash.c.
 */

#include "test-unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "io.h"
#include "store.h"

#define FILE_NAME "store/state.json"
#define OLD FILE_NAME ".old"

static Store *open_store(void) {
        Store *store = NULL;

        assert_int_equal(store_open("store", &store), 0);
        return store;
}

/* A state with one version, whose name says which state it is. */
static StoreState *state_of(const char *name, VersionState version_state) {
        StoreState *state = store_state_copy(NULL);
        const VersionRecord record = {
                .name = (char *) name,
                .version = { 1, 0, 0 },
                .digest = { .bytes = { (uint8_t) name[0], (uint8_t) name[1] } },
                .state = version_state,
                .signer = (char *) "CN=signer",
                .source = (char *) "test",
        };

        assert_non_null(state);
        assert_int_equal(store_state_add(state, &record), 0);
        return state;
}

static void write_state(Store *store, const char *name, VersionState version_state) {
        _cleanup_(store_state_freep) StoreState *state = state_of(name, version_state);

        assert_int_equal(store_write_state(store, state), 0);
}

/* result: 0 where it is that of state.json, 1 where it is the one before. */
static void assert_read(const Store *store, int result, const char *name) {
        _cleanup_(store_state_freep) StoreState *state = NULL;

        assert_int_equal(store_read_state(store, &state), result);
        assert_int_equal(state->n_versions, 1);
        assert_string_equal(state->versions[0].name, name);
}

static void assert_unreadable(const Store *store, int error) {
        StoreState *state = NULL;

        assert_int_equal(store_read_state(store, &state), error);
        assert_null(state);
}

static void assert_empty(const Store *store) {
        _cleanup_(store_state_freep) StoreState *state = NULL;

        assert_int_equal(store_read_state(store, &state), 0);
        assert_int_equal(state->n_versions, 0);
}

/* Checks the content of state.json.old. */
static void assert_predecessor(const Store *store, const char *name) {
        assert_int_equal(rename(FILE_NAME, "aside"), 0);
        assert_read(store, 1, name);
        assert_int_equal(rename("aside", FILE_NAME), 0);
}

static void a_damaged_state_without_a_predecessor_is_told_and_can_be_put_aside(void **state) {
        _cleanup_(store_freep) Store *store = open_store();

        for (int round = 0; round < 2; round++) {
                const char *text = round ? "damaged again" : "damaged";

                put_text(FILE_NAME, text);
                assert_unreadable(store, -EUCLEAN);
                assert_file_text(FILE_NAME, text);
                assert_int_equal(store_quarantine_state(store), 0);
                assert_file_text(FILE_NAME ".damaged", text);
                assert_false(is_there(FILE_NAME));
        }
}

static void what_was_put_aside_and_not_replaced_is_lost_and_not_a_first_boot(void **state) {
        _cleanup_(store_freep) Store *store = open_store();

        assert_empty(store);
        assert_int_equal(store_quarantine_state(store), 0);
        assert_empty(store);
        put_text(FILE_NAME, "damaged");
        assert_int_equal(store_quarantine_state(store), 0);
        assert_unreadable(store, -EUCLEAN);
        write_state(store, "new", VERSION_STAGED);
        assert_read(store, 0, "new");
}

static void a_state_that_cannot_be_read_is_not_an_empty_one(void **state) {
        _cleanup_(store_freep) Store *store = open_store();

        put_text(FILE_NAME, "");
        assert_int_equal(truncate(FILE_NAME, (16 << 20) + 1), 0);
        assert_unreadable(store, -EFBIG);
        remove_tree(FILE_NAME);
        make_directory(FILE_NAME);
        assert_unreadable(store, -EISDIR);
}

static void each_write_keeps_what_was_there_before(void **state) {
        _cleanup_(store_freep) Store *store = open_store();

        write_state(store, "a", VERSION_STAGED);
        write_state(store, "b", VERSION_STAGED);
        assert_predecessor(store, "a");
        write_state(store, "c", VERSION_FAILED);
        assert_predecessor(store, "b");
        assert_read(store, 0, "c");
}

/* A first state is no first boot when it is lost. */
static void a_first_state_is_its_own_predecessor(void **state) {
        _cleanup_(store_freep) Store *store = open_store();

        write_state(store, "a", VERSION_STAGED);
        assert_predecessor(store, "a");
}

static void they_are_two_files_and_not_two_names_of_one(void **state) {
        _cleanup_(store_freep) Store *store = open_store();

        write_state(store, "a", VERSION_STAGED);
        put_text(FILE_NAME, "damaged");
        assert_read(store, 1, "a");
        write_state(store, "b", VERSION_STAGED);
        write_state(store, "c", VERSION_STAGED);
        put_text(OLD, "damaged");
        assert_read(store, 0, "c");
}

static void whatever_byte_of_the_state_is_another_one_its_predecessor_is_read(void **state) {
        _cleanup_(store_freep) Store *store = open_store();
        _cleanup_free_ unsigned char *data = NULL;
        size_t size;

        write_state(store, "old", VERSION_STAGED);
        write_state(store, "new", VERSION_STAGED);
        assert_int_equal(read_file_at(AT_FDCWD, FILE_NAME, 1 << 20, (void **) &data, &size), 0);
        for (size_t i = 0; i < size; i++) {
                data[i] ^= (unsigned char) (1 << i % 8);
                put_bytes(FILE_NAME, data, size);
                assert_read(store, 1, "old");
                data[i] ^= (unsigned char) (1 << i % 8);
        }
        put_bytes(FILE_NAME, data, size);
        assert_read(store, 0, "new");
}

static void a_state_that_is_missing_or_unreadable_gives_way_to_its_predecessor(void **state) {
        _cleanup_(store_freep) Store *store = open_store();

        write_state(store, "old", VERSION_STAGED);
        write_state(store, "new", VERSION_STAGED);
        assert_int_equal(unlink(FILE_NAME), 0);
        assert_read(store, 1, "old");
        put_text(FILE_NAME, "");
        assert_read(store, 1, "old");
        assert_int_equal(truncate(FILE_NAME, (16 << 20) + 1), 0);
        assert_read(store, 1, "old");
        remove_tree(FILE_NAME);
        make_directory(FILE_NAME);
        assert_read(store, 1, "old");
}

static void a_state_that_is_no_plain_file_gives_way_and_nothing_it_leads_to_is_touched(void **state) {
        _cleanup_(store_freep) Store *store = open_store();

        write_state(store, "old", VERSION_STAGED);
        write_state(store, "new", VERSION_STAGED);
        assert_int_equal(rename(FILE_NAME, "precious"), 0);
        assert_return_code(symlink("../precious", FILE_NAME), errno);
        assert_read(store, 1, "old");
        write_state(store, "other", VERSION_STAGED);
        assert_read(store, 0, "other");
        assert_int_equal(unlink(FILE_NAME), 0);
        assert_return_code(mkfifo(FILE_NAME, 0600), errno);
        assert_read(store, 1, "other");
        assert_int_equal(rename("precious", FILE_NAME), 0);
        assert_read(store, 0, "new");
}

static void where_both_are_damaged_or_one_is_missing_there_is_no_state(void **state) {
        _cleanup_(store_freep) Store *store = open_store();

        write_state(store, "a", VERSION_STAGED);
        put_text(FILE_NAME, "damaged");
        put_text(OLD, "damaged");
        assert_unreadable(store, -EUCLEAN);
        assert_int_equal(unlink(FILE_NAME), 0);
        assert_unreadable(store, -EUCLEAN);
        assert_int_equal(unlink(OLD), 0);
        assert_empty(store);
}

static void a_damaged_state_does_not_become_the_predecessor(void **state) {
        _cleanup_(store_freep) Store *store = open_store();
        _cleanup_(store_state_freep) StoreState *bad = state_of("b", VERSION_STAGED);

        write_state(store, "a", VERSION_STAGED);
        put_text(FILE_NAME, "damaged");
        bad->versions[0].sequence = 0;
        assert_int_equal(store_write_state(store, bad), -EINVAL);
        assert_read(store, 1, "a");
        write_state(store, "b", VERSION_STAGED);
        assert_read(store, 0, "b");
        assert_predecessor(store, "b");
}

/* Else one damaged bit would load a version again that was rolled back. */
static void what_decides_at_the_next_boot_is_the_same_in_both(void **state) {
        static const VersionState deciding[] = { VERSION_TRIAL, VERSION_CONFIRMED, VERSION_PENDING_REBOOT };

        for (size_t i = 0; i < ELEMENTSOF(deciding); i++) {
                Store *store = open_store();

                write_state(store, "a", VERSION_STAGED);
                write_state(store, "b", deciding[i]);
                assert_predecessor(store, "b");
                write_state(store, "c", deciding[i]);
                assert_predecessor(store, "c");
                write_state(store, "c", VERSION_ROLLED_BACK);
                assert_read(store, 0, "c");
                assert_int_equal(rename(OLD, FILE_NAME), 0);
                {
                        _cleanup_(store_state_freep) StoreState *read = NULL;

                        assert_int_equal(store_read_state(store, &read), 0);
                        assert_int_equal(read->versions[0].state, VERSION_ROLLED_BACK);
                }
                store_free(store);
                remove_tree("store");
        }
}

/* As the releases before this one wrote it. */
static void a_state_without_a_check_is_read_and_becomes_the_predecessor(void **state) {
        static const char text[] =
                "{\"format\":1,\"versions\":[{\"name\":\"a\",\"version\":\"1.0.0\",\"digest\":"
                "\"0000000000000000000000000000000000000000000000000000000000000001\",\"state\":\"staged\","
                "\"signer\":\"s\",\"source\":\"f\",\"staged_usec\":1,\"changed_usec\":2}]}";
        _cleanup_(store_freep) Store *store = open_store();

        put_text(FILE_NAME, text);
        assert_read(store, 0, "a");
        write_state(store, "b", VERSION_STAGED);
        assert_file_text(OLD, text);
        assert_predecessor(store, "a");
}

static void a_predecessor_that_cannot_be_kept_is_no_write(void **state) {
        _cleanup_(store_state_freep) StoreState *new = state_of("new", VERSION_STAGED);
        _cleanup_(store_freep) Store *store = open_store();

        write_state(store, "a", VERSION_STAGED);
        remove_tree(OLD);
        make_directory(OLD);
        assert_int_equal(store_write_state(store, new), -EISDIR);
        assert_read(store, 0, "a");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                unit_test_in_directory(a_damaged_state_without_a_predecessor_is_told_and_can_be_put_aside),
                unit_test_in_directory(what_was_put_aside_and_not_replaced_is_lost_and_not_a_first_boot),
                unit_test_in_directory(a_state_that_cannot_be_read_is_not_an_empty_one),
                unit_test_in_directory(each_write_keeps_what_was_there_before),
                unit_test_in_directory(a_first_state_is_its_own_predecessor),
                unit_test_in_directory(they_are_two_files_and_not_two_names_of_one),
                unit_test_in_directory(whatever_byte_of_the_state_is_another_one_its_predecessor_is_read),
                unit_test_in_directory(a_state_that_is_missing_or_unreadable_gives_way_to_its_predecessor),
                unit_test_in_directory(a_state_that_is_no_plain_file_gives_way_and_nothing_it_leads_to_is_touched),
                unit_test_in_directory(where_both_are_damaged_or_one_is_missing_there_is_no_state),
                unit_test_in_directory(a_damaged_state_does_not_become_the_predecessor),
                unit_test_in_directory(what_decides_at_the_next_boot_is_the_same_in_both),
                unit_test_in_directory(a_state_without_a_check_is_read_and_becomes_the_predecessor),
                unit_test_in_directory(a_predecessor_that_cannot_be_kept_is_no_write),
        };

        return run_tests_as_tap(tests);
}
