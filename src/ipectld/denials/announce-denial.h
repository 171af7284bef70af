/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Journal entries and signals about denials; see announce.h.
 */
#ifndef IPECTLD_ANNOUNCE_DENIAL_H
#define IPECTLD_ANNOUNCE_DENIAL_H

#include "announce.h"
#include "denial-table.h"

/* The first denial of a kind, the number of denials since the last report of the kind, or the number of those not
 * reported by kind. */
void announce_denied(const Announcer *announcer, const DenialReport *report);

/* So many denials, which the kernel had kept, happened before the daemon started. */
void announce_denials_before(uint64_t count);

#endif
