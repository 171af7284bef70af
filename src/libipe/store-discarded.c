/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The part of the state that lists the files of policy.d that are not staged again.
 */

#include "store-internal.h"

static DiscardedFile *find(const StoreState *state, const Digest *digest) {
        for (size_t i = 0; i < state->n_discarded; i++)
                if (digest_equal(&state->discarded[i].digest, digest))
                        return &state->discarded[i];
        return NULL;
}

bool store_state_is_discarded(const StoreState *state, const Digest *digest) {
        return find(state, digest) != NULL;
}

static int add(StoreState *state, const char *name, const Digest *digest) {
        DiscardedFile *larger = reallocarray(state->discarded, state->n_discarded + 1, sizeof(*larger));
        char *copy = strdup(name);

        if (larger)
                state->discarded = larger;
        if (!larger || !copy) {
                free(copy);
                return -ENOMEM;
        }
        larger[state->n_discarded++] = (DiscardedFile) { .name = copy, .digest = *digest };
        return 0;
}

int store_state_set_discarded(StoreState *state, const char *name, const Digest *digest, bool discarded) {
        DiscardedFile *found = find(state, digest);

        if (discarded)
                return found ? 0 : add(state, name, digest);
        if (found) {
                free(found->name);
                *found = state->discarded[--state->n_discarded];
        }
        return 0;
}

void store_discarded_done(StoreState *state) {
        for (size_t i = 0; i < state->n_discarded; i++)
                free(state->discarded[i].name);
        free(state->discarded);
        state->discarded = NULL;
        state->n_discarded = 0;
}

int store_discarded_copy(const StoreState *state, StoreState *copy) {
        for (size_t i = 0; i < state->n_discarded; i++) {
                int r = add(copy, state->discarded[i].name, &state->discarded[i].digest);

                if (r < 0)
                        return r;
        }
        return 0;
}
