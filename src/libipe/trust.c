/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The step from Envelope to VerifiedEnvelope: finds the signers, and whether trust.d vouches for one of them.
 */

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "certificate.h"
#include "crypto.h"
#include "envelope-internal.h"
#include "trust-internal.h"

/* libcrypto's level for 112 bits: no RSA below 2048 bits, no MD5, no SHA-1. */
#define SECURITY_LEVEL 2

static bool is_same(X509 *a, X509 *b) {
        return X509_cmp(a, b) == 0;
}

static bool is_trusted(const Trust *trust, X509 *certificate) {
        for (int i = 0; i < sk_X509_num(trust->trusted); i++)
                if (is_same(sk_X509_value(trust->trusted, i), certificate))
                        return true;
        return false;
}

static bool is_self_issued(X509 *certificate) {
        return X509_NAME_cmp(X509_get_subject_name(certificate), X509_get_issuer_name(certificate)) == 0;
}

static bool is_issued_by(X509 *certificate, X509 *issuer) {
        return X509_NAME_cmp(X509_get_issuer_name(certificate), X509_get_subject_name(issuer)) == 0;
}

/* The administrator has put the list into trust.d. If authorities of its issuer's name are there too, one of them
 * must have signed it. */
static bool is_list_for(const Trust *trust, X509_CRL *crl, X509 *certificate) {
        bool known = false;

        if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_issuer_name(certificate)) != 0)
                return false;
        for (int i = 0; i < sk_X509_num(trust->trusted); i++) {
                X509 *issuer = sk_X509_value(trust->trusted, i);

                if (!is_issued_by(certificate, issuer))
                        continue;
                if (X509_CRL_verify(crl, X509_get0_pubkey(issuer)) == 1)
                        return true;
                known = true;
        }
        ERR_clear_error();
        return !known;
}

/* Whether the list may be by the key of the certificate. */
static bool is_by_key_of(const X509_CRL *crl, X509 *certificate) {
        AUTHORITY_KEYID *key = X509_CRL_get_ext_d2i(crl, NID_authority_key_identifier, NULL, NULL);
        bool same = X509_check_akid(certificate, key) == X509_V_OK;

        AUTHORITY_KEYID_free(key);
        return same;
}

static bool is_list_about(const Trust *trust, X509_CRL *crl, X509 *certificate) {
        if (!is_self_issued(certificate))
                return is_list_for(trust, crl, certificate);
        return X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(certificate)) == 0 &&
               is_by_key_of(crl, certificate);
}

static int check_own_list(X509_CRL *crl, X509 *certificate) {
        if (!(X509_get_key_usage(certificate) & KU_CRL_SIGN))
                return X509_V_ERR_KEYUSAGE_NO_CRL_SIGN;
        if (X509_CRL_verify(crl, X509_get0_pubkey(certificate)) != 1)
                return X509_V_ERR_CRL_SIGNATURE_FAILURE;
        for (int i = -1; (i = X509_CRL_get_ext_by_critical(crl, 1, i)) >= 0;)
                if (OBJ_obj2nid(X509_EXTENSION_get_object(X509_CRL_get_ext(crl, i))) != NID_issuing_distribution_point)
                        return X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION;
        return X509_V_OK;
}

static int check_dates(const X509_CRL *crl) {
        const ASN1_TIME *end = X509_CRL_get0_nextUpdate(crl);

        if (X509_cmp_current_time(X509_CRL_get0_lastUpdate(crl)) >= 0)
                return X509_V_ERR_CRL_NOT_YET_VALID;
        return end && X509_cmp_current_time(end) <= 0 ? X509_V_ERR_CRL_HAS_EXPIRED : X509_V_OK;
}

/* For a certificate of trust.d, whose lists libcrypto may pass over: it uses none whose issuer is not in the chain,
 * since 3.6 none about a self-signed certificate, and later versions none about any trusted one. Returns an error of
 * libcrypto's, X509_V_OK for none. */
static int check_trusted(const Trust *trust, X509 *certificate) {
        bool self_issued = is_self_issued(certificate), current = false;
        int outdated = X509_V_OK;

        for (int i = 0; i < sk_X509_CRL_num(trust->crls); i++) {
                X509_CRL *crl = sk_X509_CRL_value(trust->crls, i);
                X509_REVOKED *revoked = NULL;
                int error;

                if (!is_list_about(trust, crl, certificate))
                        continue;
                error = self_issued ? check_own_list(crl, certificate) : X509_V_OK;
                if (error != X509_V_OK)
                        return error;
                if (X509_CRL_get0_by_cert(crl, &revoked, certificate) == 1)
                        return X509_V_ERR_CERT_REVOKED;
                error = check_dates(crl);
                if (error == X509_V_OK)
                        current = true;
                else
                        outdated = error;
        }
        if (current)
                return X509_V_OK;
        return outdated != X509_V_OK          ? outdated
               : trust->doubt && !self_issued ? X509_V_ERR_UNABLE_TO_GET_CRL
                                              : X509_V_OK;
}

static bool is_about_list_issuer(int error) {
        return error == X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER || error == X509_V_ERR_KEYUSAGE_NO_CRL_SIGN ||
               error == X509_V_ERR_CRL_SIGNATURE_FAILURE || error == X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE;
}

static bool is_about_list(int error) {
        switch (error) {
        case X509_V_ERR_CRL_HAS_EXPIRED:
        case X509_V_ERR_CRL_NOT_YET_VALID:
        case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
        case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
        case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
        case X509_V_ERR_DIFFERENT_CRL_SCOPE:
        case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
                return true;
        default:
                return is_about_list_issuer(error);
        }
}

/* The rules by which a signer is judged. */
typedef struct Judge {
        const Trust *trust;
        bool any_time;
} Judge;

/* An issuer without a list revokes nothing, unless a list could not be read. What is wrong with the
 * lists of a trusted certificate that issued itself, check_trusted() says. */
static int on_problem(int ok, X509_STORE_CTX *context) {
        const Judge *judge = X509_STORE_CTX_get_app_data(context);
        const Trust *trust = judge->trust;
        int error = X509_STORE_CTX_get_error(context);
        X509 *certificate = X509_STORE_CTX_get_current_cert(context);
        bool at_top = X509_STORE_CTX_get_error_depth(context) + 1 == sk_X509_num(X509_STORE_CTX_get0_chain(context));

        if (ok || !certificate)
                return ok;
        if (error == X509_V_ERR_UNABLE_TO_GET_CRL)
                ok = !trust->doubt || at_top || is_self_issued(certificate);
        else if (is_about_list(error) && is_self_issued(certificate) && is_trusted(trust, certificate))
                ok = 1;
        else if (is_about_list_issuer(error))
                ok = at_top && !is_self_issued(certificate);
        else if (error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID)
                ok = judge->any_time;
        if (ok)
                X509_STORE_CTX_set_error(context, X509_V_OK);
        return ok;
}

/* The way from a signer to a trusted certificate. */
typedef struct Way {
        int error;      /* of libcrypto's, X509_V_OK for none */
        X509 *at_fault; /* referenced; NULL if there is no error */
        STACK_OF(X509) * chain;
} Way;

static void way_done(Way *way) {
        X509_free(way->at_fault);
        sk_X509_pop_free(way->chain, X509_free);
        *way = (Way) {};
}

static void set_rules(const Trust *trust, STACK_OF(X509) * trusted, X509_STORE_CTX *context) {
        X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(context);

        /* A chain may end at any certificate of trust.d, not only at a root. */
        X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN);
        if (sk_X509_CRL_num(trust->crls) > 0 || trust->doubt)
                X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
        X509_VERIFY_PARAM_set_purpose(rules, X509_PURPOSE_ANY);
        X509_VERIFY_PARAM_set_auth_level(rules, SECURITY_LEVEL);
        X509_STORE_CTX_set0_trusted_stack(context, trusted);
        X509_STORE_CTX_set0_crls(context, trust->crls);
        X509_STORE_CTX_set_verify_cb(context, on_problem);
}

static int end_way(const Trust *trust, X509_STORE_CTX *context, X509 *signer, Way *ret) {
        X509 *at_fault = signer;

        ret->error = X509_V_OK;
        if (X509_verify_cert(context) != 1) {
                ret->error = X509_STORE_CTX_get_error(context);
                at_fault = X509_STORE_CTX_get_current_cert(context) ?: signer;
        } else {
                ret->chain = X509_STORE_CTX_get1_chain(context);
                if (sk_X509_num(ret->chain) <= 0)
                        return -ENOMEM;
                for (int i = 0; i < sk_X509_num(ret->chain) && ret->error == X509_V_OK; i++) {
                        at_fault = sk_X509_value(ret->chain, i);
                        if (is_trusted(trust, at_fault))
                                ret->error = check_trusted(trust, at_fault);
                }
        }
        /* A failure without an error code is still a failure. */
        if (!ret->chain && ret->error == X509_V_OK)
                ret->error = X509_V_ERR_UNSPECIFIED;
        if (ret->error == X509_V_ERR_OUT_OF_MEM)
                return -ENOMEM;
        if (ret->error != X509_V_OK) {
                X509_up_ref(at_fault);
                ret->at_fault = at_fault;
        }
        return 0;
}

static int find_way(const Judge *judge, STACK_OF(X509) * trusted, X509 *signer, STACK_OF(X509) * others, Way *ret) {
        X509_STORE_CTX *context = X509_STORE_CTX_new_ex(crypto_context(), NULL);
        int r = -ENOMEM;

        if (context && X509_STORE_CTX_init(context, NULL, signer, others) == 1 &&
            X509_STORE_CTX_set_app_data(context, (void *) judge) == 1) {
                set_rules(judge->trust, trusted, context);
                r = end_way(judge->trust, context, signer, ret);
        }
        X509_STORE_CTX_free(context);
        ERR_clear_error();
        return r;
}

/* If several authorities share a name, libcrypto tries only one: this tries each alone. way: of the first attempt,
 * replaced by one that leads to a trusted certificate. */
static int find_way_by_namesakes(const Judge *judge, X509 *signer, STACK_OF(X509) * others, Way *way) {
        int r = 0;

        for (int i = 0; i < sk_X509_num(judge->trust->trusted) && r == 0 && way->error != X509_V_OK; i++) {
                X509 *trusted = sk_X509_value(judge->trust->trusted, i);
                STACK_OF(X509) * alone;
                _cleanup_(way_done) Way other = {};

                if (!is_issued_by(way->at_fault, trusted) && !is_same(way->at_fault, trusted))
                        continue;
                alone = sk_X509_new_null();
                r = alone && sk_X509_push(alone, trusted) > 0 ? find_way(judge, alone, signer, others, &other)
                                                              : -ENOMEM;
                sk_X509_free(alone);
                if (r == 0 && other.error == X509_V_OK) {
                        way_done(way);
                        *way = other;
                        other = (Way) {};
                }
        }
        return r;
}

static int explain(const Trust *trust, const Way *way, X509 *signer, Failure *reterr) {
        const char *reason = X509_verify_cert_error_string(way->error);
        bool is_signer = is_same(way->at_fault, signer);
        _cleanup_free_ char *issuer = NULL;
        char who[640];

        snprintf(who, sizeof(who),
                 is_signer ? "certificate of the signer '%s'%s" : "certificate '%s', which certifies the signer '%s',",
                 certificate_name(way->at_fault).text, is_signer ? "" : certificate_name(signer).text);
        switch (way->error) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
        case X509_V_ERR_CERT_NOT_YET_VALID:
                return failure_set(reterr, FAILURE_CERTIFICATE_EXPIRED,
                                   "The %s is not valid now (%s): sign with a valid one, or check the clock.", who,
                                   reason);
        case X509_V_ERR_CERT_REVOKED:
                return failure_set(reterr, FAILURE_CERTIFICATE_REVOKED, "The %s is revoked.", who);
        case X509_V_ERR_UNABLE_TO_GET_CRL:
                return failure_set(reterr, FAILURE_KEY_NOT_TRUSTED,
                                   "The %s may be revoked, as '%.128s' cannot be read: repair or remove that file.",
                                   who, trust->doubt);
        case X509_V_ERR_EE_KEY_TOO_SMALL:
        case X509_V_ERR_CA_KEY_TOO_SMALL:
        case X509_V_ERR_CA_MD_TOO_WEAK:
                return failure_set(reterr, FAILURE_KEY_NOT_TRUSTED,
                                   "The %s is too weak (%s): RSA needs 2048 bits, and certificates are signed with "
                                   "SHA-256 or better.",
                                   who, reason);
        }
        if (is_about_list(way->error)) {
                issuer = certificate_issuer(way->at_fault);
                return failure_set(reterr, FAILURE_KEY_NOT_TRUSTED,
                                   "The %s may be revoked (%s): renew or remove the revocation list of '%.255s' in "
                                   "/etc/ipe/trust.d/, NAME.crl.pem.",
                                   who, reason, issuer ?: "?");
        }
        if (!is_signer)
                return failure_set(reterr, FAILURE_KEY_NOT_TRUSTED,
                                   "The signer '%s' is not trusted, because of the certificate '%s' (%s): put one of "
                                   "them into "
                                   "/etc/ipe/trust.d/ as NAME.pem if it should be.",
                                   certificate_name(signer).text, certificate_name(way->at_fault).text, reason);
        return failure_set(reterr, FAILURE_KEY_NOT_TRUSTED,
                           "The signer '%s' is not trusted (%s): put the certificate into /etc/ipe/trust.d/ as "
                           "NAME.pem if it should be.",
                           certificate_name(signer).text, reason);
}

static uint64_t find_expiry(STACK_OF(X509) * chain) {
        uint64_t first = UINT64_MAX;

        for (int i = 0; i < sk_X509_num(chain); i++) {
                uint64_t usec = certificate_time_usec(X509_get0_notAfter(sk_X509_value(chain, i)));

                if (usec < first)
                        first = usec;
        }
        return first;
}

static int judge_way(const Judge *judge, X509 *signer, STACK_OF(X509) * others, Way *way, Failure *reterr) {
        int r = certificate_check_kernel(signer, reterr);

        if (r == 0)
                r = find_way(judge, judge->trust->trusted, signer, others, way);
        if (r == 0 && way->error != X509_V_OK && way->error != X509_V_ERR_CERT_REVOKED)
                r = find_way_by_namesakes(judge, signer, others, way);
        if (r == 0 && way->error != X509_V_OK)
                r = explain(judge->trust, way, signer, reterr);
        return r;
}

int trust_judge(const Trust *trust, X509 *certificate, Failure *reterr) {
        const Judge judge = { .trust = trust };
        _cleanup_(way_done) Way way = {};

        return judge_way(&judge, certificate, NULL, &way, reterr);
}

/* ret_expires_usec: when its trust ends by date; unchanged if it is not trusted. */
static int judge_signer(const Judge *judge, X509 *signer, STACK_OF(X509) * others, uint64_t *ret_expires_usec,
                        Failure *reterr) {
        _cleanup_(way_done) Way way = {};
        int r = judge_way(judge, signer, others, &way, reterr);

        for (int i = 0; i < sk_X509_num(way.chain) && r == 0; i++) {
                X509 *certificate = sk_X509_value(way.chain, i);

                r = certificate_check_usage(certificate, i == 0, is_trusted(judge->trust, certificate), reterr);
        }
        if (r == 0)
                *ret_expires_usec = find_expiry(way.chain);
        return r;
}

/* A text, its digests, and the certificates in a message. */
typedef struct Subject {
        Judge judge;
        BIO *content; /* has read the text */
        STACK_OF(X509) * certificates;
} Subject;

static void subject_done(Subject *subject) {
        BIO_free_all(subject->content);
        sk_X509_pop_free(subject->certificates, X509_free);
}

/* Returns a reader of the text of a detached signature, or NULL for lack of memory. */
static BIO *open_detached_text(const Envelope *envelope) {
        BIO *memory = BIO_new_mem_buf(envelope->data, (int) envelope->text_size), *filter = BIO_new(BIO_f_null());

        /* libcrypto duplicates a BIO of memory, and leaks it if it does not know a digest; behind a filter it reads
         * the BIO itself. */
        if (memory && filter)
                return BIO_push(filter, memory);
        BIO_free(memory);
        BIO_free(filter);
        return NULL;
}

/* Computes the digests of the text. */
static int read_text(const Envelope *envelope, BIO **ret) {
        BIO *text = envelope->is_appended ? open_detached_text(envelope) : NULL, *content;
        char buffer[16384];

        if (envelope->is_appended && !text)
                return -ENOMEM;
        ERR_clear_error();
        content = CMS_dataInit(envelope->cms, text);
        if (!content) {
                BIO_free_all(text);
                return -EINVAL;
        }
        while (BIO_read(content, buffer, sizeof(buffer)) > 0)
                ;
        *ret = content;
        return 0;
}

static bool is_signed_by(CMS_SignerInfo *signer, X509 *certificate, BIO *content) {
        CMS_SignerInfo_set1_signer_cert(signer, certificate);
        return (CMS_signed_get_attr_count(signer) < 0 || CMS_SignerInfo_verify(signer) == 1) &&
               CMS_SignerInfo_verify_content(signer, content) == 1;
}

/* One of the signers. */
typedef struct Signer {
        bool is_named;     /* there is a certificate with the name and number of the signer */
        X509 *certificate; /* of the key that made the signature; referenced, NULL if there is none */
        int result;        /* 0 if it is trusted, or the refusal */
        uint64_t expires_usec;
        Failure failure;
} Signer;

/* Several certificates can share a name and number, or a key: one that fits and is trusted is enough. Returns 0 or
 * -ENOMEM. */
static int try_certificates(const Subject *subject, CMS_SignerInfo *info, STACK_OF(X509) * certificates,
                            Signer *signer) {
        for (int i = 0; i < sk_X509_num(certificates) && (!signer->certificate || signer->result != 0); i++) {
                X509 *certificate = sk_X509_value(certificates, i);
                uint64_t expires_usec = 0;
                Failure failure = {};
                int r;

                if (CMS_SignerInfo_cert_cmp(info, certificate) != 0)
                        continue;
                signer->is_named = true;
                if (!is_signed_by(info, certificate, subject->content))
                        continue;
                r = judge_signer(&subject->judge, certificate, subject->certificates, &expires_usec, &failure);
                if (r < 0)
                        return r;
                if (signer->certificate && r != 0)
                        continue;
                X509_free(signer->certificate);
                X509_up_ref(certificate);
                *signer = (Signer) { .is_named = true,
                                     .certificate = certificate,
                                     .result = r,
                                     .expires_usec = expires_usec,
                                     .failure = failure };
        }
        return 0;
}

/* Returns 0, also if the signer is not trusted; FAILURE_SIGNATURE_INVALID, as one wrong signature makes the kernel
 * refuse the whole policy; -ENOMEM. */
static int find_signer(const Subject *subject, CMS_SignerInfo *info, Signer *ret, Failure *reterr) {
        int r;

        ERR_clear_error();
        r = try_certificates(subject, info, subject->judge.trust->trusted, ret);
        if (r == 0)
                r = try_certificates(subject, info, subject->certificates, ret);
        if (r < 0)
                return r;
        if (ret->is_named && !ret->certificate)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID, "The signature does not match the policy: %s.",
                                   crypto_reason());
        ERR_clear_error();
        if (!ret->is_named)
                ret->result =
                        failure_set(&ret->failure, FAILURE_KEY_NOT_TRUSTED,
                                    "The signer's certificate is neither in the policy nor in /etc/ipe/trust.d/.");
        return 0;
}

static int add_other(VerifiedEnvelope *verified, X509 *certificate) {
        _cleanup_free_ char *subject = certificate ? certificate_subject(certificate) : strdup("?"),
                            *before = verified->others;

        verified->others = NULL;
        if (!subject || asprintf(&verified->others, "%s%s'%s'", before ?: "", before ? ", " : "", subject) < 0) {
                verified->others = NULL;
                return -ENOMEM;
        }
        return 0;
}

static int set_signer(VerifiedEnvelope *verified, const Signer *signer) {
        unsigned length = sizeof(verified->fingerprint.bytes);

        verified->expires_usec = signer->expires_usec;
        verified->signer = certificate_subject(signer->certificate);
        return verified->signer && X509_digest(signer->certificate, crypto_sha256(), verified->fingerprint.bytes,
                                               &length) == 1
                       ? 0
                       : -ENOMEM;
}

/* One trusted signer is enough, as for the kernel. */
static int judge_signers(const Subject *subject, CMS_ContentInfo *cms, VerifiedEnvelope *verified, Failure *reterr) {
        STACK_OF(CMS_SignerInfo) *infos = CMS_get0_SignerInfos(cms);
        Signer first = {};
        int r = 0;

        for (int i = 0; i < sk_CMS_SignerInfo_num(infos) && r == 0; i++) {
                Signer signer = {};

                r = find_signer(subject, sk_CMS_SignerInfo_value(infos, i), &signer, reterr);
                if (r == 0 && !verified->signer && signer.result == 0)
                        r = set_signer(verified, &signer);
                else if (r == 0)
                        r = add_other(verified, signer.certificate);
                if (i == 0)
                        first = signer;
                X509_free(signer.certificate);
        }
        if (r != 0 || verified->signer)
                return r;
        if (reterr)
                *reterr = first.failure;
        return first.result;
}

static int verify(const Judge *judge, const Envelope *envelope, VerifiedEnvelope *verified, Failure *reterr) {
        _cleanup_(subject_done) Subject subject = { .judge = *judge, .certificates = CMS_get1_certs(envelope->cms) };
        int r;

        ERR_clear_error();
        r = read_text(envelope, &subject.content);
        if (r == -EINVAL)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID, "The signature does not match the policy: %s.",
                                   crypto_reason());
        if (r < 0)
                return r;
        return judge_signers(&subject, envelope->cms, verified, reterr);
}

int trust_verify(const Trust *trust, bool any_time, Envelope **envelope, VerifiedEnvelope **ret, Failure *reterr) {
        _cleanup_(verified_envelope_freep) VerifiedEnvelope *verified = calloc(1, sizeof(*verified));
        int r;

        if (!verified)
                return -ENOMEM;
        r = verify(&(Judge) { trust, any_time }, *envelope, verified, reterr);
        if (r != 0)
                return r;
        verified->envelope = TAKE_PTR(*envelope);
        *ret = TAKE_PTR(verified);
        return 0;
}
