/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Puts each change of a version into the history and on the bus. manager.c calls this once a change is on disk, or
 * counts although the disk fails (behind.h). Nothing here can fail.
 */
#ifndef IPECTLD_CHANGES_H
#define IPECTLD_CHANGES_H

#include "announce.h"
#include "store-history.h"

/* Why a change is made, if the states do not show it. Borrowed. */
typedef struct Why {
        const char *reason;  /* one word; NULL: derived from the states */
        const char *message; /* a sentence, or the rest of "The trial ..."; NULL for none */
} Why;

typedef struct Changes Changes;

/* Reads the history of a store. announcer: borrowed. Returns 0 or -ENOMEM. */
int changes_open(const Store *store, const Announcer *announcer, Changes **ret);

Changes *changes_free(Changes *changes);

/* The history, borrowed. NULL if changes is NULL, before the store is read. */
const History *changes_history(const Changes *changes);

/* Lets the state number its next changes above those of the history; after the state was lost, or is older than the
 * history. */
void changes_number_on(const Changes *changes, StoreState *state);

/* Adds the changes that the state has and the history lacks, as after a crash between the two writes. Returns 0 or
 * -ENOMEM. */
int changes_catch_up(Changes *changes, Store *store, StoreState *state);

/* Notes the differences between two states. changes: NULL does nothing. */
void changes_note(Changes *changes, Store *store, const StoreState *before, const StoreState *after, const Why *why);

/* Writes the entries that an earlier write did not get to disk. */
void changes_write(Changes *changes, Store *store);

#endif
