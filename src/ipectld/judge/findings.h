/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The findings of a preflight, files that a policy would deny: a bounded list, as Preflight() answers it. Some of it blocks an
 * activation:
 *
 *      SCOPE_ESSENTIAL   always
 *      SCOPE_SYSTEM      unless somebody demands it, or has seen these very findings and accepts them
 *      SCOPE_USERS       never: otherwise any user could keep a policy from being activated
 */
#ifndef IPECTLD_FINDINGS_H
#define IPECTLD_FINDINGS_H

#include "digest.h"
#include "inspection.h"
#include "processes.h"

/* The strings are UTF-8. */
typedef struct Finding {
        char *path;      /* "" for memory that has no file */
        char *operation; /* "EXECUTE"; "" where the finding is that something was missed */
        char *rule;      /* or a sentence that says how much was missed */
        ProcessList processes;
        FileScope scope;
} Finding;

/* What a caller can still read. */
#define FINDINGS_MAX 1000U

/* The name of findings: the first digits of a digest of them, in hex. Enough that nobody finds others of the same name. */
#define ACCEPT_DIGITS 16U

typedef struct Findings {
        Finding *list;
        size_t n;
        uint64_t missed;              /* that did not fit, or of which only the number is known */
        uint64_t by_scope[_SCOPE_MAX]; /* those that did not fit included */
        InspectionCut *cuts;
        size_t n_cuts;
        size_t n_sentences;           /* so many entries at the end are no findings but sentences */
        char accept[ACCEPT_DIGITS + 1]; /* empty if there is nothing to accept, or it cannot be */
} Findings;

void findings_done(Findings *findings);

/* Finds an entry, or adds it. Strings: any bytes, or NULL for "".
 * ret: NULL if there is no room for another one, which is counted as missed. Returns 0 or -ENOMEM. */
int findings_add(Findings *findings, FileScope scope, const char *path, const char *operation, const char *rule, Finding **ret);

/* Copies what was not looked at. Returns 0 or -ENOMEM. */
int findings_set_cuts(Findings *findings, const Inspection *inspection);

/* Names the findings so far: those that block an activation and may be accepted, and the policy that denies them. What users run, and
 * which processes it is, is no part of it, as it changes all the time. Returns 0 or -ENOMEM. */
int findings_seal(Findings *findings, const Digest *policy);

/* Whether a text may be a name of findings. */
bool findings_is_accept(const char *text);

/* Whether those that block an activation are just the ones of that name. */
bool findings_are(const Findings *findings, const char *accept);

/* How many there are, those that were missed included; before findings_finish() or after. */
uint64_t findings_count(const Findings *findings);

/* So many block an activation and may be accepted: those of the system, and owners in it of whom something was not looked at. */
uint64_t findings_blocking(const Findings *findings);

/* Makes last entries of what is to be said beside the findings: they have neither path nor operation. In place of the processes one
 * of an owner that was cut has "uid=UID", one of essential findings "essential", one of how to accept the others "accept=ID"; the
 * last one, of how many were missed, has nothing. Returns 0 or -ENOMEM. */
int findings_finish(Findings *findings);

#endif
