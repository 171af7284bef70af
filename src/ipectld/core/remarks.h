/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Warnings that repeat until somebody mends their cause: each is logged when it first appears, not at every reading.
 */
#ifndef IPECTLD_REMARKS_H
#define IPECTLD_REMARKS_H

#include "base.h"

typedef struct Remarks {
        char **before; /* of the previous reading: NULL at the end; NULL for none */
        char **now;
        size_t n_now;
} Remarks;

/* Begins a reading. again: also logs what the previous reading has logged. */
void remarks_begin(Remarks *remarks, bool again);

/* Logs a sentence once, as a warning; without memory, possibly twice. */
void remarks_add(Remarks *remarks, const char *format, ...) _printf_(2, 3);

void remarks_done(Remarks *remarks);

#endif
