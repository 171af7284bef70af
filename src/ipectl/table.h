/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables as the tools of systemd print them: aligned columns below a header, and a line with the number of rows.
 */
#ifndef IPECTL_TABLE_H
#define IPECTL_TABLE_H

#include "ipectl.h"

typedef struct Table Table;

/* headers: static strings in capitals, NULL at the end. */
Table *table_new(const char *const *headers);
Table *table_free(Table *table);

/* cells: as many as headers; the table keeps escaped copies. */
void table_add(Table *table, const char *const *cells);

/* Writes header, rows and their number to stdout; with --no-legend or --quiet the rows alone.
 * On a terminal, the widest cells are cut until each row fits, unless --full is given.
 * singular, plural: the word for a row. */
void table_print(Table *table, const Options *options, const char *singular, const char *plural);

#endif
