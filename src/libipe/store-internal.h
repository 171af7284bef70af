/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shared by the files of the store: an open store, and the text of its state file.
 */
#ifndef LIBIPE_STORE_INTERNAL_H
#define LIBIPE_STORE_INTERNAL_H

#include "store.h"

#define STATE_FILE "state.json"
#define PREDECESSOR_FILE STATE_FILE ".old"
#define DAMAGED_FILE STATE_FILE ".damaged"
#define HISTORY_FILE "history"

/* The member "format" of state.json. */
#define STATE_FORMAT 1

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

/* store-check.c: whether a state keeps the rules. Returns 0, -EUCLEAN or -ENOMEM. */
int store_check_state(const StoreState *state);
/* Whether a text is an id of a boot or a transaction: 32 digits of hex in lower case. */
bool store_is_id(const char *text);

/* For qsort() of records: by name, then by version. */
int version_record_compare(const void *a, const void *b);

/* The text of state.json -> state. Returns 0, -EUCLEAN, -ENOMEM, or -ENOPKG without SHA-256. */
int store_state_parse(const char *text, size_t size, StoreState **ret);

/* The same without the check. For tests. */
int store_state_parse_unchecked(const char *text, size_t size, StoreState **ret);

/* Ends a JSON object with a member that has the check over all text before it: the last two lines, so that
 * 'head -n -2 state.json | sha256sum' prints the same.
 *
 * text: without the '}' at its end. ret: to be freed. Returns 0, -ENOMEM, or -ENOPKG without SHA-256. */
int store_seal(const char *text, size_t size, char **ret, size_t *ret_size);

/* Returns 0 if a text is as store_seal() made it, -EUCLEAN if not, -ENOMEM, or -ENOPKG. */
int store_check_seal(const char *text, size_t size);

/* State -> the text of state.json. ret: to be freed. Returns 0, -EINVAL if store_state_parse() would not take it,
 * -EFBIG above STORE_STATE_SIZE_MAX bytes, -ENOMEM, or -ENOPKG without SHA-256. */
int store_state_print(const StoreState *state, char **ret, size_t *ret_size);

#endif
