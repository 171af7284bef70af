/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The names of signed policies: SHA-256 over the whole file.
 */
#ifndef LIBIPE_DIGEST_H
#define LIBIPE_DIGEST_H

#include "base.h"

typedef struct Digest {
        uint8_t bytes[32]; /* raw */
} Digest;

/* Bytes of a digest in hex, with the NUL. */
#define DIGEST_HEX_SIZE 65

void digest_to_hex(const Digest *digest, char ret[DIGEST_HEX_SIZE]);
/* Returns 0, or -EINVAL if hex is not 64 lower-case digits. */
int digest_from_hex(const char *hex, Digest *ret);
bool digest_equal(const Digest *a, const Digest *b);

/* Computes SHA-256. crypto.c has it: who calls it needs libcrypto, unlike for the rest of this header.
 * Returns 0 or what crypto_init() returns; *ret is not defined then. */
__attribute__((warn_unused_result)) int digest_of(const void *data, size_t size, Digest *ret);

/* The same in hex. */
__attribute__((warn_unused_result)) int digest_hex_of(const void *data, size_t size, char ret[DIGEST_HEX_SIZE]);

#endif
