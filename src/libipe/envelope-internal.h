/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Only envelope*.c, signer.c and trust.c include this: no other file may make a VerifiedEnvelope.
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
        bool is_appended; /* the signed text is the start of data, not in cms */
        size_t text_size; /* bytes of that start */
};

struct VerifiedEnvelope {
        Envelope *envelope;
        char *signer;
        char *others; /* NULL if there is one signer */
        Digest fingerprint;
        uint64_t expires_usec;
};

/* envelope-form.c: whether the kernel takes a message of this form. message: the DER from which cms was read.
 * Returns 0, FAILURE_SIGNATURE_INVALID or -ENOMEM. */
int envelope_check_form(CMS_ContentInfo *cms, bool is_appended, const uint8_t *message, size_t size, Failure *reterr);

#endif
