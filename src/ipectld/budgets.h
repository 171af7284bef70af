/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What users may ask for: each user other than root has a budget, which grows with time.
 */
#ifndef IPECTLD_BUDGETS_H
#define IPECTLD_BUDGETS_H

#include "base.h"

#define BUDGET_USERS_MAX 64
/* What a user may ask for at once, and in each second. */
#define BUDGET_UNITS_MAX 200
#define BUDGET_UNITS_PER_SEC 100
/* What is asked for on credit is paid off in a few seconds: a policy that has to end is not to wait for one that was large. */
#define BUDGET_DEBT_MAX (4 * BUDGET_UNITS_PER_SEC)

typedef struct Budget {
        uid_t uid;
        bool taken;
        int64_t units;
        uint64_t refilled_usec; /* CLOCK_MONOTONIC */
} Budget;

/* All zero to begin with. */
typedef struct Budgets {
        Budget users[BUDGET_USERS_MAX];
        Budget rest; /* of the users for whom there is no room */
} Budgets;

/* Takes units out of the budget of a user, which may fall below zero once, down to the largest debt. Returns whether the user had any left; root always has. */
bool budgets_charge(Budgets *budgets, uid_t uid, uint64_t units, uint64_t now_usec);

#endif
