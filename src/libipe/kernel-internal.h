/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads and writes of files below the kernel's directory, for the files of kernel*.c.
 */
#ifndef LIBIPE_KERNEL_INTERNAL_H
#define LIBIPE_KERNEL_INTERNAL_H

#include "kernel.h"

struct Kernel {
        KernelAbi abi;
        int dir_fd;          /* -1 without IPE */
        char *features_text; /* cut into lines */
        char **features;     /* borrowed from features_text */
};

/* Returns 0 or 1, -EIO for any other content, or an errno. */
int kernel_read_boolean(int dir_fd, const char *file);
/* Reads a short text without the newline that may end it. ret: to be freed. Returns 0, -EFBIG or another errno. */
int kernel_read_text(int dir_fd, const char *file, size_t size_max, char **ret);

/* One write(2). Returns 0 or an errno of open() or write(). */
int kernel_write_file(int dir_fd, const char *file, const void *data, size_t size);
/* The same for a file of a loaded policy; -ENOENT if it is not loaded. */
int kernel_write_policy_file(const Kernel *kernel, const char *name, const char *file, const void *data, size_t size);

/* Returns a descriptor of the policy's directory, -ENOENT if there is none, -ENODEV, or another errno. */
int kernel_open_policy(const Kernel *kernel, const char *name);

/* Returns 1 if the policy in that place was loaded from these bytes, 0 if from others or if there is none, or an errno.
 */
int kernel_has_content(const Kernel *kernel, const char *name, KernelPlace place, const void *data, size_t size);

#endif
