/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The form of signed policies, by libcrypto's CMS.
 */

#include <endian.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "envelope-internal.h"
#include "policy.h"

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

/* The kernel takes one signature: each further one would be another text to hash before anybody's key is looked for. */
static int check_signer(const STACK_OF(CMS_SignerInfo) *signers, Failure *reterr) {
        CMS_SignerInfo *signer = sk_CMS_SignerInfo_value(signers, 0);
        X509_ALGOR *digest;

        if (!signer)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID, "Nobody signed this message.");
        if (sk_CMS_SignerInfo_num(signers) > 1)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                   "The policy has %d signatures, and the kernel takes one: sign the text anew with one key.",
                                   sk_CMS_SignerInfo_num(signers));
        if (CMS_signed_get_attr_count(signer) > 0)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                   "The signature has signed attributes, which the kernel refuses: sign with "
                                   "'ipectl sign', or with -noattr.");
        CMS_SignerInfo_get0_algs(signer, NULL, NULL, &digest, NULL);
        if (!is_modern_digest(digest))
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                   "The signature uses a digest other than SHA-256, SHA-384 and SHA-512.");
        return 0;
}

/* What the kernel would refuse is refused here, with a sentence that the kernel has not. */
static int check_form(const Envelope *envelope, Failure *reterr) {
        ASN1_OCTET_STRING **content;

        if (OBJ_obj2nid(CMS_get0_type(envelope->cms)) != NID_pkcs7_signed)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                   "This is a PKCS#7 message, but not a signed one.");
        content = CMS_get0_content(envelope->cms);
        if (envelope->is_appended && content && *content)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                   "The signature behind the policy contains something, but is to be detached: sign it with "
                                   "'ipectl sign --format=appended'.");
        if ((!envelope->is_appended && (!content || !*content)) || OBJ_obj2nid(CMS_get0_eContentType(envelope->cms)) != NID_pkcs7_data)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                   "The signature does not contain the policy: sign it with 'ipectl sign', or with "
                                   "-nodetach.");
        return check_signer(CMS_get0_SignerInfos(envelope->cms), reterr);
}

#define DER_SEQUENCE 0x30
#define MARK "~Module signature appended~\n"

/* What stands between a detached signature and the mark: struct module_signature in the kernel's include/linux/module_signature.h. */
typedef struct Trailer {
        uint8_t unused[2];
        uint8_t id_type;
        uint8_t more_unused[5];
        uint32_t message_size; /* big endian */
} Trailer;

#define ID_TYPE_PKCS7 2

static bool has_mark(const uint8_t *data, size_t size) {
        return size >= strlen(MARK) && memcmp(data + size - strlen(MARK), MARK, strlen(MARK)) == 0;
}

bool envelope_looks_signed(const void *data, size_t size) {
        const uint8_t *bytes = data;

        /* A sequence with a length of several bytes. */
        return (size >= 2 && bytes[0] == DER_SEQUENCE && bytes[1] & 0x80) || has_mark(data, size);
}

/* Finds the message: everything, or what is behind the text. */
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
                                           "The signed policy has %zu bytes; the kernel takes at most %u in this form, and more from "
                                           "'ipectl sign --format=appended'.", size, MESSAGE_SIZE_MAX);
                return 0;
        }
        size -= strlen(MARK);
        if (size <= sizeof(trailer))
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID, "This is the end of a signed policy, and no more.");
        size -= sizeof(trailer);
        memcpy(&trailer, data + size, sizeof(trailer));
        message_size = be32toh(trailer.message_size);
        trailer.message_size = 0;
        if (memcmp(&trailer, &only, sizeof(trailer)) != 0 || message_size >= size)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                   "The trailer of the signed policy is not that of a PKCS#7 message: sign it with 'ipectl sign'.");
        if (message_size > MESSAGE_SIZE_MAX)
                return failure_set(reterr, FAILURE_TOO_LARGE, "The signature of the policy has %zu bytes; the kernel takes at most %u.",
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
        envelope->cms = d2i_CMS_ContentInfo(NULL, &end, (long) size);
        if (!envelope->cms)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                   "This is not a signed policy (a PKCS#7 message in DER): %s.", openssl_reason());
        if (end != message + size)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                   "There are bytes behind the end of the signed policy.");
        /* libcrypto also reads BER, of which the kernel sees other bytes as the signed ones. */
        if (i2d_CMS_ContentInfo(envelope->cms, NULL) != (int) size)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                   "The signed policy is not encoded in DER: sign it with 'ipectl sign', or without "
                                   "-stream.");
        return check_form(envelope, reterr);
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
        digest_of(envelope->data, size, &envelope->digest);

        r = find_message(envelope, &message, &message_size, reterr);
        if (r == 0)
                r = parse_message(envelope, message, message_size, reterr);
        if (r != 0)
                return r;
        *ret = TAKE_PTR(envelope);
        return 0;
}

static int fail_to_sign(Failure *reterr, int error, const char *what) {
        failure_set(reterr, FAILURE_SIGNATURE_INVALID, "%s: %s.", what, openssl_reason());
        return error;
}

/* ret: DER, to be freed with OPENSSL_free(). Returns 0 or a negative errno. */
static int make_message(BIO *input, X509 *certificate, EVP_PKEY *key, unsigned form, uint8_t **ret, size_t *ret_size, Failure *reterr) {
        const unsigned flags = CMS_BINARY | CMS_NOATTR | CMS_NOSMIMECAP | form;
        CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, CMS_PARTIAL | flags);
        int size = -1;

        *ret = NULL;
        if (cms && CMS_add1_signer(cms, certificate, key, EVP_sha256(), flags) && CMS_final(cms, input, NULL, flags) == 1)
                size = i2d_CMS_ContentInfo(cms, ret);
        CMS_ContentInfo_free(cms);
        *ret_size = (size_t) size;
        return size < 0 ? fail_to_sign(reterr, -EIO, "Cannot sign") : 0;
}

/* before: what comes first. message: not freed. Returns 0 or -ENOMEM. */
static int join(const void *before, size_t before_size, const uint8_t *message, size_t message_size, const Trailer *trailer,
                void **ret, size_t *ret_size) {
        size_t end = before_size + message_size;
        uint8_t *data = malloc(end + (trailer ? sizeof(*trailer) + strlen(MARK) : 0));

        if (!data)
                return -ENOMEM;
        memcpy(data, before, before_size);
        memcpy(data + before_size, message, message_size);
        if (trailer) {
                memcpy(data + end, trailer, sizeof(*trailer));
                memcpy(data + end + sizeof(*trailer), MARK, strlen(MARK));
                end += sizeof(*trailer) + strlen(MARK);
        }
        *ret = data;
        *ret_size = end;
        return 0;
}

static int make_pkcs7(const char *text, size_t text_size, X509 *certificate, EVP_PKEY *key, void **ret, size_t *ret_size,
                      Failure *reterr) {
        BIO *input = BIO_new_mem_buf(text, (int) text_size);
        uint8_t *message = NULL;
        size_t size;
        int r = input ? make_message(input, certificate, key, 0, &message, &size, reterr) : -ENOMEM;

        if (r >= 0 && size > MESSAGE_SIZE_MAX) {
                failure_set(reterr, FAILURE_TOO_LARGE, "The signed policy would have %zu bytes; the kernel takes at most %u in this "
                            "form, and more with --format=appended.", size, MESSAGE_SIZE_MAX);
                r = -EFBIG;
        }
        if (r >= 0)
                r = join("", 0, message, size, NULL, ret, ret_size);
        OPENSSL_free(message);
        BIO_free(input);
        return r;
}

static int make_appended(const char *text, size_t text_size, X509 *certificate, EVP_PKEY *key, void **ret, size_t *ret_size,
                         Failure *reterr) {
        BIO *input = BIO_new_mem_buf(text, (int) text_size);
        uint8_t *message = NULL;
        size_t size;
        int r = input ? make_message(input, certificate, key, CMS_DETACHED, &message, &size, reterr) : -ENOMEM;

        if (r >= 0) {
                const Trailer trailer = { .id_type = ID_TYPE_PKCS7, .message_size = htobe32((uint32_t) size) };

                r = join(text, text_size, message, size, &trailer, ret, ret_size);
        }
        OPENSSL_free(message);
        BIO_free(input);
        return r;
}

static int make_envelope(const char *text, size_t text_size, EnvelopeFormat format, X509 *certificate, EVP_PKEY *key, void **ret,
                         size_t *ret_size, Failure *reterr) {
        int r = -EFBIG;

        if (format != ENVELOPE_APPENDED)
                r = make_pkcs7(text, text_size, certificate, key, ret, ret_size, reterr);
        if (format == ENVELOPE_APPENDED || (format == ENVELOPE_SMALLEST && r == -EFBIG))
                r = make_appended(text, text_size, certificate, key, ret, ret_size, reterr);
        return r;
}

int envelope_sign(const char *text, size_t text_size, EnvelopeFormat format, const char *certificate, size_t certificate_size,
                  const char *key, size_t key_size, const char *passphrase, void **ret, size_t *ret_size,
                  Failure *reterr) {
        BIO *certificate_bio = NULL, *key_bio = NULL;
        EVP_PKEY *private_key = NULL;
        X509 *x509 = NULL;
        int r;

        if (text_size > IPE_POLICY_TEXT_MAX || certificate_size > INT32_MAX || key_size > INT32_MAX) {
                failure_set(reterr, FAILURE_TOO_LARGE, "The policy has %zu bytes; no kernel takes more than %u.",
                            text_size, IPE_POLICY_TEXT_MAX);
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
                        r = make_envelope(text, text_size, format, x509, private_key, ret, ret_size, reterr);
        }
        EVP_PKEY_free(private_key);
        X509_free(x509);
        BIO_free(key_bio);
        BIO_free(certificate_bio);
        return r;
}
