/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sentences for refusals.
 */

#include <stdarg.h>

#include "failure.h"
#include "utf8.h"

/* No byte after these can reach the sentence. */
#define SENTENCE_READ_MAX sizeof(((Failure *) NULL)->sentence)

/* Names that are quoted may hold any byte, and grow while they are escaped. text: taken over; NULL if there is no
 * memory. */
static void set_sentence(Failure *failure, char *text) {
        _cleanup_free_ char *raw = text;
        _cleanup_free_ char *safe = raw ? utf8_escape_unsafe(raw, strnlen(raw, SENTENCE_READ_MAX)) : NULL;

        if (safe)
                utf8_cut(safe, sizeof(failure->sentence));
        (void) snprintf(failure->sentence, sizeof(failure->sentence), "%s", safe ?: strerror(ENOMEM));
}

int failure_set(Failure *failure, FailureCode code, const char *format, ...) {
        va_list arguments;
        char *text;

        if (!failure)
                return code;
        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        va_end(arguments);
        set_sentence(failure, text);
        return code;
}

int failure_set_errno(Failure *failure, int error, const char *format, ...) {
        _cleanup_free_ char *what = NULL;
        va_list arguments;
        char *text;

        if (!failure)
                return error;
        va_start(arguments, format);
        if (vasprintf(&what, format, arguments) < 0)
                what = NULL;
        va_end(arguments);
        if (!what || asprintf(&text, "%s: %s", what, strerror(-error)) < 0)
                text = NULL;
        set_sentence(failure, text);
        return error;
}
