/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading files that a user names.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "input.h"
#include "output.h"

static int read_all(int fd, char **ret, size_t *ret_size) {
        size_t size = 0, allocated = 0;
        char *data = NULL;

        for (;;) {
                ssize_t n;

                if (allocated - size < 2) { /* room for a byte that is too many, and for the NUL */
                        allocated = allocated > 0 ? allocated * 2 : 65536;
                        data = realloc(data, allocated);
                        if (!data)
                                oom();
                }
                n = read(fd, data + size, allocated - size - 1);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        int error = -errno;

                        free(data);
                        return error;
                }
                if (n == 0)
                        break;
                size += n;
                if (size > INPUT_SIZE_MAX) {
                        free(data);
                        return -EFBIG;
                }
        }
        data[size] = '\0';
        *ret = data;
        *ret_size = size;
        return 0;
}

int input_read(const char *path, char **ret, size_t *ret_size) {
        int fd, r;

        if (strcmp(path, "-") == 0)
                return read_all(STDIN_FILENO, ret, ret_size);
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -errno;
        r = read_all(fd, ret, ret_size);
        close(fd);
        return r;
}

const char *input_name(const char *path) {
        return strcmp(path, "-") == 0 ? "<stdin>" : path;
}
