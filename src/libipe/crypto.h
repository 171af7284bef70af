/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Our own context of libcrypto: it has the default provider and nothing else, and reads no openssl.cnf. So a
 * configuration for other programs neither changes the judgement of a signature nor stops this one.
 */
#ifndef LIBIPE_CRYPTO_H
#define LIBIPE_CRYPTO_H

#include <openssl/types.h>

#include "base.h"

/* Makes the context, unless it is there. Call it before anything else of libcrypto: the default context would read
 * openssl.cnf.
 *
 * Returns 0; -ENOMEM; -ENOPKG if the default provider or SHA-256 is not there. */
int crypto_init(void);

/* After crypto_init(); never NULL, which libcrypto would take for the default context. */
OSSL_LIB_CTX *crypto_context(void);
const EVP_MD *crypto_sha256(void);

/* The oldest reason in libcrypto's queue, which caused the others; "unknown error" if there is none. Empties the queue.
 */
const char *crypto_reason(void);

#endif
