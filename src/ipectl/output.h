/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What leaves ipectl: escaped text and tables; see json-value.h for JSON.
 *
 * Names, versions, paths and sentences come from files and from the bus, so they may hold anything: a terminal
 * must never see a byte of them that it would act upon. Everything below escapes by itself, unless it says that
 * it does not.
 */
#ifndef IPECTL_OUTPUT_H
#define IPECTL_OUTPUT_H

#include <stdio.h>

#include "ipectl.h"

/* Says so and ends the program with STATUS_FAILED. */
_Noreturn void oom(void);

/* Makes bytes harmless for a terminal: what is not safe to show (utf8.h), or what the locale cannot print, becomes \n, \t or
 * \xNN. len is in bytes, NULs included. Never NULL; to be freed. */
char *escape_bytes(const char *bytes, size_t len);

/* utf8_escape_unless() that cannot fail. */
char *escape_unless(size_t (*harmless)(const char *bytes, size_t len), const char *bytes, size_t len, size_t *ret_size);

/* The same as escape_bytes() for a string; NULL gives an empty one. */
char *escape(const char *text);

/* The columns of the terminal that an escaped string takes. */
size_t escaped_width(const char *escaped);

/* Writes so much of an escaped string to stdout as fits into so many columns. Returns the columns that it takes. */
size_t escaped_print(const char *escaped, size_t columns);

/* Columns of the terminal that stdout is; 0 if it is none. */
size_t terminal_columns(void);

/* From now on the answers of these three are those of now, whatever stdout becomes. */
void terminal_keep(void);

/* Whether stdout is a terminal that knows how to erase a line. */
bool output_is_smart(void);

/* Whether it may be given colours and other styles. */
bool output_has_style(void);

/* A sentence for stderr, with an LF behind it. The arguments are escaped as a whole, the format is ours. */
__attribute__((format(printf, 1, 2))) void say_error(const char *format, ...);

/* The same for stdout. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

/* "     Label: value" on stdout, as the status of a unit. width: columns of the label. */
__attribute__((format(printf, 3, 4))) void say_field(int width, const char *label, const char *format, ...);

/* Reads as "Tue 2026-11-24 14:42:09 UTC". usec: of the wall clock. Never NULL; to be freed. */
char *format_usec(unsigned long long usec);

typedef struct Table Table;

/* headers: static strings in capitals, NULL at the end. */
Table *table_new(const char *const *headers);
Table *table_free(Table *table);

/* cells: as many as headers; copied. */
void table_add(Table *table, const char *const *cells);

/* Writes to stdout: a header, the rows, and a line with their number; of these the rows alone with --no-legend or --quiet.
 * On a terminal, cells are cut so that a row fits, unless --full is given. singular, plural: what rows are. */
void table_print(Table *table, const Options *options, const char *singular, const char *plural);

/* Flushes stdout. STATUS_FAILED, said on stderr, if anything written there was lost (as on a full disk);
 * otherwise the status that came in. */
ExitStatus output_finish(ExitStatus status);

#endif
