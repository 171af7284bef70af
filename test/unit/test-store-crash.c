/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store after a writer that was killed before each of its system calls in turn, and after one for which each of
 * them failed in turn: the old state or the new one, with the objects that it names. A kill does not show what a cut of
 * power loses; the order of the calls shows that: a file is synced before it gets its name, and the name is synced
 * after.
 */

#include "test-unit.h"

#include <dirent.h>
#include <sys/syscall.h>

#include "fault.h"
#include "files.h"
#include "io.h"
#include "store.h"
#include "verified.h"

/* Exit code of a writer that got an error, and stopped. */
#define TOLD 42

static const char *const words[] = { "old", "new" };
static VerifiedEnvelope *envelopes[2];

static const Digest *digest_of_word(unsigned word) {
        return envelope_digest(verified_envelope_get(envelopes[word]));
}

/* A state with one version, named by the word. */
static StoreState *state_in(unsigned word, VersionState version_state) {
        StoreState *state = store_state_copy(NULL);
        const VersionRecord record = {
                .name = (char *) words[word],
                .digest = *digest_of_word(word),
                .state = version_state,
                .signer = (char *) "CN=signer",
                .source = (char *) "test",
        };

        if (!state || store_state_add(state, &record) < 0)
                abort();
        return state;
}

/* Of a version that the next boot loads, so that all of a write is done. */
static StoreState *state_of(unsigned word) {
        return state_in(word, VERSION_CONFIRMED);
}

/* In a child there is no test to fail: it ends with the code that its parent looks at. */
static void check(int r) {
        if (r < 0)
                _exit(TOLD);
}

/* All that a writer does when it gets a new version, and forgets the old one. */
static void write_word(unsigned word) {
        _cleanup_(store_state_freep) StoreState *state = state_of(word);
        _cleanup_(store_freep) Store *store = NULL;
        Digest digest;

        check(store_open("store", &store));
        check(store_add(store, envelopes[word], &digest));
        check(store_write_state(store, state));
        check(store_collect(store, state));
}

static void write_new(void *userdata) {
        write_word(1);
}

static void quarantine(void *userdata) {
        _cleanup_(store_freep) Store *store = NULL;

        check(store_open("store", &store));
        check(store_quarantine_state(store));
}

/* Makes the store with the old version as it is before each writer. */
static int enter_store(void **state) {
        enter_directory(state);
        for (unsigned word = 0; word < 2; word++)
                envelopes[word] = verified_new(words[word]);
        write_word(0);
        assert_int_equal(rename("store", "before"), 0);
        return 0;
}

static int leave_store(void **state) {
        for (unsigned word = 0; word < 2; word++)
                verified_envelope_free(envelopes[word]);
        return leave_directory(state);
}

static void restore(void) {
        if (is_there("store"))
                remove_tree("store");
        copy_tree("before", "store");
}

/* Returns the word of a state, with its object undamaged; -1 for the empty state. result: 1 if it must be the
 * predecessor. */
static int read_word_of(const Store *store, int result) {
        _cleanup_(store_state_freep) StoreState *state = NULL;
        _cleanup_free_ void *data = NULL;
        const void *expected;
        size_t size, n;
        int word;

        assert_int_equal(store_read_state(store, &state), result);
        if (state->n_versions == 0)
                return -1;
        assert_int_equal(state->n_versions, 1);
        word = strcmp(state->versions[0].name, "new") == 0;
        assert_string_equal(state->versions[0].name, words[word]);
        assert_int_equal(store_read(store, &state->versions[0].digest, &data, &size), 0);
        expected = envelope_data(verified_envelope_get(envelopes[word]), &n);
        assert_int_equal(size, n);
        assert_memory_equal(data, expected, n);
        return word;
}

static int read_word(const Store *store) {
        return read_word_of(store, 0);
}

/* The word that is read if state.json is damaged or missing, too. */
static int read_predecessor(bool missing) {
        Store *store;
        int word;

        copy_tree("store", "store-copy");
        if (missing)
                assert_int_equal(unlink("store-copy/state.json"), 0);
        else
                put_text("store-copy/state.json", "damaged");
        assert_int_equal(store_open_read_only("store-copy", &store), 0);
        word = read_word_of(store, 1);
        store_free(store);
        remove_tree("store-copy");
        return word;
}

/* Opens the store after the writer's end, for reading as at boot, then for writing; both see the same. */
static int reopen(void) {
        Store *reader, *writer;
        int seen, word;

        assert_int_equal(store_open_read_only("store", &reader), 0);
        seen = read_word(reader);
        store_free(reader);
        assert_int_equal(store_open("store", &writer), 0);
        word = read_word(writer);
        assert_int_equal(word, seen);
        store_free(writer);
        return word;
}

static unsigned count_temporary(const char *path) {
        DIR *dir = opendir(path);
        unsigned n = 0;

        assert_non_null(dir);
        for (struct dirent *entry; (entry = readdir(dir));)
                n += strncmp(entry->d_name, TEMPORARY_PREFIX, strlen(TEMPORARY_PREFIX)) == 0;
        closedir(dir);
        return n;
}

static bool is_rename(const FaultCall *call) {
        switch (call->number) {
#ifdef SYS_renameat
        case SYS_renameat:
#endif
        case SYS_renameat2:
                return true;
        default:
                return false;
        }
}

static unsigned count_renames(const FaultResult *result) {
        unsigned n = 0;

        for (size_t i = 0; i < result->n_calls; i++)
                n += is_rename(&result->calls[i]);
        return n;
}

static void a_writer_killed_at_any_call_leaves_the_old_state_or_the_new_one(void **state) {
        FaultPlan plan = { .run = write_new };
        FaultResult result;
        int word = 0;

        do {
                int now;

                restore();
                fault_run(&plan, &result);
                now = reopen();
                /* Once it is the new one it stays so. */
                assert_in_range(now, word, 1);
                word = now;
                plan.at++;
        } while (result.killed);
        assert_int_equal(result.status, 0);
        assert_int_equal(word, 1);
        /* It was killed before each call of a whole run: one for the object, one for the state, two for its predecessor
         * are renames. */
        assert_int_equal(result.n_calls, plan.at - 1);
        assert_int_equal(count_renames(&result), 4);
        assert_int_equal(count_entries("store/objects"), 1);
}

static void a_writer_killed_while_it_makes_the_store_leaves_one_that_can_be_opened(void **state) {
        FaultPlan plan = { .run = write_new };
        FaultResult result;
        int word = -1;

        do {
                Store *store;
                int now;

                if (is_there("store"))
                        remove_tree("store");
                fault_run(&plan, &result);
                assert_int_equal(store_open("store", &store), 0);
                now = read_word(store);
                store_free(store);
                assert_true(now == word || (word == -1 && now == 1));
                word = now;
                plan.at++;
        } while (result.killed);
        assert_int_equal(result.status, 0);
        assert_int_equal(word, 1);
}

/* After an error there is the old state or the new one; without an error, the new one. */
static void a_writer_with_any_failing_call_leaves_the_old_state_or_the_new_one(void **state) {
        static const int errors[] = { EIO, ENOSPC, EROFS, ENOMEM };

        for (size_t i = 0; i < ELEMENTSOF(errors); i++) {
                FaultPlan plan = { .run = write_new, .error = errors[i] };
                unsigned told = 0;
                FaultResult result;

                do {
                        restore();
                        fault_run(&plan, &result);
                        assert_true(result.status == 0 || result.status == TOLD);
                        told += result.status == TOLD;
                        assert_int_equal(count_temporary("store") + count_temporary("store/objects"), 0);
                        if (result.status == 0)
                                assert_int_equal(reopen(), 1);
                        else
                                assert_in_range(reopen(), 0, 1);
                } while (plan.at++ < result.n_calls);
                assert_int_equal(result.status, 0);
                /* At least each write, sync and rename of two files must report its error. */
                assert_in_range(told, 6, plan.at);
        }
}

/* A write of the state alone. */
static void write_state_only(void *userdata) {
        _cleanup_(store_state_freep) StoreState *state = state_in(1, VERSION_STAGED);
        _cleanup_(store_freep) Store *store = NULL;
        Digest digest;

        check(store_open("store", &store));
        check(store_add(store, envelopes[1], &digest));
        check(store_write_state(store, state));
}

/* Whatever bit is damaged after whatever cut, there is a state: never an older one than that before the write. */
static void a_writer_killed_at_any_call_leaves_two_states(void **state) {
        FaultPlan plan = { .run = write_state_only };
        FaultResult result;
        int predecessor = 0;

        do {
                int word, now;

                restore();
                fault_run(&plan, &result);
                word = reopen();
                now = read_predecessor(false);
                assert_int_equal(read_predecessor(true), now);
                /* It is behind, and does not go back. */
                assert_in_range(now, predecessor, word);
                predecessor = now;
                plan.at++;
        } while (result.killed);
        assert_int_equal(result.status, 0);
        /* The confirmed version is gone, so both say the same. */
        assert_int_equal(predecessor, 1);
}

/* A failed call is reported, and the state before is there; its predecessor, too, is none that was refused. */
static void a_write_that_fails_leaves_no_trace_of_it(void **state) {
        FaultPlan plan = { .run = write_state_only, .error = EIO };
        unsigned told = 0;
        FaultResult result;

        do {
                restore();
                fault_run(&plan, &result);
                told += result.status == TOLD;
                if (result.status == TOLD) {
                        assert_int_equal(reopen(), 0);
                        assert_int_equal(read_predecessor(false), 0);
                } else
                        assert_int_equal(reopen(), 1);
        } while (plan.at++ < result.n_calls);
        assert_int_equal(result.status, 0);
        /* A write, a sync, a rename and a sync of the directory for an object, the predecessor and the state. */
        assert_in_range(told, 12, plan.at);
}

static void write_after_damage(void *userdata) {
        _cleanup_(store_state_freep) StoreState *state = state_of(0);
        _cleanup_(store_freep) Store *store = NULL;

        check(store_open("store", &store));
        check(store_quarantine_state(store));
        check(store_write_state(store, state));
}

/* As the daemon does at start: whenever it is cut off, the next one finds a state again. */
static void making_up_for_a_damaged_state_can_be_cut_off(void **state) {
        FaultPlan plan = { .run = write_after_damage };
        FaultResult result;

        do {
                _cleanup_(store_state_freep) StoreState *read = NULL;
                Store *store;

                restore();
                put_text("store/state.json", "damaged");
                fault_run(&plan, &result);
                assert_int_equal(store_open_read_only("store", &store), 0);
                assert_in_range(store_read_state(store, &read), 0, 1);
                assert_int_equal(read->n_versions, 1);
                assert_string_equal(read->versions[0].name, "old");
                store_free(store);
                plan.at++;
        } while (result.killed);
        assert_int_equal(result.status, 0);
        assert_int_equal(reopen(), 0);
        assert_int_equal(read_predecessor(true), 0);
}

static void putting_a_damaged_state_aside_can_be_cut_off(void **state) {
        FaultPlan plan = { .run = quarantine };
        FaultResult result;

        do {
                restore();
                put_text("store/state.json", "damaged");
                fault_run(&plan, &result);
                assert_true(is_there("store/state.json") != is_there("store/state.json.damaged"));
                plan.at++;
        } while (result.killed);
        assert_int_equal(result.status, 0);
        assert_file_text("store/state.json.damaged", "damaged");
}

/* A cut of power may lose what was not synced, in any order. */
static void a_file_is_synced_before_it_has_its_name_and_the_directory_after(void **state) {
        static FaultResult result;
        int written = -1, directory = -1;
        unsigned renames = 0;
        bool synced = true;

        restore();
        fault_run(&(FaultPlan) { .run = write_new, .at = FAULT_NEVER }, &result);
        assert_int_equal(result.status, 0);
        for (size_t i = 0; i < result.n_calls; i++) {
                const FaultCall *call = &result.calls[i];
                int fd = (int) call->arguments[0];

                if (call->number == SYS_write) {
                        written = fd;
                        synced = false;
                } else if (call->number == SYS_fsync) {
                        synced = synced || fd == written;
                        if (fd == directory)
                                directory = -1;
                } else if (is_rename(call)) {
                        assert_true(synced);
                        /* The object's name is durable before a state has it in it. */
                        assert_int_equal(directory, -1);
                        directory = (int) call->arguments[2];
                        renames++;
                } else if (call->number == SYS_unlinkat) {
                        /* No object is removed before the state that does not name it is durable. */
                        assert_int_equal(directory, -1);
                        assert_int_equal(renames, 4);
                }
        }
        assert_int_equal(directory, -1);
        assert_int_equal(renames, 4);
}

static void write_old_again(void *userdata) {
        write_word(0);
}

/* The writer that made it may have been cut off before its directory was synced. */
static void an_object_that_is_there_already_is_durable_before_a_state_has_it(void **state) {
        static FaultResult result;
        size_t i = 0;

        restore();
        fault_run(&(FaultPlan) { .run = write_old_again, .at = FAULT_NEVER }, &result);
        assert_int_equal(result.status, 0);
        /* Of the predecessor and of the state. */
        assert_int_equal(count_renames(&result), 2);
        while (result.calls[i].number != SYS_fsync) {
                assert_int_not_equal(result.calls[i].number, SYS_write);
                i++;
        }
}

static void a_directory_is_durable_before_anything_is_put_into_it(void **state) {
        static FaultResult result;
        unsigned made = 0;
        bool durable = true;

        fault_run(&(FaultPlan) { .run = write_new, .at = FAULT_NEVER }, &result);
        assert_int_equal(result.status, 0);
        for (size_t i = 0; i < result.n_calls; i++) {
                const FaultCall *call = &result.calls[i];

                if (call->number == SYS_mkdirat) {
                        assert_true(durable);
                        durable = false;
                        made++;
                } else if (call->number == SYS_fsync)
                        durable = true;
                else if (call->number == SYS_write || is_rename(call))
                        assert_true(durable);
        }
        assert_int_equal(made, 2);
}

#define crash_test(test) cmocka_unit_test_setup_teardown(test, enter_store, leave_store)

int main(void) {
        const struct CMUnitTest tests[] = {
                crash_test(a_writer_killed_at_any_call_leaves_the_old_state_or_the_new_one),
                crash_test(a_writer_killed_while_it_makes_the_store_leaves_one_that_can_be_opened),
                crash_test(a_writer_with_any_failing_call_leaves_the_old_state_or_the_new_one),
                crash_test(a_writer_killed_at_any_call_leaves_two_states),
                crash_test(a_write_that_fails_leaves_no_trace_of_it),
                crash_test(making_up_for_a_damaged_state_can_be_cut_off),
                crash_test(putting_a_damaged_state_aside_can_be_cut_off),
                crash_test(a_file_is_synced_before_it_has_its_name_and_the_directory_after),
                crash_test(an_object_that_is_there_already_is_durable_before_a_state_has_it),
                crash_test(a_directory_is_durable_before_anything_is_put_into_it),
        };

        return run_tests_as_tap(tests);
}
