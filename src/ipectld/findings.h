/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a policy would deny: a bounded list, as Preflight() answers it.
 */
#ifndef IPECTLD_FINDINGS_H
#define IPECTLD_FINDINGS_H

#include "processes.h"

/* The strings are UTF-8. */
typedef struct Finding {
        char *path;      /* "" for memory that has no file */
        char *operation; /* "EXECUTE"; "" where the finding is that something was missed */
        char *rule;      /* or a sentence that says how much was missed */
        ProcessList processes;
} Finding;

/* What a caller can still read. */
#define FINDINGS_MAX 1000U

typedef struct Findings {
        Finding *list;
        size_t n;
        uint64_t missed; /* that did not fit, or of which only the number is known */
        bool finished;   /* the last entry says how many were missed */
} Findings;

void findings_done(Findings *findings);

/* Finds an entry, or adds it. Strings: any bytes, or NULL for "".
 * ret: NULL if there is no room for another one, which is counted as missed. Returns 0 or -ENOMEM. */
int findings_add(Findings *findings, const char *path, const char *operation, const char *rule, Finding **ret);

/* How many there are, those that were missed included; before findings_finish() or after. */
uint64_t findings_count(const Findings *findings);

/* Makes a last entry of what was missed, if anything was. Returns 0 or -ENOMEM. */
int findings_finish(Findings *findings);

#endif
