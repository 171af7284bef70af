/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signed policies, in the two forms that kernels take: a PKCS#7 message in DER that contains the text; or, for a
 * kernel with the feature "appended-signature", the text followed by a detached message and the trailer of a signed
 * module. An Envelope has one of these forms; trust.c makes a VerifiedEnvelope of one whose signature it has checked.
 * Only the latter can be stored.
 */
#ifndef LIBIPE_ENVELOPE_H
#define LIBIPE_ENVELOPE_H

#include "base.h"
#include "digest.h"
#include "failure.h"

/* Bytes of a message that the kernel's ASN.1 decoder reads at most: the limit of a signed policy without an appended
 * signature. */
#define MESSAGE_SIZE_MAX 65535U
/* A text of IPE_POLICY_TEXT_MAX bytes, the message and the trailer. */
#define ENVELOPE_SIZE_MAX ((64U << 20) + (128U << 10))

typedef enum EnvelopeFormat {
        ENVELOPE_PKCS7,    /* the text in a message */
        ENVELOPE_APPENDED, /* a message after the text */
        ENVELOPE_SMALLEST, /* for policy_signer_sign(): the first form if it can hold the text */
} EnvelopeFormat;

typedef struct Envelope Envelope;
typedef struct VerifiedEnvelope VerifiedEnvelope;

/* Parses the form of an envelope; does not check who signed it.
 *
 * data: copied.
 *
 * Returns 0, FAILURE_TOO_LARGE above ENVELOPE_SIZE_MAX bytes or for a message above MESSAGE_SIZE_MAX,
 * FAILURE_SIGNATURE_INVALID if it has no form that the kernel accepts, or bytes follow it; -ENOMEM, -ENOPKG of
 * crypto_init(). */
int envelope_parse(const void *data, size_t size, Envelope **ret, Failure *reterr);

Envelope *envelope_free(Envelope *envelope);

static inline void envelope_freep(Envelope **envelope) {
        envelope_free(*envelope);
}

const Digest *envelope_digest(const Envelope *envelope);
/* The signed text, as long as the envelope lives; not NUL-terminated. */
const char *envelope_text(const Envelope *envelope, size_t *ret_size);
EnvelopeFormat envelope_format(const Envelope *envelope);
/* Whether bytes look like a signed policy, by their start and their end; no policy text does. */
bool envelope_looks_signed(const void *data, size_t size);
const void *envelope_data(const Envelope *envelope, size_t *ret_size);

/* One or more. A kernel with the extended ABI takes only one; stock kernels take several. */
unsigned envelope_n_signers(const Envelope *envelope);

/* The first signer that the envelope names, not checked: the subject of a certificate in it, RFC 2253.
 *
 * ret: to be freed; unchanged unless 1 is returned.
 *
 * Returns 1, 0 if the signer's certificate is not in the envelope, or -ENOMEM. */
int envelope_claimed_signer(const Envelope *envelope, char **ret);

/* Of a VerifiedEnvelope, which trust_verify() makes. */
VerifiedEnvelope *verified_envelope_free(VerifiedEnvelope *verified);

static inline void verified_envelope_freep(VerifiedEnvelope **verified) {
        verified_envelope_free(*verified);
}

const Envelope *verified_envelope_get(const VerifiedEnvelope *verified);
/* Subject of the trusted signer's certificate, RFC 2253; the first one of several. */
const char *verified_envelope_signer(const VerifiedEnvelope *verified);
/* The other signers, trusted or not, "'CN=a', 'CN=b'"; NULL if there are none. */
const char *verified_envelope_others(const VerifiedEnvelope *verified);
/* SHA-256 over the signer's certificate. */
const Digest *verified_envelope_fingerprint(const VerifiedEnvelope *verified);
/* The earliest end of a certificate on the way from that signer to the trusted one: microseconds since 1970. */
uint64_t verified_envelope_expires_usec(const VerifiedEnvelope *verified);

#endif
