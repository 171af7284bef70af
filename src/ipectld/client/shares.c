/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counts entries; the lists belong to the callers.
 */

#include "shares.h"

void shares_count(Shares *shares, uid_t uid) {
        shares->n_root += uid == 0;
        shares->n_others += uid != 0;
        shares->n_own += uid == shares->uid;
}

bool shares_have_room(const Shares *shares, const ShareLimits *limits) {
        if (shares->uid == 0)
                return shares->n_root < limits->root;
        return shares->n_others < limits->others && shares->n_own < limits->per_user;
}
