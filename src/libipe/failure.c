/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sentences for refusals.
 */

#include <stdarg.h>

#include "failure.h"

int failure_set(Failure *failure, FailureCode code, const char *format, ...) {
        va_list arguments;

        if (!failure)
                return code;
        va_start(arguments, format);
        vsnprintf(failure->sentence, sizeof(failure->sentence), format, arguments);
        va_end(arguments);
        return code;
}
