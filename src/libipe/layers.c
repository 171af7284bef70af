/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which files of layered directories count.
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

static bool is_known(const LayeredFiles *files, const char *name) {
        for (size_t i = 0; i < files->n; i++)
                if (streq(files->files[i].name, name))
                        return true;
        return false;
}

static int add(LayeredFiles *files, const char *directory, const char *name) {
        LayeredFile *larger = reallocarray(files->files, files->n + 1, sizeof(*larger)), file = {};

        if (!larger)
                return -ENOMEM;
        files->files = larger;
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

static int add_directory(LayeredFiles *files, const char *directory, const char *suffix) {
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
                if (entry->d_name[0] == '.' || stem_length(entry->d_name, suffix) == 0 ||
                    is_known(files, entry->d_name))
                        continue;
                /* A mask is kept for now, so that it hides the lower layers. */
                r = add(files, directory, entry->d_name);
                if (r < 0)
                        break;
        }
        closedir(dir);
        return r;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(((const LayeredFile *) a)->name, ((const LayeredFile *) b)->name);
}

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

int layers_list(const char *const *directories, const char *suffix, LayeredFiles *ret, const char **reterr_path) {
        _cleanup_layers_ LayeredFiles files = {};

        for (size_t i = 0; directories[i]; i++) {
                int r = add_directory(&files, directories[i], suffix);

                if (r < 0) {
                        if (reterr_path)
                                *reterr_path = directories[i];
                        return r;
                }
        }
        drop_masked(&files);
        if (files.n > 0)
                qsort(files.files, files.n, sizeof(*files.files), compare_names);
        *ret = files;
        files = (LayeredFiles) {};
        return 0;
}
