/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The changes of versions: each goes into the history and on the bus. manager.c calls this once a change is on disk, or is
 * valid while the disk fails (behind.h); nothing here can fail.
 */
#ifndef IPECTLD_CHANGES_H
#define IPECTLD_CHANGES_H

#include "announce.h"
#include "store-history.h"

/* Why a change is made, where the states do not say it. Borrowed. */
typedef struct Why {
        const char *reason;  /* a word; NULL: as the states say */
        const char *message; /* a sentence, or the end of one that begins with the trial; NULL for none */
} Why;

typedef struct Changes Changes;

/* Reads the history of a store. announcer: borrowed. Returns 0 or -ENOMEM. */
int changes_open(const Store *store, const Announcer *announcer, Changes **ret);

Changes *changes_free(Changes *changes);

/* The history, borrowed; NULL where changes is NULL, before the store is read. */
const History *changes_history(const Changes *changes);

/* Gives later changes of a state that was lost, or is older than the history, numbers that are not in it yet. */
void changes_number_on(const Changes *changes, StoreState *state);

/* Adds the changes that the state has and the history lacks, as after a crash between the two. Returns 0 or -ENOMEM. */
int changes_catch_up(Changes *changes, Store *store, StoreState *state);

/* Notes what differs between two states. changes: NULL is fine. */
void changes_note(Changes *changes, Store *store, const StoreState *before, const StoreState *after, const Why *why);

/* Writes what an earlier write could not, to a disk that works again. */
void changes_write(Changes *changes, Store *store);

#endif
