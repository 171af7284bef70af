/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes bytes from files and other processes fit for the bus and JSON, which take UTF-8 alone, and for people:
 * sentences, the journal, terminals.
 */
#ifndef BASIC_UTF8_H
#define BASIC_UTF8_H

#include "base.h"

/* Reads one character, whatever the locale.
 * ret: its code point; may be NULL. Returns the bytes that it takes, or 0 if no UTF-8 starts here. */
size_t utf8_read(const char *bytes, size_t size, uint32_t *ret);

/* Whether all of it is UTF-8. */
bool utf8_is_valid(const char *bytes, size_t size);

/* Returns the bytes of the first character if it is safe to show, else 0. Controls are not, nor are characters that
 * turn the direction of writing or have no shape of their own. */
size_t utf8_read_safe(const char *bytes, size_t size);

/* A copy in which each byte that is no UTF-8, and each NUL, is \xNN: for programs. To be freed; NULL if there is no
 * memory. */
char *utf8_escape(const char *bytes, size_t size);

/* The same for people: each byte of an unsafe character is \xNN, an LF is \n and a tab \t. A backslash stays one, so
 * that a sentence may pass here more than once. */
char *utf8_escape_unsafe(const char *bytes, size_t size);

/* The same by another rule. harmless: returns the bytes of the first character if it may stay as it is, else 0.
 * ret_size: bytes of the result, without the NUL at the end; may be NULL. */
char *utf8_escape_unless(size_t (*harmless)(const char *bytes, size_t size), const char *bytes, size_t size,
                         size_t *ret_size);

/* Ends a text that was cut. */
#define UTF8_CUT "..."

/* Cuts a text to less than size bytes, between two characters. */
void utf8_cut(char *text, size_t size);

#endif
