/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The form of signed policies, by libcrypto's CMS.
 */

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "envelope-internal.h"

const char *openssl_reason(void) {
        unsigned long code = ERR_peek_error();
        const char *reason = code ? ERR_reason_error_string(code) : NULL;

        ERR_clear_error();
        return reason ? reason : "unknown error";
}

char *certificate_subject(X509 *certificate) {
        BIO *bio = BIO_new(BIO_s_mem());
        char *text, *subject = NULL;
        long length;

        if (!bio)
                return NULL;
        if (X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0) {
                length = BIO_get_mem_data(bio, &text);
                subject = strndup(text, (size_t) length);
        }
        BIO_free(bio);
        return subject;
}

void digest_of(const void *data, size_t size, Digest *ret) {
        unsigned length = sizeof(ret->bytes);

        /* SHA-256 cannot fail but for lack of memory or of the algorithm itself: nothing works then. */
        if (EVP_Digest(data, size, ret->bytes, &length, EVP_sha256(), NULL) != 1)
                abort();
}

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

const char *envelope_text(const Envelope *envelope, size_t *ret_size) {
        ASN1_OCTET_STRING **content = CMS_get0_content(envelope->cms);

        *ret_size = (size_t) ASN1_STRING_length(*content);
        return (const char *) ASN1_STRING_get0_data(*content);
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

const Digest *verified_envelope_fingerprint(const VerifiedEnvelope *verified) {
        return &verified->fingerprint;
}

static bool is_modern_digest(const X509_ALGOR *algorithm) {
        const ASN1_OBJECT *object;

        X509_ALGOR_get0(&object, NULL, NULL, algorithm);
        switch (OBJ_obj2nid(object)) {
        case NID_sha256:
        case NID_sha384:
        case NID_sha512:
                return true;
        default:
                return false;
        }
}

/* What the kernel would refuse is refused here, with a sentence that the kernel has not. */
static int check_form(const Envelope *envelope, Failure *reterr) {
        STACK_OF(CMS_SignerInfo) *signers;
        ASN1_OCTET_STRING **content;

        if (OBJ_obj2nid(CMS_get0_type(envelope->cms)) != NID_pkcs7_signed)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                   "This is a PKCS#7 message, but not a signed one.");
        content = CMS_get0_content(envelope->cms);
        if (!content || !*content || OBJ_obj2nid(CMS_get0_eContentType(envelope->cms)) != NID_pkcs7_data)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                   "The signature does not contain the policy: sign it with 'ipectl sign', or with "
                                   "-nodetach.");
        signers = CMS_get0_SignerInfos(envelope->cms);
        if (sk_CMS_SignerInfo_num(signers) < 1)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID, "Nobody signed this message.");
        for (int i = 0; i < sk_CMS_SignerInfo_num(signers); i++) {
                CMS_SignerInfo *signer = sk_CMS_SignerInfo_value(signers, i);
                X509_ALGOR *digest;

                if (CMS_signed_get_attr_count(signer) > 0)
                        return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                           "The signature has signed attributes, which the kernel refuses: sign with "
                                           "'ipectl sign', or with -noattr.");
                CMS_SignerInfo_get0_algs(signer, NULL, NULL, &digest, NULL);
                if (!is_modern_digest(digest))
                        return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                           "The signature uses a digest other than SHA-256, SHA-384 and SHA-512.");
        }
        return 0;
}

int envelope_parse(const void *data, size_t size, Envelope **ret, Failure *reterr) {
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        const unsigned char *end = data;
        int r;

        if (size > ENVELOPE_SIZE_MAX)
                return failure_set(reterr, FAILURE_TOO_LARGE,
                                   "The signed policy has %zu bytes; the kernel takes at most %u.", size,
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
        digest_of(envelope->data, size, &envelope->digest);

        ERR_clear_error();
        envelope->cms = d2i_CMS_ContentInfo(NULL, &end, (long) size);
        if (!envelope->cms)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                   "This is not a signed policy (a PKCS#7 message in DER): %s.", openssl_reason());
        if (end != (const unsigned char *) data + size)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                   "There are bytes behind the end of the signed policy.");
        /* libcrypto also reads BER, of which the kernel sees other bytes as the signed ones. */
        if (i2d_CMS_ContentInfo(envelope->cms, NULL) != (int) size)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                   "The signed policy is not encoded in DER: sign it with 'ipectl sign', or without "
                                   "-stream.");
        r = check_form(envelope, reterr);
        if (r != 0)
                return r;
        *ret = TAKE_PTR(envelope);
        return 0;
}

static int fail_to_sign(Failure *reterr, int error, const char *what) {
        failure_set(reterr, FAILURE_SIGNATURE_INVALID, "%s: %s.", what, openssl_reason());
        return error;
}

static int make_message(const char *text, size_t text_size, X509 *certificate, EVP_PKEY *key, void **ret,
                        size_t *ret_size, Failure *reterr) {
        const unsigned flags = CMS_BINARY | CMS_NOATTR | CMS_NOSMIMECAP;
        CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, CMS_PARTIAL | flags);
        BIO *input = BIO_new_mem_buf(text, (int) text_size);
        unsigned char *der = NULL;
        int size = -1, r = 0;

        if (cms && input && CMS_add1_signer(cms, certificate, key, EVP_sha256(), flags) &&
            CMS_final(cms, input, NULL, flags) == 1)
                size = i2d_CMS_ContentInfo(cms, &der);
        if (size < 0)
                r = fail_to_sign(reterr, -EIO, "Cannot sign");
        else if ((size_t) size > ENVELOPE_SIZE_MAX)
                r = -EFBIG;
        else {
                *ret = malloc((size_t) size);
                if (*ret) {
                        memcpy(*ret, der, (size_t) size);
                        *ret_size = (size_t) size;
                } else
                        r = -ENOMEM;
        }
        if (r == -EFBIG)
                failure_set(reterr, FAILURE_TOO_LARGE,
                            "The signed policy would have %d bytes; the kernel takes at most %u.", size,
                            ENVELOPE_SIZE_MAX);
        OPENSSL_free(der);
        BIO_free(input);
        CMS_ContentInfo_free(cms);
        return r;
}

int envelope_sign(const char *text, size_t text_size, const char *certificate, size_t certificate_size,
                  const char *key, size_t key_size, const char *passphrase, void **ret, size_t *ret_size,
                  Failure *reterr) {
        BIO *certificate_bio = NULL, *key_bio = NULL;
        EVP_PKEY *private_key = NULL;
        X509 *x509 = NULL;
        int r;

        if (text_size > ENVELOPE_SIZE_MAX || certificate_size > INT32_MAX || key_size > INT32_MAX) {
                failure_set(reterr, FAILURE_TOO_LARGE, "The policy has %zu bytes; the kernel takes at most %u.",
                            text_size, ENVELOPE_SIZE_MAX);
                return -EFBIG;
        }
        ERR_clear_error();
        certificate_bio = BIO_new_mem_buf(certificate, (int) certificate_size);
        key_bio = BIO_new_mem_buf(key, (int) key_size);
        x509 = certificate_bio ? PEM_read_bio_X509(certificate_bio, NULL, NULL, NULL) : NULL;
        if (!x509)
                r = fail_to_sign(reterr, -EKEYREJECTED, "Cannot read the certificate as PEM");
        else {
                private_key = key_bio ? PEM_read_bio_PrivateKey(key_bio, NULL, NULL, (void *) passphrase) : NULL;
                if (!private_key)
                        r = fail_to_sign(reterr, -EKEYREJECTED, "Cannot read the private key as PEM");
                else if (X509_check_private_key(x509, private_key) != 1)
                        r = fail_to_sign(reterr, -EKEYREJECTED, "The certificate is not that of the private key");
                else
                        r = make_message(text, text_size, x509, private_key, ret, ret_size, reterr);
        }
        EVP_PKEY_free(private_key);
        X509_free(x509);
        BIO_free(key_bio);
        BIO_free(certificate_bio);
        return r;
}
