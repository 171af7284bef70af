/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The certificates and lists that trust-files.c reads, and by which trust.c judges.
 */
#ifndef LIBIPE_TRUST_INTERNAL_H
#define LIBIPE_TRUST_INTERNAL_H

#include <openssl/x509.h>
#include <sys/stat.h>

#include "trust.h"

/* Identity and times of a directory or a file, before it was read; all zero if it does not exist. */
typedef struct Trace {
        dev_t device;
        ino_t inode;
        off_t size;
        struct timespec modified, changed;
} Trace;

typedef struct Traces {
        Trace *list; /* the directories, then the files in the order of their names */
        size_t n;
        bool settled; /* the last change is so old that a later one must have another time */
} Traces;

typedef struct Problem {
        char *path;
        char *sentence;
} Problem;

struct Trust {
        STACK_OF(X509) * trusted;
        char **files; /* the path of each of them; NULL at the end, NULL for none */
        STACK_OF(X509_CRL) * crls;
        char *doubt; /* path of a revocation list that could not be read, or of a file that may have one; NULL for none
                      */
        bool unread; /* a file could not be read, for a reason that may pass */
        Problem *problems;
        size_t n_problems;
        Traces traces;
};

/* Whether a certificate of trust.d counts: it is strong enough, valid by date and not revoked. Returns as
 * trust_verify(). */
int trust_judge(const Trust *trust, X509 *certificate, Failure *reterr);

#endif
