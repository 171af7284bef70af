/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What envelope.c and trust.c share, and nobody else may know: how a VerifiedEnvelope comes about.
 */
#ifndef LIBIPE_ENVELOPE_INTERNAL_H
#define LIBIPE_ENVELOPE_INTERNAL_H

#include <openssl/cms.h>

#include "envelope.h"

struct Envelope {
        void *data; /* DER */
        size_t size;
        Digest digest;
        CMS_ContentInfo *cms;
};

struct VerifiedEnvelope {
        Envelope *envelope;
        char *signer;
        Digest fingerprint;
};

/* The newest reason in libcrypto's queue, which is emptied; "unknown error" if there is none. */
const char *openssl_reason(void);

#endif
