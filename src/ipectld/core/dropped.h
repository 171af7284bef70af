/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files of policy.d as they were when they were read, so that a scan reads only files that changed.
 */
#ifndef IPECTLD_DROPPED_H
#define IPECTLD_DROPPED_H

#include <sys/stat.h>

#include "digest.h"
#include "failure.h"
#include "layers.h"

/* A file at one scan. */
typedef struct Dropped {
        char *name; /* without directory */
        char *path;
        struct stat st; /* of the file that was read; links are followed */
        bool settled;   /* any later change of the file shows in st */
        Digest digest;  /* of the content; all zero if it could not be read */
        int result;     /* of staging: 0, a FailureCode or a negative errno */
        bool in_batch;  /* source.c: waits for the commit */
} Dropped;

/* All files of a scan, sorted by name. */
typedef struct DroppedFiles {
        Dropped *list;
        size_t n;
} DroppedFiles;

/* Appends a file. Returns it, valid until the next one is added, or NULL for lack of memory. */
Dropped *dropped_add(DroppedFiles *files, const LayeredFile *file);

/* The file with the same path, or NULL. */
const Dropped *dropped_find(const DroppedFiles *files, const LayeredFile *file);

/* Whether any file has that content. */
bool dropped_have(const DroppedFiles *files, const Digest *digest);

/* Whether a file is certainly unchanged since it was read. */
bool dropped_is_unchanged(const Dropped *file);

/* Whether the path leads to another file than the one that was read, or to none, as after a mount over it. */
bool dropped_is_elsewhere(const Dropped *file);

/* Reads a file; sets its st, settled and digest. ret: to be freed.
 * Returns 0, FAILURE_TOO_LARGE, FAILURE_SIGNATURE_INVALID, or a negative errno. */
int dropped_read(Dropped *file, void **ret, size_t *ret_size, Failure *reterr);

void dropped_done(DroppedFiles *files);

/* Whether any directory of policy.d has this policy under its name, even if another directory overrides it. True if
 * that cannot be found out. */
bool dropped_is_there(const char *name, const Digest *digest);

#endif
