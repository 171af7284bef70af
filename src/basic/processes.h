/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lists of processes for people: "sh[12], init[1]".
 */
#ifndef BASIC_PROCESSES_H
#define BASIC_PROCESSES_H

#include "base.h"

typedef struct ProcessList {
        char *text; /* UTF-8; NULL while it is empty */
        size_t n;   /* PROCESSES_MAX + 1 where more than that were left out */
} ProcessList;

/* So many are named; then comes "...". */
#define PROCESSES_MAX 20U

/* Adds one that is not there yet. comm: any bytes. Returns 0 or -ENOMEM. */
int process_list_add(ProcessList *list, const char *comm, uint64_t pid);

/* Appends another list, as it was printed. Returns 0 or -ENOMEM. */
int process_list_join(ProcessList *list, const char *others);

#endif
