/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's files belong to root, and to open one for writing takes CAP_MAC_ADMIN. A process without these rights
 * asks ipe-open, which has them, to open a file in its place; it gets the descriptor and nothing else.
 *
 * The request: "r NAME" or "w NAME" in one packet, with a descriptor of the directory of NAME. The answer: an
 * int32_t, 0 with a descriptor, or a negative errno. One request at a time.
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

/* The errno of every function that opens a file of the kernel, when ipe-open does not answer: nobody knows what the
 * kernel would say. */
#define KERNEL_NOT_REACHED (-ENOTCONN)
#define KERNEL_NOT_REACHED_SENTENCE                                                                     \
        "ipe-open, which opens the kernel's files for ipectld, does not answer: see 'systemctl status " \
        "ipe-open.socket'"
/* As strerror(-r). */
const char *kernel_strerror(int r);

/* Whether a name is a single component of a path. A signature proves who named a policy, not that the name is harmless.
 */
bool kernel_is_component(const char *name);

/* From now on, ipe-open opens the files that this process may not open itself. socket_path: of ipe-open, kept; NULL: no
 * longer. */
void kernel_open_ask(const char *socket_path);

/* Opens a file of the kernel, with O_NONBLOCK. file: within dir_fd, without a slash if only root may open it.
 * Returns a descriptor or a negative errno. */
int kernel_open_file(int dir_fd, const char *file, KernelOpenMode mode);

/* The other end: opens a file for the process that asks. root_fd: of the directory that must contain dir_fd, at any
 * depth.
 * request: size bytes. Returns a descriptor, -EACCES for a directory elsewhere, -EINVAL for a malformed request, or
 * another errno. */
int kernel_open_for(int root_fd, int dir_fd, const char *request, size_t size);

#endif
