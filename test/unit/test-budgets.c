/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * src/ipectld/client/budgets.c: what users may ask for. Time is a number here.
 */

#include "test-unit.h"

#include "budgets.h"

#define SECOND 1000000ULL
#define USER 1000U

static unsigned spend_all(Budgets *budgets, uid_t uid, uint64_t now) {
        unsigned n = 0;

        while (n < 10 * BUDGET_UNITS_MAX && budgets_charge(budgets, uid, 1, now))
                n++;
        return n;
}

static void a_budget_ends_and_grows_again(void **state) {
        Budgets budgets = {};

        assert_int_equal(spend_all(&budgets, USER, SECOND), BUDGET_UNITS_MAX);
        assert_int_equal(spend_all(&budgets, USER, 2 * SECOND), BUDGET_UNITS_PER_SEC);
        assert_int_equal(spend_all(&budgets, USER, 1000 * SECOND), BUDGET_UNITS_MAX);
}

static void root_has_no_budget(void **state) {
        Budgets budgets = {};

        assert_int_equal(spend_all(&budgets, 0, SECOND), 10 * BUDGET_UNITS_MAX);
}

static void one_user_refuses_no_other(void **state) {
        Budgets budgets = {};

        spend_all(&budgets, USER, SECOND);
        assert_int_equal(spend_all(&budgets, USER + 1, SECOND), BUDGET_UNITS_MAX);
}

static void an_expensive_call_has_to_be_earned_before_the_next(void **state) {
        Budgets budgets = {};

        assert_true(budgets_charge(&budgets, USER, BUDGET_UNITS_MAX + 3 * BUDGET_UNITS_PER_SEC, SECOND));
        assert_false(budgets_charge(&budgets, USER, 1, 4 * SECOND));
        assert_true(budgets_charge(&budgets, USER, 1, 5 * SECOND));
}

static void a_debt_has_a_bound(void **state) {
        Budgets budgets = {};

        assert_true(budgets_charge(&budgets, USER, UINT64_MAX, SECOND));
        assert_false(budgets_charge(&budgets, USER, 1, SECOND + BUDGET_DEBT_MAX / BUDGET_UNITS_PER_SEC * SECOND));
        assert_true(budgets_charge(&budgets, USER, 1, 2 * SECOND + BUDGET_DEBT_MAX / BUDGET_UNITS_PER_SEC * SECOND));
}

static void many_users_in_turn_get_the_units_of_the_table_and_no_more(void **state) {
        Budgets budgets = {};
        unsigned n = 0;

        for (uid_t round = 0; round < 10; round++)
                for (uid_t uid = USER; uid < USER + 3 * BUDGET_USERS_MAX; uid++)
                        n += spend_all(&budgets, uid, SECOND);
        assert_int_equal(n, (BUDGET_USERS_MAX + 1) * BUDGET_UNITS_MAX);
}

static void a_user_who_has_spent_is_not_forgotten_for_others(void **state) {
        Budgets budgets = {};

        spend_all(&budgets, USER, SECOND);
        for (uid_t uid = USER + 1; uid < USER + 3 * BUDGET_USERS_MAX; uid++)
                (void) budgets_charge(&budgets, uid, 1, SECOND);
        assert_false(budgets_charge(&budgets, USER, 1, SECOND));
}

static void whoever_is_quiet_makes_room(void **state) {
        Budgets budgets = {};

        for (uid_t uid = USER; uid < USER + 3 * BUDGET_USERS_MAX; uid++)
                spend_all(&budgets, uid, SECOND);
        assert_int_equal(spend_all(&budgets, 5, 100 * SECOND), BUDGET_UNITS_MAX);
        assert_int_equal(spend_all(&budgets, 6, 100 * SECOND), BUDGET_UNITS_MAX);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_budget_ends_and_grows_again),
                cmocka_unit_test(root_has_no_budget),
                cmocka_unit_test(one_user_refuses_no_other),
                cmocka_unit_test(an_expensive_call_has_to_be_earned_before_the_next),
                cmocka_unit_test(a_debt_has_a_bound),
                cmocka_unit_test(many_users_in_turn_get_the_units_of_the_table_and_no_more),
                cmocka_unit_test(a_user_who_has_spent_is_not_forgotten_for_others),
                cmocka_unit_test(whoever_is_quiet_makes_room),
        };

        return run_tests_as_tap(tests);
}
