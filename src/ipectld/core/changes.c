/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Turns the differences between two states into entries of the history.
 *
 * Each change of a version has its own number in the state, and the history keeps the highest number that it noted. So
 * a start finds missing changes: state.json is written first, and the machine may stop, or the disk may be full, in
 * between.
 */

#include "changes.h"
#include "clock.h"
#include "log.h"

struct Changes {
        History *history;
        const Announcer *announcer; /* borrowed */
        bool failed;                /* the latest write of the history */
};

static const char late[] = "Noted when ipectld was started; the cause is not known.";

/* A rollback changes two versions at once. */
static bool is_rollback(const StoreState *before, const StoreState *after) {
        const VersionRecord *confirmed = store_state_find_state(before, VERSION_CONFIRMED),
                            *now = confirmed ? store_state_find(after, confirmed->name, &confirmed->version) : NULL;

        return now && now->state == VERSION_ROLLED_BACK;
}

/* In the words of 'ipectl log'. */
static const char *name_reason(int from, int to, bool rollback) {
        switch (to) {
        case VERSION_STAGED:
                return "staged";
        case VERSION_TRIAL:
                return "trial";
        case VERSION_CONFIRMED:
                return rollback ? "rolled-back" : from == VERSION_TRIAL ? "confirmed" : "activated";
        case VERSION_SUPERSEDED:
                return from == VERSION_PENDING_REBOOT ? "deselected" : "superseded";
        case VERSION_PENDING_REBOOT:
                return "rollback-pending";
        case VERSION_ROLLED_BACK:
                return from == VERSION_TRIAL ? "trial-ended" : "rolled-back";
        case VERSION_FAILED:
                return "activation-failed";
        default:
                return "forgotten";
        }
}

static void add(Changes *changes, const HistoryEntry *entry) {
        if (history_add(changes->history, entry) < 0) {
                log_warning("Cannot add a change of '%s' to the history, ignoring: %s", entry->name, strerror(ENOMEM));
                return;
        }
        announce_transition(changes->announcer, &changes->history->entries[changes->history->n - 1]);
}

static HistoryEntry describe(const VersionRecord *record) {
        HistoryEntry entry = { .name = record->name, .version = record->version, .digest = record->digest };

        return entry;
}

/* A sentence is about the version that ended, not about the one that takes its place. Returns NULL for none, or without
 * memory. */
static char *find_message(const Why *why, const VersionRecord *record, int from) {
        const char *said = why->message;
        bool is_trial = from == VERSION_TRIAL && record->state == VERSION_ROLLED_BACK;
        char *message;

        if (!said || (said != late && !is_trial && record->state != VERSION_FAILED))
                return NULL;
        if (said == late || !is_trial)
                return strdup(said);
        return asprintf(&message, "The trial %s.", said) < 0 ? NULL : message;
}

static void note_change(Changes *changes, const VersionRecord *record, int from, bool rollback, const Why *why) {
        _cleanup_free_ char *message = find_message(why, record, from);
        HistoryEntry entry = describe(record);

        entry.change = record->sequence;
        entry.usec = record->changed_usec;
        entry.from = from;
        entry.to = (int) record->state;
        entry.reason = (char *) (why->reason ?: name_reason(from, entry.to, rollback));
        entry.message = message;
        memcpy(entry.transaction, record->transaction, sizeof(entry.transaction));
        add(changes, &entry);
}

static void note_end(Changes *changes, const VersionRecord *record, const Why *why) {
        HistoryEntry entry = describe(record);

        entry.usec = clock_usec(CLOCK_REALTIME);
        entry.from = (int) record->state;
        entry.to = VERSION_ABSENT;
        entry.reason = (char *) (why->reason ?: name_reason(entry.from, entry.to, false));
        add(changes, &entry);
}

/* The history alone does not justify an error: a caller that needs the disk logs that it is full. */
void changes_write(Changes *changes, Store *store) {
        bool failed_before = changes->failed;
        int r = history_write(store, changes->history);

        changes->failed = r < 0;
        if (r < 0 && r != -EROFS && !failed_before)
                log_warning("Cannot write '" STORE_DIRECTORY "/history', retrying with the next change: %s",
                            strerror(-r));
}

void changes_note(Changes *changes, Store *store, const StoreState *before, const StoreState *after, const Why *why) {
        bool rollback = is_rollback(before, after);

        if (!changes)
                return;
        for (size_t i = 0; i < before->n_versions; i++)
                if (!store_state_find(after, before->versions[i].name, &before->versions[i].version))
                        note_end(changes, &before->versions[i], why);
        for (size_t i = 0; i < after->n_versions; i++) {
                const VersionRecord *new = &after->versions[i],
                                    *old = store_state_find(before, new->name, &new->version);

                if (!old || old->state != new->state)
                        note_change(changes, new, old ? (int) old->state : VERSION_ABSENT, rollback, why);
        }
        changes_write(changes, store);
}

/* The latest state of a version in the history. */
static int find_last(const History *history, const VersionRecord *record) {
        for (size_t i = history->n; i > 0; i--) {
                const HistoryEntry *entry = &history->entries[i - 1];

                if (digest_equal(&entry->digest, &record->digest))
                        return entry->to;
        }
        return VERSION_ABSENT;
}

/* Notes the latest HISTORY_MAX changes, the earliest first. */
static void note_missed(Changes *changes, const VersionRecord **missed, size_t n) {
        const Why why = { .message = late };

        qsort(missed, n, sizeof(*missed), version_record_compare_latest);
        for (size_t i = n < HISTORY_MAX ? n : HISTORY_MAX; i > 0; i--)
                note_change(changes, missed[i - 1], find_last(changes->history, missed[i - 1]), false, &why);
}

const History *changes_history(const Changes *changes) {
        return changes ? changes->history : NULL;
}

void changes_number_on(const Changes *changes, StoreState *state) {
        if (state->sequence < changes->history->change)
                state->sequence = changes->history->change;
}

int changes_catch_up(Changes *changes, Store *store, StoreState *state) {
        _cleanup_free_ const VersionRecord **missed = calloc(state->n_versions + 1, sizeof(*missed));
        uint64_t change = changes->history->change;
        size_t n = 0;

        if (!missed)
                return -ENOMEM;
        for (size_t i = 0; i < state->n_versions; i++)
                if (state->versions[i].sequence > change)
                        missed[n++] = &state->versions[i];
        changes_number_on(changes, state);
        note_missed(changes, missed, n);
        if (n > 0 || changes->history->rewrite)
                changes_write(changes, store);
        return 0;
}

int changes_open(const Store *store, const Announcer *announcer, Changes **ret) {
        Changes *changes = calloc(1, sizeof(*changes));
        size_t damaged;
        int r;

        if (!changes)
                return -ENOMEM;
        changes->announcer = announcer;
        r = history_read(store, &changes->history, &damaged);
        if (r == -ENOMEM) {
                changes_free(changes);
                return r;
        }
        if (r < 0)
                log_warning("Cannot read '" STORE_DIRECTORY "/history', starting a new one: %s", strerror(-r));
        else if (damaged > 0)
                log_warning("'" STORE_DIRECTORY "/history' is damaged: ignoring %zu of its lines.", damaged);
        *ret = changes;
        return 0;
}

Changes *changes_free(Changes *changes) {
        if (!changes)
                return NULL;
        history_free(changes->history);
        free(changes);
        return NULL;
}
