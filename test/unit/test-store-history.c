/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The history: what is written is read back, damage spoils a line alone, and there is never too much of it.
 */

#include "test-unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "io.h"
#include "store-history.h"

#define FILE_NAME "store/history"

static Store *open_store(void) {
        Store *store = NULL;

        assert_int_equal(store_open("store", &store), 0);
        return store;
}

static HistoryEntry entry(const char *name, int from, int to) {
        return (HistoryEntry) {
                .change = 7,
                .usec = 1700000000000000,
                .name = (char *) name,
                .version = { 1, 2, 3 },
                .digest = { .bytes = { 1, 2, 3 } },
                .from = from,
                .to = to,
                .reason = (char *) "word",
                .transaction = "0123456789abcdef0123456789abcdef",
        };
}

static void add(History *history, const HistoryEntry *added) {
        assert_int_equal(history_add(history, added), 0);
}

static void add_many(History *history, size_t n, int to) {
        const HistoryEntry added = entry("a", VERSION_STAGED, to);

        for (size_t i = 0; i < n; i++)
                add(history, &added);
}

/* damaged: how many lines are to be so. */
static History *read_back(const Store *store, size_t damaged) {
        History *history = NULL;
        size_t found = SIZE_MAX;

        assert_int_equal(history_read(store, &history, &found), 0);
        assert_int_equal(found, damaged);
        return history;
}

static History *add_and_read_back(Store *store, History *history, const HistoryEntry *added) {
        add(history, added);
        assert_int_equal(history_write(store, history), 0);
        return read_back(store, 0);
}

/* A store whose history has the entries "a", "b" and "c". */
static Store *open_with_three(void) {
        _cleanup_(history_freep) History *history = NULL;
        Store *store = open_store();

        history = read_back(store, 0);
        for (const char *name = "abc"; *name; name++) {
                const HistoryEntry added = entry((const char[]) { *name, '\0' }, VERSION_ABSENT, VERSION_STAGED);

                add(history, &added);
        }
        assert_int_equal(history_write(store, history), 0);
        return store;
}

static char *read_text(size_t *ret_size) {
        void *text = NULL;

        assert_int_equal(read_file_at(AT_FDCWD, FILE_NAME, 1U << 20, &text, ret_size), 0);
        return text;
}

static void assert_names(const History *history, const char *names) {
        assert_int_equal(history->n, strlen(names));
        for (size_t i = 0; i < history->n; i++)
                assert_int_equal(history->entries[i].name[0], names[i]);
}

static void without_a_file_it_is_empty(void **state) {
        _cleanup_(store_freep) Store *store = open_store();
        _cleanup_(history_freep) History *history = read_back(store, 0);

        assert_int_equal(history->n, 0);
        assert_int_equal(history->sequence, 0);
}

static void entry_is_read_back_as_it_was(void **state) {
        _cleanup_(store_freep) Store *store = open_store();
        _cleanup_(history_freep) History *history = read_back(store, 0), *again = NULL;
        HistoryEntry added = entry("na\"me\\ \xc3\xa4", VERSION_TRIAL, VERSION_ROLLED_BACK);
        const HistoryEntry *found;

        added.message = (char *) "a sentence,\nof two lines";
        again = add_and_read_back(store, history, &added);
        assert_int_equal(again->n, 1);
        found = &again->entries[0];
        assert_int_equal(found->sequence, 1);
        assert_int_equal(found->change, 7);
        assert_int_equal(found->usec, added.usec);
        assert_string_equal(found->name, added.name);
        assert_int_equal(ipe_version_compare(&found->version, &added.version), 0);
        assert_true(digest_equal(&found->digest, &added.digest));
        assert_int_equal(found->from, VERSION_TRIAL);
        assert_int_equal(found->to, VERSION_ROLLED_BACK);
        assert_string_equal(found->reason, "word");
        assert_string_equal(found->message, added.message);
        assert_string_equal(found->transaction, added.transaction);
}

static void version_that_goes_has_no_state(void **state) {
        _cleanup_(store_freep) Store *store = open_store();
        _cleanup_(history_freep) History *history = read_back(store, 0), *again = NULL;
        const HistoryEntry added = entry("a", VERSION_FAILED, VERSION_ABSENT);

        again = add_and_read_back(store, history, &added);
        assert_int_equal(again->entries[0].to, VERSION_ABSENT);
        assert_null(again->entries[0].message);
}

static void numbers_go_on_after_a_restart(void **state) {
        _cleanup_(store_freep) Store *store = open_with_three();
        _cleanup_(history_freep) History *history = read_back(store, 0), *again = NULL;
        const HistoryEntry added = entry("d", VERSION_ABSENT, VERSION_STAGED);

        again = add_and_read_back(store, history, &added);
        assert_names(again, "abcd");
        assert_int_equal(again->entries[3].sequence, 4);
        assert_int_equal(again->change, 7);
}

static void write_appends(void **state) {
        _cleanup_(store_freep) Store *store = open_with_three();
        _cleanup_(history_freep) History *history = read_back(store, 0);
        const HistoryEntry added = entry("d", VERSION_ABSENT, VERSION_STAGED);
        struct stat before, after;

        add(history, &added);
        assert_int_equal(stat(FILE_NAME, &before), 0);
        assert_int_equal(history_write(store, history), 0);
        assert_int_equal(history_write(store, history), 0);
        assert_int_equal(stat(FILE_NAME, &after), 0);
        assert_int_equal(before.st_ino, after.st_ino);
        assert_int_equal(after.st_size, before.st_size / 3 * 4);
}

static void flipped_bit_spoils_its_line_alone(void **state) {
        _cleanup_(store_freep) Store *store = open_with_three();
        _cleanup_free_ char *text = NULL;
        size_t size, line;

        text = read_text(&size);
        line = size / 3;
        for (size_t i = line; i < 2 * line - 1; i += 7) {
                _cleanup_(history_freep) History *history = NULL;

                text[i] ^= 1;
                put_bytes(FILE_NAME, text, size);
                text[i] ^= 1;
                /* A byte that becomes an LF makes two lines of one. */
                history = read_back(store, (text[i] ^ 1) == '\n' ? 2 : 1);
                assert_names(history, "ac");
        }
}

static void torn_line_is_left_out_and_the_file_written_anew(void **state) {
        _cleanup_(store_freep) Store *store = open_with_three();
        _cleanup_free_ char *text = NULL;
        size_t size;

        text = read_text(&size);
        for (size_t cut = size / 3 * 2 + 1; cut < size; cut++) {
                _cleanup_(history_freep) History *history = NULL, *again = NULL;
                const HistoryEntry added = entry("x", VERSION_ABSENT, VERSION_STAGED);

                put_bytes(FILE_NAME, text, cut);
                history = read_back(store, 1);
                assert_names(history, "ab");
                add(history, &added);
                assert_int_equal(history_write(store, history), 0);
                again = read_back(store, 0);
                assert_names(again, "abx");
        }
}

static void line_that_comes_twice_counts_once(void **state) {
        _cleanup_(store_freep) Store *store = open_with_three();
        _cleanup_(history_freep) History *history = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int fd;

        text = read_text(&size);
        fd = open(FILE_NAME, O_WRONLY | O_APPEND | O_CLOEXEC);
        assert_int_equal(write_all(fd, text, size), 0);
        close(fd);
        history = read_back(store, 3);
        assert_names(history, "abc");
}

static void nonsense_is_not_read(void **state) {
        static const char *const texts[] = { "\n", "x", "0123456789abcdef {}\n", "0123456789abcdef\n", "\0\n", "{}\n" };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_(store_freep) Store *store = open_store();
                _cleanup_(history_freep) History *history = NULL;

                put_text(FILE_NAME, texts[i]);
                history = read_back(store, strlen(texts[i]) > 0 ? 1 : 0);
                assert_int_equal(history->n, 0);
        }
}

static void directory_in_its_place_is_an_error_and_an_empty_history(void **state) {
        _cleanup_(store_freep) Store *store = open_store();
        _cleanup_(history_freep) History *history = NULL;
        size_t damaged;

        make_directory(FILE_NAME);
        assert_int_equal(history_read(store, &history, &damaged), -EISDIR);
        assert_int_equal(history->n, 0);
}

static void file_that_was_removed_is_written_whole(void **state) {
        _cleanup_(store_freep) Store *store = open_with_three();
        _cleanup_(history_freep) History *history = read_back(store, 0), *again = NULL;
        const HistoryEntry added = entry("d", VERSION_ABSENT, VERSION_STAGED);

        assert_int_equal(unlink(FILE_NAME), 0);
        add(history, &added);
        assert_true(history_write(store, history) < 0);
        assert_int_equal(history_write(store, history), 0);
        again = read_back(store, 0);
        assert_names(again, "abcd");
}

static void disk_that_is_full_loses_nothing_once_there_is_room(void **state) {
        _cleanup_(history_freep) History *history = NULL, *again = NULL;
        _cleanup_(store_freep) Store *store = NULL;

        mount_small("store");
        store = open_store();
        history = read_back(store, 0);
        add_many(history, 3, VERSION_CONFIRMED);
        assert_int_equal(history_write(store, history), 0);
        fill_up("store/big");
        add_many(history, 60, VERSION_CONFIRMED);
        assert_int_equal(history_write(store, history), -ENOSPC);
        again = read_back(store, 0);
        assert_int_equal(again->n, 3);
        assert_int_equal(unlink("store/big"), 0);
        assert_int_equal(history_write(store, history), 0);
        history_free(TAKE_PTR(again));
        again = read_back(store, 0);
        assert_int_equal(again->n, 63);
}

static void read_only_store_writes_nothing(void **state) {
        _cleanup_(store_freep) Store *store = NULL;
        _cleanup_(history_freep) History *history = NULL;

        store_free(open_with_three());
        assert_int_equal(store_open_read_only("store", &store), 0);
        history = read_back(store, 0);
        assert_names(history, "abc");
        add_many(history, 1, VERSION_STAGED);
        assert_int_equal(history_write(store, history), -EROFS);
}

static void ten_thousand_entries_are_not_kept(void **state) {
        _cleanup_(store_freep) Store *store = open_store();
        _cleanup_(history_freep) History *history = read_back(store, 0), *again = NULL;

        add_many(history, 10000, VERSION_CONFIRMED);
        assert_true(history->n <= HISTORY_MAX);
        assert_int_equal(history->entries[history->n - 1].sequence, 10000);
        assert_int_equal(history_write(store, history), 0);
        again = read_back(store, 0);
        assert_int_equal(again->n, history->n);
        assert_int_equal(again->sequence, 10000);
}

static size_t count(const History *history, int to) {
        size_t n = 0;

        for (size_t i = 0; i < history->n; i++)
                n += history->entries[i].to == to;
        return n;
}

/* Otherwise a user who may stage and discard, but not activate, could hide which policies were active. */
static void what_comes_and_goes_pushes_out_nothing_else(void **state) {
        _cleanup_(history_freep) History *history = history_new();

        add_many(history, 500, VERSION_CONFIRMED);
        for (unsigned i = 0; i < 10000; i++)
                add_many(history, 1, i % 2 == 0 ? VERSION_STAGED : VERSION_ABSENT);
        assert_int_equal(count(history, VERSION_CONFIRMED), 500);
        assert_true(count(history, VERSION_STAGED) + count(history, VERSION_ABSENT) >= HISTORY_MINOR_MAX);
        assert_true(history->n <= HISTORY_MAX);
}

static void long_message_is_cut_between_characters(void **state) {
        _cleanup_(history_freep) History *history = history_new();
        HistoryEntry added = entry("a", VERSION_TRIAL, VERSION_ROLLED_BACK);
        char message[3000];

        for (size_t i = 0; i + 2 < sizeof(message); i += 2)
                memcpy(message + i, "\xc3\xa4", 2);
        message[sizeof(message) - 2] = '\0';
        added.message = message;
        add(history, &added);
        assert_true(strlen(history->entries[0].message) < HISTORY_MESSAGE_MAX);
        assert_int_equal(strncmp(history->entries[0].message, message, HISTORY_MESSAGE_MAX - 8), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                unit_test_in_directory(without_a_file_it_is_empty),
                unit_test_in_directory(entry_is_read_back_as_it_was),
                unit_test_in_directory(version_that_goes_has_no_state),
                unit_test_in_directory(numbers_go_on_after_a_restart),
                unit_test_in_directory(write_appends),
                unit_test_in_directory(flipped_bit_spoils_its_line_alone),
                unit_test_in_directory(torn_line_is_left_out_and_the_file_written_anew),
                unit_test_in_directory(line_that_comes_twice_counts_once),
                unit_test_in_directory(nonsense_is_not_read),
                unit_test_in_directory(directory_in_its_place_is_an_error_and_an_empty_history),
                unit_test_in_directory(file_that_was_removed_is_written_whole),
                unit_test_in_directory(disk_that_is_full_loses_nothing_once_there_is_room),
                unit_test_in_directory(read_only_store_writes_nothing),
                unit_test_in_directory(ten_thousand_entries_are_not_kept),
                cmocka_unit_test(what_comes_and_goes_pushes_out_nothing_else),
                cmocka_unit_test(long_message_is_cut_between_characters),
        };

        return run_tests_as_tap(tests);
}
