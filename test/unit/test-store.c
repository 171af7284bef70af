/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store as a directory: who may have it open, what is in it, and what happens where it is damaged or full.
 * test-store-file.c has the state file, test-store-crash.c what a crash leaves.
 */

#include "test-unit.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "files.h"
#include "io.h"
#include "store.h"
#include "verified.h"

#define TEXT "policy_name=corp-base policy_version=1.0.0\nDEFAULT action=DENY\n"

static Store *open_store(void) {
        Store *store = NULL;

        assert_int_equal(store_open("store", &store), 0);
        return store;
}

static void assert_mode(const char *path, unsigned mode) {
        struct stat st;

        assert_return_code(lstat(path, &st), errno);
        assert_int_equal(st.st_mode, mode);
}

/* The path of an object; to be freed. */
static char *object_path(const Digest *digest) {
        char hex[DIGEST_HEX_SIZE], *path;

        digest_to_hex(digest, hex);
        assert_true(asprintf(&path, "store/objects/%s", hex) > 0);
        return path;
}

static void assert_object(const Store *store, const VerifiedEnvelope *verified) {
        const Envelope *envelope = verified_envelope_get(verified);
        _cleanup_free_ void *data = NULL;
        const void *expected;
        size_t size, n;

        expected = envelope_data(envelope, &n);
        assert_int_equal(store_read(store, envelope_digest(envelope), &data, &size), 0);
        assert_int_equal(size, n);
        assert_memory_equal(data, expected, n);
}

static void add_version(StoreState *state, const char *name, const Digest *digest) {
        const VersionRecord record = {
                .name = (char *) name,
                .version = { 1, 0, 0 },
                .digest = *digest,
                .signer = (char *) "CN=signer",
                .source = (char *) "test",
        };

        assert_int_equal(store_state_add(state, &record), 0);
}

/* A state with one version. */
static StoreState *state_of(const char *name, const Digest *digest) {
        StoreState *state = store_state_copy(NULL);

        assert_non_null(state);
        add_version(state, name, digest);
        return state;
}

/* The state on disk names one version, this one. */
static void assert_state(const Store *store, const char *name) {
        _cleanup_(store_state_freep) StoreState *state = NULL;

        assert_int_equal(store_read_state(store, &state), 0);
        assert_int_equal(state->n_versions, 1);
        assert_string_equal(state->versions[0].name, name);
}

static void a_store_is_made_for_its_owner_alone(void **state) {
        _cleanup_(store_freep) Store *store = open_store();
        _cleanup_(store_state_freep) StoreState *read = NULL;
        const Digest digest = {};

        assert_mode("store", S_IFDIR | 0700);
        assert_mode("store/objects", S_IFDIR | 0700);
        assert_mode("store/lock", S_IFREG | 0600);
        assert_int_equal(store_read_state(store, &read), 0);
        assert_int_equal(read->n_versions, 0);
        assert_false(read->activating);
        assert_string_equal(read->pending_boot_id, "");
        store_state_free(read);
        read = state_of("a", &digest);
        assert_int_equal(store_write_state(store, read), 0);
        assert_mode("store/state.json", S_IFREG | 0600);
}

static void a_store_whose_parent_is_missing_is_an_error(void **state) {
        Store *store = NULL;

        assert_int_equal(store_open("missing/store", &store), -ENOENT);
        put_text("file", "");
        assert_int_equal(store_open("file", &store), -ENOTDIR);
        assert_int_equal(store_open_read_only("file", &store), -ENOTDIR);
        make_directory("store");
        put_text("store/objects", "");
        assert_int_equal(store_open("store", &store), -ENOTDIR);
        assert_null(store);
}

static void a_second_writer_is_refused_and_readers_are_not(void **state) {
        Store *first = open_store(), *second = NULL;
        _cleanup_(store_freep) Store *reader = NULL;

        assert_int_equal(store_open("store", &second), -EBUSY);
        assert_null(second);
        assert_int_equal(store_open_read_only("store", &reader), 0);
        store_free(first);
        second = open_store();
        store_free(second);
}

/* The lock is the process's, not the file's: one that died leaves none. */
static void the_lock_of_a_process_that_died_is_gone(void **state) {
        Store *store = NULL;
        int fds[2], status;
        pid_t child;
        char byte;

        assert_return_code(pipe2(fds, O_CLOEXEC), errno);
        child = fork();
        assert_return_code(child, errno);
        if (child == 0) {
                Store *theirs;

                if (store_open("store", &theirs) < 0)
                        _exit(1);
                (void) !write(fds[1], "x", 1);
                for (;;)
                        pause();
        }
        close(fds[1]);
        assert_int_equal(read(fds[0], &byte, 1), 1);
        assert_int_equal(store_open("store", &store), -EBUSY);
        assert_return_code(kill(child, SIGKILL), errno);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(store_open("store", &store), 0);
        store_free(store);
        close(fds[0]);
}

/* How many descriptors a program would inherit. */
static unsigned count_inherited(void) {
        unsigned n = 0;

        for (int fd = 0; fd < 1024; fd++) {
                int flags = fcntl(fd, F_GETFD);

                n += flags >= 0 && !(flags & FD_CLOEXEC);
        }
        return n;
}

static void a_program_that_the_writer_starts_does_not_keep_the_lock(void **state) {
        unsigned before = count_inherited();
        Store *store = open_store();

        assert_int_equal(count_inherited(), before);
        store_free(store);
}

static void reading_needs_a_store_and_changes_nothing(void **state) {
        _cleanup_(store_state_freep) StoreState *read = NULL;
        _cleanup_(store_freep) Store *store = NULL;
        const Digest digest = {};
        void *data = NULL;
        size_t size;

        assert_int_equal(store_open_read_only("store", &store), -ENOENT);
        assert_false(is_there("store"));
        make_directory("store");
        put_text("store/.#state.json.0", "");
        assert_int_equal(store_open_read_only("store", &store), 0);
        assert_int_equal(store_read_state(store, &read), 0);
        assert_int_equal(read->n_versions, 0);
        assert_int_equal(store_read(store, &digest, &data, &size), -ENOENT);
        assert_int_equal(count_entries("store"), 1);
        assert_null(data);
}

static void what_is_written_is_read_by_others_and_by_later_lives(void **state) {
        const Digest digest = { .bytes = { 1 } };
        _cleanup_(store_state_freep) StoreState *written = state_of("a\xff", &digest);
        _cleanup_(store_freep) Store *reader = NULL;
        Store *store = open_store();

        assert_int_equal(store_write_state(store, written), 0);
        assert_state(store, "a\xff");
        assert_int_equal(store_open_read_only("store", &reader), 0);
        assert_state(reader, "a\xff");
        store_free(store);
        store = open_store();
        assert_state(store, "a\xff");
        store_free(store);
        assert_int_equal(count_entries("store"), 4);
}

static void a_state_that_could_not_be_read_is_not_written(void **state) {
        const Digest digest = { .bytes = { 1 } };
        _cleanup_(store_state_freep) StoreState *good = state_of("a", &digest), *bad = state_of("b", &digest);
        _cleanup_(store_freep) Store *store = open_store();

        assert_int_equal(store_write_state(store, good), 0);
        add_version(bad, "c", &digest);
        assert_int_equal(store_write_state(store, bad), -EINVAL);
        assert_state(store, "a");
}

static void an_object_is_added_once_and_read_back(void **state) {
        _cleanup_(verified_envelope_freep) VerifiedEnvelope *first = verified_new(TEXT), *second = verified_new(TEXT);
        _cleanup_(store_freep) Store *store = open_store();
        _cleanup_free_ char *path = NULL;
        Digest digest = {};

        assert_int_equal(store_add(store, first, &digest), 1);
        assert_true(digest_equal(&digest, envelope_digest(verified_envelope_get(first))));
        path = object_path(&digest);
        assert_mode(path, S_IFREG | 0600);
        digest = (Digest) {};
        assert_int_equal(store_add(store, first, &digest), 0);
        assert_true(digest_equal(&digest, envelope_digest(verified_envelope_get(first))));
        assert_int_equal(store_add(store, second, &digest), 1);
        assert_int_equal(count_entries("store/objects"), 2);
        assert_object(store, first);
        assert_object(store, second);
}

static void an_object_with_other_content_is_replaced(void **state) {
        static const char large[ENVELOPE_SIZE_MAX + 1];
        _cleanup_(verified_envelope_freep) VerifiedEnvelope *verified = verified_new(TEXT);
        const Envelope *envelope = verified_envelope_get(verified);
        _cleanup_free_ char *path = object_path(envelope_digest(envelope)), *changed = NULL, *longer = NULL;
        _cleanup_(store_freep) Store *store = open_store();
        const void *data;
        Digest digest;
        size_t size;

        data = envelope_data(envelope, &size);
        changed = malloc(size);
        longer = calloc(1, size + 1);
        assert_non_null(changed);
        assert_non_null(longer);
        memcpy(changed, data, size);
        changed[size - 1] ^= 1;
        memcpy(longer, data, size);
        const struct {
                const void *data;
                size_t size;
        } wrong[] = {
                { "", 0 }, { data, size - 1 }, { changed, size }, { longer, size + 1 }, { large, sizeof(large) }
        };
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                put_bytes(path, wrong[i].data, wrong[i].size);
                assert_int_equal(store_add(store, verified, &digest), 1);
                assert_object(store, verified);
                assert_int_equal(count_entries("store/objects"), 1);
        }
        /* A link is replaced, and what it points to is not. */
        put_text("elsewhere", "precious");
        assert_int_equal(unlink(path), 0);
        assert_int_equal(symlink("../../elsewhere", path), 0);
        assert_int_equal(store_add(store, verified, &digest), 1);
        assert_file_text("elsewhere", "precious");
        assert_object(store, verified);
}

/* Where an object was: the next thing that its owner can think of. */
static void put_odd(const char *path, int kind) {
        const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "odd" };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        remove_tree(path);
        if (kind == 0)
                assert_return_code(symlink("/etc/passwd", path), errno);
        else if (kind == 1)
                assert_return_code(mkfifo(path, 0600), errno);
        else if (kind == 2)
                make_directory(path);
        else {
                assert_return_code(bind(fd, (const struct sockaddr *) &address, sizeof(address)), errno);
                assert_return_code(rename("odd", path), errno);
        }
}

static void an_object_that_is_no_plain_file_is_damaged(void **state) {
        _cleanup_(verified_envelope_freep) VerifiedEnvelope *verified = verified_new(TEXT);
        const Digest *digest = envelope_digest(verified_envelope_get(verified));
        _cleanup_free_ char *path = object_path(digest);
        _cleanup_(store_freep) Store *store = open_store();
        void *data = NULL;
        Digest added;
        size_t size;

        assert_int_equal(store_add(store, verified, &added), 1);
        for (int kind = 0; kind < 4; kind++) {
                put_odd(path, kind);
                assert_int_equal(store_read(store, digest, &data, &size), -EUCLEAN);
                assert_null(data);
                assert_int_equal(store_quarantine_object(store, digest), 0);
                remove_tree("store/damaged");
                put_text(path, "");
        }
}

static void a_directory_of_objects_that_leads_elsewhere_is_not_entered(void **state) {
        _cleanup_(verified_envelope_freep) VerifiedEnvelope *verified = verified_new(TEXT);
        const Digest *digest = envelope_digest(verified_envelope_get(verified));
        Store *store = open_store();
        void *data = NULL;
        Digest added;
        size_t size;

        assert_int_equal(store_add(store, verified, &added), 1);
        store_free(store);
        assert_return_code(rename("store/objects", "elsewhere"), errno);
        put_text("elsewhere/.#precious", "");
        assert_return_code(symlink("../elsewhere", "store/objects"), errno);
        assert_int_equal(store_open("store", &store), -ENOTDIR);
        assert_int_equal(store_open_read_only("store", &store), 0);
        assert_int_equal(store_read(store, digest, &data, &size), -ENOTDIR);
        store_free(store);
        assert_true(is_there("elsewhere/.#precious"));
}

static void the_store_itself_may_be_elsewhere(void **state) {
        Store *store = open_store();

        store_free(store);
        assert_return_code(rename("store", "elsewhere"), errno);
        assert_return_code(symlink("elsewhere", "store"), errno);
        store = open_store();
        store_free(store);
}

static void an_object_is_bounded_and_one_that_is_missing_is_told(void **state) {
        static const char large[ENVELOPE_SIZE_MAX + 1];
        const Digest digest = { .bytes = { 1 } };
        _cleanup_free_ char *path = object_path(&digest);
        _cleanup_(store_freep) Store *store = open_store();
        void *data = NULL;
        size_t size;

        assert_int_equal(store_read(store, &digest, &data, &size), -ENOENT);
        put_bytes(path, large, sizeof(large));
        assert_int_equal(store_read(store, &digest, &data, &size), -EFBIG);
        put_bytes(path, large, 0);
        assert_int_equal(truncate(path, ENVELOPE_SIZE_MAX), 0);
        assert_null(data);
        assert_int_equal(store_read(store, &digest, &data, &size), 0);
        assert_int_equal(size, ENVELOPE_SIZE_MAX);
        free(data);
}

static void objects_that_no_version_names_are_collected(void **state) {
        const Digest kept = { .bytes = { 1 } }, lost = { .bytes = { 2 } };
        _cleanup_free_ char *kept_path = object_path(&kept), *lost_path = object_path(&lost);
        _cleanup_(store_state_freep) StoreState *read = state_of("a", &kept), *empty = store_state_copy(NULL);
        _cleanup_(store_freep) Store *store = open_store();

        put_text(kept_path, "kept");
        put_text(lost_path, "lost");
        put_text("store/objects/.#abc.0123", "temporary");
        /* No object of ours. */
        put_text("store/objects/README", "foreign");
        assert_int_equal(store_collect(store, read), 2);
        assert_file_text(kept_path, "kept");
        assert_file_text("store/objects/README", "foreign");
        assert_int_equal(count_entries("store/objects"), 2);
        assert_int_equal(store_collect(store, read), 0);
        assert_int_equal(store_collect(store, empty), 1);
        assert_false(is_there(kept_path));
}

static void one_object_that_cannot_be_removed_does_not_keep_the_others(void **state) {
        const Digest stuck = { .bytes = { 1 } }, others[] = { { .bytes = { 2 } }, { .bytes = { 0 } } };
        _cleanup_(store_state_freep) StoreState *empty = store_state_copy(NULL);
        _cleanup_(store_freep) Store *store = open_store();
        _cleanup_free_ char *stuck_path = object_path(&stuck);

        make_directory(stuck_path);
        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                _cleanup_free_ char *path = object_path(&others[i]);

                put_text(path, "");
        }
        assert_int_equal(store_collect(store, empty), -EISDIR);
        assert_int_equal(count_entries("store/objects"), 1);
}

static void temporary_files_of_an_earlier_life_are_removed_when_it_is_opened(void **state) {
        const Digest digest = { .bytes = { 1 } };
        _cleanup_free_ char *path = object_path(&digest);
        Store *store;

        put_text("store/.#state.json.0123456789abcdef", "half");
        put_text("store/objects/.#abc.0123456789abcdef", "half");
        put_text(path, "object");
        /* One that cannot be removed takes room, and stops nobody. */
        make_directory("store/objects/.#directory");
        store = open_store();
        assert_int_equal(count_entries("store"), 2);
        assert_int_equal(count_entries("store/objects"), 2);
        assert_file_text(path, "object");
        store_free(store);
}

static void a_writer_that_is_refused_removes_nothing(void **state) {
        Store *first = open_store(), *second;

        put_text("store/.#state.json.0123456789abcdef", "being written");
        assert_int_equal(store_open("store", &second), -EBUSY);
        assert_file_text("store/.#state.json.0123456789abcdef", "being written");
        store_free(first);
}

static void a_full_disk_leaves_what_was_there(void **state) {
        _cleanup_(verified_envelope_freep) VerifiedEnvelope *old = verified_new(TEXT), *new = verified_new(TEXT);
        _cleanup_(store_state_freep) StoreState *before = NULL, *after = NULL;
        _cleanup_(store_freep) Store *store = NULL;
        Digest old_digest, new_digest = {};

        mount_small("store");
        store = open_store();
        assert_int_equal(store_add(store, old, &old_digest), 1);
        before = state_of("old", &old_digest);
        assert_int_equal(store_write_state(store, before), 0);
        fill_up("store/filler");

        assert_int_equal(store_add(store, new, &new_digest), -ENOSPC);
        assert_true(digest_equal(&new_digest, &(Digest) {}));
        after = state_of("new", envelope_digest(verified_envelope_get(new)));
        assert_int_equal(store_write_state(store, after), -ENOSPC);
        assert_state(store, "old");
        assert_object(store, old);
        assert_int_equal(count_entries("store"), 5);
        assert_int_equal(count_entries("store/objects"), 1);
        /* An object that is there already takes no room. */
        assert_int_equal(store_add(store, old, &old_digest), 0);

        assert_int_equal(unlink("store/filler"), 0);
        assert_int_equal(store_add(store, new, &new_digest), 1);
        assert_int_equal(store_write_state(store, after), 0);
        assert_state(store, "new");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                unit_test_in_directory(a_store_is_made_for_its_owner_alone),
                unit_test_in_directory(a_store_whose_parent_is_missing_is_an_error),
                unit_test_in_directory(a_second_writer_is_refused_and_readers_are_not),
                unit_test_in_directory(the_lock_of_a_process_that_died_is_gone),
                unit_test_in_directory(a_program_that_the_writer_starts_does_not_keep_the_lock),
                unit_test_in_directory(reading_needs_a_store_and_changes_nothing),
                unit_test_in_directory(what_is_written_is_read_by_others_and_by_later_lives),
                unit_test_in_directory(a_state_that_could_not_be_read_is_not_written),
                unit_test_in_directory(an_object_is_added_once_and_read_back),
                unit_test_in_directory(an_object_with_other_content_is_replaced),
                unit_test_in_directory(an_object_that_is_no_plain_file_is_damaged),
                unit_test_in_directory(a_directory_of_objects_that_leads_elsewhere_is_not_entered),
                unit_test_in_directory(the_store_itself_may_be_elsewhere),
                unit_test_in_directory(an_object_is_bounded_and_one_that_is_missing_is_told),
                unit_test_in_directory(objects_that_no_version_names_are_collected),
                unit_test_in_directory(one_object_that_cannot_be_removed_does_not_keep_the_others),
                unit_test_in_directory(temporary_files_of_an_earlier_life_are_removed_when_it_is_opened),
                unit_test_in_directory(a_writer_that_is_refused_removes_nothing),
                unit_test_in_directory(a_full_disk_leaves_what_was_there),
        };

        return run_tests_as_tap(tests);
}
