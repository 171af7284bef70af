/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What can be said of a policy without a daemon: mistakes, oddities, and which kernels will take it. Made for
 * lint; sign does not sign what has an error here.
 */
#ifndef IPECTL_REPORT_H
#define IPECTL_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "envelope.h"
#include "json-value.h"
#include "policy.h"

/* What a signature adds at least: an RSA-2048 signature, and the PKCS#7 structures around it. Bytes. */
#define SIGNATURE_SIZE_MIN 400U

typedef enum Severity {
        SEVERITY_NOTE,
        SEVERITY_WARNING,
        SEVERITY_ERROR,
} Severity;

typedef struct Finding {
        Severity severity;
        unsigned line;    /* counted from 1; 0: the file as a whole */
        unsigned column;  /* byte in the line, counted from 1; 0 if line is */
        const char *kind; /* a word for programs; static */
        char *sentence;   /* escaped */
} Finding;

typedef struct Report {
        const char *file; /* borrowed */
        Finding *findings;
        size_t n_findings;

        /* Bytes of the text: data that the caller keeps, or the content of the envelope. */
        const char *text;
        size_t text_size;

        bool is_signed;     /* data looks so, though perhaps it is no envelope */
        Envelope *envelope; /* owns text; NULL if there is none */
        char *signer;       /* as the envelope claims; NULL if it does not say */

        /* NULL if there is an error that makes it no policy. */
        struct ipe_policy *policy;
} Report;

/* Examines data, which must outlive the report. size: bytes. strict: warnings are errors.
 * ret: to be freed with report_done(), whatever it says. */
void report_make(const char *file, const char *data, size_t size, bool strict, Report *ret);

void report_done(Report *report);

/* Adds a finding; format: of the sentence, whose arguments are escaped. */
__attribute__((format(printf, 6, 7))) void report_add(Report *report, Severity severity, unsigned line,
                                                      unsigned column, const char *kind, const char *format, ...);

bool report_has_error(const Report *report);

/* "FILE:LINE:COLUMN: error: SENTENCE", one a line. to_stderr: there, not on stdout. */
void report_print(const Report *report, bool to_stderr);

/* "FILE: 'NAME' VERSION, 3 rules; every kernel with IPE takes it", on stdout. */
void report_print_summary(const Report *report);

struct json_object *report_to_json(const Report *report);

#endif
