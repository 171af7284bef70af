/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The age of an answer that was read from the kernel or the disk. Root always gets a new one. Other users may get one
 * that is ten times as old as it took to find, so that their calls cannot keep the daemon busy.
 */
#ifndef IPECTLD_BUS_AGE_H
#define IPECTLD_BUS_AGE_H

#include "bus.h"

typedef struct BusAge {
        uint64_t until_usec; /* CLOCK_MONOTONIC: the answer may be given again before; 0: there is none */
        uint64_t iteration;  /* of the event loop in which it was found */
        uint64_t commits;    /* of the manager at that time */
} BusAge;

#define BUS_AGE_FACTOR 10

/* Whether the answer is too old for the present caller. */
bool bus_age_is_stale(const Bus *bus, const BusAge *age);

/* Notes that an answer was found. begun_usec: CLOCK_MONOTONIC, when the search for it began. */
void bus_age_set(const Bus *bus, BusAge *age, uint64_t begun_usec);

#endif
