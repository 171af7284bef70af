/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signs policies in both forms, so that kernel and daemon accept the signature.
 */

#include <endian.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "certificate.h"
#include "crypto.h"
#include "envelope-internal.h"
#include "envelope-trailer.h"
#include "policy.h"
#include "signer.h"

/* As trust.c demands: 112 bits, more than SHA-1 and MD5 have. */
#define SECURITY_BITS_MIN 112

struct PolicySigner {
        STACK_OF(X509) * chain; /* the signer's first */
        EVP_PKEY *key;
};

PolicySigner *policy_signer_free(PolicySigner *signer) {
        if (!signer)
                return NULL;
        sk_X509_pop_free(signer->chain, X509_free);
        EVP_PKEY_free(signer->key);
        free(signer);
        return NULL;
}

static X509 *own_certificate(const PolicySigner *signer) {
        return sk_X509_value(signer->chain, 0);
}

static int fail(Failure *reterr, int error, const char *what) {
        failure_set(reterr, FAILURE_SIGNATURE_INVALID, "%s: %s.", what, crypto_reason());
        return error;
}

/* Returns 1 if there is another certificate, 0 at the end, -EKEYREJECTED, -ENOMEM. */
static int read_certificate(BIO *bio, STACK_OF(X509) * chain, Failure *reterr) {
        X509 *certificate = X509_new_ex(crypto_context(), NULL);
        unsigned long error;

        if (!certificate)
                return -ENOMEM;
        ERR_clear_error();
        if (PEM_read_bio_X509(bio, &certificate, NULL, NULL)) {
                if (sk_X509_push(chain, certificate) > 0)
                        return 1;
                X509_free(certificate);
                return -ENOMEM;
        }
        X509_free(certificate);
        error = ERR_peek_last_error();
        if (ERR_GET_LIB(error) != ERR_LIB_PEM || ERR_GET_REASON(error) != PEM_R_NO_START_LINE ||
            sk_X509_num(chain) == 0)
                return fail(reterr, -EKEYREJECTED, "Cannot read the certificate as PEM");
        ERR_clear_error();
        return 0;
}

static int read_chain(const char *pem, size_t size, STACK_OF(X509) * chain, Failure *reterr) {
        BIO *bio = BIO_new_mem_buf(pem, (int) size);
        int r = bio ? 1 : -ENOMEM;

        while (r > 0)
                r = read_certificate(bio, chain, reterr);
        BIO_free(bio);
        return r;
}

static int check_chain(const PolicySigner *signer, Failure *reterr) {
        int r = certificate_check_usage(own_certificate(signer), true, true, reterr);

        for (int i = 0; i < sk_X509_num(signer->chain) && r == 0; i++)
                r = certificate_check_kernel(sk_X509_value(signer->chain, i), reterr);
        return r > 0 ? -EKEYREJECTED : r;
}

int policy_signer_new(const char *chain, size_t chain_size, PolicySigner **ret, Failure *reterr) {
        _cleanup_(policy_signer_freep) PolicySigner *signer = NULL;
        int r = crypto_init();

        if (r < 0)
                return failure_set_errno(reterr, r, "Cannot use libcrypto");
        signer = calloc(1, sizeof(*signer));
        if (!signer)
                return -ENOMEM;
        signer->chain = sk_X509_new_null();
        if (!signer->chain)
                return -ENOMEM;
        if (chain_size > INT32_MAX) {
                failure_set(reterr, FAILURE_TOO_LARGE, "The certificate has %zu bytes.", chain_size);
                return -EKEYREJECTED;
        }
        r = read_chain(chain, chain_size, signer->chain, reterr);
        if (r == 0)
                r = check_chain(signer, reterr);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(signer);
        return 0;
}

int policy_signer_set_key(PolicySigner *signer, const char *key, size_t key_size, const char *passphrase,
                          Failure *reterr) {
        BIO *bio = key_size <= INT32_MAX ? BIO_new_mem_buf(key, (int) key_size) : NULL;
        EVP_PKEY *private_key;
        int r = 0;

        if (!bio)
                return -ENOMEM;
        ERR_clear_error();
        private_key = PEM_read_bio_PrivateKey_ex(bio, NULL, NULL, (void *) passphrase, crypto_context(), NULL);
        BIO_free(bio);
        if (!private_key)
                r = fail(reterr, -EKEYREJECTED, "Cannot read the private key as PEM");
        else if (X509_check_private_key(own_certificate(signer), private_key) != 1)
                r = fail(reterr, -EKEYREJECTED,
                         "The private key does not match the certificate, which has to be the first one in its file");
        if (r < 0) {
                EVP_PKEY_free(private_key);
                return r;
        }
        EVP_PKEY_free(signer->key);
        signer->key = private_key;
        return 0;
}

typedef struct Warning {
        void (*warn)(const char *sentence, void *userdata);
        void *userdata;
} Warning;

static void warn_of(const Warning *warning, X509 *certificate, const char *what) {
        char sentence[1024];

        snprintf(sentence, sizeof(sentence), "The certificate '%s' %s", certificate_name(certificate).text, what);
        warning->warn(sentence, warning->userdata);
}

static void warn_of_dates(const Warning *warning, X509 *certificate, unsigned days) {
        const ASN1_TIME *end = X509_get0_notAfter(certificate);
        char what[256], date[16] = "";
        int left = 0, seconds = 0;
        struct tm tm;

        if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
                warn_of(warning, certificate, "is not valid yet: until it is, ipectld refuses the policy.");
        if (ASN1_TIME_to_tm(end, &tm) != 1 || strftime(date, sizeof(date), "%F", &tm) == 0 ||
            ASN1_TIME_diff(&left, &seconds, NULL, end) != 1)
                return;
        if (left < 0 || seconds < 0)
                snprintf(what, sizeof(what), "expired on %s: ipectld refuses the policy.", date);
        else if (left < (int) days)
                snprintf(what, sizeof(what),
                         "expires on %s: from then on ipectld refuses to stage or activate the policy.", date);
        else
                return;
        warn_of(warning, certificate, what);
}

static bool is_weakly_signed(X509 *certificate) {
        int bits = 0;

        return X509_get_signature_info(certificate, NULL, NULL, &bits, NULL) != 1 || bits < SECURITY_BITS_MIN;
}

void policy_signer_warn(const PolicySigner *signer, unsigned days, void (*warn)(const char *sentence, void *userdata),
                        void *userdata) {
        const Warning warning = { warn, userdata };

        for (int i = 0; i < sk_X509_num(signer->chain); i++) {
                X509 *certificate = sk_X509_value(signer->chain, i);
                bool is_root = X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) ==
                               0;

                warn_of_dates(&warning, certificate, days);
                if (!is_root && is_weakly_signed(certificate))
                        warn_of(&warning, certificate,
                                "is certified by a weak signature: it counts only where it is in trust.d itself.");
                if (certificate_check_usage(certificate, false, false, NULL) != 0)
                        warn_of(&warning, certificate,
                                "has no extendedKeyUsage codeSigning: it counts only where it is in trust.d itself.");
        }
        ERR_clear_error();
}

static int add_chain(const PolicySigner *signer, CMS_ContentInfo *cms) {
        for (int i = 1; i < sk_X509_num(signer->chain); i++) {
                X509 *certificate = sk_X509_value(signer->chain, i);
                bool is_twice = false;

                for (int k = 0; k < i; k++)
                        is_twice |= X509_cmp(certificate, sk_X509_value(signer->chain, k)) == 0;
                if (!is_twice && CMS_add1_cert(cms, certificate) != 1)
                        return -EIO;
        }
        return 0;
}

/* ret: DER, to be freed with OPENSSL_free(). Returns 0 or a negative errno. */
static int make_message(const PolicySigner *signer, BIO *input, unsigned form, uint8_t **ret, size_t *ret_size,
                        Failure *reterr) {
        const unsigned flags = CMS_BINARY | CMS_NOATTR | CMS_NOSMIMECAP | form;
        CMS_ContentInfo *cms;
        int size = -1;

        ERR_clear_error();
        cms = CMS_sign_ex(NULL, NULL, NULL, NULL, CMS_PARTIAL | flags, crypto_context(), NULL);
        *ret = NULL;
        if (cms && CMS_add1_signer(cms, own_certificate(signer), signer->key, crypto_sha256(), flags) &&
            add_chain(signer, cms) == 0 && CMS_final(cms, input, NULL, flags) == 1)
                size = i2d_CMS_ContentInfo(cms, ret);
        CMS_ContentInfo_free(cms);
        if (size < 0)
                return fail(reterr, -EIO, "Cannot sign");
        *ret_size = (size_t) size;
        return 0;
}

/* before: the first bytes. message: not freed. Returns 0 or -ENOMEM. */
static int join(const void *before, size_t before_size, const uint8_t *message, size_t message_size,
                const Trailer *trailer, void **ret, size_t *ret_size) {
        size_t end = before_size + message_size;
        uint8_t *data = malloc(end + (trailer ? sizeof(*trailer) + strlen(ENVELOPE_MARK) : 0));

        if (!data)
                return -ENOMEM;
        memcpy(data, before, before_size);
        memcpy(data + before_size, message, message_size);
        if (trailer) {
                memcpy(data + end, trailer, sizeof(*trailer));
                memcpy(data + end + sizeof(*trailer), ENVELOPE_MARK, strlen(ENVELOPE_MARK));
                end += sizeof(*trailer) + strlen(ENVELOPE_MARK);
        }
        *ret = data;
        *ret_size = end;
        return 0;
}

static int make_pkcs7(const PolicySigner *signer, const char *text, size_t text_size, void **ret, size_t *ret_size,
                      Failure *reterr) {
        BIO *input = BIO_new_mem_buf(text, (int) text_size);
        uint8_t *message = NULL;
        size_t size = 0;
        int r = input ? make_message(signer, input, 0, &message, &size, reterr) : -ENOMEM;

        if (r >= 0 && size > MESSAGE_SIZE_MAX) {
                failure_set(reterr, FAILURE_TOO_LARGE,
                            "The signed policy would have %zu bytes; the kernel takes at most %u in this "
                            "form, and more with --format=appended.",
                            size, MESSAGE_SIZE_MAX);
                r = -EFBIG;
        }
        if (r >= 0)
                r = join("", 0, message, size, NULL, ret, ret_size);
        OPENSSL_free(message);
        BIO_free(input);
        return r;
}

static int make_appended(const PolicySigner *signer, const char *text, size_t text_size, void **ret, size_t *ret_size,
                         Failure *reterr) {
        BIO *input = BIO_new_mem_buf(text, (int) text_size);
        uint8_t *message = NULL;
        size_t size = 0;
        int r = input ? make_message(signer, input, CMS_DETACHED, &message, &size, reterr) : -ENOMEM;

        if (r >= 0) {
                const Trailer trailer = { .id_type = ID_TYPE_PKCS7, .message_size = htobe32((uint32_t) size) };

                r = join(text, text_size, message, size, &trailer, ret, ret_size);
        }
        OPENSSL_free(message);
        BIO_free(input);
        return r;
}

static int make_envelope(const PolicySigner *signer, const char *text, size_t text_size, EnvelopeFormat format,
                         void **ret, size_t *ret_size, Failure *reterr) {
        int r = -EFBIG;

        if (format != ENVELOPE_APPENDED)
                r = make_pkcs7(signer, text, text_size, ret, ret_size, reterr);
        if (format == ENVELOPE_APPENDED || (format == ENVELOPE_SMALLEST && r == -EFBIG))
                r = make_appended(signer, text, text_size, ret, ret_size, reterr);
        return r;
}

/* Checks the form, and the signature by the certificate, as a receiver would. */
static int check_result(const char *text, size_t text_size, const void *data, size_t size, Failure *reterr) {
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        const char *found;
        size_t found_size;
        BIO *detached;
        int r;

        r = envelope_parse(data, size, &envelope, reterr);
        if (r != 0)
                return r < 0 ? r : -EKEYREJECTED;
        found = envelope_text(envelope, &found_size);
        detached = envelope->is_appended ? BIO_new_mem_buf(text, (int) text_size) : NULL;
        if (found_size != text_size || memcmp(found, text, text_size) != 0 ||
            CMS_verify(envelope->cms, NULL, NULL, detached, NULL, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) != 1)
                r = fail(reterr, -EIO, "The signature does not match the policy that was signed");
        BIO_free(detached);
        return r;
}

int policy_signer_sign(const PolicySigner *signer, const char *text, size_t text_size, EnvelopeFormat format,
                       void **ret, size_t *ret_size, Failure *reterr) {
        _cleanup_free_ void *data = NULL;
        size_t size = 0;
        int r;

        if (text_size > IPE_POLICY_TEXT_MAX) {
                failure_set(reterr, FAILURE_TOO_LARGE, "The policy has %zu bytes; no kernel takes more than %u.",
                            text_size, IPE_POLICY_TEXT_MAX);
                return -EFBIG;
        }
        r = make_envelope(signer, text, text_size, format, &data, &size, reterr);
        if (r >= 0)
                r = check_result(text, text_size, data, size, reterr);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(data);
        *ret_size = size;
        return 0;
}
