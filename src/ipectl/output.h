/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What leaves ipectl: escaped text, tables and JSON.
 *
 * Names, versions, paths and sentences come from files and from the bus, so they may hold anything: a terminal
 * must never see a byte of them that it would act upon. Everything below escapes by itself, unless it says that
 * it does not.
 */
#ifndef IPECTL_OUTPUT_H
#define IPECTL_OUTPUT_H

#include <stdio.h>

#include <json-c/json.h>

#include "ipectl.h"

/* Says so and ends the program with STATUS_FAILED. */
_Noreturn void oom(void);

/* Makes bytes harmless for a terminal: what the locale cannot print, and the backslash, become \n, \t, \\ or
 * \xNN. len is in bytes, NULs included. Never NULL; to be freed. */
char *escape_bytes(const char *bytes, size_t len);

/* The same for a string; NULL gives an empty one. */
char *escape(const char *text);

/* The columns of the terminal that an escaped string takes. */
size_t escaped_width(const char *escaped);

/* A sentence for stderr, with an LF behind it. The arguments are escaped as a whole, the format is ours. */
__attribute__((format(printf, 1, 2))) void say_error(const char *format, ...);

/* The same for stdout. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

/* "     Label: value" on stdout, as the status of a unit. width: columns of the label. */
__attribute__((format(printf, 3, 4))) void say_field(int width, const char *label, const char *format, ...);

/* What is left until then of a time of CLOCK_BOOTTIME in usec, in seconds, rounded up; 0 if it is past. */
unsigned long long seconds_until(unsigned long long usec);

/* Reads as "Tue 2026-11-24 14:42:09 UTC". usec: of the wall clock. Never NULL; to be freed. */
char *format_usec(unsigned long long usec);

typedef struct Table Table;

/* headers: static strings in capitals, NULL at the end. */
Table *table_new(const char *const *headers);
Table *table_free(Table *table);

/* cells: as many as headers; copied. */
void table_add(Table *table, const char *const *cells);

/* Writes to stdout: a header, the rows, and a line with their number. legend: with header and number.
 * singular, plural: what rows are. */
void table_print(const Table *table, bool legend, const char *singular, const char *plural);

/* A JSON string out of bytes; those that are not UTF-8 are escaped as on a terminal. */
struct json_object *json_string_len(const char *bytes, size_t len);
struct json_object *json_string(const char *text);

/* object[key] = value, which is taken over. */
void json_set(struct json_object *object, const char *key, struct json_object *value);

/* Writes an object to stdout as plain ASCII, with an LF behind it. */
void json_print(struct json_object *object, JsonMode mode);

/* Flushes stdout. STATUS_FAILED, said on stderr, if anything written there was lost (as on a full disk);
 * otherwise the status that came in. */
ExitStatus output_finish(ExitStatus status);

#endif
