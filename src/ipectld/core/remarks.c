/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Compares the warnings of one reading with those of the previous one.
 */

#include <stdarg.h>

#include "log.h"
#include "remarks.h"

void remarks_begin(Remarks *remarks, bool again) {
        strv_free(remarks->before);
        remarks->before = remarks->now;
        remarks->now = NULL;
        remarks->n_now = 0;
        if (again)
                remarks->before = strv_free(remarks->before);
}

/* A file of garbage must not fill the journal. */
#define REMARKS_MAX 100

/* Takes the text over. */
static void keep(Remarks *remarks, char *text) {
        char **larger = reallocarray(remarks->now, remarks->n_now + 2, sizeof(*larger));

        if (!larger) {
                free(text);
                return;
        }
        remarks->now = larger;
        larger[remarks->n_now++] = text;
        larger[remarks->n_now] = NULL;
}

void remarks_add(Remarks *remarks, const char *format, ...) {
        va_list arguments;
        char *text;
        int n;

        if (remarks->n_now > REMARKS_MAX)
                return;
        if (remarks->n_now == REMARKS_MAX)
                format = "There are more warnings like these, which are not logged.";
        va_start(arguments, format);
        n = vasprintf(&text, format, arguments);
        va_end(arguments);
        if (n < 0)
                return;
        if (!strv_contains(remarks->before, text) && !strv_contains(remarks->now, text))
                log_warning("%s", text);
        keep(remarks, text);
}

void remarks_done(Remarks *remarks) {
        strv_free(remarks->before);
        strv_free(remarks->now);
        *remarks = (Remarks) {};
}
