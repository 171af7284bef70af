/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The form of signed policies, by libcrypto's CMS.
 */

#include <endian.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "certificate.h"
#include "crypto.h"
#include "envelope-internal.h"
#include "envelope-trailer.h"
#include "policy.h"

Envelope *envelope_free(Envelope *envelope) {
        if (!envelope)
                return NULL;
        CMS_ContentInfo_free(envelope->cms);
        free(envelope->data);
        free(envelope);
        return NULL;
}

VerifiedEnvelope *verified_envelope_free(VerifiedEnvelope *verified) {
        if (!verified)
                return NULL;
        envelope_free(verified->envelope);
        free(verified->signer);
        free(verified->others);
        free(verified);
        return NULL;
}

const Digest *envelope_digest(const Envelope *envelope) {
        return &envelope->digest;
}

const void *envelope_data(const Envelope *envelope, size_t *ret_size) {
        *ret_size = envelope->size;
        return envelope->data;
}

EnvelopeFormat envelope_format(const Envelope *envelope) {
        return envelope->is_appended ? ENVELOPE_APPENDED : ENVELOPE_PKCS7;
}

const char *envelope_text(const Envelope *envelope, size_t *ret_size) {
        ASN1_OCTET_STRING **content;

        if (envelope->is_appended) {
                *ret_size = envelope->text_size;
                return envelope->data;
        }
        content = CMS_get0_content(envelope->cms);
        *ret_size = (size_t) ASN1_STRING_length(*content);
        return (const char *) ASN1_STRING_get0_data(*content);
}

unsigned envelope_n_signers(const Envelope *envelope) {
        return (unsigned) sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(envelope->cms));
}

int envelope_claimed_signer(const Envelope *envelope, char **ret) {
        CMS_SignerInfo *signer = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(envelope->cms), 0);
        STACK_OF(X509) *certificates = CMS_get1_certs(envelope->cms);
        int r = 0;

        for (int i = 0; r == 0 && i < sk_X509_num(certificates); i++) {
                X509 *certificate = sk_X509_value(certificates, i);

                if (CMS_SignerInfo_cert_cmp(signer, certificate) != 0)
                        continue;
                *ret = certificate_subject(certificate);
                r = *ret ? 1 : -ENOMEM;
        }
        sk_X509_pop_free(certificates, X509_free);
        return r;
}

const Envelope *verified_envelope_get(const VerifiedEnvelope *verified) {
        return verified->envelope;
}

const char *verified_envelope_signer(const VerifiedEnvelope *verified) {
        return verified->signer;
}

const char *verified_envelope_others(const VerifiedEnvelope *verified) {
        return verified->others;
}

const Digest *verified_envelope_fingerprint(const VerifiedEnvelope *verified) {
        return &verified->fingerprint;
}

uint64_t verified_envelope_expires_usec(const VerifiedEnvelope *verified) {
        return verified->expires_usec;
}

#define DER_SEQUENCE 0x30

static bool has_mark(const uint8_t *data, size_t size) {
        return size >= strlen(ENVELOPE_MARK) &&
               memcmp(data + size - strlen(ENVELOPE_MARK), ENVELOPE_MARK, strlen(ENVELOPE_MARK)) == 0;
}

bool envelope_looks_signed(const void *data, size_t size) {
        const uint8_t *bytes = data;

        /* In DER a sequence with a length of several bytes. */
        return (size >= 2 && bytes[0] == DER_SEQUENCE && bytes[1] & 0x80) || has_mark(data, size);
}

/* Finds the message: all bytes, or those after the text. */
static int find_message(Envelope *envelope, const uint8_t **ret, size_t *ret_size, Failure *reterr) {
        static const Trailer only = { .id_type = ID_TYPE_PKCS7 };
        const uint8_t *data = envelope->data;
        size_t size = envelope->size, message_size;
        Trailer trailer;

        *ret = data;
        *ret_size = size;
        if (data[0] == DER_SEQUENCE || !has_mark(data, size)) {
                if (data[0] == DER_SEQUENCE && size > MESSAGE_SIZE_MAX)
                        return failure_set(reterr, FAILURE_TOO_LARGE,
                                           "The signed policy has %zu bytes; the kernel takes at most %u in this form, "
                                           "and more from "
                                           "'ipectl sign --format=appended'.",
                                           size, MESSAGE_SIZE_MAX);
                return 0;
        }
        size -= strlen(ENVELOPE_MARK);
        if (size <= sizeof(trailer))
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                   "This is the end of a signed policy, and no more.");
        size -= sizeof(trailer);
        memcpy(&trailer, data + size, sizeof(trailer));
        message_size = be32toh(trailer.message_size);
        trailer.message_size = 0;
        if (memcmp(&trailer, &only, sizeof(trailer)) != 0 || message_size >= size)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                   "The trailer of the signed policy is not that of a PKCS#7 message: sign it with "
                                   "'ipectl sign'.");
        if (message_size > MESSAGE_SIZE_MAX)
                return failure_set(reterr, FAILURE_TOO_LARGE,
                                   "The signature of the policy has %zu bytes; the kernel takes at most %u.",
                                   message_size, MESSAGE_SIZE_MAX);
        envelope->is_appended = true;
        envelope->text_size = size - message_size;
        *ret = data + envelope->text_size;
        *ret_size = message_size;
        return 0;
}

static int parse_message(Envelope *envelope, const uint8_t *message, size_t size, Failure *reterr) {
        const unsigned char *end = message;

        ERR_clear_error();
        envelope->cms = CMS_ContentInfo_new_ex(crypto_context(), NULL);
        if (!envelope->cms)
                return -ENOMEM;
        if (!d2i_CMS_ContentInfo(&envelope->cms, &end, (long) size)) {
                envelope->cms = NULL;
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                   "This is not a signed policy (a PKCS#7 message in DER): %s.", crypto_reason());
        }
        /* Certificates with keys that libcrypto cannot read leave errors in the queue. */
        ERR_clear_error();
        if (end != message + size)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID, "Bytes follow the end of the signed policy.");
        return envelope_check_form(envelope->cms, envelope->is_appended, message, size, reterr);
}

int envelope_parse(const void *data, size_t size, Envelope **ret, Failure *reterr) {
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        const uint8_t *message;
        size_t message_size;
        int r;

        if (size > ENVELOPE_SIZE_MAX)
                return failure_set(reterr, FAILURE_TOO_LARGE,
                                   "The signed policy has %zu bytes; no kernel takes more than %u.", size,
                                   ENVELOPE_SIZE_MAX);
        if (size == 0)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID, "This is not a signed policy: it is empty.");
        envelope = calloc(1, sizeof(*envelope));
        if (!envelope)
                return -ENOMEM;
        envelope->data = malloc(size);
        if (!envelope->data)
                return -ENOMEM;
        memcpy(envelope->data, data, size);
        envelope->size = size;
        r = digest_of(envelope->data, size, &envelope->digest);
        if (r < 0)
                return failure_set_errno(reterr, r, "Cannot use libcrypto");
        r = find_message(envelope, &message, &message_size, reterr);
        if (r == 0)
                r = parse_message(envelope, message, message_size, reterr);
        if (r != 0)
                return r;
        *ret = TAKE_PTR(envelope);
        return 0;
}
