/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads points in time as people write them: the forms of systemd.time(7) that suit a log.
 */

#include "base.h"
#include "clock.h"
#include "since.h"

#define DAY 86400ULL

static const struct {
        const char *name;
        uint64_t seconds;
} units[] = {
        { "", 1 },        { "s", 1 },        { "sec", 1 },     { "second", 1 },     { "seconds", 1 },     { "min", 60 },
        { "minute", 60 }, { "minutes", 60 }, { "h", 3600 },    { "hour", 3600 },    { "hours", 3600 },    { "d", DAY },
        { "day", DAY },   { "days", DAY },   { "w", 7 * DAY }, { "week", 7 * DAY }, { "weeks", 7 * DAY },
};

/* len: bytes of the span; text may be longer. */
static int parse_span(const char *text, size_t len, uint64_t *ret) {
        unsigned long long number;
        const char *unit;
        char *end;

        /* strtoull() would accept white space and a sign. */
        if (*text < '0' || *text > '9')
                return -EINVAL;
        errno = 0;
        number = strtoull(text, &end, 10);
        if (errno == ERANGE)
                return -ERANGE;
        unit = end;
        if (*unit == ' ' && unit < text + len)
                unit++;
        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (strlen(units[i].name) == (size_t) (text + len - unit) &&
                    strncmp(unit, units[i].name, text + len - unit) == 0) {
                        if (number > UINT64_MAX / units[i].seconds)
                                return -ERANGE;
                        *ret = number * units[i].seconds;
                        return 0;
                }
        return -EINVAL;
}

static int from_seconds(uint64_t seconds, uint64_t *ret) {
        if (seconds > UINT64_MAX / USEC_PER_SEC)
                return -ERANGE;
        *ret = seconds * USEC_PER_SEC;
        return 0;
}

static int parse_ago(const char *text, size_t len, time_t now, uint64_t *ret) {
        uint64_t span;
        int r = parse_span(text, len, &span);

        if (r < 0)
                return r;
        return span > (uint64_t) now ? -ERANGE : from_seconds(now - span, ret);
}

/* Refuses a date that does not exist, as 31 April, instead of reading it as another one. */
static int from_local(const struct tm *local, uint64_t *ret) {
        struct tm normal = *local;
        time_t seconds;

        normal.tm_isdst = -1;
        seconds = mktime(&normal);
        if (seconds < 0)
                return -ERANGE;
        if (normal.tm_mday != local->tm_mday || normal.tm_mon != local->tm_mon)
                return -EINVAL;
        return from_seconds(seconds, ret);
}

/* days: before today. */
static int midnight(time_t now, int days, uint64_t *ret) {
        struct tm local, day = {};

        if (!localtime_r(&now, &local))
                return -ERANGE;
        /* mktime() knows the day before the first of a month, and that some days do not have 24 hours. */
        day = (struct tm) { .tm_year = local.tm_year, .tm_mon = local.tm_mon, .tm_mday = local.tm_mday - days };
        day.tm_isdst = -1;
        now = mktime(&day);
        return now < 0 ? -ERANGE : from_seconds(now, ret);
}

static int parse_calendar(const char *text, time_t now, uint64_t *ret) {
        static const struct {
                const char *format;
                bool has_date;
        } formats[] = { { "%Y-%m-%d %H:%M:%S", true },
                        { "%Y-%m-%d %H:%M", true },
                        { "%Y-%m-%d", true },
                        { "%H:%M:%S", false },
                        { "%H:%M", false } };

        for (size_t i = 0; i < ELEMENTSOF(formats); i++) {
                struct tm local = {}, today;
                const char *end = strptime(text, formats[i].format, &local);

                if (!end || *end)
                        continue;
                if (!formats[i].has_date) {
                        if (!localtime_r(&now, &today))
                                return -ERANGE;
                        local.tm_year = today.tm_year;
                        local.tm_mon = today.tm_mon;
                        local.tm_mday = today.tm_mday;
                }
                return from_local(&local, ret);
        }
        return -EINVAL;
}

int since_parse(const char *text, time_t now, uint64_t *ret) {
        static const char ago[] = " ago";
        size_t len = strlen(text);
        uint64_t span;
        int r;

        if (streq(text, "now"))
                return from_seconds(now, ret);
        if (streq(text, "today"))
                return midnight(now, 0, ret);
        if (streq(text, "yesterday"))
                return midnight(now, 1, ret);
        if (text[0] == '-')
                return parse_ago(text + 1, len - 1, now, ret);
        if (len > sizeof(ago) - 1 && streq(text + len - (sizeof(ago) - 1), ago))
                return parse_ago(text, len - (sizeof(ago) - 1), now, ret);
        if (text[0] == '@') {
                r = parse_span(text + 1, strspn(text + 1, "0123456789"), &span);
                if (r < 0 || text[1 + strspn(text + 1, "0123456789")] != '\0')
                        return r < 0 ? r : -EINVAL;
                return from_seconds(span, ret);
        }
        return parse_calendar(text, now, ret);
}
