/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Text that ipectl prints: sentences, fields and errors. table.h has tables, json-value.h has JSON.
 *
 * Names, versions, paths and sentences come from files and from the bus, so they may contain anything: no byte of
 * them that a terminal would act upon may reach one. All functions below escape, unless they say otherwise.
 */
#ifndef IPECTL_OUTPUT_H
#define IPECTL_OUTPUT_H

#include <stdio.h>

#include "base.h"
#include "ipectl.h"

/* Reports a lack of memory, and ends the program with STATUS_FAILED. */
_Noreturn void oom(void);

/* Makes bytes harmless for a terminal: bytes that are not safe to show (utf8.h), or that the locale cannot print,
 * become \n, \t or \xNN. len: in bytes, NULs included. Never NULL; to be freed. */
char *escape_bytes(const char *bytes, size_t len);

/* utf8_escape_unless() that cannot fail. */
char *escape_unless(size_t (*harmless)(const char *bytes, size_t len), const char *bytes, size_t len, size_t *ret_size);

/* escape_bytes() for a string; NULL gives an empty one. */
char *escape(const char *text);

/* Returns the columns that an escaped string takes on a terminal. */
size_t escaped_width(const char *escaped);

/* Writes as much of an escaped string to stdout as fits into so many columns. Returns the columns that it takes. */
size_t escaped_print(const char *escaped, size_t columns);

/* Writes a sentence and a line feed to stderr; the sentence is escaped as a whole. */
_printf_(1, 2) void say_error(const char *format, ...);

/* The same on stdout. */
_printf_(1, 2) void say(const char *format, ...);

/* Writes "     Label: value" to stdout, as "systemctl status" does. width: columns of the label. */
_printf_(3, 4) void say_field(int width, const char *label, const char *format, ...);

/* Makes "Tue 2026-11-24 14:42:09 UTC". usec: wall clock. Never NULL; to be freed. */
char *format_usec(unsigned long long usec);

/* Flushes stdout. Returns status; STATUS_FAILED, after an error message, if anything written there was lost, as on a
 * full disk. */
ExitStatus output_finish(ExitStatus status);

#endif
