/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parts of ipe-inspect share: a look at the system, as far as it has come.
 */
#ifndef IPE_INSPECT_INSPECT_H
#define IPE_INSPECT_INSPECT_H

#include <sys/stat.h>

#include "inspection.h"
#include "processes.h"

/* Who has a file mapped; beside the file of the same number in the inspection. */
typedef struct Look {
        Inspection *inspection;
        ProcessList *processes; /* of each file */
        void *known;            /* tree of the files by device, inode and operation: see files.c */
        dev_t initramfs;        /* 0 if it is not mounted */
        bool verity_signatures; /* the kernel verifies the signatures of fs-verity */
} Look;

int look_new(Look **ret);
Look *look_free(Look *look);

static inline void look_freep(Look **look) {
        look_free(*look);
}

/* volumes.c: all open dm-verity volumes. Returns 0 or a negative errno, which was said. */
int look_at_volumes(Look *look);

/* files.c: one file, or device that is mapped, by a descriptor that may be O_PATH. path: any bytes. ret: its number. Returns 0 or a
 * negative errno. */
int look_at_file(Look *look, int fd, const char *path, enum ipe_op operation, size_t *ret);
/* Memory that has no file, and what is not there as a file: nothing is known of it. note: what there is to say. */
int look_at_nothing(Look *look, const char *path, enum ipe_op operation, const char *note, size_t *ret);
/* A path; what is not there, or is no regular file, is left out. */
int look_at_path(Look *look, const char *path, enum ipe_op operation);

/* processes.c: what is mapped executable in any process, and what PID 1 would execute next. */
int look_at_processes(Look *look);

/* loads.c: what the kernel would load by name. */
int look_at_module(Look *look, const char *name);
int look_at_firmware(Look *look, const char *name);

/* Hands the lists of processes over. */
void look_finish(Look *look);

#endif
