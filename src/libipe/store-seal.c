/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The check of state.json: SHA-256 over all that stands before it. It finds what a disk or a memory has changed. It is no proof
 * of who wrote the file: who can write there can compute it, too.
 *
 * ipe-load and the daemon use a library context of their own, so that no openssl.cnf keeps a policy from being loaded.
 */

#include <openssl/evp.h>

#include "store-internal.h"

#define BEGIN "  \"check\": \""
#define END "\"\n}\n"
#define SEAL_SIZE (sizeof(BEGIN) - 1 + DIGEST_HEX_SIZE - 1 + sizeof(END) - 1)

static int sha256(const void *data, size_t size, Digest *ret) {
        static OSSL_LIB_CTX *context;
        size_t length = sizeof(ret->bytes);

        if (!context)
                context = OSSL_LIB_CTX_new();
        if (!context)
                return -ENOMEM;
        return EVP_Q_digest(context, "SHA256", NULL, data, size, ret->bytes, &length) == 1 ? 0 : -ENOTSUP;
}

/* The last lines of a text whose other lines are these. */
static int make_seal(const char *text, size_t size, char ret[SEAL_SIZE + 1]) {
        char hex[DIGEST_HEX_SIZE];
        Digest digest;
        int r = sha256(text, size, &digest);

        if (r < 0)
                return r;
        digest_to_hex(&digest, hex);
        (void) snprintf(ret, SEAL_SIZE + 1, BEGIN "%s" END, hex);
        return 0;
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
