/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Decides which of many denials are reported, and when: the first of its kind at once; then, while more come, their
 * number at growing intervals. The table is bounded in memory and in the number of new kinds that it reports; denials
 * beyond that are only counted.
 *
 * Each user has kinds and a budget of its own, so that denials of one user do not hide those of another: root, users
 * with denials in services of the system, and others. Each of the latter two groups has room for some users at a time,
 * and one place that all further users share. Pure: time comes in, reports go out.
 */
#ifndef IPECTLD_DENIAL_TABLE_H
#define IPECTLD_DENIAL_TABLE_H

#include "kernel-event.h"

/* Users of a group that have a place of their own. A place is free again once its budget is full. */
#define DENIAL_USERS_MAX 32U
/* Kinds of a user that are remembered; the kind that was last seen the longest time ago makes room. */
#define DENIAL_KINDS_MAX 64U
#define DENIAL_SYSTEM_KINDS_MAX 256U
/* So many new kinds of a user are reported at once, and then one more in so much time. */
#define DENIAL_BURST 50U
#define DENIAL_NEW_USEC (1000U * 1000)
/* The same for root and the system's own services: more than a healthy system has. */
#define DENIAL_SYSTEM_BURST 250U
#define DENIAL_SYSTEM_NEW_USEC (200U * 1000)
/* From the first report of a kind to the next, from there to the one after that six times as much, and so on. */
#define DENIAL_INTERVAL_MIN_USEC (10ULL * 1000 * 1000)
#define DENIAL_INTERVAL_MAX_USEC (60ULL * 60 * 1000 * 1000)

typedef struct DenialTable DenialTable;

/* One kind: policy, version, operation, path and rule; the rest describes its latest denial. Strings are those of the
 * kernel, cut if they are very long, "" if unknown. All are empty for denials that are not reported by kind. */
typedef struct DenialReport {
        const char *policy_name, *policy_version, *operation, *path, *rule;
        const char *comm, *hook, *device;
        uint64_t pid, inode;
        uint32_t uid;   /* UINT32_MAX if it is unknown, or not the same for all of them */
        int enforcing;  /* as in KernelEvent */
        uint64_t count; /* since the last report; a lower bound */
        bool first;     /* of its kind */
} DenialReport;

typedef void (*DenialReportFunction)(const DenialReport *report, void *userdata);

/* function: called from within the functions below. Returns NULL if there is no memory. */
DenialTable *denial_table_new(DenialReportFunction function, void *userdata);

DenialTable *denial_table_free(DenialTable *table);

static inline void denial_table_freep(DenialTable **table) {
        denial_table_free(*table);
}

/* Takes a denial, or the number of lost ones. now_usec: must never decrease. system: in a service of the system, see
 * denial-origin.h. */
void denial_table_add(DenialTable *table, uint64_t now_usec, const KernelEvent *event, bool system);

/* Reports the kinds that are due. */
void denial_table_tick(DenialTable *table, uint64_t now_usec);

/* The time of the next report, UINT64_MAX if there is none. */
uint64_t denial_table_next(DenialTable *table);

/* Reports all denials that were only counted so far, as the daemon ends. */
void denial_table_flush(DenialTable *table, uint64_t now_usec);

#endif
