/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Trust anchors, and the step from Envelope to VerifiedEnvelope.
 */

#include <fcntl.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "envelope-internal.h"
#include "io.h"
#include "layers.h"
#include "trust.h"

#define PEM_SIZE_MAX (1U << 20)

const char *const trust_directories[] = { "/etc/ipe/trust.d", "/run/ipe/trust.d", "/usr/lib/ipe/trust.d", NULL };

struct Trust {
        STACK_OF(X509) *anchors;
        STACK_OF(X509_CRL) *crls;
};

Trust *trust_free(Trust *trust) {
        if (!trust)
                return NULL;
        sk_X509_pop_free(trust->anchors, X509_free);
        sk_X509_CRL_pop_free(trust->crls, X509_CRL_free);
        free(trust);
        return NULL;
}

size_t trust_count(const Trust *trust) {
        return (size_t) sk_X509_num(trust->anchors);
}

/* Reasons are numbered in each library anew. */
static bool is_error(unsigned long code, int library, int reason) {
        return ERR_GET_LIB(code) == library && ERR_GET_REASON(code) == reason;
}

/* Returns how many there were, 0 if the file has none, -ENOMEM, or -EINVAL if one of them is broken. */
static int read_pem(Trust *trust, BIO *bio, bool crl) {
        int n = 0;

        for (;;) {
                int added;

                ERR_clear_error();
                if (crl) {
                        X509_CRL *list = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);

                        if (!list)
                                break;
                        added = sk_X509_CRL_push(trust->crls, list);
                        if (!added)
                                X509_CRL_free(list);
                } else {
                        X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

                        if (!certificate)
                                break;
                        added = sk_X509_push(trust->anchors, certificate);
                        if (!added)
                                X509_free(certificate);
                }
                if (!added)
                        return -ENOMEM;
                n++;
        }
        if (!is_error(ERR_peek_last_error(), ERR_LIB_PEM, PEM_R_NO_START_LINE))
                return -EINVAL;
        ERR_clear_error();
        return n;
}

/* A file with a broken certificate in it is not taken at all. */
static void drop_new(Trust *trust, int anchors, int crls) {
        while (sk_X509_num(trust->anchors) > anchors)
                X509_free(sk_X509_pop(trust->anchors));
        while (sk_X509_CRL_num(trust->crls) > crls)
                X509_CRL_free(sk_X509_CRL_pop(trust->crls));
}

static int load_file(Trust *trust, const LayeredFile *file, TrustProblem problem, void *userdata) {
        int anchors = sk_X509_num(trust->anchors), crls = sk_X509_CRL_num(trust->crls), r;
        bool crl = stem_length(file->name, ".crl.pem") > 0;
        _cleanup_free_ void *data = NULL;
        char sentence[256];
        size_t size;
        BIO *bio;

        r = read_file_at(AT_FDCWD, file->path, PEM_SIZE_MAX, &data, &size);
        if (r < 0) {
                snprintf(sentence, sizeof(sentence), "cannot read it: %s", strerror(-r));
                problem(file->path, sentence, userdata);
                return crl ? -EBADMSG : 0;
        }
        bio = BIO_new_mem_buf(data, (int) size);
        if (!bio)
                return -ENOMEM;
        r = read_pem(trust, bio, crl);
        BIO_free(bio);
        if (r == -ENOMEM)
                return r;
        if (r <= 0) {
                drop_new(trust, anchors, crls);
                snprintf(sentence, sizeof(sentence), "%s: %s",
                         crl ? "not a list of revoked certificates in PEM" : "not a certificate in PEM",
                         r < 0 ? openssl_reason() : "there is none in it");
                problem(file->path, sentence, userdata);
                /* Without the list, what is revoked would be trusted. */
                return crl ? -EBADMSG : 0;
        }
        return 0;
}

int trust_load(const char *const *directories, TrustProblem problem, void *userdata, Trust **ret) {
        _cleanup_(trust_freep) Trust *trust = calloc(1, sizeof(*trust));
        _cleanup_layers_ LayeredFiles files = {};
        int r;

        if (!trust)
                return -ENOMEM;
        trust->anchors = sk_X509_new_null();
        trust->crls = sk_X509_CRL_new_null();
        if (!trust->anchors || !trust->crls)
                return -ENOMEM;
        r = layers_list(directories, ".pem", &files, NULL);
        if (r < 0)
                return r;
        for (size_t i = 0; i < files.n; i++) {
                r = load_file(trust, &files.files[i], problem, userdata);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(trust);
        return 0;
}

/* An issuer that publishes no list revokes nothing. */
static int allow_missing_crl(int ok, X509_STORE_CTX *context) {
        if (!ok && X509_STORE_CTX_get_error(context) == X509_V_ERR_UNABLE_TO_GET_CRL) {
                X509_STORE_CTX_set_error(context, X509_V_OK);
                return 1;
        }
        return ok;
}

static X509_STORE *make_store(const Trust *trust) {
        X509_STORE *store = X509_STORE_new();
        bool ok = store != NULL;

        for (int i = 0; ok && i < sk_X509_num(trust->anchors); i++)
                ok = X509_STORE_add_cert(store, sk_X509_value(trust->anchors, i)) == 1;
        for (int i = 0; ok && i < sk_X509_CRL_num(trust->crls); i++)
                ok = X509_STORE_add_crl(store, sk_X509_CRL_value(trust->crls, i)) == 1;
        if (!ok) {
                X509_STORE_free(store);
                return NULL;
        }
        /* Any certificate of trust.d is an anchor, not only a root. */
        X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
        if (sk_X509_CRL_num(trust->crls) > 0)
                X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
        X509_STORE_set_purpose(store, X509_PURPOSE_ANY);
        X509_STORE_set_verify_cb(store, allow_missing_crl);
        return store;
}

static int judge(int error, const char *subject, Failure *reterr) {
        const char *reason = X509_verify_cert_error_string(error);

        switch (error) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
        case X509_V_ERR_CERT_NOT_YET_VALID:
                return failure_set(reterr, FAILURE_CERTIFICATE_EXPIRED,
                                   "The certificate of the signer '%s' is not valid now (%s): sign with a valid one, "
                                   "or check the clock.", subject, reason);
        case X509_V_ERR_CERT_REVOKED:
                return failure_set(reterr, FAILURE_CERTIFICATE_REVOKED,
                                   "The certificate of the signer '%s' is revoked.", subject);
        case X509_V_ERR_CRL_HAS_EXPIRED:
        case X509_V_ERR_CRL_NOT_YET_VALID:
        case X509_V_ERR_CRL_SIGNATURE_FAILURE:
                return failure_set(reterr, FAILURE_KEY_NOT_TRUSTED,
                                   "Whether the certificate of the signer '%s' is revoked cannot be told (%s): renew "
                                   "the list in /etc/ipe/trust.d/, NAME.crl.pem.", subject, reason);
        default:
                return failure_set(reterr, FAILURE_KEY_NOT_TRUSTED,
                                   "The signer '%s' is not trusted (%s): put the certificate into /etc/ipe/trust.d/ "
                                   "as NAME.pem if it should be.", subject, reason);
        }
}

/* libcrypto ends the chain at an anchor, and takes no list whose issuer is not in the chain: of an anchor that is not a
 * root it would not see that it is revoked. The lists of trust.d are the administrator's own. */
static bool is_revoked(const Trust *trust, X509_STORE_CTX *context) {
        STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(context);

        for (int i = 0; i < sk_X509_num(chain); i++)
                for (int k = 0; k < sk_X509_CRL_num(trust->crls); k++) {
                        X509 *certificate = sk_X509_value(chain, i), *issuer = sk_X509_value(chain, i + 1);
                        X509_CRL *crl = sk_X509_CRL_value(trust->crls, k);
                        X509_REVOKED *revoked = NULL;

                        if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_issuer_name(certificate)) == 0 &&
                            (!issuer || X509_CRL_verify(crl, X509_get0_pubkey(issuer)) == 1) &&
                            X509_CRL_get0_by_cert(crl, &revoked, certificate) == 1)
                                return true;
                }
        return false;
}

static int verify_signer(const Trust *trust, X509_STORE *store, X509 *certificate, STACK_OF(X509) *others, Failure *reterr) {
        X509_STORE_CTX *context = X509_STORE_CTX_new();
        _cleanup_free_ char *subject = certificate_subject(certificate);
        int r = 0;

        if (!context || !subject || X509_STORE_CTX_init(context, store, certificate, others) != 1)
                r = -ENOMEM;
        else if (X509_verify_cert(context) != 1)
                r = judge(X509_STORE_CTX_get_error(context), subject, reterr);
        else if (is_revoked(trust, context))
                r = judge(X509_V_ERR_CERT_REVOKED, subject, reterr);
        X509_STORE_CTX_free(context);
        ERR_clear_error();
        return r;
}

/* envelope_parse() has seen that there is one signer. */
static int name_signer(const Trust *trust, X509_STORE *store, CMS_ContentInfo *cms, VerifiedEnvelope *verified,
                       Failure *reterr) {
        STACK_OF(X509) *signers = CMS_get0_signers(cms), *others = CMS_get1_certs(cms);
        X509 *signer = sk_X509_num(signers) == 1 ? sk_X509_value(signers, 0) : NULL;
        unsigned length = sizeof(verified->fingerprint.bytes);
        int r = signer ? verify_signer(trust, store, signer, others, reterr) : -ENOMEM;

        if (r == 0) {
                verified->signer = certificate_subject(signer);
                if (!verified->signer ||
                    X509_digest(signer, EVP_sha256(), verified->fingerprint.bytes, &length) != 1)
                        r = -ENOMEM;
        }
        sk_X509_free(signers);
        sk_X509_pop_free(others, X509_free);
        return r;
}

/* Returns what reads the text that a detached signature is of, or NULL for lack of memory. */
static BIO *open_detached_text(const Envelope *envelope) {
        BIO *memory = BIO_new_mem_buf(envelope->data, (int) envelope->text_size), *filter = BIO_new(BIO_f_null());

        /* CMS_verify() duplicates a BIO of memory, and loses that where it does not know a digest; it reads any other one as it is. */
        if (memory && filter)
                return BIO_push(filter, memory);
        BIO_free(memory);
        BIO_free(filter);
        return NULL;
}

static int verify_signature(const Trust *trust, const Envelope *envelope, Failure *reterr) {
        BIO *text = envelope->is_appended ? open_detached_text(envelope) : NULL;
        int r;

        if (envelope->is_appended && !text)
                return -ENOMEM;
        ERR_clear_error();
        r = CMS_verify(envelope->cms, trust->anchors, NULL, text, NULL, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY);
        BIO_free_all(text);
        if (r == 1)
                return 0;
        if (is_error(ERR_peek_error(), ERR_LIB_CMS, CMS_R_SIGNER_CERTIFICATE_NOT_FOUND)) {
                ERR_clear_error();
                return failure_set(reterr, FAILURE_KEY_NOT_TRUSTED,
                                   "The signer's certificate is neither in the policy nor in /etc/ipe/trust.d/.");
        }
        return failure_set(reterr, FAILURE_SIGNATURE_INVALID, "The signature does not match the policy: %s.",
                           openssl_reason());
}

int trust_verify(const Trust *trust, Envelope **envelope, VerifiedEnvelope **ret, Failure *reterr) {
        _cleanup_(verified_envelope_freep) VerifiedEnvelope *verified = calloc(1, sizeof(*verified));
        X509_STORE *store;
        int r;

        if (!verified)
                return -ENOMEM;
        r = verify_signature(trust, *envelope, reterr);
        if (r != 0)
                return r;
        store = make_store(trust);
        if (!store)
                return -ENOMEM;
        r = name_signer(trust, store, (*envelope)->cms, verified, reterr);
        X509_STORE_free(store);
        if (r != 0)
                return r;
        verified->envelope = TAKE_PTR(*envelope);
        *ret = TAKE_PTR(verified);
        return 0;
}
