/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A budget makes room for another user once it is full again, so that no user gains a unit by that. While all budgets
 * are in use, further users share one: a person with many user IDs gets no more units than the table has.
 */

#include "budgets.h"
#include "clock.h"

static void refill(Budget *budget, uint64_t now_usec) {
        uint64_t units = (now_usec - budget->refilled_usec) * BUDGET_UNITS_PER_SEC / USEC_PER_SEC;

        if (units == 0)
                return;
        budget->units = units >= (uint64_t) (BUDGET_UNITS_MAX - budget->units) ? BUDGET_UNITS_MAX
                                                                               : budget->units + (int64_t) units;
        budget->refilled_usec = now_usec;
}

static bool is_free(Budget *budget, uint64_t now_usec) {
        if (budget->taken)
                refill(budget, now_usec);
        return !budget->taken || budget->units == BUDGET_UNITS_MAX;
}

static Budget *find_budget(Budgets *budgets, uid_t uid, uint64_t now_usec) {
        Budget *found = NULL;

        for (size_t i = 0; i < ELEMENTSOF(budgets->users); i++) {
                Budget *budget = &budgets->users[i];

                if (budget->taken && budget->uid == uid)
                        return budget;
                if (!found && is_free(budget, now_usec))
                        found = budget;
        }
        if (!found && budgets->rest.taken)
                return &budgets->rest;
        if (!found)
                found = &budgets->rest;
        *found = (Budget) { .uid = uid, .taken = true, .units = BUDGET_UNITS_MAX, .refilled_usec = now_usec };
        return found;
}

bool budgets_charge(Budgets *budgets, uid_t uid, uint64_t units, uint64_t now_usec) {
        Budget *budget;

        if (uid == 0)
                return true;
        budget = find_budget(budgets, uid, now_usec);
        refill(budget, now_usec);
        if (budget->units <= 0)
                return false;
        budget->units -= (int64_t) (units < INT32_MAX ? units : INT32_MAX);
        if (budget->units < -BUDGET_DEBT_MAX)
                budget->units = -BUDGET_DEBT_MAX;
        return true;
}
