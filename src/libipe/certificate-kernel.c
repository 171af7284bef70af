/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Certificates as the kernel reads them (its crypto/asymmetric_keys). It knows fewer algorithms than libcrypto, and
 * refuses a message with a certificate that it cannot read, whether or not that certificate is needed.
 */

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "certificate.h"

bool certificate_is_kernel_time(const ASN1_TIME *time) {
        const unsigned char *text = ASN1_STRING_get0_data(time);
        bool is_long = ASN1_STRING_type(time) == V_ASN1_GENERALIZEDTIME;
        int size = ASN1_STRING_length(time);
        struct tm tm;

        if (size != (is_long ? 15 : 13) || text[size - 1] != 'Z' || ASN1_TIME_to_tm(time, &tm) != 1)
                return false;
        /* UTCTime has two digits of the year: 1950 to 2049; other years take the long form. */
        return tm.tm_year >= 70 && (!is_long || tm.tm_year > 149);
}

static bool is_known_signature(int algorithm) {
        switch (algorithm) {
        case NID_sha1WithRSAEncryption:
        case NID_sha224WithRSAEncryption:
        case NID_sha256WithRSAEncryption:
        case NID_sha384WithRSAEncryption:
        case NID_sha512WithRSAEncryption:
        case NID_RSA_SHA3_256:
        case NID_RSA_SHA3_384:
        case NID_RSA_SHA3_512:
        case NID_ecdsa_with_SHA1:
        case NID_ecdsa_with_SHA224:
        case NID_ecdsa_with_SHA256:
        case NID_ecdsa_with_SHA384:
        case NID_ecdsa_with_SHA512:
        case NID_ecdsa_with_SHA3_256:
        case NID_ecdsa_with_SHA3_384:
        case NID_ecdsa_with_SHA3_512:
                return true;
        default:
                return false;
        }
}

static int refuse(X509 *certificate, Failure *reterr, const char *what) {
        return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                           "The certificate '%s' %s: sign with one that the kernel takes, and leave out certificates "
                           "that are not needed.",
                           certificate_name(certificate).text, what);
}

static int check_rsa(X509 *certificate, Failure *reterr) {
        EVP_PKEY *key = X509_get0_pubkey(certificate);
        int bits = key ? EVP_PKEY_get_bits(key) : 0, rounded = (bits + 63) / 64 * 64;
        char what[128];

        /* The kernel counts words of 64 bits. */
        if (bits >= 2048 && (rounded == 2048 || rounded == 3072 || rounded == 4096))
                return 0;
        snprintf(what, sizeof(what), "has an RSA key of %d bits, and 2048, 3072 and 4096 are possible", bits);
        return refuse(certificate, reterr, what);
}

static int check_curve(X509 *certificate, const X509_ALGOR *algorithm, bool is_uncompressed, Failure *reterr) {
        const void *curve = NULL;
        int type;

        X509_ALGOR_get0(NULL, &type, &curve, algorithm);
        switch (type == V_ASN1_OBJECT ? OBJ_obj2nid(curve) : NID_undef) {
        case NID_X9_62_prime256v1:
        case NID_secp384r1:
        case NID_secp521r1:
                return is_uncompressed
                               ? 0
                               : refuse(certificate, reterr, "has a compressed key, which the kernel does not read");
        default:
                return refuse(certificate, reterr, "has a key on a curve other than P-256, P-384 and P-521");
        }
}

static int check_key(X509 *certificate, Failure *reterr) {
        const unsigned char *bytes = NULL;
        X509_ALGOR *algorithm = NULL;
        ASN1_OBJECT *object = NULL;
        int size = 0;

        if (X509_PUBKEY_get0_param(&object, &bytes, &size, &algorithm, X509_get_X509_PUBKEY(certificate)) != 1)
                return refuse(certificate, reterr, "has a key that cannot be read");
        switch (OBJ_obj2nid(object)) {
        case NID_rsaEncryption:
                return check_rsa(certificate, reterr);
        case NID_X9_62_id_ecPublicKey:
                return check_curve(certificate, algorithm, size > 0 && bytes[0] == 4, reterr);
        default:
                return refuse(certificate, reterr, "has a key other than RSA (without PSS) and ECDSA");
        }
}

/* The kernel checks the encoding of some extensions, each in its own way. */
static bool is_kernel_extension(X509_EXTENSION *extension) {
        const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
        const unsigned char *bytes = ASN1_STRING_get0_data(value);
        int size = ASN1_STRING_length(value);

        switch (OBJ_obj2nid(X509_EXTENSION_get_object(extension))) {
        case NID_basic_constraints:
                return size >= 2 && bytes[1] == size - 2 &&
                       (size == 2 || (size >= 5 && bytes[2] == V_ASN1_BOOLEAN && bytes[3] == 1 && bytes[4] == 0xff));
        case NID_key_usage:
                return size >= 4 && bytes[2] < 8;
        case NID_subject_key_identifier:
                return size >= 3 && bytes[0] == V_ASN1_OCTET_STRING && bytes[1] == size - 2;
        default:
                return true;
        }
}

static bool has_kernel_extensions(X509 *certificate) {
        int n = X509_get_ext_count(certificate);

        for (int i = 0; i < n; i++)
                if (!is_kernel_extension(X509_get_ext(certificate, i)))
                        return false;
        return true;
}

int certificate_check_kernel(X509 *certificate, Failure *reterr) {
        const X509_ALGOR *outer, *inner = X509_get0_tbs_sigalg(certificate);
        int r;

        X509_get0_signature(NULL, &outer, certificate);
        if (!is_known_signature(OBJ_obj2nid(inner->algorithm)) || OBJ_cmp(inner->algorithm, outer->algorithm) != 0)
                return refuse(certificate, reterr,
                              "is signed by an algorithm other than RSA (without PSS) and ECDSA with SHA");
        if (!certificate_is_kernel_time(X509_get0_notBefore(certificate)) ||
            !certificate_is_kernel_time(X509_get0_notAfter(certificate)))
                return refuse(certificate, reterr, "has a date in a form that the kernel does not read");
        if (!has_kernel_extensions(certificate))
                return refuse(certificate, reterr, "has an extension that is not encoded as the kernel wants it");
        r = check_key(certificate, reterr);
        ERR_clear_error();
        return r;
}
