/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * src/ipectld/state.c: every state with every event, and random walks.
 */

#include "test-unit.h"

#include "state.h"

/* The states that follow, written down a second time; what is not here must be refused. */
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

static void every_state_follows_from_every_event_as_documented(void **unused) {
        for (int state = 0; state < _VERSION_STATE_MAX; state++)
                for (int event = 0; event < _VERSION_EVENT_MAX; event++)
                        assert_int_equal(version_state_next((VersionState) state, (VersionEvent) event),
                                         expected((VersionState) state, (VersionEvent) event));
}

static void no_walk_leaves_a_version_that_cannot_be_activated(void **unused) {
        unsigned random = 1;

        for (int walk = 0; walk < 10000; walk++) {
                VersionState state = VERSION_STAGED;

                for (int step = 0; step < 20; step++) {
                        int next;

                        random = random * 1103515245U + 12345U;
                        next = version_state_next(state, (VersionEvent) ((random >> 16) % _VERSION_EVENT_MAX));
                        if (next >= 0)
                                state = (VersionState) next;
                        assert_in_range(state, 0, _VERSION_STATE_MAX - 1);
                        assert_int_equal(version_state_next(state, EVENT_ACTIVATED), VERSION_CONFIRMED);
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_state_follows_from_every_event_as_documented),
                cmocka_unit_test(no_walk_leaves_a_version_that_cannot_be_activated),
        };

        return run_tests_as_tap(tests);
}
