/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds the files of layered directories that count.
 */

#include <dirent.h>
#include <fcntl.h>

#include "layers.h"

const char *const policy_directories[] = { "/etc/ipe/policy.d", "/run/ipe/policy.d", "/usr/lib/ipe/policy.d", NULL };

size_t stem_length(const char *name, const char *suffix) {
        size_t length = strlen(name), suffix_length = strlen(suffix);

        if (length <= suffix_length || !streq(name + length - suffix_length, suffix))
                return 0;
        return length - suffix_length;
}

static void file_done(LayeredFile *file) {
        free(file->name);
        free(file->path);
}

void layers_done(LayeredFiles *files) {
        for (size_t i = 0; i < files->n; i++)
                file_done(&files->files[i]);
        free(files->files);
        *files = (LayeredFiles) {};
}

static int add(LayeredFiles *files, const char *directory, size_t layer, const char *name) {
        LayeredFile file = { .layer = layer };

        if (list_make_room(&files->files, files->n, sizeof(file)) < 0)
                return -ENOMEM;
        file.name = strdup(name);
        if (asprintf(&file.path, "%s/%s", directory, name) < 0)
                file.path = NULL;
        if (!file.name || !file.path) {
                file_done(&file);
                return -ENOMEM;
        }
        files->files[files->n++] = file;
        return 0;
}

static bool is_mask(int dir_fd, const char *name) {
        char target[sizeof("/dev/null")];
        ssize_t n = readlinkat(dir_fd, name, target, sizeof(target));

        return n == (ssize_t) strlen("/dev/null") && memcmp(target, "/dev/null", (size_t) n) == 0;
}

static int add_directory(LayeredFiles *files, const char *directory, size_t layer, const char *suffix) {
        DIR *dir = opendir(directory);
        int r = 0;

        if (!dir)
                return errno == ENOENT ? 0 : -errno;
        for (;;) {
                struct dirent *entry;

                errno = 0;
                entry = readdir(dir);
                if (!entry) {
                        r = -errno;
                        break;
                }
                if (entry->d_name[0] == '.' || stem_length(entry->d_name, suffix) == 0)
                        continue;
                r = add(files, directory, layer, entry->d_name);
                if (r < 0)
                        break;
        }
        closedir(dir);
        return r;
}

/* Of the same name the highest layer comes first. */
static int compare_files(const void *a, const void *b) {
        const LayeredFile *x = a, *y = b;
        int order = strcmp(x->name, y->name);

        return order != 0 ? order : (x->layer > y->layer) - (x->layer < y->layer);
}

static void drop_overridden(LayeredFiles *files) {
        size_t kept = 0;

        for (size_t i = 0; i < files->n; i++) {
                if (kept > 0 && streq(files->files[i].name, files->files[kept - 1].name))
                        file_done(&files->files[i]);
                else
                        files->files[kept++] = files->files[i];
        }
        files->n = kept;
}

/* After drop_overridden(): a mask hides the lower layers first. */
static void drop_masked(LayeredFiles *files) {
        size_t kept = 0;

        for (size_t i = 0; i < files->n; i++) {
                if (is_mask(AT_FDCWD, files->files[i].path))
                        file_done(&files->files[i]);
                else
                        files->files[kept++] = files->files[i];
        }
        files->n = kept;
}

int layers_list_readable(const char *const *directories, const char *suffix, LayerProblem problem, void *userdata,
                         LayeredFiles *ret) {
        _cleanup_layers_ LayeredFiles files = {};

        for (size_t i = 0; directories[i]; i++) {
                int r = add_directory(&files, directories[i], i, suffix);

                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        problem(directories[i], r, userdata);
        }
        if (files.n > 0)
                qsort(files.files, files.n, sizeof(*files.files), compare_files);
        drop_overridden(&files);
        drop_masked(&files);
        *ret = files;
        files = (LayeredFiles) {};
        return 0;
}

typedef struct FirstProblem {
        const char *directory;
        int error;
} FirstProblem;

static void note_first(const char *directory, int error, void *userdata) {
        FirstProblem *first = userdata;

        if (first->error == 0)
                *first = (FirstProblem) { directory, error };
}

int layers_list(const char *const *directories, const char *suffix, LayeredFiles *ret, const char **reterr_path) {
        _cleanup_layers_ LayeredFiles files = {};
        FirstProblem first = {};
        int r = layers_list_readable(directories, suffix, note_first, &first, &files);

        if (r < 0)
                return r;
        if (first.error < 0) {
                if (reterr_path)
                        *reterr_path = first.directory;
                return first.error;
        }
        *ret = files;
        files = (LayeredFiles) {};
        return 0;
}
