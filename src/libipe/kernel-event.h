/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's file "events": one line for each denial, and for each verdict in which a policy in the shadow differs
 * from the active one.
 */
#ifndef LIBIPE_KERNEL_EVENT_H
#define LIBIPE_KERNEL_EVENT_H

#include "kernel.h"

/* One line. Members that it lacks, or that the kernel did not know, are NULL or 0. Strings may have any bytes but NUL.
 */
typedef struct KernelEvent {
        uint64_t lost;    /* so many lines were dropped before a read; then all members but uid are empty */
        uint32_t uid;     /* owner of the process, or of the lost lines; UINT32_MAX if the line does not say */
        uint64_t seq;     /* counts all lines since boot */
        uint64_t time_ns; /* CLOCK_BOOTTIME */
        uint64_t repeats; /* equal denials before it that have no line of their own */
        bool denied;      /* else allowed */
        bool shadow;      /* by the policy in the shadow */
        int enforcing;    /* 1; 0 if a denial has no effect; -1 if the line does not say */
        uint64_t pid;
        uint64_t inode;
        char *operation; /* "EXECUTE" */
        char *hook;      /* "MMAP" */
        char *policy_name;
        char *policy_version;
        char *rule; /* text of the rule, or the default, that matched */
        char *comm;
        char *cgroup;      /* path of the process's control group: "/system.slice/a.service" */
        char *path;        /* NULL for memory that has no file */
        char *device;      /* "vda" */
        dev_t file_system; /* device number of the superblock; 0 if not known */
} KernelEvent;

void kernel_event_done(KernelEvent *event);

#define _cleanup_kernel_event_ _cleanup_(kernel_event_done)

/* Parses one line, without its LF. Skips unknown fields.
 * ret: to be freed with kernel_event_done(). Returns 0, -EBADMSG or -ENOMEM. */
int kernel_event_parse(const char *line, size_t size, KernelEvent *ret);

/* Opens the file for a new reader, which starts with the oldest line that the kernel keeps, and never blocks.
 * Returns a descriptor, -EOPNOTSUPP if the features do not name "events", -ENODEV without IPE, or an errno of open().
 */
int kernel_open_events(const Kernel *kernel);

typedef void (*KernelEventFunction)(const KernelEvent *event, void *userdata);

/* Room for the longest line: a path and a rule in hex, and some. */
#define EVENTS_READ_SIZE (64U * 1024)

/* Reads the lines that there are and calls function for each; skips malformed ones.
 * Returns 0 if there is no more, 1 if there may be, -ENOMEM or an errno of read(). */
int kernel_read_events(int fd, KernelEventFunction function, void *userdata);

/* The same with one read of at most EVENTS_READ_SIZE bytes; returns 0 only if there was nothing. */
int kernel_read_some_events(int fd, KernelEventFunction function, void *userdata);

#endif
