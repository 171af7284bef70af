/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reports on a policy file, without a daemon: errors, warnings, and which kernels accept it. "lint" prints them; "sign"
 * signs no policy with an error.
 */
#ifndef IPECTL_REPORT_H
#define IPECTL_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base.h"
#include "envelope.h"
#include "json-value.h"
#include "policy.h"

/* The least number of bytes that signing adds: an RSA-2048 signature, and the PKCS#7 structures around it. */
#define SIGNATURE_SIZE_MIN 400U

typedef enum Severity {
        SEVERITY_NOTE,
        SEVERITY_WARNING,
        SEVERITY_ERROR,
} Severity;

typedef struct Finding {
        Severity severity;
        unsigned line;    /* counted from 1; 0: the file as a whole */
        unsigned column;  /* byte in the line, counted from 1; 0 if line is 0 */
        const char *kind; /* a word for programs; static */
        char *sentence;   /* escaped */
} Finding;

typedef struct Report {
        const char *file; /* borrowed */
        Finding *findings;
        size_t n_findings;

        /* Borrowed from the caller, or from the envelope. */
        const char *text;
        size_t text_size;

        bool is_signed;     /* by its looks; it may still be no valid envelope */
        Envelope *envelope; /* owns text; NULL if there is none */
        char *signer;       /* as the envelope claims; NULL if it names none */

        /* NULL if the text is not a valid policy. */
        struct ipe_policy *policy;
} Report;

/* Examines data, which must outlive the report. size: bytes. strict: warnings are errors.
 * ret: to be freed with report_done(), also if it has errors. */
void report_make(const char *file, const char *data, size_t size, bool strict, Report *ret);

void report_done(Report *report);

/* Adds a finding; format: of the sentence, whose arguments are escaped. */
_printf_(6, 7) void report_add(Report *report, Severity severity, unsigned line, unsigned column, const char *kind,
                               const char *format, ...);

bool report_has_error(const Report *report);

/* Prints lines of "FILE:LINE:COLUMN: error: SENTENCE", to stderr or stdout. */
void report_print(const Report *report, bool to_stderr);

/* Prints "FILE: 'NAME' VERSION, 3 rules; every kernel with IPE accepts it" to stdout. */
void report_print_summary(const Report *report);

struct json_object *report_to_json(const Report *report);

#endif
