/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads files that a user names: bounded, and from anything that can be read, as the pipe of <(...).
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
 * Returns 0, or a negative errno after an error message: -EFBIG above INPUT_SIZE_MAX bytes, or one of open() or
 * read(). */
int input_read(const char *path, char **ret, size_t *ret_size);

bool input_is_stdin(const char *path);

/* Returns the name of a file in messages: "<stdin>" for "-". */
const char *input_name(const char *path);

#endif
