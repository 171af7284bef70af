/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads files of policy.d, and detects whether they changed.
 */

#include <fcntl.h>

#include "clock.h"
#include "dropped.h"
#include "envelope.h"
#include "io.h"

/* Longer than one step of any file system's time stamps. */
#define SETTLED_USEC (2 * USEC_PER_SEC)

Dropped *dropped_add(DroppedFiles *files, const LayeredFile *file) {
        Dropped *larger = files->list, new = { .name = strdup(file->name), .path = strdup(file->path) };

        if ((files->n & (files->n - 1)) == 0)
                larger = reallocarray(files->list, files->n > 0 ? 2 * files->n : 1, sizeof(*larger));
        if (larger)
                files->list = larger;
        if (!larger || !new.name || !new.path) {
                free(new.name);
                free(new.path);
                return NULL;
        }
        files->list[files->n] = new;
        return &files->list[files->n++];
}

static int compare_names(const void *name, const void *file) {
        return strcmp(name, ((const Dropped *) file)->name);
}

const Dropped *dropped_find(const DroppedFiles *files, const LayeredFile *file) {
        const Dropped *found = NULL;

        if (files->n > 0)
                found = bsearch(file->name, files->list, files->n, sizeof(*found), compare_names);
        return found && streq(found->path, file->path) ? found : NULL;
}

bool dropped_have(const DroppedFiles *files, const Digest *digest) {
        for (size_t i = 0; i < files->n; i++)
                if (digest_equal(&files->list[i].digest, digest))
                        return true;
        return false;
}

static bool is_same(const struct stat *a, const struct stat *b) {
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
               a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
               a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

bool dropped_is_unchanged(const Dropped *file) {
        struct stat st;

        return file->settled && stat(file->path, &st) >= 0 && is_same(&st, &file->st);
}

bool dropped_is_elsewhere(const Dropped *file) {
        struct stat st;

        return stat(file->path, &st) < 0 || st.st_dev != file->st.st_dev || st.st_ino != file->st.st_ino;
}

/* A second change within the same step of the clock would leave the same time stamp. */
static bool is_settled(const struct stat *st) {
        uint64_t changed = (uint64_t) st->st_ctim.tv_sec * USEC_PER_SEC;

        return st->st_ctim.tv_sec > 0 && changed + SETTLED_USEC < clock_usec(CLOCK_REALTIME);
}

int dropped_read(Dropped *file, void **ret, size_t *ret_size, Failure *reterr) {
        struct stat after;
        int r;

        file->settled = stat(file->path, &file->st) >= 0 && is_settled(&file->st);
        r = read_file_at(AT_FDCWD, file->path, ENVELOPE_SIZE_MAX, ret, ret_size);
        if (r == -EFBIG)
                return failure_set(reterr, FAILURE_TOO_LARGE, "The file has more than %u bytes, which no kernel takes.",
                                   ENVELOPE_SIZE_MAX);
        if (r == -EBADF || r == -EISDIR)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID, "This is not a regular file.");
        if (r == -EACCES)
                return failure_set_errno(reterr, r,
                                         "Cannot read the file as the user 'ipe' ('chmod a+r' makes it readable)");
        if (r < 0)
                return failure_set_errno(reterr, r, "Cannot read the file");
        /* The path may lead to another file by now. */
        file->settled = file->settled && stat(file->path, &after) >= 0 && is_same(&after, &file->st);
        r = digest_of(*ret, *ret_size, &file->digest);
        if (r < 0)
                free(TAKE_PTR(*ret));
        return r < 0 ? failure_set_errno(reterr, r, "Cannot use libcrypto") : 0;
}

void dropped_done(DroppedFiles *files) {
        for (size_t i = 0; i < files->n; i++) {
                free(files->list[i].name);
                free(files->list[i].path);
        }
        free(files->list);
        *files = (DroppedFiles) {};
}

/* Returns 1, 0, or a negative errno if that cannot be found out. */
static int is_content_of(const char *path, const Digest *digest) {
        _cleanup_free_ void *data = NULL;
        Digest found;
        size_t size;
        int r = read_file_at(AT_FDCWD, path, ENVELOPE_SIZE_MAX, &data, &size);

        if (r < 0)
                return r == -ENOENT || r == -ENOTDIR || r == -EISDIR || r == -EBADF || r == -EFBIG ? 0 : r;
        r = digest_of(data, size, &found);
        return r < 0 ? r : digest_equal(&found, digest);
}

bool dropped_is_there(const char *name, const Digest *digest) {
        for (size_t i = 0; policy_directories[i]; i++) {
                _cleanup_free_ char *path = NULL;

                if (asprintf(&path, "%s/%s" POLICY_SUFFIX, policy_directories[i], name) < 0) {
                        path = NULL;
                        return true;
                }
                if (is_content_of(path, digest) != 0)
                        return true;
        }
        return false;
}
