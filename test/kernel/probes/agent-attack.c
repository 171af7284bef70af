/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Verbs on the bytes behind a file: on its disk, in its pages, and in pages that somebody holds on to. Together with
 * agent-stall.c and agent-code.c they are what test_time_of_use.py attacks with.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <linux/loop.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "agent.h"

#define PAGE 4096

/* loop IMAGE: a device of the file, for as long as the agent lives; answers its node */
static int loop(struct answer *answer, int argc, struct word *argv) {
        int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), image = open(argv[0].data, O_RDWR | O_CLOEXEC);
        int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE), device, error = 0;
        struct loop_config configuration = { .fd = (uint32_t) image };
        char path[32];

        if (number < 0 || image < 0)
                return errno;
        snprintf(path, sizeof(path), "/dev/loop%d", number);
        device = open(path, O_RDWR | O_CLOEXEC);
        if (device < 0 || ioctl(device, LOOP_CONFIGURE, &configuration) < 0)
                error = errno;
        else
                answer_print(answer, "%s", path);
        close(control);
        close(image);
        close(device);
        return error;
}

/* patch PATH OFFSET BYTES: overwrites a part of a file or device, and sees to it that it is there */
static int patch(struct answer *answer, int argc, struct word *argv) {
        int fd = open(argv[0].data, O_WRONLY | O_CLOEXEC), error = 0;

        if (fd < 0)
                return errno;
        if (pwrite(fd, argv[2].data, argv[2].size, strtoll(argv[1].data, NULL, 0)) != (ssize_t) argv[2].size ||
            fsync(fd) < 0)
                error = errno;
        close(fd);
        return error;
}

/* patch-direct PATH OFFSET BYTES: writes a page of BYTES and zeros past the page cache */
static int patch_direct(struct answer *answer, int argc, struct word *argv) {
        static char page[PAGE] __attribute__((aligned(PAGE)));
        int fd = open(argv[0].data, O_WRONLY | O_DIRECT | O_CLOEXEC), error = 0;

        if (fd < 0)
                return errno;
        memset(page, 0, PAGE);
        memcpy(page, argv[2].data, argv[2].size < PAGE ? argv[2].size : PAGE);
        if (pwrite(fd, page, PAGE, strtoll(argv[1].data, NULL, 0)) != PAGE)
                error = errno;
        close(fd);
        return error;
}

/* patch-mapped PATH OFFSET BYTES: the same by a shared mapping of the page at OFFSET */
static int patch_mapped(struct answer *answer, int argc, struct word *argv) {
        int fd = open(argv[0].data, O_RDWR | O_CLOEXEC), error = 0;
        char *page;

        if (fd < 0)
                return errno;
        page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, strtoll(argv[1].data, NULL, 0));
        if (page == MAP_FAILED)
                error = errno;
        else
                memcpy(page, argv[2].data, argv[2].size);
        if (!error && msync(page, PAGE, MS_SYNC) < 0)
                error = errno;
        if (page != MAP_FAILED)
                munmap(page, PAGE);
        close(fd);
        return error;
}

/* writable DEVICE: clears its read-only flag (BLKROSET) */
static int make_writable(struct answer *answer, int argc, struct word *argv) {
        int fd = open(argv[0].data, O_RDONLY | O_CLOEXEC), off = 0, error;

        if (fd < 0)
                return errno;
        error = ioctl(fd, BLKROSET, &off) < 0 ? errno : 0;
        close(fd);
        return error;
}

/* peek PATH OFFSET COUNT: reads a part, and no page beside it */
static int peek(struct answer *answer, int argc, struct word *argv) {
        int fd = open(argv[0].data, O_RDONLY | O_CLOEXEC), error = 0;
        size_t count = strtoul(argv[2].data, NULL, 0);
        char data[PAGE];
        ssize_t n;

        if (fd < 0 || count > PAGE)
                return fd < 0 ? errno : EDOM;
        posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
        n = pread(fd, data, count, strtoll(argv[1].data, NULL, 0));
        if (n < 0)
                error = errno;
        else
                answer_add(answer, data, (size_t) n);
        close(fd);
        return error;
}

/* evict PATH OFFSET COUNT: takes clean pages out of memory */
static int evict(struct answer *answer, int argc, struct word *argv) {
        int fd = open(argv[0].data, O_RDONLY | O_CLOEXEC), error;

        if (fd < 0)
                return errno;
        error = posix_fadvise(fd, strtoll(argv[1].data, NULL, 0), strtoll(argv[2].data, NULL, 0), POSIX_FADV_DONTNEED);
        close(fd);
        return error;
}

/* block PATH PAGE: where on the device the page of the file is, in pages */
static int block(struct answer *answer, int argc, struct word *argv) {
        int fd = open(argv[0].data, O_RDONLY | O_CLOEXEC), number = atoi(argv[1].data), error = 0;

        if (fd < 0)
                return errno;
        if (fsync(fd) < 0 || ioctl(fd, FIBMAP, &number) < 0)
                error = errno;
        else
                answer_print(answer, "%d", number);
        close(fd);
        return error;
}

struct pinned {
        int source;
        char *page;
        ssize_t n;
};

static void *read_into(void *pointer) {
        struct pinned *pinned = pointer;

        pinned->n = read(pinned->source, pinned->page, PAGE);
        return NULL;
}

/*
 * pin PATH SOURCE: reads SOURCE past the page cache, straight into the first page of PATH; while that waits (for the
 * program that serves SOURCE), the mapping goes, and with it the last writer of PATH
 */
static int pin(struct answer *answer, int argc, struct word *argv) {
        struct pinned pinned = { .source = open(argv[1].data, O_RDONLY | O_DIRECT | O_CLOEXEC) };
        int fd = open(argv[0].data, O_RDWR | O_CLOEXEC);
        pthread_t reader;

        if (fd < 0 || pinned.source < 0)
                return errno;
        pinned.page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        if (pinned.page == MAP_FAILED || pthread_create(&reader, NULL, read_into, &pinned))
                return errno;
        usleep(200000);
        munmap(pinned.page, PAGE);
        pthread_join(reader, NULL);
        answer_print(answer, "%zd", pinned.n);
        return 0;
}

/* pin-buffer PATH: registers the first page of PATH as a buffer of an io_uring, for as long as that lives */
static int pin_buffer(struct answer *answer, int argc, struct word *argv) {
        struct io_uring_params parameters = { 0 };
        int ring = (int) syscall(SYS_io_uring_setup, 1, &parameters), fd = open(argv[0].data, O_RDWR | O_CLOEXEC);
        struct iovec buffer = { .iov_len = PAGE };
        int error = 0;

        if (ring < 0 || fd < 0)
                return errno;
        buffer.iov_base = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        if (buffer.iov_base == MAP_FAILED)
                return errno;
        if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &buffer, 1) < 0)
                error = errno;
        munmap(buffer.iov_base, PAGE);
        close(ring);
        return error;
}

/* splice-write PATH BYTES: puts the first page of PATH into a pipe, and writes BYTES behind it: into that page? */
static int splice_write(struct answer *answer, int argc, struct word *argv) {
        int fd = open(argv[0].data, O_RDONLY | O_CLOEXEC), fds[2], error = 0;
        off_t start = 0;

        if (fd < 0 || pipe2(fds, O_CLOEXEC) < 0)
                return errno;
        if (splice(fd, &start, fds[1], NULL, 1, 0) != 1 || write(fds[1], argv[1].data, argv[1].size) < 0)
                error = errno;
        close(fd);
        close(fds[0]);
        close(fds[1]);
        return error;
}

/* read-on COUNT PATH MSEC: so many processes read the file, and take it out of memory, for a time */
static int read_on(struct answer *answer, int argc, struct word *argv) {
        char data[PAGE];

        for (int i = atoi(argv[0].data); i > 0; i--) {
                int fd;

                if (fork() != 0)
                        continue;
                fd = open(argv[1].data, O_RDONLY | O_CLOEXEC);
                alarm((unsigned int) atoi(argv[2].data) / 1000 + 1);
                for (off_t at = 0;; at += PAGE) {
                        if (pread(fd, data, PAGE, at) <= 0)
                                at = -PAGE;
                        if (at < 0 && i % 2)
                                posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
                }
        }
        return 0;
}

const struct verb attack_verbs[] = { { "loop", 1, 1, loop },
                                     { "patch", 3, 3, patch },
                                     { "patch-direct", 3, 3, patch_direct },
                                     { "patch-mapped", 3, 3, patch_mapped },
                                     { "writable", 1, 1, make_writable },
                                     { "peek", 3, 3, peek },
                                     { "evict", 3, 3, evict },
                                     { "block", 2, 2, block },
                                     { "pin", 2, 2, pin },
                                     { "pin-buffer", 1, 1, pin_buffer },
                                     { "splice-write", 2, 2, splice_write },
                                     { "read-on", 3, 3, read_on },
                                     { 0 } };
