/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The version that polkit was asked about. A call settles with the kernel after that, and may find that another version is on trial or
 * confirmed by now, which nobody was asked about: it is refused then.
 */
#ifndef IPECTLD_AUTHORISED_H
#define IPECTLD_AUTHORISED_H

#include "store.h"

typedef struct Authorised {
        bool known; /* else there was no such version */
        Digest digest;
        VersionState state;
        char transaction[TRANSACTION_SIZE];
} Authorised;

/* record: NULL for none. */
void authorised_set(Authorised *ret, const VersionRecord *record);

/* authorised: NULL for a caller whom polkit is not asked about. record: of what the call is about by now; NULL for none.
 * Returns 0 or FAILURE_NOT_THAT_VERSION. */
int authorised_check(const Authorised *authorised, const VersionRecord *record, Failure *reterr);

#endif
