/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as state.json: refused, or a state that is printed and read back to the same text. The check is left out on
 * the way in, as it would refuse everything.
 */

#include "fuzz.h"

#include "store-internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(store_state_freep) StoreState *state = NULL, *back = NULL;
        _cleanup_free_ char *text = NULL, *again = NULL;
        size_t text_size, again_size;
        int r;

        r = store_state_parse_unchecked((const char *) data, size, &state);
        require(r == 0 || r == -EUCLEAN, "neither a state nor damaged");
        if (r != 0)
                return 0;
        require(store_state_print(state, &text, &text_size) == 0, "a state that was read is not written");
        require(store_state_parse(text, text_size, &back) == 0, "a state that was written is not read");
        require(store_state_print(back, &again, &again_size) == 0, "a state is not written twice");
        require(text_size == again_size && memcmp(text, again, text_size) == 0, "a state changed on its way");
        return 0;
}
