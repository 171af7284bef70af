/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * state.json and its predecessor on disk. They are two files with their own blocks, never two names of one, so that
 * damage to one leaves the other intact. The steps of a write, and what a cut after each leaves behind:
 *
 *      1. state.json.old: what state.json says now     both say the same
 *      2. state.json: the new state                    the new state, and the one before it
 *      3. state.json.old: the new state                both say the same; only if the next boot is to load
 *                                                      another version
 *
 * Each step is durable before the next one begins. So at any instant both exist undamaged, and the predecessor is at
 * most one change behind. It may lack a version that was staged, discarded or marked, which does no harm; or a boot
 * of a trial, so ipe-load tries no trial by it (load-trial.c). A damaged state.json never becomes the predecessor.
 */

#include <fcntl.h>

#include "io.h"
#include "store-internal.h"

/* A state, and the text from which it was read. */
typedef struct StateFile {
        StoreState *state;
        char *text;
        size_t size;
} StateFile;

static void state_file_done(StateFile *file) {
        store_state_free(file->state);
        free(file->text);
}

#define _cleanup_state_file_ _cleanup_(state_file_done)

/* ret: to be freed on failure, too. */
static int read_state_file(const Store *store, const char *name, StateFile *ret) {
        int r = read_plain_file_at(store->dir_fd, name, STORE_STATE_SIZE_MAX, (void **) &ret->text, &ret->size);

        return r < 0 ? r : store_state_parse(ret->text, ret->size, &ret->state);
}

/* Whether the file, its content, or the disk below it is at fault, so that the other file may be better. */
static bool is_damage(int r) {
        return r == -EUCLEAN || r == -EFBIG || r == -EISDIR || r == -EBADF || r == -ELOOP || r == -ENXIO || r == -EIO ||
               r == -EBADMSG;
}

/* Neither file exists. Returns 0 if, by all signs, none ever did. */
static int read_nothing(const Store *store, StoreState **ret) {
        if (faccessat(store->dir_fd, DAMAGED_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return -EUCLEAN;
        *ret = store_state_copy(NULL);
        return *ret ? 0 : -ENOMEM;
}

int store_read_state(const Store *store, StoreState **ret) {
        _cleanup_state_file_ StateFile file = {}, predecessor = {};
        int r = read_state_file(store, STATE_FILE, &file), old;

        if (r >= 0) {
                *ret = TAKE_PTR(file.state);
                return 0;
        }
        if (r != -ENOENT && !is_damage(r))
                return r;
        old = read_state_file(store, PREDECESSOR_FILE, &predecessor);
        if (old >= 0) {
                *ret = TAKE_PTR(predecessor.state);
                return 1;
        }
        if (r == -ENOENT && old == -ENOENT)
                return read_nothing(store, ret);
        return old == -ENOMEM ? old : r == -ENOENT ? -EUCLEAN : r;
}

int store_quarantine_state(Store *store) {
        if (store->lock_fd < 0)
                return -EROFS;
        if (renameat(store->dir_fd, STATE_FILE, store->dir_fd, DAMAGED_FILE) < 0)
                return errno == ENOENT ? 0 : -errno;
        return sync_directory(store->dir_fd);
}

static int replace(const Store *store, const char *name, const char *text, size_t size) {
        return replace_file_at(store->dir_fd, name, text, size, 0600);
}

/* If only the sync of the directory failed, the new state is in place already. */
static void undo(const Store *store, const StateFile *before, bool missing) {
        if (before->state)
                (void) replace(store, STATE_FILE, before->text, before->size);
        else if (missing && unlinkat(store->dir_fd, STATE_FILE, 0) >= 0)
                (void) sync_directory(store->dir_fd);
}

int store_write_state(Store *store, const StoreState *state) {
        _cleanup_state_file_ StateFile before = {};
        _cleanup_free_ char *text = NULL;
        bool missing;
        size_t size;
        int r;

        if (store->lock_fd < 0)
                return -EROFS;
        r = store_state_print(state, &text, &size);
        if (r < 0)
                return r;
        r = read_state_file(store, STATE_FILE, &before);
        missing = r == -ENOENT;
        if (r == -ENOMEM)
                return r;
        if (before.state) {
                r = replace(store, PREDECESSOR_FILE, before.text, before.size);
                if (r < 0)
                        return r;
        }
        r = replace(store, STATE_FILE, text, size);
        if (r < 0) {
                undo(store, &before, missing);
                return r;
        }
        /* The state is written; if the predecessor is not, the next change makes up for that. */
        if (!before.state || !store_state_boots_alike(before.state, state))
                (void) replace(store, PREDECESSOR_FILE, text, size);
        return 0;
}
