/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The differences between two states, as entries of the history.
 *
 * Every change of a version has a number of its own in the state. The history has the highest that it was told of, so at start
 * it is known what was not noted: state.json is written first, and the machine may stop, or the disk be full, in between.
 */

#include "changes.h"
#include "clock.h"
#include "log.h"
#include "store-history.h"

static const char late[] = "Noted when ipectld was started; what brought it about is not known.";

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

static void add(Manager *manager, const HistoryEntry *entry) {
        if (history_add(manager->history, entry) < 0) {
                log_warning("No memory for a change of '%s': it is missing in the history.", entry->name);
                return;
        }
        announce_transition(&manager->announcer, &manager->history->entries[manager->history->n - 1]);
}

static HistoryEntry describe(const VersionRecord *record) {
        HistoryEntry entry = { .name = record->name, .version = record->version, .digest = record->digest };

        return entry;
}

/* A sentence is about what ended, not about what takes its place. Returns NULL for none, or without memory. */
static char *find_message(const Manager *manager, const VersionRecord *record, int from) {
        const char *said = manager->why.message;
        bool is_trial = from == VERSION_TRIAL && record->state == VERSION_ROLLED_BACK;
        char *message;

        if (!said || (said != late && !is_trial && record->state != VERSION_FAILED))
                return NULL;
        if (said == late || !is_trial)
                return strdup(said);
        return asprintf(&message, "The trial %s.", said) < 0 ? NULL : message;
}

static void note_change(Manager *manager, const VersionRecord *record, int from, bool rollback) {
        _cleanup_free_ char *message = find_message(manager, record, from);
        HistoryEntry entry = describe(record);

        entry.change = record->sequence;
        entry.usec = record->changed_usec;
        entry.from = from;
        entry.to = (int) record->state;
        entry.reason = (char *) (manager->why.reason ?: name_reason(from, entry.to, rollback));
        entry.message = message;
        memcpy(entry.transaction, record->transaction, sizeof(entry.transaction));
        add(manager, &entry);
}

static void note_end(Manager *manager, const VersionRecord *record) {
        HistoryEntry entry = describe(record);

        entry.usec = clock_usec(CLOCK_REALTIME);
        entry.from = (int) record->state;
        entry.to = VERSION_ABSENT;
        entry.reason = (char *) (manager->why.reason ?: name_reason(entry.from, entry.to, false));
        add(manager, &entry);
}

/* A disk that is full was said by whoever needs it. */
void changes_write(Manager *manager) {
        bool failed_before = manager->history_failed;
        int r = history_write(manager->store, manager->history);

        manager->history_failed = r < 0;
        if (r < 0 && r != -EROFS && !failed_before)
                log_warning("Cannot write " STORE_DIRECTORY "/history, trying again with the next change: %s", strerror(-r));
}

void changes_note(Manager *manager, const StoreState *before) {
        const StoreState *after = manager->state;
        bool rollback = is_rollback(before, after);

        if (!manager->history)
                return;
        for (size_t i = 0; i < before->n_versions; i++)
                if (!store_state_find(after, before->versions[i].name, &before->versions[i].version))
                        note_end(manager, &before->versions[i]);
        for (size_t i = 0; i < after->n_versions; i++) {
                const VersionRecord *new = &after->versions[i], *old = store_state_find(before, new->name, &new->version);

                if (!old || old->state != new->state)
                        note_change(manager, new, old ? (int) old->state : VERSION_ABSENT, rollback);
        }
        changes_write(manager);
}

/* The state of a version as the history has it. */
static int find_last(const History *history, const VersionRecord *record) {
        for (size_t i = history->n; i > 0; i--) {
                const HistoryEntry *entry = &history->entries[i - 1];

                if (digest_equal(&entry->digest, &record->digest))
                        return entry->to;
        }
        return VERSION_ABSENT;
}

/* Below HISTORY_MAX of them, the earliest first. */
static void note_missed(Manager *manager, const VersionRecord **missed, size_t n) {
        qsort(missed, n, sizeof(*missed), version_record_compare_latest);
        manager->why = (Why) { .message = late };
        for (size_t i = n < HISTORY_MAX ? n : HISTORY_MAX; i > 0; i--)
                note_change(manager, missed[i - 1], find_last(manager->history, missed[i - 1]), false);
        manager->why = (Why) {};
}

void changes_number_on(Manager *manager) {
        if (manager->state->sequence < manager->history->change)
                manager->state->sequence = manager->history->change;
}

int changes_catch_up(Manager *manager) {
        const StoreState *state = manager->state;
        _cleanup_free_ const VersionRecord **missed = calloc(state->n_versions + 1, sizeof(*missed));
        uint64_t change = manager->history->change;
        size_t n = 0;

        if (!missed)
                return -ENOMEM;
        for (size_t i = 0; i < state->n_versions; i++)
                if (state->versions[i].sequence > change)
                        missed[n++] = &state->versions[i];
        changes_number_on(manager);
        note_missed(manager, missed, n);
        if (n > 0 || manager->history->rewrite)
                changes_write(manager);
        return 0;
}

int changes_open(Manager *manager) {
        size_t damaged;
        int r = history_read(manager->store, &manager->history, &damaged);

        if (r == -ENOMEM)
                return r;
        if (r < 0)
                log_warning("Cannot read " STORE_DIRECTORY "/history, beginning anew: %s", strerror(-r));
        else if (damaged > 0)
                log_warning(STORE_DIRECTORY "/history is damaged: %zu lines of it are left out.", damaged);
        return 0;
}
