/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Directories in layers, as systemd has them: of files with the same name the one of the highest layer counts, and a
 * link to /dev/null masks a name.
 */
#ifndef BASIC_LAYERS_H
#define BASIC_LAYERS_H

#include "base.h"

typedef struct LayeredFile {
        char *name; /* without directory */
        char *path;
        size_t layer; /* index of its directory */
} LayeredFile;

typedef struct LayeredFiles {
        LayeredFile *files; /* sorted by name */
        size_t n;
} LayeredFiles;

/* The directories for signed policies, highest layer first, NULL at the end. Each file is called NAME.p7b after its
 * policy. */
extern const char *const policy_directories[];
#define POLICY_SUFFIX ".p7b"

/* Lists the files that count, without hidden names, names without the suffix, and masked names.
 *
 * directories: highest layer first, NULL at the end; one that does not exist is an empty one.
 * reterr_path: the directory that could not be read, on failure; borrowed from directories; may be NULL.
 *
 * Returns 0, -ENOMEM, or an errno of opendir() or readdir(). */
int layers_list(const char *const *directories, const char *suffix, LayeredFiles *ret, const char **reterr_path);

/* Called for a directory that cannot be read, or not completely. */
typedef void (*LayerProblem)(const char *directory, int error, void *userdata);

/* The same, but skips directories that cannot be read. The list may then have a file of a lower layer that an
 * unreadable layer masks or overrides: for callers that decide nothing by a file's presence alone.
 *
 * Returns 0 or -ENOMEM. */
int layers_list_readable(const char *const *directories, const char *suffix, LayerProblem problem, void *userdata,
                         LayeredFiles *ret);

void layers_done(LayeredFiles *files);

#define _cleanup_layers_ _cleanup_(layers_done)

/* How many bytes of name come before the suffix; 0 if it has another one or nothing before it. */
size_t stem_length(const char *name, const char *suffix);

#endif
