/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "test-unit.h"

static char *small_mount;

int enter_directory(void **state) {
        const char *parent = getenv("TMPDIR");
        char *path;

        assert_true(asprintf(&path, "%s/ipe-test.XXXXXX", parent ? parent : "/tmp") > 0);
        assert_non_null(mkdtemp(path));
        assert_return_code(chdir(path), errno);
        *state = path;
        return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

void remove_tree(const char *path) {
        assert_return_code(nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), errno);
}

int leave_directory(void **state) {
        if (small_mount) {
                assert_return_code(umount2(small_mount, MNT_DETACH), errno);
                free(small_mount);
                small_mount = NULL;
        }
        assert_return_code(chdir("/"), errno);
        remove_tree(*state);
        free(*state);
        return 0;
}

void make_directory(const char *path) {
        char *copy = strdup(path);

        assert_non_null(copy);
        for (char *slash = copy; (slash = strchr(slash + 1, '/'));) {
                *slash = '\0';
                assert_true(mkdir(copy, 0755) >= 0 || errno == EEXIST);
                *slash = '/';
        }
        assert_true(mkdir(copy, 0755) >= 0 || errno == EEXIST);
        free(copy);
}

static void make_parents(const char *path) {
        char *copy = strdup(path), *slash;

        assert_non_null(copy);
        slash = strrchr(copy, '/');
        if (slash) {
                *slash = '\0';
                make_directory(copy);
        }
        free(copy);
}

void put_bytes(const char *path, const void *data, size_t size) {
        FILE *file;

        make_parents(path);
        file = fopen(path, "we");
        assert_non_null(file);
        assert_int_equal(fwrite(data, 1, size, file), size);
        assert_int_equal(fclose(file), 0);
}

void put_text(const char *path, const char *text) {
        put_bytes(path, text, strlen(text));
}

void assert_file_equal(const char *path, const void *data, size_t size) {
        char *found = malloc(size + 1);
        FILE *file = fopen(path, "re");

        assert_non_null(file);
        assert_non_null(found);
        assert_int_equal(fread(found, 1, size + 1, file), size);
        assert_memory_equal(found, data, size);
        fclose(file);
        free(found);
}

void assert_file_text(const char *path, const char *text) {
        assert_file_equal(path, text, strlen(text));
}

bool is_there(const char *path) {
        struct stat st;

        return lstat(path, &st) >= 0;
}

size_t count_entries(const char *path) {
        DIR *dir = opendir(path);
        size_t n = 0;

        assert_non_null(dir);
        for (struct dirent *entry; (entry = readdir(dir));)
                n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
        closedir(dir);
        return n;
}

static void copy_file(const char *from, const char *to) {
        char data[65536];
        FILE *file = fopen(from, "re");
        size_t size;

        assert_non_null(file);
        size = fread(data, 1, sizeof(data), file);
        assert_true(feof(file));
        fclose(file);
        put_bytes(to, data, size);
}

void copy_tree(const char *from, const char *to) {
        DIR *dir = opendir(from);

        assert_non_null(dir);
        make_directory(to);
        for (struct dirent *entry; (entry = readdir(dir));) {
                char *source, *target;

                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                assert_true(asprintf(&source, "%s/%s", from, entry->d_name) > 0);
                assert_true(asprintf(&target, "%s/%s", to, entry->d_name) > 0);
                if (entry->d_type == DT_DIR)
                        copy_tree(source, target);
                else
                        copy_file(source, target);
                free(source);
                free(target);
        }
        closedir(dir);
}

static bool enter_namespace(void) {
        static bool entered;

        if (!entered && unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
                return false;
        entered = true;
        return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) >= 0;
}

void mount_small(const char *path) {
        make_directory(path);
        if (!enter_namespace() || mount("tmpfs", path, "tmpfs", MS_NODEV | MS_NOSUID, "size=64k") < 0) {
                print_message("# no mount namespace: %s\n", strerror(errno));
                skip();
        }
        small_mount = realpath(path, NULL);
        assert_non_null(small_mount);
}

void fill_up(const char *path) {
        static const char zeros[4096];
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        assert_return_code(fd, errno);
        while (write(fd, zeros, sizeof(zeros)) > 0)
                ;
        assert_int_equal(errno, ENOSPC);
        close(fd);
}
