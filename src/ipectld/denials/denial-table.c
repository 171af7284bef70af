/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Searches arrays from end to end: a hash sorts out most kinds that differ, and denials.c bounds the number of lines
 * that it reads in a second.
 */

#include "denial-table.h"

/* Sizes at which strings are cut. A path is never longer; the other strings are those of the kernel, or of the policy.
 */
#define PATH_SIZE 4096U
#define RULE_SIZE 1024U
#define NAME_SIZE 256U
#define WORD_SIZE 64U

typedef struct Kind {
        char *policy_name, *policy_version, *operation, *path, *rule;
        char *comm, *hook, *device;
        uint64_t pid, inode;
        uint32_t uid;
        int enforcing;
        uint64_t hash;
        uint64_t pending;                                 /* not reported yet */
        uint64_t seen_usec, reported_usec, interval_usec; /* 0: not reported yet */
} Kind;

/* How many new kinds may be reported. */
typedef struct Budget {
        uint64_t most_usec, new_usec; /* the full budget, and the price of one kind */
        uint64_t credit_usec, credited_usec;
} Budget;

typedef struct User {
        uint32_t uid; /* UINT32_MAX: several users, or an unknown one */
        Kind *kinds;
        size_t n, n_allocated, n_max;
        Kind others; /* denials that are not reported by kind; has no strings */
        Budget budget;
} User;

/* The last place is shared by all users without a place. */
typedef struct Group {
        User users[DENIAL_USERS_MAX + 1];
        size_t n; /* users that have a place of their own */
} Group;

struct DenialTable {
        User root;
        Group system, people;
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

static void user_init(User *user, uint32_t uid, bool system) {
        const uint64_t new_usec = system ? DENIAL_SYSTEM_NEW_USEC : DENIAL_NEW_USEC;
        const uint64_t most_usec = (system ? DENIAL_SYSTEM_BURST : DENIAL_BURST) * new_usec;

        *user = (User) {
                .uid = uid,
                .n_max = system ? DENIAL_SYSTEM_KINDS_MAX : DENIAL_KINDS_MAX,
                .others = { .enforcing = -1, .uid = uid },
                .budget = { .most_usec = most_usec, .new_usec = new_usec, .credit_usec = most_usec },
        };
}

static void user_done(User *user) {
        for (size_t i = 0; i < user->n; i++)
                kind_done(&user->kinds[i]);
        free(user->kinds);
        user->kinds = NULL;
        user->n = user->n_allocated = 0;
}

static void group_done(Group *group) {
        for (size_t i = 0; i < ELEMENTSOF(group->users); i++)
                user_done(&group->users[i]);
}

static User *shared_place(Group *group) {
        return &group->users[DENIAL_USERS_MAX];
}

DenialTable *denial_table_new(DenialReportFunction function, void *userdata) {
        DenialTable *table = calloc(1, sizeof(*table));

        if (!table)
                return NULL;
        user_init(&table->root, 0, true);
        user_init(shared_place(&table->system), UINT32_MAX, true);
        user_init(shared_place(&table->people), UINT32_MAX, false);
        table->function = function;
        table->userdata = userdata;
        return table;
}

DenialTable *denial_table_free(DenialTable *table) {
        if (!table)
                return NULL;
        user_done(&table->root);
        group_done(&table->system);
        group_done(&table->people);
        free(table);
        return NULL;
}

/* Calls function for each place, also for the shared ones. */
static void for_each_user(DenialTable *table, void (*function)(DenialTable *table, User *user, void *userdata),
                          void *userdata) {
        Group *groups[] = { &table->system, &table->people };

        function(table, &table->root, userdata);
        for (size_t i = 0; i < ELEMENTSOF(groups); i++) {
                for (size_t k = 0; k < groups[i]->n; k++)
                        function(table, &groups[i]->users[k], userdata);
                function(table, shared_place(groups[i]), userdata);
        }
}

/* FNV-1a. Equal hashes do not mean equal strings. */
static uint64_t hash_string(uint64_t hash, const char *text) {
        for (; text && *text; text++)
                hash = (hash ^ (uint8_t) *text) * 0x100000001b3;
        return hash * 0x100000001b3;
}

static uint64_t hash_event(const KernelEvent *event) {
        return hash_string(hash_string(hash_string(0xcbf29ce484222325, event->path), event->rule), event->operation);
}

/* kept: cut to that size. */
static bool is_same(const char *kept, const char *text, size_t size) {
        return strncmp(kept, text ?: "", size) == 0;
}

static bool is_kind(const Kind *kind, uint64_t hash, const KernelEvent *event) {
        return kind->hash == hash && is_same(kind->path, event->path, PATH_SIZE) &&
               is_same(kind->rule, event->rule, RULE_SIZE) && is_same(kind->operation, event->operation, WORD_SIZE) &&
               is_same(kind->policy_name, event->policy_name, NAME_SIZE) &&
               is_same(kind->policy_version, event->policy_version, WORD_SIZE);
}

static Kind *find_kind(User *user, uint64_t hash, const KernelEvent *event) {
        for (size_t i = 0; i < user->n; i++)
                if (is_kind(&user->kinds[i], hash, event))
                        return &user->kinds[i];
        return NULL;
}

static void count(Kind *kind, uint64_t n) {
        if (__builtin_add_overflow(kind->pending, n, &kind->pending))
                kind->pending = UINT64_MAX;
}

static bool is_due(const Kind *kind, uint64_t now_usec) {
        return kind->pending > 0 && (kind->interval_usec == 0 || now_usec - kind->reported_usec >= kind->interval_usec);
}

/* After a quiet time of twice the interval the kind starts again with short intervals. */
static uint64_t next_interval(const Kind *kind, bool was_quiet) {
        uint64_t interval = 6 * kind->interval_usec;

        if (was_quiet || interval == 0)
                return DENIAL_INTERVAL_MIN_USEC;
        return interval < DENIAL_INTERVAL_MAX_USEC ? interval : DENIAL_INTERVAL_MAX_USEC;
}

static void report(DenialTable *table, Kind *kind, uint64_t now_usec, bool was_quiet) {
        const DenialReport out = {
                .policy_name = kind->policy_name ?: "",
                .policy_version = kind->policy_version ?: "",
                .operation = kind->operation ?: "",
                .path = kind->path ?: "",
                .rule = kind->rule ?: "",
                .comm = kind->comm ?: "",
                .hook = kind->hook ?: "",
                .device = kind->device ?: "",
                .pid = kind->pid,
                .inode = kind->inode,
                .uid = kind->uid,
                .enforcing = kind->enforcing,
                .count = kind->pending,
                .first = kind->interval_usec == 0,
        };

        kind->interval_usec = next_interval(kind, was_quiet);
        kind->reported_usec = now_usec;
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

static void add_credit(Budget *budget, uint64_t now_usec) {
        uint64_t passed = now_usec - budget->credited_usec;

        budget->credit_usec = passed < budget->most_usec - budget->credit_usec ? budget->credit_usec + passed
                                                                               : budget->most_usec;
        budget->credited_usec = now_usec;
}

static bool take_credit(Budget *budget, uint64_t now_usec) {
        add_credit(budget, now_usec);
        if (budget->credit_usec < budget->new_usec)
                return false;
        budget->credit_usec -= budget->new_usec;
        return true;
}

/* Whether another user may take the place: nothing waits to be reported, and the budget is full, so nobody gains credit
 * by that. */
static bool is_idle(User *user, uint64_t now_usec) {
        add_credit(&user->budget, now_usec);
        if (user->budget.credit_usec < user->budget.most_usec || user->others.pending > 0)
                return false;
        for (size_t i = 0; i < user->n; i++)
                if (user->kinds[i].pending > 0)
                        return false;
        return true;
}

/* Returns a place for a user without one; the shared place if all are taken. */
static User *new_user(Group *group, uint32_t uid, bool system, uint64_t now_usec) {
        User *user = NULL;

        if (group->n < DENIAL_USERS_MAX)
                user = &group->users[group->n++];
        for (size_t i = 0; !user && i < group->n; i++)
                if (is_idle(&group->users[i], now_usec))
                        user = &group->users[i];
        if (!user)
                return shared_place(group);
        user_done(user);
        user_init(user, uid, system);
        user->budget.credited_usec = now_usec;
        return user;
}

static User *user_of(DenialTable *table, uint32_t uid, bool system, uint64_t now_usec) {
        Group *group = system ? &table->system : &table->people;

        if (uid == 0)
                return &table->root;
        if (uid == UINT32_MAX)
                return shared_place(group);
        for (size_t i = 0; i < group->n; i++)
                if (group->users[i].uid == uid)
                        return &group->users[i];
        return new_user(group, uid, system, now_usec);
}

/* Returns false if there is no memory, or at the largest number of kinds. */
static bool grow(User *user) {
        size_t n = user->n_allocated > 0 ? 2 * user->n_allocated : 8;
        Kind *larger;

        if (n > user->n_max)
                n = user->n_max;
        if (n == user->n_allocated)
                return false;
        larger = reallocarray(user->kinds, n, sizeof(*larger));
        if (!larger)
                return false;
        user->kinds = larger;
        user->n_allocated = n;
        return true;
}

/* Returns a free kind, if need be by dropping the kind that was last seen the longest time ago; NULL if there is no
 * memory. */
static Kind *make_room(User *user) {
        Kind *oldest;

        if (user->n < user->n_allocated || grow(user))
                return &user->kinds[user->n++];
        if (user->n == 0)
                return NULL;
        oldest = &user->kinds[0];
        for (size_t i = 1; i < user->n; i++)
                if (user->kinds[i].seen_usec < oldest->seen_usec)
                        oldest = &user->kinds[i];
        count(&user->others, oldest->pending);
        kind_done(oldest);
        return oldest;
}

static char *cut(const char *text, size_t size) {
        return strndup(text ?: "", size);
}

/* Returns false if there is no memory; the kind is valid then, too, but some strings are missing. */
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
                .pid = event->pid,
                .inode = event->inode,
                .uid = event->uid,
                .enforcing = event->enforcing,
                .hash = hash,
        };
        return kind->policy_name && kind->policy_version && kind->operation && kind->path && kind->rule && kind->hook &&
               kind->device && kind->comm;
}

/* Keeps the latest process; without memory for its name the process before stays. */
static void set_process(Kind *kind, const KernelEvent *event) {
        char *comm = cut(event->comm, WORD_SIZE);

        if (!comm)
                return;
        free(kind->comm);
        kind->comm = comm;
        kind->pid = event->pid;
        kind->inode = event->inode;
        kind->uid = event->uid;
        kind->enforcing = event->enforcing;
}

static Kind *add_kind(User *user, uint64_t now_usec, uint64_t hash, const KernelEvent *event) {
        Kind new, *kind;

        if (!take_credit(&user->budget, now_usec))
                return NULL;
        kind = fill(&new, hash, event) ? make_room(user) : NULL;
        if (kind)
                *kind = new;
        else
                kind_done(&new);
        return kind;
}

void denial_table_add(DenialTable *table, uint64_t now_usec, const KernelEvent *event, bool system) {
        uint64_t hash = hash_event(event), n = event->repeats < UINT64_MAX ? event->repeats + 1 : UINT64_MAX;
        User *user = user_of(table, event->uid, system, now_usec);
        Kind *kind;

        if (event->lost > 0) {
                hit(table, &user->others, now_usec, event->lost);
                return;
        }
        kind = find_kind(user, hash, event);
        if (kind)
                set_process(kind, event);
        else
                kind = add_kind(user, now_usec, hash, event);
        hit(table, kind ?: &user->others, now_usec, n);
}

static void tick(DenialTable *table, User *user, void *userdata) {
        const uint64_t *now_usec = userdata;

        for (size_t i = 0; i < user->n; i++)
                if (is_due(&user->kinds[i], *now_usec))
                        report(table, &user->kinds[i], *now_usec, false);
        if (is_due(&user->others, *now_usec))
                report(table, &user->others, *now_usec, false);
}

void denial_table_tick(DenialTable *table, uint64_t now_usec) {
        for_each_user(table, tick, &now_usec);
}

static uint64_t earlier(uint64_t next, const Kind *kind) {
        uint64_t due = kind->reported_usec + kind->interval_usec;

        return kind->pending > 0 && due < next ? due : next;
}

static void find_next(DenialTable *table, User *user, void *userdata) {
        uint64_t *next = userdata;

        *next = earlier(*next, &user->others);
        for (size_t i = 0; i < user->n; i++)
                *next = earlier(*next, &user->kinds[i]);
}

uint64_t denial_table_next(DenialTable *table) {
        uint64_t next = UINT64_MAX;

        for_each_user(table, find_next, &next);
        return next;
}

static void flush(DenialTable *table, User *user, void *userdata) {
        const uint64_t *now_usec = userdata;

        for (size_t i = 0; i < user->n; i++)
                if (user->kinds[i].pending > 0)
                        report(table, &user->kinds[i], *now_usec, false);
        if (user->others.pending > 0)
                report(table, &user->others, *now_usec, false);
}

void denial_table_flush(DenialTable *table, uint64_t now_usec) {
        for_each_user(table, flush, &now_usec);
}
