/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ipe-open: opens the kernel's files for ipectld, which runs as an unprivileged user without any capability. Standard
 * input is the socket; kernel-open.h has its protocol. It opens only files below the directory of IPE, reads and
 * writes none of them, and ends when ipectld closes the socket.
 */

#include <fcntl.h>
#include <sys/socket.h>
#include <syslog.h>

#include "kernel-open.h"
#include "kernel.h"

typedef union Control {
        struct cmsghdr header;
        char buffer[CMSG_SPACE(sizeof(int))];
} Control;

/* Returns the descriptor of a message, or -1 if there is none or more than one. */
static int take_descriptor(struct msghdr *message) {
        int fd = -1, n = 0;

        for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
                if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
                        continue;
                for (size_t at = CMSG_LEN(0); at + sizeof(fd) <= header->cmsg_len; at += sizeof(fd), n++) {
                        safe_close(fd);
                        memcpy(&fd, (const char *) header + at, sizeof(fd));
                }
        }
        return n == 1 ? fd : safe_close(fd);
}

/* ret_fd: -1 unless one came. Returns the bytes of the request, 0 at the end, or a negative errno. */
static ssize_t receive(char request[static KERNEL_OPEN_REQUEST_MAX], int *ret_fd) {
        struct iovec iov = { request, KERNEL_OPEN_REQUEST_MAX };
        Control control = {};
        struct msghdr message = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
        };
        ssize_t n;

        *ret_fd = -1;
        do
                n = recvmsg(STDIN_FILENO, &message, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        *ret_fd = take_descriptor(&message);
        return n;
}

/* result: a descriptor, or a negative errno. */
static int answer(int result) {
        int32_t code = result < 0 ? result : 0;
        struct iovec iov = { &code, sizeof(code) };
        Control control = {};
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
        ssize_t n;

        if (result >= 0) {
                message.msg_control = &control;
                message.msg_controllen = sizeof(control);
                *CMSG_FIRSTHDR(&message) = (struct cmsghdr) { .cmsg_len = CMSG_LEN(sizeof(int)),
                                                              .cmsg_level = SOL_SOCKET,
                                                              .cmsg_type = SCM_RIGHTS };
                memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &result, sizeof(result));
        }
        do
                n = sendmsg(STDIN_FILENO, &message, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : 0;
}

/* Returns 1 to go on, 0 at the end, or a negative errno. */
static int serve(int root_fd) {
        char request[KERNEL_OPEN_REQUEST_MAX];
        _cleanup_close_ int dir_fd = -1, fd = -1;
        ssize_t n = receive(request, &dir_fd);
        int r;

        if (n <= 0)
                return n == -ECONNRESET ? 0 : (int) n;
        fd = dir_fd < 0 ? -EBADF : kernel_open_for(root_fd, dir_fd, request, (size_t) n);
        r = answer(fd);
        return r == -EPIPE ? 0 : r < 0 ? r : 1;
}

int main(int argc, char **argv) {
        _cleanup_close_ int root_fd = -1;
        int r;

        if (argc > 1) {
                fprintf(stderr, "%s is started by systemd and takes no arguments; see ipectld.service(8).\n", argv[0]);
                return EXIT_FAILURE;
        }
        root_fd = open(KERNEL_DIRECTORY, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root_fd < 0)
                r = -errno;
        else
                do
                        r = serve(root_fd);
                while (r > 0);
        if (r < 0)
                fprintf(stderr, "<%d>Cannot open files of the kernel for ipectld: %s\n", LOG_ERR, strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
