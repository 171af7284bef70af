/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Journal entries and signals about what is denied; see announce.h.
 */
#ifndef IPECTLD_ANNOUNCE_DENIAL_H
#define IPECTLD_ANNOUNCE_DENIAL_H

#include "announce.h"
#include "denial-table.h"

/* The first denial of a kind, or how many there were since, or how many are not told by kind. */
void announce_denied(const Announcer *announcer, const DenialReport *report);

/* The kernel has kept so many denials of before the daemon was started. */
void announce_denials_before(uint64_t count);

#endif
