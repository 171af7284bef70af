/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each user other than root has a budget of calls, which refills with time.
 */
#ifndef IPECTLD_BUDGETS_H
#define IPECTLD_BUDGETS_H

#include "base.h"

#define BUDGET_USERS_MAX 64
/* A user can spend so many units at once, and so many in each second after that. */
#define BUDGET_UNITS_MAX 200
#define BUDGET_UNITS_PER_SEC 100
/* Four seconds pay off the largest debt: the call that ends a trial must not wait long after one that stages a large
 * policy. */
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
        Budget rest; /* of all users without a budget of their own */
} Budgets;

/* Takes units out of the budget of a user, which may fall below zero once, down to the largest debt.
 * Returns whether the user had any units left; root always has. */
bool budgets_charge(Budgets *budgets, uid_t uid, uint64_t units, uint64_t now_usec);

#endif
