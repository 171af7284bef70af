/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files that ipe-open opens for others, and those that it refuses; test/bus has both ends together.
 */

#include "test-unit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "files.h"
#include "kernel-open.h"

/* "ipe" is the kernel's directory. */
static int open_for(const char *directory, const char *request) {
        _cleanup_close_ int root_fd = open("ipe", O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_close_ int dir_fd = open(directory, O_PATH | O_CLOEXEC);

        assert_return_code(root_fd, errno);
        assert_return_code(dir_fd, errno);
        return kernel_open_for(root_fd, dir_fd, request, strlen(request));
}

static void put_files(void) {
        put_text("ipe/enforce", "1");
        put_text("ipe/policies/corp/active", "0");
        put_text("ipe/policies/corp/next/version", "2.0.0");
        put_text("outside/active", "precious");
}

static void a_file_at_any_depth_is_opened_as_it_is_asked_for(void **state) {
        const struct {
                const char *directory, *request;
                int flags;
        } cases[] = {
                { "ipe", "r enforce", O_RDONLY },
                { "ipe", "w enforce", O_WRONLY },
                { "ipe/policies/corp", "w active", O_WRONLY },
                { "ipe/policies/corp/next", "r version", O_RDONLY },
        };

        put_files();
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_close_ int fd = open_for(cases[i].directory, cases[i].request);

                assert_return_code(fd, -fd);
                assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, cases[i].flags);
                assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        }
}

static void a_directory_elsewhere_is_refused(void **state) {
        put_files();
        make_directory("ipe/policies/corp/next/too/deep");
        put_text("ipe/policies/corp/next/too/deep/active", "");
        assert_int_equal(open_for("outside", "r active"), -EACCES);
        assert_int_equal(open_for(".", "r active"), -EACCES);
        assert_int_equal(open_for("/", "r vmlinuz"), -EACCES);
        assert_int_equal(open_for("outside/active", "r active"), -EACCES);
        assert_int_equal(open_for("ipe/policies/corp/next/too/deep", "r active"), -EACCES);
}

static void what_is_mounted_over_a_directory_or_a_file_is_refused(void **state) {
        put_files();
        mount_small("ipe/policies/corp");
        put_text("ipe/policies/corp/active", "precious");
        assert_int_equal(open_for("ipe/policies/corp", "w active"), -EACCES);
        assert_int_equal(open_for("ipe/policies", "r corp"), -EACCES);
}

static void links_are_not_followed(void **state) {
        put_files();
        assert_return_code(symlink("../outside/active", "ipe/link"), errno);
        assert_return_code(symlink("../outside", "ipe/way"), errno);
        assert_int_equal(open_for("ipe", "w link"), -ELOOP);
        assert_int_equal(open_for("ipe/way", "r active"), -EACCES);
        assert_file_text("outside/active", "precious");
}

static void what_is_no_request_is_refused(void **state) {
        static const char *const requests[] = { "",
                                                "r",
                                                "r ",
                                                "x enforce",
                                                "wenforce",
                                                "R enforce",
                                                "w ..",
                                                "r .",
                                                "r policies/corp/active",
                                                "r /etc/passwd",
                                                "r ../outside/active" };
        char longest[KERNEL_OPEN_REQUEST_MAX + 2] = "r ";
        _cleanup_close_ int root_fd = -1;

        put_files();
        for (size_t i = 0; i < ELEMENTSOF(requests); i++)
                assert_int_equal(open_for("ipe", requests[i]), -EINVAL);
        memset(longest + 2, 'a', sizeof(longest) - 3);
        assert_int_equal(open_for("ipe", longest), -EINVAL);
        longest[2 + NAME_MAX] = '\0';
        assert_int_equal(open_for("ipe", longest), -ENOENT);
        root_fd = open("ipe", O_PATH | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(kernel_open_for(root_fd, root_fd, "r enforce\0x", 11), -EINVAL);
        assert_int_equal(open_for("ipe", "r missing"), -ENOENT);
}

static void a_file_that_may_be_opened_is_opened_without_asking(void **state) {
        _cleanup_close_ int dir_fd = -1, fd = -1;

        put_files();
        dir_fd = open("ipe", O_PATH | O_DIRECTORY | O_CLOEXEC);
        kernel_open_ask("nobody-listens");
        fd = kernel_open_file(dir_fd, "enforce", KERNEL_OPEN_READ);
        assert_return_code(fd, -fd);
        assert_int_equal(kernel_open_file(dir_fd, "missing", KERNEL_OPEN_READ), -ENOENT);
        kernel_open_ask(NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                unit_test_in_directory(a_file_at_any_depth_is_opened_as_it_is_asked_for),
                unit_test_in_directory(a_directory_elsewhere_is_refused),
                unit_test_in_directory(what_is_mounted_over_a_directory_or_a_file_is_refused),
                unit_test_in_directory(links_are_not_followed),
                unit_test_in_directory(what_is_no_request_is_refused),
                unit_test_in_directory(a_file_that_may_be_opened_is_opened_without_asking),
        };

        return run_tests_as_tap(tests);
}
