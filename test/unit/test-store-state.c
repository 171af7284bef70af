/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The state of the store as a value: its order, and what is found in it.
 */

#include "test-unit.h"

#include "states.h"

static const struct ipe_version one = { 1, 0, 0 }, two = { 2, 0, 0 }, ten = { 10, 0, 0 };

static void each_version_state_has_a_word(void **state) {
        for (int s = 0; s < _VERSION_STATE_MAX; s++)
                assert_int_equal(version_state_from_string(version_state_to_string(s)), s);
        assert_string_equal(version_state_to_string(VERSION_PENDING_REBOOT), "pending-reboot");
        assert_string_equal(version_state_to_string(VERSION_ROLLED_BACK), "rolled-back");
        assert_int_equal(version_state_from_string(""), -EINVAL);
        assert_int_equal(version_state_from_string("Staged"), -EINVAL);
        assert_int_equal(version_state_from_string("rejected"), -EINVAL);
}

static void versions_are_kept_in_order_however_they_come(void **state) {
        static const struct {
                const char *name;
                struct ipe_version version;
        } sorted[] = {
                { "A", { 9, 9, 9 } },  { "a", { 1, 0, 0 } },  { "a", { 1, 0, 1 } }, { "a", { 2, 0, 0 } },
                { "a", { 10, 0, 0 } }, { "aa", { 0, 0, 0 } }, { "b", { 1, 0, 0 } },
        };

        /* Each element first, and the others behind it in two directions. */
        for (size_t first = 0; first < 2 * ELEMENTSOF(sorted); first++) {
                _cleanup_(store_state_freep) StoreState *s = empty_state();

                for (size_t i = 0; i < ELEMENTSOF(sorted); i++) {
                        size_t k = (first + (first % 2 ? i : ELEMENTSOF(sorted) - i)) % ELEMENTSOF(sorted);

                        add(s, record(sorted[k].name, sorted[k].version, (uint8_t) k, VERSION_STAGED));
                }
                assert_int_equal(s->n_versions, ELEMENTSOF(sorted));
                for (size_t i = 0; i < ELEMENTSOF(sorted); i++) {
                        assert_string_equal(s->versions[i].name, sorted[i].name);
                        assert_int_equal(s->versions[i].digest.bytes[0], i);
                }
        }
}

static void a_version_is_there_once(void **state) {
        _cleanup_(store_state_freep) StoreState *s = empty_state();
        VersionRecord again = record("a", one, 2, VERSION_FAILED);

        add(s, record("a", one, 1, VERSION_STAGED));
        assert_int_equal(store_state_add(s, &again), -EEXIST);
        assert_int_equal(s->n_versions, 1);
        assert_int_equal(s->versions[0].state, VERSION_STAGED);
        assert_int_equal(s->versions[0].digest.bytes[0], 1);
}

static void what_was_added_is_found_until_it_is_removed(void **state) {
        _cleanup_(store_state_freep) StoreState *s = empty_state();
        const Digest wanted = digest(2);
        VersionRecord *found;

        assert_null(store_state_find(s, "a", &one));
        add(s, record("a", one, 1, VERSION_SUPERSEDED));
        add(s, record("a", two, 2, VERSION_CONFIRMED));
        add(s, record("b", one, 3, VERSION_STAGED));
        found = store_state_find(s, "a", &two);
        assert_non_null(found);
        assert_ptr_equal(store_state_find_digest(s, &wanted), found);
        assert_ptr_equal(store_state_find_state(s, VERSION_CONFIRMED), found);
        assert_null(store_state_find(s, "a", &ten));
        assert_null(store_state_find(s, "c", &one));
        assert_null(store_state_find_state(s, VERSION_TRIAL));

        store_state_remove(s, "a", &ten);
        assert_int_equal(s->n_versions, 3);
        store_state_remove(s, "a", &two);
        assert_int_equal(s->n_versions, 2);
        assert_null(store_state_find(s, "a", &two));
        assert_null(store_state_find_digest(s, &wanted));
        assert_null(store_state_find_state(s, VERSION_CONFIRMED));
        assert_non_null(store_state_find(s, "a", &one));
        assert_non_null(store_state_find(s, "b", &one));
}

static void a_copy_lives_by_itself(void **state) {
        StoreState *s = empty_state();
        _cleanup_(store_state_freep) StoreState *copy = NULL;

        add(s, record("a", one, 1, VERSION_PENDING_REBOOT));
        add(s, record("b", one, 2, VERSION_CONFIRMED));
        s->activating = true;
        s->activating_digest = digest(2);
        strcpy(s->pending_boot_id, SOME_ID);
        set_trial(s, CONFIRM_AUTO, (char *[]) { (char *) "a.service", (char *) "b.service", NULL });
        assert_int_equal(store_state_set_shadowing(s, "a", &(Digest) { { 2 } }), 0);
        copy = store_state_copy(s);
        assert_non_null(copy);
        assert_state_equal(copy, s);
        s->versions[0].name[0] = 'x';
        store_state_remove(s, "b", &one);
        store_state_free(s);
        assert_int_equal(copy->n_versions, 2);
        assert_string_equal(copy->versions[0].name, "a");
        assert_string_equal(copy->versions[1].signer, "CN=signer");
        assert_string_equal(copy->shadowing, "a");
}

typedef struct BootCase {
        VersionRecord versions[6]; /* up to the first without a name */
        uint8_t order[7];          /* their digests, up to 0 */
} BootCase;

static void the_boot_tries_pending_then_confirmed_then_the_latest_superseded(void **state) {
        const BootCase cases[] = {
                { {}, {} },
                { { record("a", one, 1, VERSION_STAGED), record("a", two, 2, VERSION_FAILED),
                    record("b", one, 3, VERSION_ROLLED_BACK), record("c", one, 4, VERSION_TRIAL) },
                  {} },
                { { record("a", one, 9, VERSION_CONFIRMED) }, { 9 } },
                { { record("a", one, 3, VERSION_SUPERSEDED), record("b", one, 4, VERSION_SUPERSEDED),
                    record("a", two, 5, VERSION_SUPERSEDED), record("c", one, 1, VERSION_CONFIRMED),
                    record("d", one, 6, VERSION_STAGED), record("z", one, 2, VERSION_PENDING_REBOOT) },
                  { 2, 1, 5, 4, 3 } },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(store_state_freep) StoreState *s = empty_state();
                const VersionRecord **order = NULL;
                int n;

                for (const VersionRecord *v = cases[i].versions; v < cases[i].versions + 6 && v->name; v++)
                        add(s, *v);
                n = store_state_boot_order(s, &order);
                for (int k = 0; k < n; k++)
                        assert_int_equal(order[k]->digest.bytes[0], cases[i].order[k]);
                assert_int_equal(n, strlen((const char *) cases[i].order));
                free(order);
        }
}

/* A machine without a clock starts in 1970, or in the year in which its image was built. */
static void the_order_of_versions_is_that_of_their_changes_whatever_the_clock_said(void **state) {
        _cleanup_(store_state_freep) StoreState *s = empty_state();
        const VersionRecord **order = NULL;

        add(s, record("a", one, 3, VERSION_SUPERSEDED));
        add(s, record("a", two, 2, VERSION_SUPERSEDED));
        add(s, record("b", one, 1, VERSION_SUPERSEDED));
        assert_int_equal(store_state_boot_order(s, &order), 3);
        assert_int_equal(order[0]->digest.bytes[0], 1);
        assert_int_equal(order[1]->digest.bytes[0], 2);
        assert_int_equal(order[2]->digest.bytes[0], 3);
        free(order);
        store_state_touch(s, store_state_find(s, "a", &one));
        assert_int_equal(store_state_boot_order(s, &order), 3);
        assert_int_equal(order[0]->digest.bytes[0], 3);
        free(order);
}

static void numbers_are_not_given_twice(void **state) {
        _cleanup_(store_state_freep) StoreState *s = empty_state(), *copy = NULL;

        add(s, record("a", one, 1, VERSION_STAGED));
        add(s, record("a", two, 2, VERSION_STAGED));
        store_state_remove(s, "a", &two);
        copy = store_state_copy(s);
        assert_non_null(copy);
        add(copy, record("a", two, 2, VERSION_STAGED));
        assert_int_equal(store_state_find(copy, "a", &one)->sequence, 1);
        assert_int_equal(store_state_find(copy, "a", &two)->sequence, 3);
}

static void what_decides_at_boot_is_compared(void **state) {
        static const VersionState deciding[] = { VERSION_TRIAL, VERSION_CONFIRMED, VERSION_PENDING_REBOOT };
        _cleanup_(store_state_freep) StoreState *a = empty_state(), *b = empty_state();

        add(a, record("a", one, 1, VERSION_STAGED));
        assert_true(store_state_boots_alike(a, b));
        for (size_t i = 0; i < ELEMENTSOF(deciding); i++) {
                _cleanup_(store_state_freep) StoreState *c = empty_state(), *d = empty_state();

                add(c, record("a", one, 1, deciding[i]));
                assert_false(store_state_boots_alike(a, c));
                assert_false(store_state_boots_alike(c, a));
                add(d, record("a", one, 1, deciding[i]));
                add(d, record("a", two, 2, VERSION_FAILED));
                assert_true(store_state_boots_alike(c, d));
                d->versions[0].digest = digest(3);
                assert_false(store_state_boots_alike(c, d));
        }
}

static void assert_previous(const StoreState *s, const char *name, const struct ipe_version *version) {
        assert_ptr_equal(store_state_find_previous(s, store_state_find_state(s, VERSION_CONFIRMED)),
                         name ? store_state_find(s, name, version) : NULL);
}

/* In the order in which they were confirmed. A higher version of the same name is no way back. */
static void a_rollback_goes_to_what_was_confirmed_last_whatever_its_name(void **state) {
        static const struct ipe_version three = { 3, 0, 0 }, four = { 4, 0, 0 };
        _cleanup_(store_state_freep) StoreState *s = empty_state();

        add(s, record("a", two, 2, VERSION_SUPERSEDED));
        add(s, record("a", one, 1, VERSION_SUPERSEDED));
        add(s, record("b", one, 5, VERSION_SUPERSEDED));
        add(s, record("a", four, 4, VERSION_SUPERSEDED));
        add(s, record("a", three, 3, VERSION_CONFIRMED));
        assert_previous(s, "b", &one);
        store_state_find(s, "b", &one)->state = VERSION_ROLLED_BACK;
        assert_previous(s, "a", &one);
        store_state_find(s, "a", &one)->state = VERSION_PENDING_REBOOT;
        assert_previous(s, "a", &two);
        store_state_find(s, "a", &two)->state = VERSION_STAGED;
        assert_previous(s, NULL, NULL);
}

static void assert_first_of_boot_order_is_selected(const StoreState *s, const char *name,
                                                   const struct ipe_version *version) {
        const VersionRecord **order = NULL;

        assert_int_not_equal(store_state_boot_order(s, &order), 0);
        assert_ptr_equal(order[0], store_state_find(s, name, version));
        assert_ptr_equal(order[0], store_state_find_selected(s));
        free(order);
}

static void what_the_next_boot_tries_first_is_selected(void **state) {
        _cleanup_(store_state_freep) StoreState *s = empty_state();

        add(s, record("a", one, 1, VERSION_SUPERSEDED));
        add(s, record("a", two, 3, VERSION_SUPERSEDED));
        add(s, record("c", one, 2, VERSION_SUPERSEDED));
        add(s, record("d", one, 4, VERSION_STAGED));
        for (size_t i = 0; i < s->n_versions; i++)
                s->versions[i].sequence = s->versions[i].digest.bytes[0];
        assert_first_of_boot_order_is_selected(s, "a", &two);
        add(s, record("b", one, 5, VERSION_CONFIRMED));
        assert_first_of_boot_order_is_selected(s, "b", &one);
        add(s, record("b", two, 6, VERSION_PENDING_REBOOT));
        assert_first_of_boot_order_is_selected(s, "b", &two);
}

/* Whatever the versions say. */
static void where_no_policy_is_wanted_no_boot_loads_one(void **state) {
        _cleanup_(store_state_freep) StoreState *s = empty_state(), *before = NULL;
        const VersionRecord **order = NULL;

        add(s, record("a", one, 1, VERSION_SUPERSEDED));
        add(s, record("a", two, 2, VERSION_CONFIRMED));
        add(s, record("b", one, 3, VERSION_PENDING_REBOOT));
        assert_ptr_equal(store_state_find_selected(s), store_state_find(s, "b", &one));
        before = store_state_copy(s);
        strcpy(s->deactivated_boot_id, SOME_ID);
        assert_null(store_state_find_selected(s));
        assert_int_equal(store_state_boot_order(s, &order), 0);
        free(order);
        /* So that a damaged state.json does not bring it back. */
        assert_non_null(before);
        assert_false(store_state_boots_alike(s, before));
        assert_false(store_state_boots_alike(before, s));
        assert_true(store_state_boots_alike(s, s));
}

/* Where the boot is not known, nobody may take it for another one: that would try the version once more. */
static void a_trial_is_of_the_boot_that_tried_it_last(void **state) {
        static const char other[] = "ffffffffffffffffffffffffffffffff";
        const StoreTrial trial = { .boot_id = SOME_ID };

        assert_true(store_trial_is_of_boot(&trial, SOME_ID));
        assert_false(store_trial_is_of_boot(&trial, other));
        assert_true(store_trial_is_of_boot(&trial, ""));
}

static void a_boot_decides_about_a_trial_that_lasted_and_is_the_daemons_to_confirm(void **state) {
        _cleanup_(store_state_freep) StoreState *s = empty_state();

        set_trial(s, CONFIRM_AUTO, NULL);
        assert_false(store_state_boot_is_on_trial(s, SOME_ID));
        add(s, record("a", one, 1, VERSION_TRIAL));
        assert_true(store_state_boot_is_on_trial(s, SOME_ID));
        assert_false(store_state_boot_is_on_trial(s, "ffffffffffffffffffffffffffffffff"));
        s->trial.boots = 0;
        assert_false(store_state_boot_is_on_trial(s, SOME_ID));
        set_trial(s, CONFIRM_MANUAL, NULL);
        assert_false(store_state_boot_is_on_trial(s, SOME_ID));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_version_state_has_a_word),
                cmocka_unit_test(versions_are_kept_in_order_however_they_come),
                cmocka_unit_test(a_version_is_there_once),
                cmocka_unit_test(what_was_added_is_found_until_it_is_removed),
                cmocka_unit_test(a_copy_lives_by_itself),
                cmocka_unit_test(the_boot_tries_pending_then_confirmed_then_the_latest_superseded),
                cmocka_unit_test(the_order_of_versions_is_that_of_their_changes_whatever_the_clock_said),
                cmocka_unit_test(numbers_are_not_given_twice),
                cmocka_unit_test(what_decides_at_boot_is_compared),
                cmocka_unit_test(a_rollback_goes_to_what_was_confirmed_last_whatever_its_name),
                cmocka_unit_test(what_the_next_boot_tries_first_is_selected),
                cmocka_unit_test(where_no_policy_is_wanted_no_boot_loads_one),
                cmocka_unit_test(a_trial_is_of_the_boot_that_tried_it_last),
                cmocka_unit_test(a_boot_decides_about_a_trial_that_lasted_and_is_the_daemons_to_confirm),
        };

        return run_tests_as_tap(tests);
}
