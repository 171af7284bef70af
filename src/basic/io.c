/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bounded reads and atomic writes.
 */

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "io.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/* offset: NULL to read from the descriptor's position. */
static ssize_t read_some(int fd, void *data, size_t size, const off_t *offset) {
        return offset ? pread(fd, data, size, *offset) : read(fd, data, size);
}

static int read_all(int fd, bool from_start, size_t size_max, void **ret, size_t *ret_size) {
        size_t size = 0, room = 4096;
        _cleanup_free_ char *data = malloc(room + 1);

        if (!data)
                return -ENOMEM;
        for (;;) {
                off_t offset = (off_t) size;
                ssize_t n;

                if (size == room) {
                        char *larger = realloc(data, 2 * room + 1);

                        if (!larger)
                                return -ENOMEM;
                        data = larger;
                        room *= 2;
                }
                n = read_some(fd, data + size, room - size, from_start ? &offset : NULL);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                size += (size_t) n;
                if (size > size_max)
                        return -EFBIG;
        }
        data[size] = '\0';
        *ret = TAKE_PTR(data);
        *ret_size = size;
        return 0;
}

int read_fd(int fd, size_t size_max, void **ret, size_t *ret_size) {
        return read_all(fd, false, size_max, ret, ret_size);
}

int pread_fd(int fd, size_t size_max, void **ret, size_t *ret_size) {
        return read_all(fd, true, size_max, ret, ret_size);
}

int read_regular_fd(int fd, size_t size_max, void **ret, size_t *ret_size) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        if (!S_ISREG(st.st_mode))
                return -EBADF;
        if (st.st_size > 0 && (uintmax_t) st.st_size > size_max)
                return -EFBIG;
        return read_fd(fd, size_max, ret, ret_size);
}

static int read_file(int dir_fd, const char *path, int flags, size_t size_max, void **ret, size_t *ret_size) {
        _cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags);

        return fd < 0 ? -errno : read_regular_fd(fd, size_max, ret, ret_size);
}

int read_file_at(int dir_fd, const char *path, size_t size_max, void **ret, size_t *ret_size) {
        return read_file(dir_fd, path, 0, size_max, ret, ret_size);
}

int read_plain_file_at(int dir_fd, const char *name, size_t size_max, void **ret, size_t *ret_size) {
        return read_file(dir_fd, name, O_NOFOLLOW, size_max, ret, ret_size);
}

int write_all(int fd, const void *data, size_t size) {
        const char *next = data;

        while (size > 0) {
                ssize_t n = write(fd, next, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                next += n;
                size -= (size_t) n;
        }
        return 0;
}

int seal_memory(const char *name, const void *data, size_t size) {
        _cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
        int r;

        /* Kernels before 6.3 do not know the last flag. */
        if (fd < 0 && errno == EINVAL)
                fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        r = write_all(fd, data, size);
        if (r < 0)
                return r;
        if (lseek(fd, 0, SEEK_SET) < 0 ||
            fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int sync_directory(int dir_fd) {
        return fsync(dir_fd) < 0 ? -errno : 0;
}

static int write_temporary(int dir_fd, const char *name, const void *data, size_t size, unsigned mode) {
        _cleanup_close_ int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        int r;

        if (fd < 0)
                return -errno;
        r = write_all(fd, data, size);
        if (r >= 0 && fsync(fd) < 0)
                r = -errno;
        /* A file system may report a write error only here. */
        if (close(TAKE_FD(fd)) < 0 && r >= 0)
                r = -errno;
        return r;
}

int replace_file_at(int dir_fd, const char *name, const void *data, size_t size, unsigned mode) {
        _cleanup_free_ char *temporary = NULL;
        uint64_t random;
        int r;

        if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
                random = (uint64_t) getpid();
        if (asprintf(&temporary, TEMPORARY_PREFIX "%s.%016llx", name, (unsigned long long) random) < 0) {
                temporary = NULL;
                return -ENOMEM;
        }
        r = write_temporary(dir_fd, temporary, data, size, mode);
        if (r >= 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
                r = -errno;
        if (r < 0) {
                if (r != -EEXIST)
                        (void) unlinkat(dir_fd, temporary, 0);
                return r;
        }
        return sync_directory(dir_fd);
}

int write_once(int fd, const void *data, size_t size) {
        ssize_t n;

        do
                n = write(fd, data, size);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        return (size_t) n == size ? 0 : -EIO;
}
