/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signed policies, in the two forms that kernels take: one DER PKCS#7 message with the text in it; or, for our LSM, which says
 * "appended-signature", the text followed by a detached message and the trailer of a signed module. An Envelope is bytes that have
 * one of these forms; a VerifiedEnvelope is one whose signature was checked by trust.c. Only the latter can be stored.
 */
#ifndef LIBIPE_ENVELOPE_H
#define LIBIPE_ENVELOPE_H

#include "base.h"
#include "digest.h"
#include "failure.h"

/* The most that the kernel's ASN.1 decoder reads, in bytes: of a message, and so of what a kernel without appended signatures takes. */
#define MESSAGE_SIZE_MAX 65535U
/* A text of IPE_POLICY_TEXT_MAX bytes, and what follows it. */
#define ENVELOPE_SIZE_MAX ((64U << 20) + (128U << 10))

typedef enum EnvelopeFormat {
        ENVELOPE_PKCS7,    /* the text in a message */
        ENVELOPE_APPENDED, /* a message behind the text */
        ENVELOPE_SMALLEST, /* for signer_sign(): the former where it can hold the text */
} EnvelopeFormat;

/* SHA-256. Returns 0 or what crypto_init() returns; *ret is not defined then. */
__attribute__((warn_unused_result)) int digest_of(const void *data, size_t size, Digest *ret);

typedef struct Envelope Envelope;
typedef struct VerifiedEnvelope VerifiedEnvelope;

/* Takes the form of an envelope apart; says nothing about who signed it.
 *
 * data: copied.
 *
 * Returns 0, FAILURE_TOO_LARGE above ENVELOPE_SIZE_MAX bytes or for a message above MESSAGE_SIZE_MAX,
 * FAILURE_SIGNATURE_INVALID if it is not in one of the forms that the kernel accepts, or there is anything behind it; -ENOMEM,
 * -ENOPKG of crypto_init(). */
int envelope_parse(const void *data, size_t size, Envelope **ret, Failure *reterr);

Envelope *envelope_free(Envelope *envelope);

static inline void envelope_freep(Envelope **envelope) {
        envelope_free(*envelope);
}

const Digest *envelope_digest(const Envelope *envelope);
/* The signed text, as long as the envelope lives; not NUL-terminated. */
const char *envelope_text(const Envelope *envelope, size_t *ret_size);
EnvelopeFormat envelope_format(const Envelope *envelope);
/* Whether bytes have the form of a signed policy, as far as their beginning and their end tell; no policy text has. */
bool envelope_looks_signed(const void *data, size_t size);
const void *envelope_data(const Envelope *envelope, size_t *ret_size);

/* One or more. A kernel with the extended ABI takes one alone; upstream kernels take several. */
unsigned envelope_n_signers(const Envelope *envelope);

/* The first signer that the envelope names, unchecked: the subject of a certificate in it, RFC 2253.
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
/* Subject of the certificate of the signer who is trusted, RFC 2253; of several the first one. */
const char *verified_envelope_signer(const VerifiedEnvelope *verified);
/* The other signers, trusted or not, "'CN=a', 'CN=b'"; NULL if there are none. */
const char *verified_envelope_others(const VerifiedEnvelope *verified);
/* SHA-256 over the signer's certificate. */
const Digest *verified_envelope_fingerprint(const VerifiedEnvelope *verified);
/* When the first certificate from that signer to the trusted one ends: microseconds since 1970. */
uint64_t verified_envelope_expires_usec(const VerifiedEnvelope *verified);

#endif
