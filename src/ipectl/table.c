/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables as the tools of systemd print them. On a terminal, the widest columns shrink until a row fits.
 */

#include "base.h"
#include "output.h"
#include "table.h"
#include "terminal.h"

/* Columns do not shrink below this, nor below their header. */
#define WIDTH_MIN 10

#define ELLIPSIS "..."

struct Table {
        const char *const *headers;
        size_t n_columns;
        size_t *widths; /* of each column, as the terminal counts */
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

/* Finds the widest column that may shrink; NULL if there is none. */
static size_t *find_widest(Table *table) {
        size_t *found = NULL;

        for (size_t i = 0; i < table->n_columns; i++) {
                size_t header = strlen(table->headers[i]), *width = &table->widths[i];

                if (*width > WIDTH_MIN && *width > header && (!found || *width > *found))
                        found = width;
        }
        return found;
}

static void fit(Table *table, size_t columns) {
        size_t total = table->n_columns - 1, *widest;

        for (size_t i = 0; i < table->n_columns; i++)
                total += table->widths[i];
        for (; total > columns; total--) {
                widest = find_widest(table);
                if (!widest)
                        return;
                --*widest;
        }
}

static void print_cell(const char *cell, size_t width, bool last) {
        size_t taken = escaped_width(cell);

        if (taken > width) {
                taken = escaped_print(cell, width - strlen(ELLIPSIS)) + strlen(ELLIPSIS);
                fputs(ELLIPSIS, stdout);
        } else
                fputs(cell, stdout);
        if (!last)
                printf("%*s", (int) (width - taken + 1), "");
}

static void print_row(const Table *table, const char *const *cells) {
        for (size_t i = 0; i < table->n_columns; i++)
                print_cell(cells[i], table->widths[i], i + 1 == table->n_columns);
}

void table_print(Table *table, const Options *options, const char *singular, const char *plural) {
        size_t n_rows = table->n_cells / table->n_columns, columns = terminal_columns();
        bool legend = !options->no_legend && !options->quiet;

        if (columns > 0 && !options->full)
                fit(table, columns);
        if (legend && n_rows > 0) {
                bool underline = terminal_has_style();

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
