/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The context of libcrypto, and the digest of whole files.
 */

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "crypto.h"
#include "digest.h"

/* They last as long as the program. */
static OSSL_LIB_CTX *context;
static EVP_MD *sha256;

int crypto_init(void) {
        OSSL_LIB_CTX *new;
        EVP_MD *digest = NULL;

        if (context)
                return 0;
        /* Calls without a context, as those that look up the name of an algorithm, would read openssl.cnf. */
        if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
                return -ENOMEM;
        new = OSSL_LIB_CTX_new();
        if (!new)
                return -ENOMEM;
        if (OSSL_PROVIDER_load(new, "default"))
                digest = EVP_MD_fetch(new, "SHA256", NULL);
        if (!digest) {
                OSSL_LIB_CTX_free(new);
                ERR_clear_error();
                return -ENOPKG;
        }
        sha256 = digest;
        context = new;
        return 0;
}

OSSL_LIB_CTX *crypto_context(void) {
        assert(context);
        return context;
}

const EVP_MD *crypto_sha256(void) {
        assert(sha256);
        return sha256;
}

const char *crypto_reason(void) {
        unsigned long code = ERR_peek_error();
        const char *reason = code ? ERR_reason_error_string(code) : NULL;

        ERR_clear_error();
        return reason ? reason : "unknown error";
}

int digest_of(const void *data, size_t size, Digest *ret) {
        unsigned length = sizeof(ret->bytes);
        int r = crypto_init();

        if (r < 0)
                return r;
        if (EVP_Digest(data, size, ret->bytes, &length, sha256, NULL) != 1) {
                ERR_clear_error();
                return -ENOMEM;
        }
        return 0;
}

int digest_hex_of(const void *data, size_t size, char ret[DIGEST_HEX_SIZE]) {
        Digest digest;
        int r = digest_of(data, size, &digest);

        if (r >= 0)
                digest_to_hex(&digest, ret);
        return r;
}
