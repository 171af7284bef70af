/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The journal's native protocol, without its unbounded waits: sd_journal_sendv() waits until journald reads, and the
 * policy on trial may be what stops journald.
 */
#ifndef BASIC_JOURNAL_H
#define BASIC_JOURNAL_H

#include "base.h"

/* Sends one entry: "KEY=value" lines. Waits at most JOURNAL_WAIT_USEC, and only once per JOURNAL_REST_USEC: a
 * journald that is busy for a moment loses no entry, and one that does not read costs no time.
 *
 * Returns 0, or a negative errno, and the entry is lost: -EAGAIN if journald does not read, -ENOENT or -ECONNREFUSED
 * if there is none, -EMSGSIZE if it is too large for a datagram. */
int journal_send(const char *entry, size_t size);

#define JOURNAL_WAIT_USEC (50U * 1000)
#define JOURNAL_REST_USEC (2U * 1000 * 1000)

#endif
