/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of the store share: an open store, and the text of its state file.
 */
#ifndef LIBIPE_STORE_INTERNAL_H
#define LIBIPE_STORE_INTERNAL_H

#include "store.h"

/* Bytes of state.json that are read or written at most. */
#define STORE_STATE_SIZE_MAX (16U << 20)

struct Store {
        int dir_fd;
        int objects_fd; /* -1 if opened for reading */
        int lock_fd;    /* holds the lock; -1 if opened for reading */
};

/* The text of state.json -> state. Returns 0, -EUCLEAN or -ENOMEM. */
int store_state_parse(const char *text, size_t size, StoreState **ret);

/* State -> the text of state.json. ret: to be freed. Returns 0, -EINVAL if store_state_parse() would not take it,
 * -EFBIG above STORE_STATE_SIZE_MAX bytes, or -ENOMEM. */
int store_state_print(const StoreState *state, char **ret, size_t *ret_size);

#endif
