/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The journal's native protocol without its waiting: sd_journal_sendv() waits for as long as journald does not read, and a
 * policy on trial may be what keeps journald from it.
 */
#ifndef BASIC_JOURNAL_H
#define BASIC_JOURNAL_H

#include "base.h"

/* Sends one entry: "KEY=value" lines. Waits for JOURNAL_WAIT_USEC at most, and that once in JOURNAL_REST_USEC, so that a moment
 * in which journald is busy costs no entry, and a journald that does not read costs no time.
 *
 * Returns 0, or a negative errno, and the entry is lost: -EAGAIN if journald does not read, -ENOENT or -ECONNREFUSED if there
 * is none, -EMSGSIZE if it is too large for a datagram. */
int journal_send(const char *entry, size_t size);

#define JOURNAL_WAIT_USEC (50U * 1000)
#define JOURNAL_REST_USEC (2U * 1000 * 1000)

#endif
