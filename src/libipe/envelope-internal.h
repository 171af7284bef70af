/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Only the files of envelopes and trust.c include this: nobody else may make a VerifiedEnvelope.
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
        char *others; /* NULL if there is one signer */
        Digest fingerprint;
        uint64_t expires_usec;
};

/* Of a certificate, RFC 2253; to be freed. NULL if there is no memory. */
char *certificate_subject(X509 *certificate);
char *certificate_issuer(X509 *certificate);

/* A time of a certificate in microseconds since 1970; 0 for one before, or one that cannot be read. */
uint64_t certificate_time_usec(const ASN1_TIME *time);

/* The subject in a buffer, for a sentence; cut where it is too long. */
typedef struct SubjectName {
        char text[256];
} SubjectName;

SubjectName certificate_name(X509 *certificate);

/* envelope-form.c: whether the kernel takes a message of this form, or why not. message: the DER that cms was read from.
 * Returns 0, FAILURE_SIGNATURE_INVALID or -ENOMEM. */
int check_form(CMS_ContentInfo *cms, bool is_appended, const uint8_t *message, size_t size, Failure *reterr);

/* envelope-kernel.c: whether the kernel's parser takes a certificate, and can use its key. Returns 0 or FAILURE_SIGNATURE_INVALID. */
int check_certificate(X509 *certificate, Failure *reterr);

/* Whether the kernel's parser takes a time: with seconds, in UTC, and the form that X.509 has for the year. */
bool is_kernel_time(const ASN1_TIME *time);

/* trust-usage.c: whether a key may sign policies, as far as its certificate restricts its use.
 * is_anchor: it is in trust.d itself, so nobody else's word is needed for what it is used for. Returns 0 or the refusal. */
int check_usage(X509 *certificate, bool is_signer, bool is_anchor, Failure *reterr);

#endif
