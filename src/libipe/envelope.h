/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signed policies: one DER PKCS#7 message with the text in it, as the kernel takes it. An Envelope is bytes that have
 * this form; a VerifiedEnvelope is one whose signature was checked by trust.c. Only the latter can be stored.
 */
#ifndef LIBIPE_ENVELOPE_H
#define LIBIPE_ENVELOPE_H

#include "base.h"
#include "digest.h"
#include "failure.h"

/* The most that the kernel's ASN.1 decoder reads, in bytes. */
#define ENVELOPE_SIZE_MAX 65535U

/* SHA-256. */
void digest_of(const void *data, size_t size, Digest *ret);

typedef struct Envelope Envelope;
typedef struct VerifiedEnvelope VerifiedEnvelope;

/* Takes the form of an envelope apart; says nothing about who signed it.
 *
 * data: copied.
 *
 * Returns 0, FAILURE_TOO_LARGE above ENVELOPE_SIZE_MAX bytes, FAILURE_SIGNATURE_INVALID if it is not one DER message
 * with signed content and nothing behind it, in the form that the kernel accepts; -ENOMEM. */
int envelope_parse(const void *data, size_t size, Envelope **ret, Failure *reterr);

Envelope *envelope_free(Envelope *envelope);

static inline void envelope_freep(Envelope **envelope) {
        envelope_free(*envelope);
}

const Digest *envelope_digest(const Envelope *envelope);
/* The signed text, as long as the envelope lives; not NUL-terminated. */
const char *envelope_text(const Envelope *envelope, size_t *ret_size);
const void *envelope_data(const Envelope *envelope, size_t *ret_size);

/* Who the envelope says signed it first: the subject of a certificate in it, RFC 2253. Nobody has checked that.
 *
 * ret: to be freed; unchanged unless 1 is returned.
 *
 * Returns 1, 0 if the signer's certificate is not in the envelope, or -ENOMEM. */
int envelope_claimed_signer(const Envelope *envelope, char **ret);

/* Signs a policy text as the kernel wants it: SHA-256, no signed attributes, content included, definite length.
 *
 * certificate, key: PEM. passphrase: for an encrypted key; NULL to be asked on the terminal.
 * ret: DER, to be freed.
 *
 * Returns 0; -EKEYREJECTED if key and certificate do not belong together or cannot be read, -EFBIG if the result is
 * above ENVELOPE_SIZE_MAX bytes, -ENOMEM, -EIO if libcrypto fails; reterr has the sentence. */
int envelope_sign(const char *text, size_t text_size, const char *certificate, size_t certificate_size,
                  const char *key, size_t key_size, const char *passphrase, void **ret, size_t *ret_size,
                  Failure *reterr);

/* Of a VerifiedEnvelope, which trust_verify() makes. */
VerifiedEnvelope *verified_envelope_free(VerifiedEnvelope *verified);

static inline void verified_envelope_freep(VerifiedEnvelope **verified) {
        verified_envelope_free(*verified);
}

const Envelope *verified_envelope_get(const VerifiedEnvelope *verified);
/* Subject of the signer's certificate, RFC 2253. */
const char *verified_envelope_signer(const VerifiedEnvelope *verified);
/* SHA-256 over the signer's certificate. */
const Digest *verified_envelope_fingerprint(const VerifiedEnvelope *verified);

#endif
