/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the states of a version follow one another, and what else the state file has to say then: pure, without disk, kernel,
 * bus or clock.
 */
#ifndef IPECTLD_TRANSITION_H
#define IPECTLD_TRANSITION_H

#include "store.h"

typedef enum VersionEvent {
        EVENT_TRIED,      /* the kernel enforces it for a time */
        EVENT_ACTIVATED,  /* the kernel enforces it, and it stays */
        EVENT_REFUSED,    /* the kernel does not take it */
        EVENT_REPLACED,   /* another version was confirmed */
        EVENT_SELECTED,   /* the next boot is to go back to it */
        EVENT_DESELECTED, /* the choice was taken back before that boot */
        EVENT_GIVEN_UP,   /* it was rolled back, or its trial ended */
        _VERSION_EVENT_MAX,
} VersionEvent;

/* What goes with a change of a version, in the same state file. */
typedef enum TransitionAction {
        ACTION_CLEAR_MARK = 1 << 0,  /* the kernel has answered: the version is not "activating" any more */
        ACTION_END_TRIAL = 1 << 1,   /* forget how the trial was to end */
        ACTION_NOTE_BOOT = 1 << 2,   /* remember in which boot it was selected */
        ACTION_FORGET_BOOT = 1 << 3,
} TransitionAction;

typedef struct Transition {
        VersionState to;
        unsigned actions; /* TransitionAction */
} Transition;

/* Returns 0, or -EPERM if the event cannot happen in that state; ret: unchanged then. */
int version_transition(VersionState from, VersionEvent event, Transition *ret);

/* When and why something happens. */
typedef struct Occasion {
        char transaction[TRANSACTION_SIZE];
        uint64_t now_usec;   /* wall clock */
        const char *boot_id; /* borrowed; 32 digits of hex */
} Occasion;

/* What an event makes of a version of a state. Returns 0 or -EPERM, and then nothing changed. */
int state_apply(StoreState *state, VersionRecord *record, VersionEvent event, const Occasion *occasion);

/* A version is confirmed. What was confirmed before gets an event, and what was selected for the next boot is not any more.
 * Returns 0; -EPERM, and then the state is half changed. */
int state_confirm(StoreState *state, VersionRecord *record, VersionEvent confirmed_before, const Occasion *occasion);

/* No policy is wanted from the next boot on; what was selected for it is not any more. Returns 0 or -EPERM. */
int state_deactivate(StoreState *state, const Occasion *occasion);

#endif
