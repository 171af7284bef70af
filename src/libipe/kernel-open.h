/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's files belong to root, and writing takes CAP_MAC_ADMIN of whoever opens them. A process that is neither asks
 * ipe-open, which is both, to open a file in its place; it gets the descriptor and nothing else.
 *
 * The request: "r NAME" or "w NAME" in one packet, with a descriptor of the directory that NAME is in. The answer: an int32_t, 0
 * with a descriptor, or a negative errno. One request at a time.
 */
#ifndef LIBIPE_KERNEL_OPEN_H
#define LIBIPE_KERNEL_OPEN_H

#include <limits.h>

#include "base.h"

#define KERNEL_OPEN_SOCKET "/run/ipe/open"

typedef enum KernelOpenMode {
        KERNEL_OPEN_READ,
        KERNEL_OPEN_WRITE,
} KernelOpenMode;

#define KERNEL_OPEN_REQUEST_MAX (sizeof("r ") + NAME_MAX)

/* Has this process ask from now on where it may not open a file itself. socket_path: kept; NULL for no more. */
void kernel_open_ask(const char *socket_path);

/* Opens a file of the kernel, without waiting for what is behind it. file: within dir_fd, without a slash for what only root may
 * open. Returns a descriptor or a negative errno. */
int kernel_open_file(int dir_fd, const char *file, KernelOpenMode mode);

/* The other end: opens a file for somebody else. root_fd: of the directory in which, at whatever depth, dir_fd has to be.
 * request: size bytes. Returns a descriptor, -EACCES for a directory elsewhere, -EINVAL for what is no request, or another errno. */
int kernel_open_for(int root_fd, int dir_fd, const char *request, size_t size);

#endif
