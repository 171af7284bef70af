/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The states of a version of a policy.
 *
 *      staged --TRIED--> trial --ACTIVATED--> confirmed --REPLACED--> superseded --SELECTED--> pending-reboot
 *        |                 |                   |     |                  ^                      ^  |       |
 *     REFUSED           GIVEN_UP           GIVEN_UP  |                  +------DESELECTED------|--+    REFUSED
 *        v                 v                   v     +------------------SELECTED---------------+          v
 *      failed         rolled-back         rolled-back                                                  failed
 *
 * ACTIVATED leads from every state to confirmed. A version that failed, was rolled back or is superseded may be tried
 * on demand, too. A superseded version that the kernel refuses stays superseded: it was good once, and can be tried at
 * boot. A confirmed version is selected when a trial ends that the running kernel cannot end: the next boot ends it.
 *
 * Apart from these states, the state file says whether any policy is wanted. If not, the confirmed version stays
 * confirmed until the next boot, which does not load it, and then gets REPLACED. Confirming a version, or selecting one
 * for the next boot, ends that; a trial does not, as it may end with a return to the state before.
 */

#include "transition.h"

typedef struct Cell {
        unsigned char next, actions;
} Cell;

/* A cell without a state cannot happen. */
#define TO(state, ...) ((Cell) { (state) + 1, __VA_ARGS__ })

#define CONFIRMED TO(VERSION_CONFIRMED, ACTION_CLEAR_MARK | ACTION_END_TRIAL)
#define TRIAL TO(VERSION_TRIAL, ACTION_CLEAR_MARK)
#define REFUSED(state) TO(state, ACTION_CLEAR_MARK | ACTION_END_TRIAL)

static const Cell table[_VERSION_STATE_MAX][_VERSION_EVENT_MAX] = {
        [VERSION_STAGED] = {
                [EVENT_TRIED] = TRIAL,
                [EVENT_ACTIVATED] = CONFIRMED,
                [EVENT_REFUSED] = REFUSED(VERSION_FAILED),
        },
        [VERSION_TRIAL] = {
                [EVENT_ACTIVATED] = CONFIRMED,
                [EVENT_GIVEN_UP] = TO(VERSION_ROLLED_BACK, ACTION_CLEAR_MARK | ACTION_END_TRIAL),
        },
        [VERSION_CONFIRMED] = {
                [EVENT_ACTIVATED] = CONFIRMED,
                [EVENT_REFUSED] = REFUSED(VERSION_CONFIRMED),
                [EVENT_REPLACED] = TO(VERSION_SUPERSEDED, 0),
                [EVENT_SELECTED] = TO(VERSION_PENDING_REBOOT, ACTION_NOTE_BOOT),
                [EVENT_GIVEN_UP] = TO(VERSION_ROLLED_BACK, 0),
        },
        [VERSION_SUPERSEDED] = {
                [EVENT_TRIED] = TRIAL,
                [EVENT_ACTIVATED] = CONFIRMED,
                [EVENT_REFUSED] = REFUSED(VERSION_SUPERSEDED),
                [EVENT_SELECTED] = TO(VERSION_PENDING_REBOOT, ACTION_NOTE_BOOT),
        },
        [VERSION_PENDING_REBOOT] = {
                [EVENT_ACTIVATED] = TO(VERSION_CONFIRMED, ACTION_CLEAR_MARK | ACTION_END_TRIAL | ACTION_FORGET_BOOT),
                [EVENT_REFUSED] = TO(VERSION_FAILED, ACTION_CLEAR_MARK | ACTION_END_TRIAL | ACTION_FORGET_BOOT),
                [EVENT_DESELECTED] = TO(VERSION_SUPERSEDED, ACTION_FORGET_BOOT),
        },
        [VERSION_ROLLED_BACK] = {
                [EVENT_TRIED] = TRIAL,
                [EVENT_ACTIVATED] = CONFIRMED,
                [EVENT_REFUSED] = REFUSED(VERSION_FAILED),
        },
        [VERSION_FAILED] = {
                [EVENT_TRIED] = TRIAL,
                [EVENT_ACTIVATED] = CONFIRMED,
                [EVENT_REFUSED] = REFUSED(VERSION_FAILED),
        },
};

int version_transition(VersionState from, VersionEvent event, Transition *ret) {
        unsigned next = table[from][event].next;

        if (next == 0)
                return -EPERM;
        *ret = (Transition) { .to = (VersionState) (next - 1), .actions = table[from][event].actions };
        return 0;
}

static void act(StoreState *state, const VersionRecord *record, unsigned actions, const Occasion *occasion) {
        if (actions & ACTION_CLEAR_MARK && state->activating &&
            digest_equal(&state->activating_digest, &record->digest))
                store_state_set_activating(state, NULL, NULL);
        if (actions & ACTION_END_TRIAL)
                (void) store_state_set_trial(state, NULL);
        if (actions & ACTION_NOTE_BOOT) {
                snprintf(state->pending_boot_id, sizeof(state->pending_boot_id), "%s", occasion->boot_id);
                state->deactivated_boot_id[0] = '\0';
        }
        if (actions & ACTION_FORGET_BOOT)
                state->pending_boot_id[0] = '\0';
}

int state_apply(StoreState *state, VersionRecord *record, VersionEvent event, const Occasion *occasion) {
        Transition transition;
        int r = version_transition(record->state, event, &transition);

        if (r < 0)
                return r;
        act(state, record, transition.actions, occasion);
        if (transition.to == record->state)
                return 0;
        record->state = transition.to;
        record->changed_usec = occasion->now_usec;
        store_state_touch(state, record);
        memcpy(record->transaction, occasion->transaction, sizeof(record->transaction));
        return 0;
}

int state_confirm(StoreState *state, VersionRecord *record, VersionEvent confirmed_before, const Occasion *occasion) {
        VersionRecord *confirmed = store_state_find_state(state, VERSION_CONFIRMED),
                      *pending = store_state_find_state(state, VERSION_PENDING_REBOOT);
        int r = 0;

        state->deactivated_boot_id[0] = '\0';
        /* The selected version is older than the confirmed one, which the next rollback goes back to. */
        if (pending && pending != record)
                r = state_apply(state, pending, EVENT_DESELECTED, occasion);
        if (r >= 0 && confirmed && confirmed != record)
                r = state_apply(state, confirmed, confirmed_before, occasion);
        return r < 0 ? r : state_apply(state, record, EVENT_ACTIVATED, occasion);
}

int state_deactivate(StoreState *state, const Occasion *occasion) {
        VersionRecord *pending = store_state_find_state(state, VERSION_PENDING_REBOOT);
        int r = pending ? state_apply(state, pending, EVENT_DESELECTED, occasion) : 0;

        if (r >= 0)
                snprintf(state->deactivated_boot_id, sizeof(state->deactivated_boot_id), "%s", occasion->boot_id);
        return r;
}
