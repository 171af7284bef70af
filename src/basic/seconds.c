/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Spans of time as people write them.
 */

#include "seconds.h"

static const struct {
        const char *name;
        uint64_t seconds;
} units[] = { { "", 1 }, { "s", 1 }, { "sec", 1 }, { "min", 60 }, { "h", 3600 } };

int seconds_parse(const char *text, uint64_t *ret) {
        unsigned long long number;
        char *unit;

        /* strtoull() would take white space and a sign. */
        if (*text < '0' || *text > '9')
                return -EINVAL;
        errno = 0;
        number = strtoull(text, &unit, 10);
        if (errno == ERANGE)
                return -ERANGE;
        if (*unit == ' ' && unit[1] != '\0')
                unit++;
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (streq(unit, units[i].name)) {
                        if (number > UINT64_MAX / units[i].seconds)
                                return -ERANGE;
                        *ret = number * units[i].seconds;
                        return 0;
                }
        return -EINVAL;
}
