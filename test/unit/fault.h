/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs something in a child process of which one system call on files does not happen: the process is killed instead,
 * or the call fails. Which calls there are is recorded, too. By seccomp's notifications, so that no program is changed.
 */
#ifndef FAULT_H
#define FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct FaultCall {
        int number; /* SYS_... */
        uint64_t arguments[6];
} FaultCall;

#define FAULT_CALLS_MAX 512
/* No call is to be disturbed. */
#define FAULT_NEVER SIZE_MAX

typedef struct FaultPlan {
        void (*run)(void *userdata); /* in a child; what it does in memory is lost */
        void *userdata;
        size_t at; /* the call that does not happen, counted from 0; FAULT_NEVER: record only */
        int error; /* with which it fails; 0: the process is killed before it */
} FaultPlan;

typedef struct FaultResult {
        FaultCall calls[FAULT_CALLS_MAX]; /* up to the end, or to the kill */
        size_t n_calls;
        bool killed;
        int status; /* the argument of _exit(), or the signal; 0 if killed as planned, or run() returned */
} FaultResult;

/* Skips the test, with the reason, where the kernel does not permit it. */
void fault_run(const FaultPlan *plan, FaultResult *ret);

#endif
