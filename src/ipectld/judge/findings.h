/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The findings of a preflight: files that a policy would deny, as a bounded list, which Preflight() returns. Some of
 * them block an activation:
 *
 *       SCOPE_ESSENTIAL   always
 *       SCOPE_SYSTEM      unless the caller forces it, or has seen these very findings and accepts them
 *       SCOPE_USERS       never: otherwise any user could keep a policy from being activated
 */
#ifndef IPECTLD_FINDINGS_H
#define IPECTLD_FINDINGS_H

#include "digest.h"
#include "inspection.h"
#include "processes.h"

/* The strings are UTF-8. */
typedef struct Finding {
        char *path;      /* "" for memory that has no file */
        char *operation; /* "EXECUTE"; "" if the finding reports that something was missed */
        char *rule;      /* or a sentence that says how much was missed */
        ProcessList processes;
        FileScope scope;
} Finding;

/* More than this nobody reads. */
#define FINDINGS_MAX 1000U

/* The name of findings: the first digits of their digest, in hex; long enough that nobody finds others with the same
 * name. */
#define ACCEPT_DIGITS 16U

typedef struct Findings {
        Finding *list;
        size_t n;
        uint64_t missed;               /* did not fit, or only their number is known */
        uint64_t by_scope[_SCOPE_MAX]; /* with those that did not fit */
        InspectionCut *cuts;
        size_t n_cuts;
        size_t n_sentences;             /* that many entries at the end are sentences */
        char accept[ACCEPT_DIGITS + 1]; /* empty if nothing can be accepted */
} Findings;

void findings_done(Findings *findings);

/* Finds an entry, or adds it. Strings: any bytes, or NULL for "".
 * ret: NULL if there is no room for it; then it counts as missed. Returns 0 or -ENOMEM. */
int findings_add(Findings *findings, FileScope scope, const char *path, const char *operation, const char *rule,
                 Finding **ret);

/* Copies which processes were not inspected. Returns 0 or -ENOMEM. */
int findings_set_cuts(Findings *findings, const Inspection *inspection);

/* Names the findings so far: those that block an activation and may be accepted, and the policy that denies them. The
 * name does not depend on what users run, nor on processes, as both change all the time. Returns 0 or -ENOMEM. */
int findings_seal(Findings *findings, const Digest *policy);

/* Whether a text may be a name of findings. */
bool findings_id_is_valid(const char *text);

/* Whether that is the name of the findings that block an activation. */
bool findings_have_id(const Findings *findings, const char *accept);

/* How many there are, with those that were missed; valid before and after findings_finish(). */
uint64_t findings_count(const Findings *findings);

/* How many block an activation and may be accepted: those of the system, and its users of whom some processes were not
 * inspected. */
uint64_t findings_blocking(const Findings *findings);

/* Appends the sentences, as entries with neither path nor operation. In place of the processes they have "uid=UID" for
 * a user whose processes were not all inspected, "essential" for essential findings, "accept=ID" for how to accept the
 * others, and nothing for how many were missed. Returns 0 or -ENOMEM. */
int findings_finish(Findings *findings);

#endif
