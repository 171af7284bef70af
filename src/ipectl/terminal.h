/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The terminal that stdout is, or was before a pager took its place.
 */
#ifndef IPECTL_TERMINAL_H
#define IPECTL_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* Width in columns; 0 if stdout is no terminal. */
size_t terminal_columns(void);

/* Whether the terminal can erase a line; false if there is none. */
bool terminal_is_smart(void);

/* Whether it may get colours and other styles. */
bool terminal_has_style(void);

/* Fixes the answers of the functions above to those of now, whatever stdout becomes. */
void terminal_keep(void);

#endif
