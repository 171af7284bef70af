/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The version that polkit was asked about. After that a call settles with the kernel, and may find that another version
 * is on trial or confirmed by now, which polkit did not authorise: the call is refused then.
 */
#ifndef IPECTLD_AUTHORISED_H
#define IPECTLD_AUTHORISED_H

#include "store.h"

typedef struct Authorised {
        bool known; /* false: there was no such version */
        Digest digest;
        VersionState state;
        char transaction[TRANSACTION_SIZE];
} Authorised;

void authorised_set(Authorised *ret, const VersionRecord *record);

/* authorised: NULL for a caller about whom polkit is not asked. record: the version that the call is about now; NULL
 * for none.
 * Returns 0 or FAILURE_NOT_THAT_VERSION. */
int authorised_check(const Authorised *authorised, const VersionRecord *record, Failure *reterr);

#endif
