/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Compares versions with the one that polkit was asked about. Strings are copied, as the state may be replaced.
 */

#include "authorised.h"

void authorised_set(Authorised *ret, const VersionRecord *record) {
        *ret = (Authorised) { .known = record != NULL };
        if (!record)
                return;
        ret->digest = record->digest;
        ret->state = record->state;
        snprintf(ret->transaction, sizeof(ret->transaction), "%s", record->transaction);
}

static bool is_same(const Authorised *authorised, const VersionRecord *record) {
        if (!authorised->known || !record)
                return authorised->known == (record != NULL);
        return digest_equal(&authorised->digest, &record->digest) && authorised->state == record->state &&
               streq(authorised->transaction, record->transaction);
}

int authorised_check(const Authorised *authorised, const VersionRecord *record, Failure *reterr) {
        char version[IPE_VERSION_STRLEN];

        if (!authorised || is_same(authorised, record))
                return 0;
        if (!record)
                return failure_set(reterr, FAILURE_NOT_THAT_VERSION,
                                   "The version that polkit was asked about is not there any more. Nothing was done: "
                                   "look again, and repeat the call.");
        ipe_version_print(&record->version, version);
        return failure_set(reterr, FAILURE_NOT_THAT_VERSION,
                           "'%s' %s, in state '%s', is not what polkit was asked about. Nothing was done: look again, "
                           "and repeat the call.",
                           record->name, version, version_state_to_string(record->state));
}
