/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shares of a list that has room for a few entries of each user. Root has places of its own, so that others never keep
 * it out.
 */
#ifndef IPECTLD_SHARES_H
#define IPECTLD_SHARES_H

#include "base.h"

typedef struct ShareLimits {
        size_t root;     /* entries of root */
        size_t others;   /* entries of all other users */
        size_t per_user; /* of these, entries of one user */
} ShareLimits;

/* The entries that are in the list, from the point of view of one user. */
typedef struct Shares {
        uid_t uid;
        size_t n_root, n_others, n_own;
} Shares;

/* Counts an entry of the list. uid: its user. */
void shares_count(Shares *shares, uid_t uid);

/* Whether the list has room for one more entry of that user. */
bool shares_have_room(const Shares *shares, const ShareLimits *limits);

#endif
