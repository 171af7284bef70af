/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Spans of time as people write them.
 */
#ifndef BASIC_SECONDS_H
#define BASIC_SECONDS_H

#include "base.h"

/* Reads "90", "90s", "2min" or "1h": a decimal number, and perhaps one unit, with or without a space before it.
 * Returns 0, -EINVAL, or -ERANGE if the seconds do not fit. */
int seconds_parse(const char *text, uint64_t *ret);

#endif
