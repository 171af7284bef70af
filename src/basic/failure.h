/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The refusals that a caller has to distinguish. A function that can refuse returns 0 or more for success, a negative
 * errno for a fault, or, as documented, one of these positive codes; the sentence is for people.
 */
#ifndef BASIC_FAILURE_H
#define BASIC_FAILURE_H

#include "base.h"

typedef enum FailureCode {
        FAILURE_NO_SUCH_POLICY = 1,
        FAILURE_ALREADY_EXISTS,
        FAILURE_SIGNATURE_INVALID,
        FAILURE_KEY_NOT_TRUSTED,
        FAILURE_CERTIFICATE_EXPIRED,
        FAILURE_CERTIFICATE_REVOKED,
        FAILURE_VERSION_TOO_OLD,
        FAILURE_SYNTAX_ERROR,
        FAILURE_NAME_MISMATCH,
        FAILURE_TRIAL_IN_PROGRESS,
        FAILURE_NO_TRIAL,
        FAILURE_LOCKED_DOWN,
        FAILURE_WOULD_LOCK_OUT,
        FAILURE_KERNEL_REJECTED,
        FAILURE_NOT_SUPPORTED,
        FAILURE_TOO_LARGE,
        FAILURE_BUSY, /* one at a time */
        FAILURE_TOO_MANY_CALLS,
        FAILURE_NOT_THAT_VERSION,
        FAILURE_INVALID_ARGUMENT,
        FAILURE_CANNOT_READ, /* a file or directory of ours */
        _FAILURE_MAX,
} FailureCode;

/* One sentence of plain text: the refusal or the fault, and what to do. Empty until something is refused. */
typedef struct Failure {
        char sentence[1024];
} Failure;

/* Writes the sentence, safe to show and cut where it is too long, and returns code. failure: may be NULL. */
int failure_set(Failure *failure, FailureCode code, const char *format, ...) _printf_(3, 4);

/* The same for a fault: ": " and the errno's text follow the sentence. Returns error, which is negative. */
int failure_set_errno(Failure *failure, int error, const char *format, ...) _printf_(3, 4);

#endif
