/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads points in time as people write them.
 */
#ifndef IPECTL_SINCE_H
#define IPECTL_SINCE_H

#include <stdint.h>
#include <time.h>

/* Reads "now", "today", "yesterday", "2026-11-24", "2026-11-24 14:42", "14:42:09" (of today), "-2h", "3 days ago" or
 * "@SECONDS" (since 1970), in local time. now: base of the relative forms.
 * ret: wall clock, in usec.
 *
 * Returns 0, -EINVAL, or -ERANGE if the time is before 1970 or too large. */
int since_parse(const char *text, time_t now, uint64_t *ret);

#endif
