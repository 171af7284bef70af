/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the states of a version follow one another, and what else changes in the state file then. Pure: no disk, kernel,
 * bus or clock.
 */
#ifndef IPECTLD_TRANSITION_H
#define IPECTLD_TRANSITION_H

#include "store.h"

typedef enum VersionEvent {
        EVENT_TRIED,      /* active, on trial */
        EVENT_ACTIVATED,  /* active, for good */
        EVENT_REFUSED,    /* by the kernel */
        EVENT_REPLACED,   /* another version was confirmed */
        EVENT_SELECTED,   /* for the next boot to go back to */
        EVENT_DESELECTED, /* no longer selected, before that boot came */
        EVENT_GIVEN_UP,   /* it was rolled back, or its trial ended */
        _VERSION_EVENT_MAX,
} VersionEvent;

/* Changes of the state that go with a change of a version, in the same write. */
typedef enum TransitionAction {
        ACTION_CLEAR_MARK = 1 << 0, /* the kernel has answered: the version is no longer "activating" */
        ACTION_END_TRIAL = 1 << 1,  /* forget how the trial was to end */
        ACTION_NOTE_BOOT = 1 << 2,  /* remember in which boot it was selected */
        ACTION_FORGET_BOOT = 1 << 3,
} TransitionAction;

typedef struct Transition {
        VersionState to;
        unsigned actions; /* TransitionAction */
} Transition;

/* Returns 0, or -EPERM if the event cannot happen in that state; then ret is unchanged. */
int version_transition(VersionState from, VersionEvent event, Transition *ret);

/* When and why something happens. */
typedef struct Occasion {
        char transaction[TRANSACTION_SIZE];
        uint64_t now_usec;   /* wall clock */
        const char *boot_id; /* borrowed; 32 digits of hex */
} Occasion;

/* Applies an event to a version of a state. Returns 0; or -EPERM, and then nothing changed. */
int state_apply(StoreState *state, VersionRecord *record, VersionEvent event, const Occasion *occasion);

/* Confirms a version. The version that was confirmed before gets the event confirmed_before, and a version selected for
 * the next boot is deselected.
 * Returns 0; or -EPERM, and then the state is half changed. */
int state_confirm(StoreState *state, VersionRecord *record, VersionEvent confirmed_before, const Occasion *occasion);

/* Lets no boot from the next one on load a policy; a version selected for it is deselected. Returns 0 or -EPERM. */
int state_deactivate(StoreState *state, const Occasion *occasion);

#endif
