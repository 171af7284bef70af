/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The history as a value: adds entries, and removes those that give way. Knows no file.
 */

#include "store-history.h"
#include "utf8.h"

/* So many stay when there are too many, so that not each later change rewrites the file. */
#define KEPT (HISTORY_MAX / 4 * 3)

static void entry_done(HistoryEntry *entry) {
        free(entry->name);
        free(entry->reason);
        free(entry->message);
}

History *history_new(void) {
        return calloc(1, sizeof(History));
}

History *history_free(History *history) {
        if (!history)
                return NULL;
        for (size_t i = 0; i < history->n; i++)
                entry_done(&history->entries[i]);
        free(history->entries);
        free(history);
        return NULL;
}

static bool is_minor(const HistoryEntry *entry) {
        return entry->to == VERSION_STAGED || entry->to == VERSION_ABSENT;
}

/* Removes the oldest entries. minor: only minor ones. */
static void remove_oldest(History *history, size_t excess, bool minor) {
        size_t kept = 0;

        for (size_t i = 0; i < history->n; i++)
                if (excess > 0 && (!minor || is_minor(&history->entries[i]))) {
                        entry_done(&history->entries[i]);
                        excess--;
                } else
                        history->entries[kept++] = history->entries[i];
        history->n = kept;
}

static void make_room(History *history) {
        size_t n_minor = 0;

        for (size_t i = 0; i < history->n; i++)
                n_minor += is_minor(&history->entries[i]);
        if (n_minor > HISTORY_MINOR_MAX)
                remove_oldest(history, n_minor - HISTORY_MINOR_MAX, true);
        if (history->n > KEPT)
                remove_oldest(history, history->n - KEPT, false);
        history->rewrite = true;
}

static int copy_entry(const HistoryEntry *entry, HistoryEntry *ret) {
        HistoryEntry copy = *entry;

        copy.name = strdup(entry->name);
        copy.reason = strdup(entry->reason);
        copy.message = entry->message ? strdup(entry->message) : NULL;
        if (copy.message)
                utf8_cut(copy.message, HISTORY_MESSAGE_MAX);
        if (!copy.name || !copy.reason || !copy.message != !entry->message) {
                entry_done(&copy);
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

int history_add(History *history, const HistoryEntry *entry) {
        int r;

        if (history->n >= HISTORY_MAX)
                make_room(history);
        r = list_make_room(&history->entries, history->n, sizeof(*entry));
        if (r >= 0)
                r = copy_entry(entry, &history->entries[history->n]);
        if (r < 0)
                return r;
        history->entries[history->n++].sequence = ++history->sequence;
        if (entry->change > history->change)
                history->change = entry->change;
        return 0;
}
