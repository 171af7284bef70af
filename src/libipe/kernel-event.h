/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's file "events": one line a denial, and one where a policy in the shadow of the one that decides would have
 * decided otherwise.
 */
#ifndef LIBIPE_KERNEL_EVENT_H
#define LIBIPE_KERNEL_EVENT_H

#include "kernel.h"

/* One line. What it does not say, or the kernel did not know, is NULL or 0. Strings are as the kernel has them: any bytes
 * but NUL. */
typedef struct KernelEvent {
        uint64_t lost;     /* so many lines were dropped before they could be read; then all else but uid is empty */
        uint32_t uid;      /* whose they were, or whose process was denied; UINT32_MAX where it does not say */
        uint64_t seq;      /* counts all lines since boot */
        uint64_t time_ns;  /* CLOCK_BOOTTIME */
        uint64_t repeats;  /* equal ones before it that have no line of their own */
        bool denied;       /* else it was allowed */
        bool shadow;       /* by the policy in the shadow */
        int enforcing;     /* 1, 0 where a denial has no effect, -1 if it does not say */
        uint64_t pid;
        uint64_t inode;
        char *operation;   /* "EXECUTE" */
        char *hook;        /* "MMAP" */
        char *policy_name;
        char *policy_version;
        char *rule;        /* text of the rule, or the default, that matched */
        char *comm;
        char *cgroup;      /* path of the process's control group: "/system.slice/a.service" */
        char *path;        /* NULL for memory that has no file */
        char *device;      /* "vda" */
        dev_t file_system; /* device number of the superblock; 0 where it is not known */
} KernelEvent;

void kernel_event_done(KernelEvent *event);

#define _cleanup_kernel_event_ _cleanup_(kernel_event_done)

/* Takes one line apart, without its LF. Fields that are not known are skipped.
 * ret: to be freed with kernel_event_done(). Returns 0, -EBADMSG or -ENOMEM. */
int kernel_event_parse(const char *line, size_t size, KernelEvent *ret);

/* A reader of its own: it starts with the oldest line that is kept, and never blocks.
 * Returns a descriptor, -EOPNOTSUPP if the features do not name "events", -ENODEV without IPE, or an errno of open(). */
int kernel_open_events(const Kernel *kernel);

typedef void (*KernelEventFunction)(const KernelEvent *event, void *userdata);

/* Room for the longest line: a path and a rule in hex, and some. */
#define EVENTS_READ_SIZE (64U * 1024)

/* Reads what there is and calls function for each line; one that makes no sense is skipped.
 * Returns 0 if there is no more, 1 if there may be, -ENOMEM or an errno of read(). */
int kernel_read_events(int fd, KernelEventFunction function, void *userdata);

/* Reads once, at most EVENTS_READ_SIZE bytes. Otherwise as kernel_read_events(); 0 only if there was nothing. */
int kernel_read_some_events(int fd, KernelEventFunction function, void *userdata);

#endif
