/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading files that a user names: bounded, and from whatever can be read (a pipe of <(...) too).
 */
#ifndef IPECTL_INPUT_H
#define IPECTL_INPUT_H

#include <stdbool.h>
#include <stddef.h>

/* An extended envelope is a policy text of up to 64 MiB with a signature and a trailer. */
#define INPUT_SIZE_MAX ((64U << 20) + (1U << 20))

/* Reads a whole file; "-" is standard input.
 * ret: to be freed; a NUL follows the bytes. ret_size: bytes, without it.
 *
 * Returns 0; -EFBIG above INPUT_SIZE_MAX bytes, -EISDIR, -ENOENT, -EACCES, -EIO or another of open() or read(). */
int input_read(const char *path, char **ret, size_t *ret_size);

bool input_is_stdin(const char *path);

/* What to call a file in messages: "<stdin>" for "-". */
const char *input_name(const char *path);

#endif
