/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opens files of the kernel, in this process or by ipe-open.
 */

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "clock.h"
#include "kernel-open.h"

/* The first answer waits until the service manager has started ipe-open; later ones come at once. */
#define ANSWER_SEC 20
/* policies/NAME/next */
#define DEPTH_MAX 3

/* After a failure, so that a service manager that cannot start ipe-open, which a policy may deny, does not try for
 * each request. */
#define PAUSE_USEC USEC_PER_SEC

static const char *ask_path;
static int ask_fd = -1;
static uint64_t pause_until_usec;

const char *kernel_strerror(int r) {
        return r == KERNEL_NOT_REACHED ? KERNEL_NOT_REACHED_SENTENCE : strerror(-r);
}

bool kernel_is_component(const char *name) {
        return name[0] != '\0' && !streq(name, ".") && !streq(name, "..") && !strchr(name, '/');
}

void kernel_open_ask(const char *socket_path) {
        ask_path = socket_path;
        ask_fd = safe_close(ask_fd);
        pause_until_usec = 0;
}

static int connect_to(const char *path) {
        const struct timeval timeout = { .tv_sec = ANSWER_SEC };
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return -errno;
        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        strcpy(address.sun_path, path);
        if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0 ||
            connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static int send_request(int fd, int dir_fd, const char *text, size_t size) {
        union {
                struct cmsghdr header;
                char buffer[CMSG_SPACE(sizeof(int))];
        } control = {};
        struct iovec iov = { (void *) text, size };
        struct msghdr message = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
        };
        ssize_t n;

        *CMSG_FIRSTHDR(&message) = (struct cmsghdr) { .cmsg_len = CMSG_LEN(sizeof(int)),
                                                      .cmsg_level = SOL_SOCKET,
                                                      .cmsg_type = SCM_RIGHTS };
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &dir_fd, sizeof(dir_fd));
        do
                n = sendmsg(fd, &message, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : 0;
}

/* ret: the answer, a descriptor or a negative errno. Returns 0, or a negative errno if there is no answer. */
static int receive_answer(int fd, int *ret) {
        union {
                struct cmsghdr header;
                char buffer[CMSG_SPACE(sizeof(int))];
        } control = {};
        int32_t result;
        struct iovec iov = { &result, sizeof(result) };
        struct msghdr message = {
                .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
        };
        const struct cmsghdr *header;
        ssize_t n;

        do
                n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return errno == EAGAIN ? -ETIMEDOUT : -errno;
        header = CMSG_FIRSTHDR(&message);
        if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
            header->cmsg_len == CMSG_LEN(sizeof(int)))
                memcpy(ret, CMSG_DATA(header), sizeof(*ret));
        else
                *ret = n == sizeof(result) && result < 0 ? result : -EPIPE;
        return n == 0 ? -EPIPE : 0;
}

static int try_to_ask(int dir_fd, const char *text, size_t size, int *ret) {
        int r;

        if (ask_fd < 0)
                ask_fd = connect_to(ask_path);
        if (ask_fd < 0)
                return ask_fd;
        r = send_request(ask_fd, dir_fd, text, size);
        if (r >= 0)
                r = receive_answer(ask_fd, ret);
        /* A late answer must not be taken for that of the next request. */
        if (r < 0)
                ask_fd = safe_close(ask_fd);
        return r;
}

/* A new connection starts ipe-open again if it was stopped. */
static int ask(int dir_fd, const char *file, KernelOpenMode mode) {
        char text[KERNEL_OPEN_REQUEST_MAX];
        int size = snprintf(text, sizeof(text), "%c %s", mode == KERNEL_OPEN_READ ? 'r' : 'w', file), fd = -EPIPE, r;
        bool is_first = ask_fd < 0;

        if (size < 0 || (size_t) size >= sizeof(text))
                return -ENAMETOOLONG;
        if (clock_usec(CLOCK_MONOTONIC) < pause_until_usec)
                return KERNEL_NOT_REACHED;
        r = try_to_ask(dir_fd, text, (size_t) size, &fd);
        if (r < 0 && r != -ETIMEDOUT && !is_first)
                r = try_to_ask(dir_fd, text, (size_t) size, &fd);
        if (r < 0)
                pause_until_usec = clock_usec(CLOCK_MONOTONIC) + PAUSE_USEC;
        return r < 0 ? KERNEL_NOT_REACHED : fd;
}

static int flags_of(KernelOpenMode mode) {
        return (mode == KERNEL_OPEN_READ ? O_RDONLY : O_WRONLY) | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
}

int kernel_open_file(int dir_fd, const char *file, KernelOpenMode mode) {
        int fd = openat(dir_fd, file, flags_of(mode));

        if (fd < 0 && errno == EACCES && ask_path)
                return ask(dir_fd, file, mode);
        return fd < 0 ? -errno : fd;
}

/* The directory may come from a private mount namespace, with anything mounted anywhere. So no step crosses a mount:
 * every step stays in the same tree of the same file system. */
static int step(int dir_fd, const char *name, int flags) {
        const struct open_how how = {
                .flags = (uint64_t) (flags | O_CLOEXEC),
                .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
        };
        int fd = (int) syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));

        return fd < 0 ? -errno : fd;
}

/* Whether dir_fd is the directory of root_fd, or below it. Returns 1, 0 or a negative errno. */
static int is_within(int root_fd, int dir_fd) {
        _cleanup_close_ int fd = step(dir_fd, ".", O_PATH | O_DIRECTORY);
        struct stat root, st;

        if (fd < 0)
                return fd;
        if (fstat(root_fd, &root) < 0)
                return -errno;
        for (int depth = 0; depth <= DEPTH_MAX; depth++) {
                int parent;

                if (fstat(fd, &st) < 0)
                        return -errno;
                if (st.st_dev == root.st_dev && st.st_ino == root.st_ino)
                        return 1;
                parent = step(fd, "..", O_PATH | O_DIRECTORY);
                if (parent < 0)
                        return parent;
                safe_close(fd);
                fd = parent;
        }
        return 0;
}

int kernel_open_for(int root_fd, int dir_fd, const char *request, size_t size) {
        char file[NAME_MAX + 1] = "";
        int r;

        if (size < sizeof("r ") || size > sizeof(file) + 1 || (request[0] != 'r' && request[0] != 'w') ||
            request[1] != ' ' || memchr(request, '\0', size))
                return -EINVAL;
        memcpy(file, request + 2, size - 2);
        if (!kernel_is_component(file))
                return -EINVAL;
        r = is_within(root_fd, dir_fd);
        if (r <= 0)
                return r == 0 || r == -ENOTDIR || r == -EXDEV ? -EACCES : r;
        r = step(dir_fd, file, flags_of(request[0] == 'r' ? KERNEL_OPEN_READ : KERNEL_OPEN_WRITE));
        return r == -EXDEV ? -EACCES : r;
}
