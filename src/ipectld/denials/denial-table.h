/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which of many denials are told, and when: the first of its kind at once, and then, while there are more, how many they
 * were, at growing intervals. It is bounded in memory and in how many new kinds it tells; what does not fit is only counted.
 *
 * All of that is for each user by itself, so that nobody's denials hide another's: root, users of whom something was denied in
 * the system's own services, and others. Each of the latter two groups has room for some users at a time, and one place that
 * the rest of it shares.
 * Pure: time comes in, reports go out.
 */
#ifndef IPECTLD_DENIAL_TABLE_H
#define IPECTLD_DENIAL_TABLE_H

#include "kernel-event.h"

/* Users of a group that have a place of their own. A place is free again once all of its budget is. */
#define DENIAL_USERS_MAX 32U
/* Kinds of a user that are remembered; the one that was not seen for longest goes first. */
#define DENIAL_KINDS_MAX 64U
#define DENIAL_SYSTEM_KINDS_MAX 256U
/* So many new kinds of a user are told at once, and then one more in so much time. */
#define DENIAL_BURST 50U
#define DENIAL_NEW_USEC (1000U * 1000)
/* The same for root and the system's own services: more than a healthy system has. */
#define DENIAL_SYSTEM_BURST 250U
#define DENIAL_SYSTEM_NEW_USEC (200U * 1000)
/* From the first report of a kind to the next, from there to the one after that six times as much, and so on. */
#define DENIAL_INTERVAL_MIN_USEC (10ULL * 1000 * 1000)
#define DENIAL_INTERVAL_MAX_USEC (60ULL * 60 * 1000 * 1000)

typedef struct DenialTable DenialTable;

/* One kind: policy, version, operation, path and rule; the rest is of the latest of them. Strings are as the kernel had them,
 * cut where they are very long, "" for what is not known. All of them are empty for denials that were not told by kind. */
typedef struct DenialReport {
        const char *policy_name, *policy_version, *operation, *path, *rule;
        const char *comm, *hook, *device;
        uint64_t pid, inode;
        uint32_t uid;   /* UINT32_MAX if it is not known, or not the same for all of them */
        int enforcing;  /* as in KernelEvent */
        uint64_t count; /* since the last report; at least so many */
        bool first;     /* of its kind */
} DenialReport;

typedef void (*DenialReportFunction)(const DenialReport *report, void *userdata);

/* function: called from within the functions below. Returns NULL if there is no memory. */
DenialTable *denial_table_new(DenialReportFunction function, void *userdata);

DenialTable *denial_table_free(DenialTable *table);

static inline void denial_table_freep(DenialTable **table) {
        denial_table_free(*table);
}

/* Takes a denial, or what was lost, at a time that never goes back. system: it was in a service of the system, see
 * denial-origin.h. */
void denial_table_add(DenialTable *table, uint64_t now_usec, const KernelEvent *event, bool system);

/* Reports what is due. */
void denial_table_tick(DenialTable *table, uint64_t now_usec);

/* When something is due next, UINT64_MAX if nothing is. */
uint64_t denial_table_next(DenialTable *table);

/* Reports all that was not reported yet, because there is no later. */
void denial_table_flush(DenialTable *table, uint64_t now_usec);

#endif
