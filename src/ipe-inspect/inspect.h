/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shared by the parts of ipe-inspect: the look at the system so far, and the rest of its budget.
 */
#ifndef IPE_INSPECT_INSPECT_H
#define IPE_INSPECT_INSPECT_H

#include <sys/stat.h>

#include "inspection.h"
#include "processes.h"

/* Limits the work for one owner of processes, as owners choose how many they run, and what these have mapped. */
typedef struct Budget {
        uint64_t lines;      /* of /proc/PID/maps */
        uint64_t opens;      /* files that are opened */
        uint64_t bytes;      /* of the answer */
        uint64_t until_usec; /* CLOCK_MONOTONIC */
} Budget;

typedef struct Look {
        Inspection *inspection;
        ProcessList *processes;           /* of each file of the inspection: those that have it mapped */
        void *known;                      /* of files.c: tree of the files, by device, inode and operation */
        FileScope scope;                  /* of the files that are looked at now */
        Budget budget;                    /* for this scope, or for one owner */
        size_t users_room, services_room; /* bytes of the answer that are left for all users, and for all services */
        dev_t initramfs;                  /* 0 if it is not mounted */
        bool verity_signatures;           /* the kernel verifies the signatures of fs-verity */
} Look;

/* Whether an error means that a process has ended, which it may at any time. */
static inline bool is_gone(int error) {
        return error == -ENOENT || error == -ESRCH;
}

/* until_usec: CLOCK_MONOTONIC; the look ends there, and cuts the rest. */
int look_new(uint64_t until_usec, Look **ret);
Look *look_free(Look *look);

static inline void look_freep(Look **look) {
        look_free(*look);
}

/* Takes a file that was looked at elsewhere, also on failure. ret: its number. */
int look_take_file(Look *look, FileFacts *file, size_t *ret);
/* Moves the lists of processes into the inspection. */
void look_finish(Look *look);

/* volumes.c: looks at all open dm-verity volumes. Returns 0 or a negative errno. */
int look_at_volumes(Look *look);

/* budget.c: takes n from a part of the budget. Returns 0, or -EDQUOT if less is left. */
int budget_take(uint64_t *left, uint64_t n);
bool budget_is_over(const Budget *budget);

/* files.c: looks at one file, or mapped device. fd: may be O_PATH. path: any bytes. ret: its number. Returns 0,
 * -EDQUOT or another negative errno. */
int look_at_file(Look *look, int fd, const char *path, enum ipe_op operation, size_t *ret);
/* Adds an entry without facts: for memory without a file, or a file that cannot be opened. note: why. */
int look_at_nothing(Look *look, const char *path, enum ipe_op operation, const char *note, size_t *ret);
/* Looks at a path; ignores a missing file, and one that is not regular. */
int look_at_path(Look *look, const char *path, enum ipe_op operation);

/* maps.c: entries that all processes of an owner share; SIZE_MAX until there is one. */
typedef struct Shared {
        size_t anonymous; /* memory without a file */
        size_t forbidden; /* mappings that the kernel does not show to us */
} Shared;

/* Looks at the executable mappings of one process. Returns 0, also if the process has ended; -EDQUOT if the budget is
 * too small; or another negative errno. */
int look_at_process(Look *look, int proc_fd, int pid, Shared *shared);
/* Looks at the program that PID 1 executes when it starts itself again. */
int look_at_init(Look *look);

/* owners.c: a process and its owner. */
typedef struct Process {
        int pid;
        uint32_t uid; /* the owner, whose budget its mappings use */
        FileScope scope;
} Process;

/* Lists all processes, the most important first: root's, the system's and those of users, each by owner.
 * ret: to be freed. Returns 0 or a negative errno. */
int list_processes(int proc_fd, Process **ret, size_t *ret_n);

/* group.c: looks at the processes of one owner in a child, so that the owner cannot block this process. Adds the
 * child's findings, or a cut. Returns 0; -EPIPE if no reader waits for the answer any more; or another errno, never
 * caused by the owner. */
int look_at_group(Look *look, int proc_fd, const Process *processes, size_t n);
/* The same in this process. */
int look_at_group_here(Look *look, int proc_fd, const Process *processes, size_t n);

/* processes.c: looks at all executable mappings of all processes. */
int look_at_processes(Look *look);

/* loads.c: look at the files that the kernel would load for a name. */
int look_at_module(Look *look, const char *name);
int look_at_firmware(Look *look, const char *name);

#endif
