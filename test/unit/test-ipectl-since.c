/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * src/ipectl/since.c: what people write is the time that they mean, and what makes no sense is refused.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "since.h"

#define SEC 1000000ULL

/* Tue 2026-11-24 14:42:09 UTC */
#define NOW ((time_t) 1795531329)
#define MIDNIGHT (1795531329ULL - 14 * 3600 - 42 * 60 - 9)

typedef struct SinceCase {
        const char *text;
        int result;
        uint64_t usec;
} SinceCase;

static const SinceCase cases[] = {
        { "now", 0, NOW *SEC },
        { "today", 0, MIDNIGHT *SEC },
        { "yesterday", 0, (MIDNIGHT - 86400) * SEC },
        { "2026-11-24", 0, MIDNIGHT *SEC },
        { "2026-11-24 14:42", 0, (NOW - 9) * SEC },
        { "2026-11-24 14:42:09", 0, NOW *SEC },
        { "14:42:09", 0, NOW *SEC },
        { "14:42", 0, (NOW - 9) * SEC },
        { "00:00", 0, MIDNIGHT *SEC },
        { "-2h", 0, (NOW - 7200) * SEC },
        { "2h ago", 0, (NOW - 7200) * SEC },
        { "2 hours ago", 0, (NOW - 7200) * SEC },
        { "1 day ago", 0, (NOW - 86400) * SEC },
        { "3d ago", 0, (NOW - 3 * 86400) * SEC },
        { "-1w", 0, (NOW - 7 * 86400) * SEC },
        { "-90", 0, (NOW - 90) * SEC },
        { "5min ago", 0, (NOW - 300) * SEC },
        { "@0", 0, 0 },
        { "@1795531329", 0, NOW *SEC },
        { "2024-02-29", 0, 1709164800ULL * SEC },
        { "1970-01-01", 0, 0 },
        { "", -EINVAL, 0 },
        { "ago", -EINVAL, 0 },
        { " ago", -EINVAL, 0 },
        { "2 fortnights ago", -EINVAL, 0 },
        { "2  hours ago", -EINVAL, 0 },
        { "2h ago ago", -EINVAL, 0 },
        { "-", -EINVAL, 0 },
        { "--2h", -EINVAL, 0 },
        { "- 2h", -EINVAL, 0 },
        { "2h", -EINVAL, 0 },
        { "tomorrow", -EINVAL, 0 },
        { "@", -EINVAL, 0 },
        { "@x", -EINVAL, 0 },
        { "@5 ", -EINVAL, 0 },
        { "@5min", -EINVAL, 0 },
        { "@-5", -EINVAL, 0 },
        { "2026-02-30", -EINVAL, 0 },
        { "2026-13-01", -EINVAL, 0 },
        { "2025-02-29", -EINVAL, 0 },
        { "2026-11-24 25:00", -EINVAL, 0 },
        { "2026-11-24 14:42:09.5", -EINVAL, 0 },
        { "24.11.2026", -EINVAL, 0 },
        { "1969-12-31", -ERANGE, 0 },
        { "99999999d ago", -ERANGE, 0 },
        { "-99999999999999999999", -ERANGE, 0 },
        { "18446744073709551615w ago", -ERANGE, 0 },
        { "@18446744073709551615", -ERANGE, 0 },
        { "@18446744073709551616", -ERANGE, 0 },
};

static void times_are_read_as_people_mean_them(void **state) {
        setenv("TZ", "UTC", 1);
        tzset();
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                uint64_t usec = 7;
                int r = since_parse(cases[i].text, NOW, &usec);

                if (r != cases[i].result || usec != (r == 0 ? cases[i].usec : 7))
                        fail_msg("'%s': %d, %llu", cases[i].text, r, (unsigned long long) usec);
        }
}

/* In Berlin the clock went back on 2026-10-25: that day had 25 hours. */
static void a_day_may_have_25_hours(void **state) {
        uint64_t today, yesterday;

        setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
        tzset();
        assert_int_equal(since_parse("today", 1792972800, &today), 0);
        assert_int_equal(since_parse("yesterday", 1792972800, &yesterday), 0);
        assert_int_equal(today - yesterday, 25 * 3600 * SEC);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(times_are_read_as_people_mean_them),
                cmocka_unit_test(a_day_may_have_25_hours),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
