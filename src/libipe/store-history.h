/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The history of the versions of policies, change by change: the file "history" beside state.json. It is for people:
 * it decides nothing, and nothing fails because it cannot be written.
 *
 * It is bounded. Versions that were only staged and removed give way first, so that nobody hides the history of
 * active policies by staging and discarding without end.
 */
#ifndef LIBIPE_STORE_HISTORY_H
#define LIBIPE_STORE_HISTORY_H

#include "store.h"

#define HISTORY_MAX 4096U
/* Minor ones among these, of versions that were staged, discarded or forgotten, once there are too many. */
#define HISTORY_MINOR_MAX 1024U

/* Bytes of a message, with the NUL; a longer one is cut. */
#define HISTORY_MESSAGE_MAX 1024U

/* The state of a version that is not there. */
#define VERSION_ABSENT (-1)

/* One change of one version. */
typedef struct HistoryEntry {
        uint64_t sequence; /* counts up, from 1 */
        uint64_t change;   /* VersionRecord.sequence of the new state; 0 if the version was removed */
        uint64_t usec;     /* wall clock */
        char *name;
        struct ipe_version version;
        Digest digest;
        int from, to;  /* VersionState, or VERSION_ABSENT */
        char *reason;  /* a word */
        char *message; /* a sentence; NULL for none */
        char transaction[TRANSACTION_SIZE];
} HistoryEntry;

typedef struct History {
        HistoryEntry *entries; /* the latest comes last */
        size_t n;
        uint64_t sequence; /* of the last one */
        uint64_t change;   /* the highest that was ever added */
        size_t n_written;  /* so many, from the first, are on disk; the file has no others */
        bool rewrite;      /* the next write replaces the file */
} History;

/* Returns an empty one, or NULL. */
History *history_new(void);

History *history_free(History *history);

static inline void history_freep(History **history) {
        history_free(*history);
}

/* Adds a change as the latest one, and gives it its sequence; strings are copied. Returns 0 or -ENOMEM. */
int history_add(History *history, const HistoryEntry *entry);

/* Reads the file of a store, without damaged lines and without entries beyond HISTORY_MAX.
 *
 * ret_damaged: how many lines could not be read.
 *
 * Returns 0, also if there is no file, or -ENOMEM; another errno, and then the history is empty. */
int history_read(const Store *store, History **ret, size_t *ret_damaged);

/* Writes the entries that are not on disk; durable once this returns. Returns 0, -EROFS, -ENOSPC or another errno:
 * then the next call tries again. */
int history_write(Store *store, History *history);

#endif
