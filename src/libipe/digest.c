/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Digests in hex.
 */

#include "digest.h"

void digest_to_hex(const Digest *digest, char ret[DIGEST_HEX_SIZE]) {
        for (size_t i = 0; i < sizeof(digest->bytes); i++)
                sprintf(ret + 2 * i, "%02x", digest->bytes[i]);
}

int digest_from_hex(const char *hex, Digest *ret) {
        static const char digits[] = "0123456789abcdef";
        Digest digest;

        if (strlen(hex) != DIGEST_HEX_SIZE - 1)
                return -EINVAL;
        for (size_t i = 0; i < sizeof(digest.bytes); i++) {
                const char *high = strchr(digits, hex[2 * i]), *low = strchr(digits, hex[2 * i + 1]);

                if (!high || !low)
                        return -EINVAL;
                digest.bytes[i] = (uint8_t) ((high - digits) << 4 | (low - digits));
        }
        *ret = digest;
        return 0;
}

bool digest_equal(const Digest *a, const Digest *b) {
        return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}
