/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bounded reads, and files that are replaced whole or not at all.
 */

#include "test-unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "files.h"
#include "io.h"

static void a_file_is_read_with_a_nul_behind_it(void **state) {
        static const char content[] = "one\0two\n";
        _cleanup_free_ char *data = NULL;
        size_t size;

        put_bytes("file", content, sizeof(content));
        assert_int_equal(read_file_at(AT_FDCWD, "file", sizeof(content), (void **) &data, &size), 0);
        assert_int_equal(size, sizeof(content));
        assert_memory_equal(data, content, size);
        assert_int_equal(data[size], '\0');
}

static void an_empty_file_is_read_as_no_bytes(void **state) {
        _cleanup_free_ char *data = NULL;
        size_t size = 1;

        put_text("file", "");
        assert_int_equal(read_file_at(AT_FDCWD, "file", 0, (void **) &data, &size), 0);
        assert_int_equal(size, 0);
        assert_int_equal(data[0], '\0');
}

/* Around the sizes at which the buffer grows, too. */
static void a_file_of_just_the_size_is_read_and_one_byte_more_is_not(void **state) {
        static const size_t sizes[] = { 1, 4095, 4096, 4097, 8192, 100000 };
        static const char zeros[100000];

        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                void *data = NULL;
                size_t size;

                put_bytes("file", zeros, sizes[i]);
                assert_int_equal(read_file_at(AT_FDCWD, "file", sizes[i] - 1, &data, &size), -EFBIG);
                assert_null(data);
                assert_int_equal(read_file_at(AT_FDCWD, "file", sizes[i], &data, &size), 0);
                assert_int_equal(size, sizes[i]);
                free(data);
        }
}

/* Files of the kernel have no size before they are read. */
static void a_file_without_a_size_is_bounded_as_well(void **state) {
        void *data = NULL;
        size_t size;

        assert_int_equal(read_file_at(AT_FDCWD, "/proc/self/status", 16, &data, &size), -EFBIG);
        assert_null(data);
        assert_int_equal(read_file_at(AT_FDCWD, "/proc/self/status", 1 << 20, &data, &size), 0);
        assert_in_range(size, 17, 1 << 20);
        free(data);
}

static void links_are_followed_and_paths_start_at_the_directory(void **state) {
        _cleanup_close_ int fd = -1;
        void *data = NULL;
        size_t size;

        put_text("there/file", "content");
        assert_return_code(symlink("file", "there/link"), errno);
        fd = open("there", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_return_code(fd, errno);
        assert_int_equal(read_file_at(fd, "link", 7, &data, &size), 0);
        assert_string_equal(data, "content");
        free(data);
}

/* A FIFO without a writer would be waited for, until the test's timeout. */
static void what_is_no_regular_file_is_refused_at_once(void **state) {
        const struct {
                const char *path;
                int error;
        } cases[] = {
                { "fifo", -EBADF },      { "/dev/null", -EBADF }, { "/dev/zero", -EBADF }, { "directory", -EISDIR },
                { "dangling", -ENOENT }, { "missing", -ENOENT },  { "loop", -ELOOP },      { "file/below", -ENOTDIR },
        };
        void *data = NULL;
        size_t size;

        assert_return_code(mkfifo("fifo", 0600), errno);
        make_directory("directory");
        put_text("file", "");
        assert_return_code(symlink("missing", "dangling"), errno);
        assert_return_code(symlink("loop", "loop"), errno);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_int_equal(read_file_at(AT_FDCWD, cases[i].path, 100, &data, &size), cases[i].error);
        assert_null(data);
}

static void a_plain_file_is_no_link_at_all(void **state) {
        _cleanup_free_ char *data = NULL;
        size_t size;

        put_text("file", "text");
        assert_return_code(symlink("file", "link"), errno);
        assert_int_equal(read_plain_file_at(AT_FDCWD, "link", 100, (void **) &data, &size), -ELOOP);
        assert_null(data);
        assert_int_equal(read_plain_file_at(AT_FDCWD, "file", 100, (void **) &data, &size), 0);
        assert_string_equal(data, "text");
}

static void a_descriptor_is_read_from_where_it_stands(void **state) {
        _cleanup_close_ int fd = -1;
        void *data = NULL;
        size_t size;

        put_text("file", "skipped, read");
        fd = open("file", O_RDONLY | O_CLOEXEC);
        assert_int_equal(lseek(fd, 9, SEEK_SET), 9);
        assert_int_equal(read_fd(fd, 4, &data, &size), 0);
        assert_string_equal(data, "read");
        free(data);
}

static void a_pipe_is_read_to_its_end_and_bounded(void **state) {
        for (size_t max = 5; max < 7; max++) {
                void *data = NULL;
                size_t size;
                int fds[2];

                assert_return_code(pipe2(fds, O_CLOEXEC), errno);
                assert_int_equal(write(fds[1], "abc", 3), 3);
                assert_int_equal(write(fds[1], "def", 3), 3);
                close(fds[1]);
                assert_int_equal(read_fd(fds[0], max, &data, &size), max < 6 ? -EFBIG : 0);
                if (data)
                        assert_string_equal(data, "abcdef");
                free(data);
                close(fds[0]);
        }
}

static void a_descriptor_that_cannot_be_read_is_an_error(void **state) {
        _cleanup_close_ int fd = open(".", O_RDONLY | O_CLOEXEC);
        void *data = NULL;
        size_t size;

        assert_int_equal(read_fd(fd, 10, &data, &size), -EISDIR);
        assert_int_equal(read_fd(-1, 10, &data, &size), -EBADF);
        assert_null(data);
}

static int replace(const char *name, const char *text, unsigned mode) {
        _cleanup_close_ int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return replace_file_at(fd, name, text, strlen(text), mode);
}

static void a_new_file_has_the_content_and_the_mode(void **state) {
        struct stat st;

        assert_int_equal(replace("file", "content", 0600), 0);
        assert_file_text("file", "content");
        assert_return_code(stat("file", &st), errno);
        assert_int_equal(st.st_mode, S_IFREG | 0600);
        assert_int_equal(count_entries("."), 1);
}

static void who_has_the_old_file_open_keeps_the_old_content(void **state) {
        _cleanup_close_ int fd = -1;
        void *data = NULL;
        size_t size;

        put_text("file", "old");
        fd = open("file", O_RDONLY | O_CLOEXEC);
        assert_int_equal(replace("file", "new content", 0600), 0);
        assert_file_text("file", "new content");
        assert_int_equal(read_fd(fd, 100, &data, &size), 0);
        assert_string_equal(data, "old");
        free(data);
        assert_int_equal(count_entries("."), 1);
}

static void a_link_is_replaced_and_not_followed(void **state) {
        struct stat st;

        put_text("target", "precious");
        assert_return_code(symlink("target", "link"), errno);
        assert_int_equal(replace("link", "new", 0600), 0);
        assert_file_text("target", "precious");
        assert_return_code(lstat("link", &st), errno);
        assert_true(S_ISREG(st.st_mode));
        assert_file_text("link", "new");
}

static void a_directory_is_not_replaced_and_nothing_is_left_behind(void **state) {
        put_text("directory/file", "precious");
        assert_int_equal(replace("directory", "new", 0600), -EISDIR);
        assert_file_text("directory/file", "precious");
        assert_int_equal(count_entries("."), 1);
}

static void a_directory_that_is_gone_is_an_error(void **state) {
        _cleanup_close_ int fd = -1;

        make_directory("gone");
        fd = open("gone", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_return_code(rmdir("gone"), errno);
        assert_int_equal(replace_file_at(fd, "file", "new", 3, 0600), -ENOENT);
        assert_int_equal(replace_file_at(-1, "file", "new", 3, 0600), -EBADF);
}

/* The write stops in the middle, as on a disk that is full. */
static void a_failed_write_leaves_the_old_content(void **state) {
        struct rlimit limit = { 1000, RLIM_INFINITY }, before;
        char large[2000];

        memset(large, 'x', sizeof(large));
        large[sizeof(large) - 1] = '\0';
        put_text("file", "old");
        signal(SIGXFSZ, SIG_IGN);
        assert_return_code(getrlimit(RLIMIT_FSIZE, &before), errno);
        assert_return_code(setrlimit(RLIMIT_FSIZE, &limit), errno);
        assert_int_equal(replace("file", large, 0600), -EFBIG);
        assert_return_code(setrlimit(RLIMIT_FSIZE, &before), errno);
        assert_file_text("file", "old");
        assert_int_equal(count_entries("."), 1);
}

static void a_full_disk_leaves_the_old_content(void **state) {
        static const char large[100000];
        _cleanup_close_ int fd = -1;

        mount_small("disk");
        put_text("disk/file", "old");
        fd = open("disk", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(replace_file_at(fd, "file", large, sizeof(large), 0600), -ENOSPC);
        assert_file_text("disk/file", "old");
        assert_int_equal(count_entries("disk"), 1);
        assert_int_equal(replace_file_at(fd, "file", large, 1000, 0600), 0);
        assert_file_equal("disk/file", large, 1000);
}

static void a_write_that_is_cut_short_is_an_error(void **state) {
        static const char large[1 << 20];
        int fds[2];

        assert_return_code(pipe2(fds, O_CLOEXEC | O_NONBLOCK), errno);
        assert_int_equal(write_once(fds[1], "whole", 5), 0);
        assert_int_equal(write_once(fds[1], large, sizeof(large)), -EIO);
        assert_int_equal(write_once(fds[1], large, sizeof(large)), -EAGAIN);
        close(fds[0]);
        signal(SIGPIPE, SIG_IGN);
        assert_int_equal(write_once(fds[1], "x", 1), -EPIPE);
        close(fds[1]);
        assert_int_equal(write_once(-1, "x", 1), -EBADF);
}

static void only_what_is_open_can_be_made_durable(void **state) {
        _cleanup_close_ int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        assert_int_equal(sync_directory(fd), 0);
        assert_int_equal(sync_directory(-1), -EBADF);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                unit_test_in_directory(a_file_is_read_with_a_nul_behind_it),
                unit_test_in_directory(an_empty_file_is_read_as_no_bytes),
                unit_test_in_directory(a_file_of_just_the_size_is_read_and_one_byte_more_is_not),
                unit_test_in_directory(a_file_without_a_size_is_bounded_as_well),
                unit_test_in_directory(links_are_followed_and_paths_start_at_the_directory),
                unit_test_in_directory(what_is_no_regular_file_is_refused_at_once),
                unit_test_in_directory(a_plain_file_is_no_link_at_all),
                unit_test_in_directory(a_descriptor_is_read_from_where_it_stands),
                unit_test_in_directory(a_pipe_is_read_to_its_end_and_bounded),
                unit_test_in_directory(a_descriptor_that_cannot_be_read_is_an_error),
                unit_test_in_directory(a_new_file_has_the_content_and_the_mode),
                unit_test_in_directory(who_has_the_old_file_open_keeps_the_old_content),
                unit_test_in_directory(a_link_is_replaced_and_not_followed),
                unit_test_in_directory(a_directory_is_not_replaced_and_nothing_is_left_behind),
                unit_test_in_directory(a_directory_that_is_gone_is_an_error),
                unit_test_in_directory(a_failed_write_leaves_the_old_content),
                unit_test_in_directory(a_full_disk_leaves_the_old_content),
                unit_test_in_directory(a_write_that_is_cut_short_is_an_error),
                unit_test_in_directory(only_what_is_open_can_be_made_durable),
        };

        return run_tests_as_tap(tests);
}
