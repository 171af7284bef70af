/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of the store share: an open store, and the text of its state file.
 */
#ifndef LIBIPE_STORE_INTERNAL_H
#define LIBIPE_STORE_INTERNAL_H

#include "store.h"

#define STATE_FILE "state.json"
#define PREDECESSOR_FILE STATE_FILE ".old"
#define DAMAGED_FILE STATE_FILE ".damaged"
#define HISTORY_FILE "history"

/* Bytes of state.json that are read or written at most. */
#define STORE_STATE_SIZE_MAX (16U << 20)

struct Store {
        int dir_fd;
        int objects_fd; /* -1 if opened for reading */
        int lock_fd;    /* holds the lock; -1 if opened for reading */
};

/* Parts of store_state_free() and store_state_copy(): store-discarded.c. */
void store_discarded_done(StoreState *state);
/* copy: gets the list of state. Returns 0 or -ENOMEM. */
int store_discarded_copy(const StoreState *state, StoreState *copy);

/* The text of state.json -> state. Returns 0, -EUCLEAN, -ENOMEM, or -ENOTSUP without SHA-256. */
int store_state_parse(const char *text, size_t size, StoreState **ret);

/* The same, whether the check holds or not. For tests. */
int store_state_parse_unchecked(const char *text, size_t size, StoreState **ret);

/* Ends a JSON object that has a member with the check over all before it: its last two lines, so that
 * 'head -n -2 state.json | sha256sum' says the same.
 *
 * text: without the '}' at its end. ret: to be freed. Returns 0, -ENOMEM, or -ENOTSUP without SHA-256. */
int store_seal(const char *text, size_t size, char **ret, size_t *ret_size);

/* Returns 0 if a text is as store_seal() made it, -EUCLEAN if not, -ENOMEM, or -ENOTSUP. */
int store_check_seal(const char *text, size_t size);

/* State -> the text of state.json. ret: to be freed. Returns 0, -EINVAL if store_state_parse() would not take it,
 * -EFBIG above STORE_STATE_SIZE_MAX bytes, -ENOMEM, or -ENOTSUP without SHA-256. */
int store_state_print(const StoreState *state, char **ret, size_t *ret_size);

#endif
