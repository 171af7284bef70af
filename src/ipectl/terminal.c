/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The terminal that stdout is, or was before a pager took its place.
 */

#include <sys/ioctl.h>

#include "base.h"
#include "terminal.h"

/* The answers that terminal_keep() has fixed. */
static struct {
        bool is_kept, is_smart;
        size_t columns;
} kept;

size_t terminal_columns(void) {
        const char *columns = getenv("COLUMNS");
        struct winsize size;

        if (kept.is_kept)
                return kept.columns;
        if (!isatty(STDOUT_FILENO))
                return 0;
        if (columns && atoi(columns) > 0)
                return atoi(columns);
        return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

bool terminal_is_smart(void) {
        const char *term = getenv("TERM");

        if (kept.is_kept)
                return kept.is_smart;
        return isatty(STDOUT_FILENO) && term && !streq(term, "dumb");
}

bool terminal_has_style(void) {
        return terminal_is_smart() && !getenv("NO_COLOR");
}

void terminal_keep(void) {
        kept.columns = terminal_columns();
        kept.is_smart = terminal_is_smart();
        kept.is_kept = true;
}
