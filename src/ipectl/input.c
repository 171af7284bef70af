/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads files that a user names.
 */

#include <fcntl.h>

#include "input.h"
#include "io.h"
#include "output.h"

bool input_is_stdin(const char *path) {
        return streq(path, "-");
}

const char *input_name(const char *path) {
        return input_is_stdin(path) ? "<stdin>" : path;
}

static int read_input(const char *path, char **ret, size_t *ret_size) {
        _cleanup_close_ int opened = -1;
        int fd = STDIN_FILENO, r;
        void *data;

        if (!input_is_stdin(path)) {
                opened = fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
                if (fd < 0)
                        return -errno;
        }
        r = read_fd(fd, INPUT_SIZE_MAX, &data, ret_size);
        if (r >= 0)
                *ret = data;
        return r;
}

int input_read(const char *path, char **ret, size_t *ret_size) {
        int r = read_input(path, ret, ret_size);

        if (r == -ENOMEM)
                oom();
        if (r < 0)
                say_error("Failed to read '%s': %s", input_name(path), strerror(-r));
        return r;
}
