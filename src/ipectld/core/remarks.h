/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Warnings that hold until somebody mends their cause: each is logged when it appears, not at every reading.
 */
#ifndef IPECTLD_REMARKS_H
#define IPECTLD_REMARKS_H

#include "base.h"

typedef struct Remarks {
        char **before; /* of the reading before: NULL at the end; NULL for none */
        char **now;
        size_t n_now;
} Remarks;

/* A reading begins. again: log also what the reading before has logged. */
void remarks_begin(Remarks *remarks, bool again);

/* Logs a sentence once, as a warning. Where there is no memory, it may come twice. */
void remarks_add(Remarks *remarks, const char *format, ...) _printf_(2, 3);

void remarks_done(Remarks *remarks);

#endif
