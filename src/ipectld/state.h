/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How the states of a version follow one another: pure, without disk, kernel or bus.
 */
#ifndef IPECTLD_STATE_H
#define IPECTLD_STATE_H

#include "store.h"

typedef enum VersionEvent {
        EVENT_TRIED,      /* the kernel enforces it for a time */
        EVENT_ACTIVATED,  /* the kernel enforces it, and it stays */
        EVENT_REFUSED,    /* the kernel does not take it */
        EVENT_REPLACED,   /* another version was confirmed */
        EVENT_SELECTED,   /* a rollback chose it for the next boot */
        EVENT_DESELECTED, /* the choice was taken back before that boot */
        EVENT_GIVEN_UP,   /* it was rolled back, or its trial ended */
        _VERSION_EVENT_MAX,
} VersionEvent;

/* The state that follows. Returns it, or -EPERM if the event cannot happen in that state. */
int version_state_next(VersionState state, VersionEvent event);

#endif
