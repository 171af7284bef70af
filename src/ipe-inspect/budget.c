/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The budget of one owner bounds the cost of the look at its processes.
 */

#include "clock.h"
#include "inspect.h"

int budget_take(uint64_t *left, uint64_t n) {
        if (*left < n) {
                *left = 0;
                return -EDQUOT;
        }
        *left -= n;
        return 0;
}

bool budget_is_over(const Budget *budget) {
        return budget->lines == 0 || budget->opens == 0 || budget->bytes == 0 ||
               clock_usec(CLOCK_MONOTONIC) >= budget->until_usec;
}
