/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The check of state.json: SHA-256 over all text before it. It finds what a disk or a memory has changed. It does not
 * prove who wrote the file: whoever can write there can compute it, too.
 */

#include "store-internal.h"

#define BEGIN "  \"check\": \""
#define END "\"\n}\n"
#define SEAL_SIZE (sizeof(BEGIN) - 1 + DIGEST_HEX_SIZE - 1 + sizeof(END) - 1)

/* Makes the last lines of a text that has these other lines. */
static int make_seal(const char *text, size_t size, char ret[SEAL_SIZE + 1]) {
        char hex[DIGEST_HEX_SIZE];
        int r = digest_hex_of(text, size, hex);

        if (r >= 0)
                (void) snprintf(ret, SEAL_SIZE + 1, BEGIN "%s" END, hex);
        return r;
}

int store_seal(const char *text, size_t size, char **ret, size_t *ret_size) {
        static const char comma[] = ",\n";
        char seal[SEAL_SIZE + 1];
        _cleanup_free_ char *sealed = NULL;
        int r;

        while (size > 0 && text[size - 1] == '\n')
                size--;
        sealed = malloc(size + strlen(comma) + sizeof(seal));
        if (!sealed)
                return -ENOMEM;
        memcpy(sealed, text, size);
        strcpy(sealed + size, comma);
        size += strlen(comma);
        r = make_seal(sealed, size, seal);
        if (r < 0)
                return r;
        strcpy(sealed + size, seal);
        *ret = TAKE_PTR(sealed);
        *ret_size = size + SEAL_SIZE;
        return 0;
}

int store_check_seal(const char *text, size_t size) {
        char seal[SEAL_SIZE + 1];
        int r;

        if (size < SEAL_SIZE)
                return -EUCLEAN;
        size -= SEAL_SIZE;
        r = make_seal(text, size, seal);
        if (r < 0)
                return r;
        return memcmp(text + size, seal, SEAL_SIZE) == 0 ? 0 : -EUCLEAN;
}
