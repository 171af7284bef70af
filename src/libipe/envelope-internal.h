/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What envelope.c and trust.c share, and nobody else may know: how a VerifiedEnvelope comes about.
 */
#ifndef LIBIPE_ENVELOPE_INTERNAL_H
#define LIBIPE_ENVELOPE_INTERNAL_H

#include <openssl/cms.h>

#include "envelope.h"

struct Envelope {
        void *data;
        size_t size;
        Digest digest;
        CMS_ContentInfo *cms;
        bool is_appended; /* what is signed are the first bytes of data, and not in cms */
        size_t text_size; /* of those */
};

struct VerifiedEnvelope {
        Envelope *envelope;
        char *signer;
        Digest fingerprint;
};

/* The oldest reason in libcrypto's queue, which the others followed from; "unknown error" if there is none. Empties
 * the queue. */
const char *openssl_reason(void);

/* Of a certificate, RFC 2253; to be freed. NULL if there is no memory. */
char *certificate_subject(X509 *certificate);

#endif
