/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The directory of the store: takes its lock, and reads, puts aside and removes objects. store-add.c adds them,
 * store-file.c reads and writes state.json, store-parse.c, store-print.c, store-check.c and store-seal.c know its
 * text, store-state.c its meaning.
 *
 * An object is durable before a state names it, and is removed only after no state does: so a state never names a
 * missing object.
 */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "io.h"
#include "store-internal.h"

#define OBJECTS_DIRECTORY "objects"
#define DAMAGED_DIRECTORY "damaged"
#define DAMAGED_MAX 8

Store *store_free(Store *store) {
        if (!store)
                return NULL;
        safe_close(store->objects_fd);
        safe_close(store->dir_fd);
        safe_close(store->lock_fd);
        free(store);
        return NULL;
}

static Store *store_new(void) {
        Store *store = malloc(sizeof(*store));

        if (store)
                *store = (Store) { .dir_fd = -1, .objects_fd = -1, .lock_fd = -1 };
        return store;
}

/* The path of the store itself may be a link of the administrator, as its parent belongs to root. Below it nothing is
 * a link. */
static int open_directory(int dir_fd, const char *path) {
        int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (dir_fd == AT_FDCWD ? 0 : O_NOFOLLOW));

        return fd < 0 ? -errno : fd;
}

/* Opens a directory, and makes it, durably, if it is missing. */
static int make_directory(int dir_fd, const char *path) {
        _cleanup_close_ int fd = -1, parent_fd = -1;
        int r;

        if (mkdirat(dir_fd, path, 0700) < 0)
                return errno == EEXIST ? open_directory(dir_fd, path) : -errno;
        fd = open_directory(dir_fd, path);
        if (fd < 0)
                return fd;
        parent_fd = open_directory(fd, "..");
        if (parent_fd < 0)
                return parent_fd;
        r = sync_directory(parent_fd);
        return r < 0 ? r : TAKE_FD(fd);
}

static int take_lock(int dir_fd) {
        _cleanup_close_ int fd = openat(dir_fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0)
                return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? -EBUSY : -errno;
        return TAKE_FD(fd);
}

/* Whether a file is to be removed. */
typedef bool (*Unwanted)(const char *name, const StoreState *state);

/* Opens a directory to read its entries. */
static int open_entries(int dir_fd, DIR **ret) {
        _cleanup_close_ int fd = open_directory(dir_fd, ".");

        if (fd < 0)
                return fd;
        *ret = fdopendir(fd);
        if (!*ret)
                return -errno;
        (void) TAKE_FD(fd);
        return 0;
}

/* Removes the unwanted files of a directory. Returns how many, or the first errno. */
static int remove_files(int dir_fd, Unwanted unwanted, const StoreState *state) {
        int removed = 0, error = 0, r;
        struct dirent *entry;
        DIR *dir;

        r = open_entries(dir_fd, &dir);
        if (r < 0)
                return r;
        while (errno = 0, (entry = readdir(dir))) {
                if (!unwanted(entry->d_name, state))
                        continue;
                if (unlinkat(dir_fd, entry->d_name, 0) >= 0)
                        removed++;
                else if (error == 0)
                        error = -errno;
        }
        if (error == 0)
                error = -errno;
        closedir(dir);
        return error < 0 ? error : removed;
}

static bool is_temporary(const char *name, const StoreState *state) {
        return strncmp(name, TEMPORARY_PREFIX, strlen(TEMPORARY_PREFIX)) == 0;
}

static bool is_unnamed(const char *name, const StoreState *state) {
        Digest digest;

        return is_temporary(name, state) ||
               (digest_from_hex(name, &digest) >= 0 && !store_state_find_digest(state, &digest));
}

int store_open(const char *directory, Store **ret) {
        _cleanup_(store_freep) Store *store = store_new();

        if (!store)
                return -ENOMEM;
        store->dir_fd = make_directory(AT_FDCWD, directory);
        if (store->dir_fd < 0)
                return store->dir_fd;
        store->lock_fd = take_lock(store->dir_fd);
        if (store->lock_fd < 0)
                return store->lock_fd;
        store->objects_fd = make_directory(store->dir_fd, OBJECTS_DIRECTORY);
        if (store->objects_fd < 0)
                return store->objects_fd;
        /* Best effort: a file that stays takes room, and does no other harm. */
        (void) remove_files(store->dir_fd, is_temporary, NULL);
        (void) remove_files(store->objects_fd, is_temporary, NULL);
        *ret = TAKE_PTR(store);
        return 0;
}

int store_open_read_only(const char *directory, Store **ret) {
        _cleanup_(store_freep) Store *store = store_new();

        if (!store)
                return -ENOMEM;
        store->dir_fd = open_directory(AT_FDCWD, directory);
        if (store->dir_fd < 0)
                return store->dir_fd;
        *ret = TAKE_PTR(store);
        return 0;
}

bool store_is_read_only(const Store *store) {
        return store->lock_fd < 0;
}

int store_read(const Store *store, const Digest *digest, void **ret, size_t *ret_size) {
        _cleanup_close_ int fd = open_directory(store->dir_fd, OBJECTS_DIRECTORY);
        char hex[DIGEST_HEX_SIZE];
        int r;

        if (fd < 0)
                return fd;
        digest_to_hex(digest, hex);
        r = read_plain_file_at(fd, hex, ENVELOPE_SIZE_MAX, ret, ret_size);
        return r == -ELOOP || r == -EISDIR || r == -EBADF || r == -ENXIO ? -EUCLEAN : r;
}

int store_for_each(const Store *store, StoreVisitor visit, void *userdata) {
        struct dirent *entry;
        DIR *dir;
        int r;

        if (store->objects_fd < 0)
                return -EROFS;
        r = open_entries(store->objects_fd, &dir);
        if (r < 0)
                return r;
        while (r >= 0 && (errno = 0, (entry = readdir(dir)))) {
                Digest digest;

                if (digest_from_hex(entry->d_name, &digest) >= 0)
                        r = visit(&digest, userdata);
        }
        if (r >= 0)
                r = -errno;
        closedir(dir);
        return r < 0 ? r : 0;
}

/* Removes the oldest files until there is room for another one. */
static int make_room(int dir_fd) {
        for (;;) {
                char oldest[NAME_MAX + 1] = "";
                struct timespec changed = {};
                struct dirent *entry;
                unsigned n = 0;
                DIR *dir;
                int r = open_entries(dir_fd, &dir);

                if (r < 0)
                        return r;
                while ((entry = readdir(dir))) {
                        struct stat st;

                        if (entry->d_name[0] == '.' || fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                                continue;
                        if (n++ > 0 && (st.st_ctim.tv_sec > changed.tv_sec ||
                                        (st.st_ctim.tv_sec == changed.tv_sec && st.st_ctim.tv_nsec > changed.tv_nsec)))
                                continue;
                        changed = st.st_ctim;
                        strcpy(oldest, entry->d_name);
                }
                closedir(dir);
                if (n < DAMAGED_MAX)
                        return 0;
                if (unlinkat(dir_fd, oldest, 0) < 0)
                        return -errno;
        }
}

int store_quarantine_object(Store *store, const Digest *digest) {
        _cleanup_close_ int fd = -1;
        char hex[DIGEST_HEX_SIZE];
        int r;

        if (store->lock_fd < 0)
                return -EROFS;
        fd = make_directory(store->dir_fd, DAMAGED_DIRECTORY);
        if (fd < 0)
                return fd;
        r = make_room(fd);
        if (r < 0)
                return r;
        digest_to_hex(digest, hex);
        if (renameat(store->objects_fd, hex, fd, hex) < 0)
                return -errno;
        r = sync_directory(fd);
        return r < 0 ? r : sync_directory(store->objects_fd);
}

int store_collect(Store *store, const StoreState *state) {
        if (store->lock_fd < 0)
                return -EROFS;
        /* The damaged state may name any of them. */
        if (faccessat(store->dir_fd, DAMAGED_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return 0;
        return remove_files(store->objects_fd, is_unnamed, state);
}
