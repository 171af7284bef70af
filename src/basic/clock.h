/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The time, in microseconds.
 */
#ifndef BASIC_CLOCK_H
#define BASIC_CLOCK_H

#include <time.h>

#include "base.h"

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)

/* clock: CLOCK_REALTIME, CLOCK_MONOTONIC or CLOCK_BOOTTIME. */
static inline uint64_t clock_usec(clockid_t clock) {
        struct timespec now = {};

        (void) clock_gettime(clock, &now);
        return (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / 1000;
}

/* The seconds until a time of CLOCK_BOOTTIME in microseconds, rounded up; 0 if it has passed. */
static inline unsigned long long seconds_until(uint64_t usec) {
        uint64_t now = clock_usec(CLOCK_BOOTTIME);

        return usec > now ? (usec - now + USEC_PER_SEC - 1) / USEC_PER_SEC : 0;
}

#endif
