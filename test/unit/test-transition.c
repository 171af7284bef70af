/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * src/ipectld/core/transition.c: every state with every event, and random walks of a whole state file.
 */

#include "test-unit.h"

#include "store-internal.h"
#include "transition.h"

#define BOOT "0123456789abcdef0123456789abcdef"

/* The transitions, written down a second time; all others must be refused. */
static const struct {
        VersionState from;
        VersionEvent event;
        VersionState to;
} moves[] = {
        { VERSION_STAGED, EVENT_TRIED, VERSION_TRIAL },
        { VERSION_STAGED, EVENT_ACTIVATED, VERSION_CONFIRMED },
        { VERSION_STAGED, EVENT_REFUSED, VERSION_FAILED },
        { VERSION_TRIAL, EVENT_ACTIVATED, VERSION_CONFIRMED },
        { VERSION_TRIAL, EVENT_GIVEN_UP, VERSION_ROLLED_BACK },
        { VERSION_CONFIRMED, EVENT_ACTIVATED, VERSION_CONFIRMED },
        { VERSION_CONFIRMED, EVENT_REFUSED, VERSION_CONFIRMED },
        { VERSION_CONFIRMED, EVENT_REPLACED, VERSION_SUPERSEDED },
        { VERSION_CONFIRMED, EVENT_SELECTED, VERSION_PENDING_REBOOT },
        { VERSION_CONFIRMED, EVENT_GIVEN_UP, VERSION_ROLLED_BACK },
        { VERSION_SUPERSEDED, EVENT_TRIED, VERSION_TRIAL },
        { VERSION_SUPERSEDED, EVENT_ACTIVATED, VERSION_CONFIRMED },
        { VERSION_SUPERSEDED, EVENT_REFUSED, VERSION_SUPERSEDED },
        { VERSION_SUPERSEDED, EVENT_SELECTED, VERSION_PENDING_REBOOT },
        { VERSION_PENDING_REBOOT, EVENT_ACTIVATED, VERSION_CONFIRMED },
        { VERSION_PENDING_REBOOT, EVENT_REFUSED, VERSION_FAILED },
        { VERSION_PENDING_REBOOT, EVENT_DESELECTED, VERSION_SUPERSEDED },
        { VERSION_ROLLED_BACK, EVENT_TRIED, VERSION_TRIAL },
        { VERSION_ROLLED_BACK, EVENT_ACTIVATED, VERSION_CONFIRMED },
        { VERSION_ROLLED_BACK, EVENT_REFUSED, VERSION_FAILED },
        { VERSION_FAILED, EVENT_TRIED, VERSION_TRIAL },
        { VERSION_FAILED, EVENT_ACTIVATED, VERSION_CONFIRMED },
        { VERSION_FAILED, EVENT_REFUSED, VERSION_FAILED },
};

static int expected(VersionState from, VersionEvent event) {
        for (size_t i = 0; i < ELEMENTSOF(moves); i++)
                if (moves[i].from == from && moves[i].event == event)
                        return (int) moves[i].to;
        return -EPERM;
}

static int next(VersionState from, VersionEvent event) {
        Transition transition;
        int r = version_transition(from, event, &transition);

        return r < 0 ? r : (int) transition.to;
}

static void every_state_follows_from_every_event_as_documented(void **unused) {
        for (int state = 0; state < _VERSION_STATE_MAX; state++)
                for (int event = 0; event < _VERSION_EVENT_MAX; event++)
                        assert_int_equal(next((VersionState) state, (VersionEvent) event),
                                         expected((VersionState) state, (VersionEvent) event));
}

static void actions_follow_from_the_states(void **unused) {
        for (int state = 0; state < _VERSION_STATE_MAX; state++)
                for (int event = 0; event < _VERSION_EVENT_MAX; event++) {
                        Transition transition;

                        if (version_transition((VersionState) state, (VersionEvent) event, &transition) < 0)
                                continue;
                        assert_int_equal(!!(transition.actions & ACTION_NOTE_BOOT), event == EVENT_SELECTED);
                        assert_int_equal(!!(transition.actions & ACTION_FORGET_BOOT), state == VERSION_PENDING_REBOOT);
                        /* The kernel has answered. */
                        assert_int_equal(!!(transition.actions & ACTION_CLEAR_MARK),
                                         event == EVENT_TRIED || event == EVENT_ACTIVATED || event == EVENT_REFUSED ||
                                                 state == VERSION_TRIAL);
                        assert_int_equal(!!(transition.actions & ACTION_END_TRIAL),
                                         event == EVENT_ACTIVATED || event == EVENT_REFUSED || state == VERSION_TRIAL);
                }
}

static unsigned draw(unsigned below) {
        static unsigned seed = 1;

        seed = seed * 1103515245U + 12345U;
        return (seed >> 16) % below;
}

static StoreState *some_versions(unsigned n) {
        StoreState *state = store_state_copy(NULL);

        assert_non_null(state);
        for (unsigned i = 0; i < n; i++) {
                VersionRecord record = {
                        .name = (char *) (i % 3 == 0 ? "other" : "name"),
                        .version = { 1, (uint16_t) i, 0 },
                        .digest = { { (uint8_t) (i + 1) } },
                        .signer = (char *) "",
                        .source = (char *) "",
                };

                assert_int_equal(store_state_add(state, &record), 0);
        }
        return state;
}

static size_t count(const StoreState *state, VersionState wanted) {
        size_t n = 0;

        for (size_t i = 0; i < state->n_versions; i++)
                n += state->versions[i].state == wanted;
        return n;
}

/* Does one thing to a version that may happen to it, as the daemon does. */
static void one_thing(StoreState *state) {
        VersionRecord *record = &state->versions[draw((unsigned) state->n_versions)],
                      *trial = store_state_find_state(state, VERSION_TRIAL),
                      *confirmed = store_state_find_state(state, VERSION_CONFIRMED);
        Occasion occasion = { .transaction = BOOT, .now_usec = draw(1000), .boot_id = BOOT };
        StoreTrial how = { .boot_id = BOOT, .confirm = CONFIRM_AUTO };

        switch (draw(8)) {
        case 0: /* activation, and what the kernel says */
                if (trial)
                        return;
                store_state_set_activating(state, &record->digest, BOOT);
                assert_int_equal(store_state_set_trial(state, &how), 0);
                if (next(record->state, EVENT_TRIED) < 0 || state_apply(state, record, EVENT_TRIED, &occasion) < 0)
                        assert_int_equal(state_confirm(state, record, EVENT_REPLACED, &occasion), 0);
                assert_false(state->activating);
                return;
        case 1:
                if (trial)
                        return;
                store_state_set_activating(state, &record->digest, BOOT);
                if (state_apply(state, record, EVENT_REFUSED, &occasion) < 0)
                        store_state_set_activating(state, NULL, NULL);
                return;
        case 2:
                if (trial)
                        assert_int_equal(state_confirm(state, trial, EVENT_REPLACED, &occasion), 0);
                return;
        case 3:
                if (trial)
                        assert_int_equal(state_apply(state, trial, EVENT_GIVEN_UP, &occasion), 0);
                return;
        case 4: /* a trial that only a boot can end */
                if (!trial)
                        return;
                assert_int_equal(state_apply(state, trial, EVENT_GIVEN_UP, &occasion), 0);
                if (confirmed && !store_state_find_state(state, VERSION_PENDING_REBOOT))
                        assert_int_equal(state_apply(state, confirmed, EVENT_SELECTED, &occasion), 0);
                return;
        case 5: /* a rollback at boot */
                if (!store_state_find_state(state, VERSION_PENDING_REBOOT))
                        (void) state_apply(state, record, EVENT_SELECTED, &occasion);
                return;
        case 6:
                if (!trial)
                        assert_int_equal(state_deactivate(state, &occasion), 0);
                return;
        default: /* a rollback at once */
                if (!trial)
                        assert_int_equal(state_confirm(state, record, EVENT_GIVEN_UP, &occasion), 0);
        }
}

static void no_walk_leaves_the_states_that_there_can_be(void **unused) {
        for (int walk = 0; walk < 2000; walk++) {
                _cleanup_(store_state_freep) StoreState *state = some_versions(1 + draw(6));

                for (int step = 0; step < 40; step++) {
                        _cleanup_(store_state_freep) StoreState *back = NULL;
                        _cleanup_free_ char *text = NULL;
                        size_t size;

                        one_thing(state);
                        assert_in_range(count(state, VERSION_TRIAL), 0, 1);
                        assert_in_range(count(state, VERSION_CONFIRMED), 0, 1);
                        assert_int_equal(count(state, VERSION_PENDING_REBOOT), state->pending_boot_id[0] != '\0');
                        assert_int_equal(count(state, VERSION_TRIAL), state->trial.boot_id[0] != '\0');
                        assert_false(state->activating);
                        assert_true(state->pending_boot_id[0] == '\0' || state->deactivated_boot_id[0] == '\0');
                        for (size_t i = 0; i < state->n_versions; i++)
                                assert_int_equal(next(state->versions[i].state, EVENT_ACTIVATED), VERSION_CONFIRMED);
                        /* The disk takes it, and gives it back. */
                        assert_int_equal(store_state_print(state, &text, &size), 0);
                        assert_int_equal(store_state_parse(text, size, &back), 0);
                }
        }
}

static void what_cannot_happen_changes_nothing(void **unused) {
        _cleanup_(store_state_freep) StoreState *state = some_versions(1);
        Occasion occasion = { .transaction = BOOT, .now_usec = 7, .boot_id = BOOT };
        VersionRecord *record = state->versions;

        assert_int_equal(state_apply(state, record, EVENT_GIVEN_UP, &occasion), -EPERM);
        assert_int_equal(record->state, VERSION_STAGED);
        assert_int_equal(record->changed_usec, 0);
        assert_int_equal(record->sequence, 1);
        assert_string_equal(record->transaction, "");
        assert_int_equal(state_apply(state, record, EVENT_TRIED, &occasion), 0);
        assert_int_equal(record->changed_usec, 7);
        assert_int_equal(record->sequence, 2);
        assert_string_equal(record->transaction, BOOT);
}

/* One of three versions is confirmed, and no policy is wanted. */
static StoreState *deactivated(const Occasion *occasion) {
        StoreState *state = some_versions(3);

        assert_int_equal(state_confirm(state, &state->versions[0], EVENT_REPLACED, occasion), 0);
        assert_int_equal(state_deactivate(state, occasion), 0);
        assert_string_equal(state->deactivated_boot_id, BOOT);
        assert_int_equal(state->versions[0].state, VERSION_CONFIRMED);
        return state;
}

static void a_policy_is_wanted_again_once_one_is_confirmed_or_selected(void **unused) {
        Occasion occasion = { .transaction = BOOT, .now_usec = 7, .boot_id = BOOT };

        for (int i = 0; i < 4; i++) {
                _cleanup_(store_state_freep) StoreState *state = deactivated(&occasion);

                /* A trial may come to nothing. */
                assert_int_equal(state_apply(state, &state->versions[1], EVENT_TRIED, &occasion), 0);
                assert_string_equal(state->deactivated_boot_id, BOOT);
                assert_int_equal(state_apply(state, &state->versions[1], EVENT_GIVEN_UP, &occasion), 0);
                assert_string_equal(state->deactivated_boot_id, BOOT);
                if (i < 3)
                        assert_int_equal(state_confirm(state, &state->versions[i], EVENT_REPLACED, &occasion), 0);
                else
                        assert_int_equal(state_apply(state, &state->versions[0], EVENT_SELECTED, &occasion), 0);
                assert_string_equal(state->deactivated_boot_id, "");
        }
}

static void no_policy_and_a_selected_one_are_not_wanted_at_once(void **unused) {
        Occasion occasion = { .transaction = BOOT, .now_usec = 7, .boot_id = BOOT };
        _cleanup_(store_state_freep) StoreState *state = some_versions(2);

        assert_int_equal(state_confirm(state, &state->versions[0], EVENT_REPLACED, &occasion), 0);
        assert_int_equal(state_apply(state, &state->versions[0], EVENT_SELECTED, &occasion), 0);
        assert_int_equal(state_deactivate(state, &occasion), 0);
        assert_int_equal(state->versions[0].state, VERSION_SUPERSEDED);
        assert_string_equal(state->pending_boot_id, "");
}

/* A choice that was taken back is not what a rollback goes to. */
static void a_rollback_goes_to_what_was_confirmed_until_now_not_to_what_was_deselected(void **unused) {
        Occasion occasion = { .transaction = BOOT, .now_usec = 7, .boot_id = BOOT };
        _cleanup_(store_state_freep) StoreState *state = some_versions(3);
        VersionRecord *other = &state->versions[2];

        assert_int_equal(state_confirm(state, &state->versions[0], EVENT_REPLACED, &occasion), 0);
        assert_int_equal(state_confirm(state, &state->versions[1], EVENT_REPLACED, &occasion), 0);
        assert_int_equal(state_apply(state, &state->versions[0], EVENT_SELECTED, &occasion), 0);
        assert_int_equal(state_confirm(state, other, EVENT_REPLACED, &occasion), 0);
        assert_ptr_equal(store_state_find_previous(state, other), &state->versions[1]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_state_follows_from_every_event_as_documented),
                cmocka_unit_test(actions_follow_from_the_states),
                cmocka_unit_test(no_walk_leaves_the_states_that_there_can_be),
                cmocka_unit_test(what_cannot_happen_changes_nothing),
                cmocka_unit_test(a_policy_is_wanted_again_once_one_is_confirmed_or_selected),
                cmocka_unit_test(no_policy_and_a_selected_one_are_not_wanted_at_once),
                cmocka_unit_test(a_rollback_goes_to_what_was_confirmed_until_now_not_to_what_was_deselected),
        };

        return run_tests_as_tap(tests);
}
