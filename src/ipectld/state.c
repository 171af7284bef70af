/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The states of a version of a policy.
 *
 *      staged --TRIED--> trial --ACTIVATED--> confirmed --REPLACED--> superseded --SELECTED--> pending-reboot
 *        |                 |                      |                       ^                      |       |
 *     REFUSED           GIVEN_UP               GIVEN_UP                   +------DESELECTED------+    REFUSED
 *        v                 v                      v                                                      v
 *      failed         rolled-back            rolled-back                                              failed
 *
 * ACTIVATED leads from every state to confirmed. What failed, was rolled back or superseded may be tried on demand, too.
 * What the kernel refuses to go back to was good once: it stays superseded, and can be tried at boot.
 */

#include "state.h"

/* A cell that is 0 cannot happen. */
#define TO(state) ((state) + 1)

static const unsigned char table[_VERSION_STATE_MAX][_VERSION_EVENT_MAX] = {
        [VERSION_STAGED] = {
                [EVENT_TRIED] = TO(VERSION_TRIAL),
                [EVENT_ACTIVATED] = TO(VERSION_CONFIRMED),
                [EVENT_REFUSED] = TO(VERSION_FAILED),
        },
        [VERSION_TRIAL] = {
                [EVENT_ACTIVATED] = TO(VERSION_CONFIRMED),
                [EVENT_GIVEN_UP] = TO(VERSION_ROLLED_BACK),
        },
        [VERSION_CONFIRMED] = {
                [EVENT_ACTIVATED] = TO(VERSION_CONFIRMED),
                [EVENT_REFUSED] = TO(VERSION_CONFIRMED),
                [EVENT_REPLACED] = TO(VERSION_SUPERSEDED),
                [EVENT_GIVEN_UP] = TO(VERSION_ROLLED_BACK),
        },
        [VERSION_SUPERSEDED] = {
                [EVENT_TRIED] = TO(VERSION_TRIAL),
                [EVENT_ACTIVATED] = TO(VERSION_CONFIRMED),
                [EVENT_REFUSED] = TO(VERSION_SUPERSEDED),
                [EVENT_SELECTED] = TO(VERSION_PENDING_REBOOT),
        },
        [VERSION_PENDING_REBOOT] = {
                [EVENT_ACTIVATED] = TO(VERSION_CONFIRMED),
                [EVENT_REFUSED] = TO(VERSION_FAILED),
                [EVENT_DESELECTED] = TO(VERSION_SUPERSEDED),
        },
        [VERSION_ROLLED_BACK] = {
                [EVENT_TRIED] = TO(VERSION_TRIAL),
                [EVENT_ACTIVATED] = TO(VERSION_CONFIRMED),
                [EVENT_REFUSED] = TO(VERSION_FAILED),
        },
        [VERSION_FAILED] = {
                [EVENT_TRIED] = TO(VERSION_TRIAL),
                [EVENT_ACTIVATED] = TO(VERSION_CONFIRMED),
                [EVENT_REFUSED] = TO(VERSION_FAILED),
        },
};

int version_state_next(VersionState state, VersionEvent event) {
        int next = table[state][event];

        return next > 0 ? next - 1 : -EPERM;
}
