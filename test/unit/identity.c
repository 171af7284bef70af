/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "identity.h"
#include "test-unit.h"

#define DAY 86400L

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
        X509_EXTENSION *extension;
        X509V3_CTX context;

        X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
        extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
        assert_non_null(extension);
        assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
        X509_EXTENSION_free(extension);
}

/* Whether its signatures have a digest of their own. */
static bool own_digest(EVP_PKEY *key) {
        return EVP_PKEY_is_a(key, "ED25519");
}

Identity *identity_make(const IdentityOptions *options) {
        const Identity *issuer = options->issuer;
        Identity *identity = calloc(1, sizeof(*identity));
        static long serial;
        X509 *certificate;
        const char *usage;
        X509_NAME *name;

        assert_non_null(identity);
        identity->key = options->algorithm ? EVP_PKEY_Q_keygen(NULL, NULL, options->algorithm)
                        : options->rsa     ? EVP_RSA_gen(options->bits ? options->bits : 2048)
                                           : EVP_EC_gen(options->curve ? options->curve : "P-256");
        identity->certificate = certificate = X509_new();
        assert_non_null(identity->key);
        assert_non_null(certificate);
        if (!issuer)
                issuer = identity;

        X509_set_version(certificate, X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
        if (options->like)
                assert_int_equal(X509_set_serialNumber(certificate, X509_get_serialNumber(options->like->certificate)),
                                 1);
        X509_gmtime_adj(X509_getm_notBefore(certificate), (options->from ? options->from : -1) * DAY);
        X509_gmtime_adj(X509_getm_notAfter(certificate), (options->to ? options->to : 1) * DAY);
        name = X509_get_subject_name(certificate);
        assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *) options->name,
                                                    -1, -1, 0),
                         1);
        X509_set_issuer_name(certificate, X509_get_subject_name(issuer->certificate));
        X509_set_pubkey(certificate, identity->key);
        add_extension(certificate, issuer->certificate, NID_basic_constraints,
                      options->authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
        usage = options->usage       ? options->usage
                : options->authority ? "critical,keyCertSign,cRLSign"
                                     : "critical,digitalSignature";
        if (*usage)
                add_extension(certificate, issuer->certificate, NID_key_usage, usage);
        if (options->extended)
                add_extension(certificate, issuer->certificate, NID_ext_key_usage, options->extended);
        if (!options->nameless)
                add_extension(certificate, issuer->certificate, NID_subject_key_identifier, "hash");
        assert_true(X509_sign(certificate, issuer->key,
                              own_digest(issuer->key) ? NULL
                              : options->digest       ? options->digest
                                                      : EVP_sha256()) > 0);
        return identity;
}

Identity *identity_free(Identity *identity) {
        if (!identity)
                return NULL;
        EVP_PKEY_free(identity->key);
        X509_free(identity->certificate);
        free(identity);
        return NULL;
}

/* Takes what was written into a BIO, and frees it. */
static char *take_bio(BIO *bio, size_t *ret_size) {
        char *data, *copy;
        long size = BIO_get_mem_data(bio, &data);

        copy = malloc((size_t) size + 1);
        assert_non_null(copy);
        memcpy(copy, data, (size_t) size);
        copy[size] = '\0';
        if (ret_size)
                *ret_size = (size_t) size;
        BIO_free(bio);
        return copy;
}

char *identity_certificate(const Identity *identity) {
        BIO *bio = BIO_new(BIO_s_mem());

        assert_int_equal(PEM_write_bio_X509(bio, identity->certificate), 1);
        return take_bio(bio, NULL);
}

char *identity_key(const Identity *identity, const char *passphrase) {
        const EVP_CIPHER *cipher = passphrase ? EVP_aes_256_cbc() : NULL;
        BIO *bio = BIO_new(BIO_s_mem());

        assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, identity->key, cipher, passphrase,
                                                       passphrase ? (int) strlen(passphrase) : 0, NULL, NULL),
                         1);
        return take_bio(bio, NULL);
}

static void add_list(CMS_ContentInfo *cms, const char *pem) {
        BIO *bio = BIO_new_mem_buf(pem, -1);
        X509_CRL *crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);

        assert_int_equal(CMS_add0_crl(cms, crl), 1);
        BIO_free(bio);
}

static void add_signer(CMS_ContentInfo *cms, const Identity *signer, const MessageOptions *options, unsigned flags) {
        bool pss = options->pss == signer->key;
        CMS_SignerInfo *info = CMS_add1_signer(cms, signer->certificate, signer->key,
                                               options->digest ? options->digest : EVP_sha256(),
                                               pss ? flags | CMS_KEY_PARAM : flags);

        assert_non_null(info);
        if (pss)
                assert_true(EVP_PKEY_CTX_set_rsa_padding(CMS_SignerInfo_get0_pkey_ctx(info), RSA_PKCS1_PSS_PADDING) >
                            0);
}

static ASN1_TIME *days_from_now(int days) {
        ASN1_TIME *when = X509_gmtime_adj(NULL, days * DAY);

        assert_non_null(when);
        return when;
}

/* As the lists of real authorities do: libcrypto takes such a list only where it finds that very key. */
static void name_issuer_key(X509_CRL *crl, X509 *issuer) {
        X509_EXTENSION *extension;
        X509V3_CTX context;

        X509V3_set_ctx(&context, issuer, NULL, NULL, crl, 0);
        extension = X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid:always");
        assert_non_null(extension);
        assert_int_equal(X509_CRL_add_ext(crl, extension, -1), 1);
        X509_EXTENSION_free(extension);
}

/* scope: of X509V3_EXT_nconf_nid(), "delta", or NULL. */
static void set_scope(X509_CRL *crl, const char *scope) {
        if (scope && streq(scope, "delta")) {
                ASN1_INTEGER *base = ASN1_INTEGER_new();

                assert_int_equal(ASN1_INTEGER_set(base, 1), 1);
                assert_int_equal(X509_CRL_add1_ext_i2d(crl, NID_delta_crl, base, 1, 0), 1);
                ASN1_INTEGER_free(base);
        } else if (scope) {
                X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, NULL, NID_issuing_distribution_point, scope);

                assert_non_null(extension);
                assert_int_equal(X509_CRL_add_ext(crl, extension, -1), 1);
                X509_EXTENSION_free(extension);
        }
}

char *identity_revoke(const Identity *issuer, const Identity *revoked, int from, int to) {
        return identity_revoke_in(issuer, revoked, from, to, NULL);
}

char *identity_revoke_in(const Identity *issuer, const Identity *revoked, int from, int to, const char *scope) {
        ASN1_TIME *start = days_from_now(from), *end = days_from_now(to);
        BIO *bio = BIO_new(BIO_s_mem());
        X509_CRL *crl = X509_CRL_new();

        assert_non_null(crl);
        X509_CRL_set_version(crl, X509_CRL_VERSION_2);
        X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->certificate));
        X509_CRL_set1_lastUpdate(crl, start);
        X509_CRL_set1_nextUpdate(crl, end);
        if (revoked) {
                X509_REVOKED *entry = X509_REVOKED_new();

                X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->certificate));
                X509_REVOKED_set_revocationDate(entry, start);
                assert_int_equal(X509_CRL_add0_revoked(crl, entry), 1);
        }
        X509_CRL_sort(crl);
        set_scope(crl, scope);
        name_issuer_key(crl, issuer->certificate);
        assert_true(X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0);
        assert_int_equal(PEM_write_bio_X509_CRL(bio, crl), 1);
        X509_CRL_free(crl);
        ASN1_TIME_free(start);
        ASN1_TIME_free(end);
        return take_bio(bio, NULL);
}

void *message_make(size_t *ret_size, const MessageOptions *options) {
        const unsigned flags = ((CMS_BINARY | CMS_NOATTR | CMS_NOSMIMECAP) & ~options->without) | options->flags;
        size_t size = options->size ? options->size : strlen(options->text);
        BIO *input = BIO_new_mem_buf(options->text, (int) size), *output = BIO_new(BIO_s_mem());
        CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, CMS_PARTIAL | flags);

        assert_non_null(input);
        assert_non_null(output);
        assert_non_null(cms);
        if (options->content_type)
                assert_int_equal(CMS_set1_eContentType(cms, OBJ_nid2obj(options->content_type)), 1);
        for (const Identity *const *signer = options->signers; *signer; signer++)
                add_signer(cms, *signer, options, flags);
        if (options->crl)
                add_list(cms, options->crl);
        for (const Identity *const *other = options->others; *other; other++)
                assert_int_equal(CMS_add1_cert(cms, (*other)->certificate), 1);
        if (options->indefinite) {
                assert_int_equal(i2d_CMS_bio_stream(output, cms, input, (int) flags | CMS_STREAM), 1);
        } else {
                assert_int_equal(CMS_final(cms, input, NULL, flags), 1);
                assert_int_equal(i2d_CMS_bio(output, cms), 1);
        }
        CMS_ContentInfo_free(cms);
        BIO_free(input);
        return take_bio(output, ret_size);
}
