/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sentences for refusals.
 */

#include <stdarg.h>

#include "failure.h"
#include "utf8.h"

/* What is quoted may hold anything, and may have been cut in the middle of a character. */
static void make_printable(char *text) {
        while (*text) {
                size_t n = utf8_read(text, strlen(text), NULL);

                if (n == 0 || (unsigned char) *text < 0x20 || *text == 0x7f)
                        *text++ = '?';
                else
                        text += n;
        }
}

int failure_set(Failure *failure, FailureCode code, const char *format, ...) {
        va_list arguments;

        if (!failure)
                return code;
        va_start(arguments, format);
        vsnprintf(failure->sentence, sizeof(failure->sentence), format, arguments);
        va_end(arguments);
        make_printable(failure->sentence);
        return code;
}

int failure_set_errno(Failure *failure, int error, const char *format, ...) {
        size_t size = failure ? sizeof(failure->sentence) : 0;
        va_list arguments;
        int n;

        if (!failure)
                return error;
        va_start(arguments, format);
        n = vsnprintf(failure->sentence, size, format, arguments);
        va_end(arguments);
        if (n >= 0 && (size_t) n < size)
                snprintf(failure->sentence + n, size - (size_t) n, ": %s", strerror(-error));
        make_printable(failure->sentence);
        return error;
}
