/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Datagrams to the socket of journald. Each one names the address again, so that a socket that journald
 * recreated is found.
 */

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "clock.h"
#include "journal.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

static int socket_fd = -1;
static uint64_t wait_again_usec;

/* Returns a descriptor or a negative errno. */
static int open_socket(void) {
        const struct timeval wait = { .tv_usec = JOURNAL_WAIT_USEC };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return -errno;
        if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static int send_entry(const char *entry, size_t size, int flags) {
        const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET };

        return sendto(socket_fd, entry, size, MSG_NOSIGNAL | flags, (const struct sockaddr *) &address,
                      sizeof(address)) < 0
                       ? -errno
                       : 0;
}

int journal_send(const char *entry, size_t size) {
        int r;

        if (socket_fd < 0) {
                r = open_socket();
                if (r < 0)
                        return r;
                socket_fd = r;
        }
        r = send_entry(entry, size, MSG_DONTWAIT);
        if (r != -EAGAIN || clock_usec(CLOCK_MONOTONIC) < wait_again_usec)
                return r;
        r = send_entry(entry, size, 0);
        wait_again_usec = clock_usec(CLOCK_MONOTONIC) + JOURNAL_REST_USEC;
        return r == -EINTR ? -EAGAIN : r;
}
