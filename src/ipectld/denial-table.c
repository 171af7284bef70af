/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An array that is searched from end to end: a hash tells apart what is not equal, and whoever reads the kernel's lines
 * bounds how many come in a second.
 */

#include "denial-table.h"

/* A path is never longer. The other strings are the kernel's own, or the policy's. */
#define PATH_SIZE 4096U
#define RULE_SIZE 1024U
#define NAME_SIZE 256U
#define WORD_SIZE 64U

typedef struct Kind {
        char *policy_name, *policy_version, *operation, *path, *rule;
        char *comm, *hook, *device;
        uint64_t pid, inode;
        int enforcing;
        uint64_t hash;
        uint64_t pending; /* not reported yet */
        uint64_t seen_usec, told_usec, interval_usec; /* 0: not told yet */
} Kind;

struct DenialTable {
        Kind kinds[DENIAL_KINDS_MAX];
        size_t n;
        Kind others; /* what is not told by kind; has no strings */
        uint64_t credit_usec, credited_usec;
        bool credited;
        DenialReportFunction function;
        void *userdata;
};

static void kind_done(Kind *kind) {
        free(kind->policy_name);
        free(kind->policy_version);
        free(kind->operation);
        free(kind->path);
        free(kind->rule);
        free(kind->comm);
        free(kind->hook);
        free(kind->device);
        *kind = (Kind) {};
}

DenialTable *denial_table_new(DenialReportFunction function, void *userdata) {
        DenialTable *table = calloc(1, sizeof(*table));

        if (!table)
                return NULL;
        table->others.enforcing = -1;
        table->credit_usec = (uint64_t) DENIAL_BURST * DENIAL_NEW_USEC;
        table->function = function;
        table->userdata = userdata;
        return table;
}

DenialTable *denial_table_free(DenialTable *table) {
        if (!table)
                return NULL;
        for (size_t i = 0; i < table->n; i++)
                kind_done(&table->kinds[i]);
        free(table);
        return NULL;
}

/* FNV-1a. Equal hashes are not taken for equal strings. */
static uint64_t hash_string(uint64_t hash, const char *text) {
        for (; text && *text; text++)
                hash = (hash ^ (uint8_t) *text) * 0x100000001b3;
        return hash * 0x100000001b3;
}

static uint64_t hash_event(const KernelEvent *event) {
        return hash_string(hash_string(hash_string(0xcbf29ce484222325, event->path), event->rule), event->operation);
}

/* kept: was cut to that size. */
static bool is_same(const char *kept, const char *text, size_t size) {
        return strncmp(kept, text ?: "", size) == 0;
}

static bool is_kind(const Kind *kind, uint64_t hash, const KernelEvent *event) {
        return kind->hash == hash && is_same(kind->path, event->path, PATH_SIZE) &&
               is_same(kind->rule, event->rule, RULE_SIZE) && is_same(kind->operation, event->operation, WORD_SIZE) &&
               is_same(kind->policy_name, event->policy_name, NAME_SIZE) &&
               is_same(kind->policy_version, event->policy_version, WORD_SIZE);
}

static Kind *find_kind(DenialTable *table, uint64_t hash, const KernelEvent *event) {
        for (size_t i = 0; i < table->n; i++)
                if (is_kind(&table->kinds[i], hash, event))
                        return &table->kinds[i];
        return NULL;
}

static void count(Kind *kind, uint64_t n) {
        if (__builtin_add_overflow(kind->pending, n, &kind->pending))
                kind->pending = UINT64_MAX;
}

static bool is_due(const Kind *kind, uint64_t now_usec) {
        return kind->pending > 0 && (kind->interval_usec == 0 || now_usec - kind->told_usec >= kind->interval_usec);
}

/* After it was quiet for twice the interval it starts anew, with short ones. */
static uint64_t next_interval(const Kind *kind, bool was_quiet) {
        uint64_t interval = 6 * kind->interval_usec;

        if (was_quiet || interval == 0)
                return DENIAL_INTERVAL_MIN_USEC;
        return interval < DENIAL_INTERVAL_MAX_USEC ? interval : DENIAL_INTERVAL_MAX_USEC;
}

static void report(DenialTable *table, Kind *kind, uint64_t now_usec, bool was_quiet) {
        const DenialReport out = {
                .policy_name = kind->policy_name ?: "", .policy_version = kind->policy_version ?: "",
                .operation = kind->operation ?: "", .path = kind->path ?: "", .rule = kind->rule ?: "",
                .comm = kind->comm ?: "", .hook = kind->hook ?: "", .device = kind->device ?: "",
                .pid = kind->pid, .inode = kind->inode, .enforcing = kind->enforcing,
                .count = kind->pending, .first = kind->interval_usec == 0,
        };

        kind->interval_usec = next_interval(kind, was_quiet);
        kind->told_usec = now_usec;
        kind->pending = 0;
        table->function(&out, table->userdata);
}

static void hit(DenialTable *table, Kind *kind, uint64_t now_usec, uint64_t n) {
        bool was_quiet = kind->interval_usec > 0 && now_usec - kind->seen_usec >= 2 * kind->interval_usec;

        kind->seen_usec = now_usec;
        count(kind, n);
        if (is_due(kind, now_usec))
                report(table, kind, now_usec, was_quiet);
}

static bool take_credit(DenialTable *table, uint64_t now_usec) {
        const uint64_t most = (uint64_t) DENIAL_BURST * DENIAL_NEW_USEC;

        if (table->credited) {
                uint64_t passed = now_usec - table->credited_usec;

                table->credit_usec = passed < most - table->credit_usec ? table->credit_usec + passed : most;
        }
        table->credited = true;
        table->credited_usec = now_usec;
        if (table->credit_usec < DENIAL_NEW_USEC)
                return false;
        table->credit_usec -= DENIAL_NEW_USEC;
        return true;
}

/* Returns a kind that is free, if need be that which was not seen for longest. */
static Kind *make_room(DenialTable *table) {
        Kind *oldest = &table->kinds[0];

        if (table->n < DENIAL_KINDS_MAX)
                return &table->kinds[table->n++];
        for (size_t i = 1; i < table->n; i++)
                if (table->kinds[i].seen_usec < oldest->seen_usec)
                        oldest = &table->kinds[i];
        count(&table->others, oldest->pending);
        kind_done(oldest);
        return oldest;
}

static char *cut(const char *text, size_t size) {
        return strndup(text ?: "", size);
}

/* Returns false if there is no memory; the kind is valid then, too, with what there is. */
static bool fill(Kind *kind, uint64_t hash, const KernelEvent *event) {
        *kind = (Kind) {
                .policy_name = cut(event->policy_name, NAME_SIZE),
                .policy_version = cut(event->policy_version, WORD_SIZE),
                .operation = cut(event->operation, WORD_SIZE),
                .path = cut(event->path, PATH_SIZE),
                .rule = cut(event->rule, RULE_SIZE),
                .hook = cut(event->hook, WORD_SIZE),
                .device = cut(event->device, WORD_SIZE),
                .comm = cut(event->comm, WORD_SIZE),
                .pid = event->pid, .inode = event->inode, .enforcing = event->enforcing, .hash = hash,
        };
        return kind->policy_name && kind->policy_version && kind->operation && kind->path && kind->rule && kind->hook &&
               kind->device && kind->comm;
}

/* The latest process; without memory for its name the one before stays. */
static void set_process(Kind *kind, const KernelEvent *event) {
        char *comm = cut(event->comm, WORD_SIZE);

        if (!comm)
                return;
        free(kind->comm);
        kind->comm = comm;
        kind->pid = event->pid;
        kind->inode = event->inode;
        kind->enforcing = event->enforcing;
}

static Kind *add_kind(DenialTable *table, uint64_t now_usec, uint64_t hash, const KernelEvent *event) {
        Kind new, *kind;

        if (!take_credit(table, now_usec))
                return NULL;
        if (!fill(&new, hash, event)) {
                kind_done(&new);
                return NULL;
        }
        kind = make_room(table);
        *kind = new;
        return kind;
}

void denial_table_add(DenialTable *table, uint64_t now_usec, const KernelEvent *event) {
        uint64_t hash = hash_event(event), n = event->repeats < UINT64_MAX ? event->repeats + 1 : UINT64_MAX;
        Kind *kind;

        if (event->lost > 0) {
                hit(table, &table->others, now_usec, event->lost);
                return;
        }
        kind = find_kind(table, hash, event);
        if (kind)
                set_process(kind, event);
        else
                kind = add_kind(table, now_usec, hash, event);
        hit(table, kind ?: &table->others, now_usec, n);
}

void denial_table_tick(DenialTable *table, uint64_t now_usec) {
        for (size_t i = 0; i < table->n; i++)
                if (is_due(&table->kinds[i], now_usec))
                        report(table, &table->kinds[i], now_usec, false);
        if (is_due(&table->others, now_usec))
                report(table, &table->others, now_usec, false);
}

static uint64_t earlier(uint64_t next, const Kind *kind) {
        uint64_t due = kind->told_usec + kind->interval_usec;

        return kind->pending > 0 && due < next ? due : next;
}

uint64_t denial_table_next(const DenialTable *table) {
        uint64_t next = earlier(UINT64_MAX, &table->others);

        for (size_t i = 0; i < table->n; i++)
                next = earlier(next, &table->kinds[i]);
        return next;
}

void denial_table_flush(DenialTable *table, uint64_t now_usec) {
        for (size_t i = 0; i < table->n; i++)
                if (table->kinds[i].pending > 0)
                        report(table, &table->kinds[i], now_usec, false);
        if (table->others.pending > 0)
                report(table, &table->others, now_usec, false);
}
