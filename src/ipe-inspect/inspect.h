/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parts of ipe-inspect share this: the look at the system, as far as it has come, and the rest of its budget.
 */
#ifndef IPE_INSPECT_INSPECT_H
#define IPE_INSPECT_INSPECT_H

#include <sys/stat.h>

#include "inspection.h"
#include "processes.h"

/* An owner of processes chooses how many there are, and what they have mapped: so this is what the look at them may cost. */
typedef struct Budget {
        uint64_t lines;      /* of /proc/PID/maps */
        uint64_t opens;      /* files that are opened */
        uint64_t bytes;      /* of the answer */
        uint64_t until_usec; /* CLOCK_MONOTONIC */
} Budget;

/* Who has a file mapped; beside the file of the same number in the inspection. */
typedef struct Look {
        Inspection *inspection;
        ProcessList *processes; /* of each file */
        void *known;            /* tree of the files by device, inode and operation: see files.c */
        FileScope scope;        /* of what is looked at now */
        Budget budget;          /* for it */
        size_t users_room, services_room; /* bytes of the answer that are left for all users, and for all services */
        dev_t initramfs;        /* 0 if it is not mounted */
        bool verity_signatures; /* the kernel verifies the signatures of fs-verity */
} Look;

/* until_usec: CLOCK_MONOTONIC; what has not been looked at by then is cut. */
int look_new(uint64_t until_usec, Look **ret);
Look *look_free(Look *look);

static inline void look_freep(Look **look) {
        look_free(*look);
}

/* volumes.c: all open dm-verity volumes. Returns 0 or a negative errno, which was said. */
int look_at_volumes(Look *look);

/* budget.c: takes something of the budget. Returns 0, or -EDQUOT where there is not so much left. */
int budget_take(uint64_t *left, uint64_t n);
bool budget_is_over(const Budget *budget);

/* files.c: one file, or device that is mapped, by a descriptor that may be O_PATH. path: any bytes. ret: its number. Returns 0,
 * -EDQUOT or another negative errno. */
int look_at_file(Look *look, int fd, const char *path, enum ipe_op operation, size_t *ret);
/* Memory that has no file, and what is not there as a file: nothing is known of it. note: what there is to say. */
int look_at_nothing(Look *look, const char *path, enum ipe_op operation, const char *note, size_t *ret);
/* Takes a file that was looked at elsewhere, also on failure. */
int look_take_file(Look *look, FileFacts *file, size_t *ret);
/* A path; what is not there, or is no regular file, is left out. */
int look_at_path(Look *look, const char *path, enum ipe_op operation);

/* The executable mappings of one process; maps.c. */
typedef struct Shared {
        size_t anonymous; /* the entry of memory without a file, for all processes of an owner; SIZE_MAX as long as there is none */
        size_t forbidden; /* what the kernel does not let us look at */
} Shared;

/* Returns 0 also where the process has gone, -EDQUOT if the budget does not suffice, or another negative errno. */
int look_at_process(Look *look, int proc_fd, int pid, Shared *shared);
/* Finds the program that PID 1 executes when it starts itself again. */
int look_at_init(Look *look);

/* owners.c: all processes, those that matter most first: root's, those of the system, by owner, and those of users, by owner. */
typedef struct Process {
        int pid;
        uint32_t uid; /* whose budget it takes from */
        FileScope scope;
} Process;

/* ret: to be freed. Returns 0 or a negative errno. */
int list_processes(int proc_fd, Process **ret, size_t *ret_n);

/* group.c: looks at the processes of one owner, in a process of its own that cannot keep this one waiting. Adds what it finds, or
 * says how much was cut. Returns 0; -EPIPE if nobody waits for the answer any more; another errno, which is no fault of the owner. */
int look_at_group(Look *look, int proc_fd, const Process *processes, size_t n);
/* The same in this process. */
int look_at_group_here(Look *look, int proc_fd, const Process *processes, size_t n);

/* processes.c: what is mapped executable in any process. */
int look_at_processes(Look *look);

/* loads.c: what the kernel would load by name. */
int look_at_module(Look *look, const char *name);
int look_at_firmware(Look *look, const char *name);

/* Hands the lists of processes over. */
void look_finish(Look *look);

#endif
