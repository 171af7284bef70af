/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes from files on their way to where only UTF-8 may go: the bus, JSON.
 */
#ifndef LIBIPE_UTF8_H
#define LIBIPE_UTF8_H

#include "base.h"

/* Reads one character, whatever the locale.
 * ret: its code point; may be NULL. Returns the bytes that it takes, or 0 if no UTF-8 starts here. */
size_t utf8_read(const char *bytes, size_t size, uint32_t *ret);

/* Whether all of it is UTF-8. */
bool utf8_is_valid(const char *bytes, size_t size);

/* A copy in which each byte that is no UTF-8, and each NUL, is \xNN. To be freed; NULL if there is no memory. */
char *utf8_escape(const char *bytes, size_t size);

#endif
