/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables as the tools of systemd print them: aligned columns under a header, and the number of rows below.
 */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

struct Table {
        const char *const *headers;
        size_t n_columns;
        size_t *widths; /* of the terminal's columns, one a column */
        char **cells;   /* escaped, row after row */
        size_t n_cells;
};

Table *table_new(const char *const *headers) {
        Table *table = calloc(1, sizeof(*table));

        if (!table)
                oom();
        table->headers = headers;
        while (headers[table->n_columns])
                table->n_columns++;
        table->widths = calloc(table->n_columns, sizeof(*table->widths));
        if (!table->widths)
                oom();
        for (size_t i = 0; i < table->n_columns; i++)
                table->widths[i] = strlen(headers[i]);
        return table;
}

Table *table_free(Table *table) {
        if (!table)
                return NULL;
        for (size_t i = 0; i < table->n_cells; i++)
                free(table->cells[i]);
        free(table->cells);
        free(table->widths);
        free(table);
        return NULL;
}

void table_add(Table *table, const char *const *cells) {
        char **grown = reallocarray(table->cells, table->n_cells + table->n_columns, sizeof(*grown));

        if (!grown)
                oom();
        table->cells = grown;
        for (size_t i = 0; i < table->n_columns; i++) {
                char *cell = escape(cells[i]);
                size_t width = escaped_width(cell);

                if (width > table->widths[i])
                        table->widths[i] = width;
                table->cells[table->n_cells++] = cell;
        }
}

static void print_row(const Table *table, const char *const *cells) {
        for (size_t i = 0; i < table->n_columns; i++) {
                bool last = i + 1 == table->n_columns;
                size_t padding = last ? 0 : table->widths[i] - escaped_width(cells[i]) + 1;

                printf("%s%*s", cells[i], (int) padding, "");
        }
}

/* The header is underlined where that cannot end up in a file. */
static bool has_underline(void) {
        const char *term = getenv("TERM");

        return isatty(STDOUT_FILENO) && !getenv("NO_COLOR") && term && strcmp(term, "dumb") != 0;
}

void table_print(const Table *table, bool legend, const char *singular, const char *plural) {
        size_t n_rows = table->n_cells / table->n_columns;

        if (legend && n_rows > 0) {
                bool underline = has_underline();

                if (underline)
                        fputs("\033[4m", stdout);
                print_row(table, table->headers);
                puts(underline ? "\033[0m" : "");
        }
        for (size_t i = 0; i < n_rows; i++) {
                print_row(table, (const char *const *) table->cells + i * table->n_columns);
                puts("");
        }
        if (legend)
                printf("\n%zu %s listed.\n", n_rows, n_rows == 1 ? singular : plural);
}
