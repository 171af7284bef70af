/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checks whether the kernel takes the form of a message. It refuses other forms with a bare errno; here they get a
 * sentence.
 *
 * libcrypto's CMS does not show all of a message that it reads, so a second reading, by the same decoder, gives the
 * versions and the numbers of its parts. It also proves the encoding: written again, all bytes have to be the same.
 */

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/pkcs7.h>

#include "certificate.h"
#include "crypto.h"
#include "envelope-internal.h"

/* Each one costs a digest of the text, or a search through the certificates: no more are read. */
#define DIGESTS_MAX 8
#define SIGNERS_MAX 8

typedef struct IdForm {
        int type; /* an IdType */
        union {
                PKCS7_ISSUER_AND_SERIAL *number;
                ASN1_OCTET_STRING *key;
        } id;
} IdForm;

/* In the order of the choice. */
typedef enum IdType {
        ID_NUMBER,
        ID_KEY,
} IdType;

ASN1_CHOICE(IdForm) = {
        ASN1_SIMPLE(IdForm, id.number, PKCS7_ISSUER_AND_SERIAL),
        ASN1_IMP(IdForm, id.key, ASN1_OCTET_STRING, 0),
} static_ASN1_CHOICE_END(IdForm)

typedef struct SignerForm {
        int32_t version;
        IdForm *id;
        X509_ALGOR *digest;
        STACK_OF(X509_ATTRIBUTE) * signed_attributes;
        X509_ALGOR *signature;
        ASN1_OCTET_STRING *value;
        STACK_OF(X509_ATTRIBUTE) * unsigned_attributes;
} SignerForm;

DEFINE_STACK_OF(SignerForm)

ASN1_SEQUENCE(SignerForm) = {
        ASN1_EMBED(SignerForm, version, INT32),
        ASN1_SIMPLE(SignerForm, id, IdForm),
        ASN1_SIMPLE(SignerForm, digest, X509_ALGOR),
        ASN1_IMP_SET_OF_OPT(SignerForm, signed_attributes, X509_ATTRIBUTE, 0),
        ASN1_SIMPLE(SignerForm, signature, X509_ALGOR),
        ASN1_SIMPLE(SignerForm, value, ASN1_OCTET_STRING),
        ASN1_IMP_SET_OF_OPT(SignerForm, unsigned_attributes, X509_ATTRIBUTE, 1),
} static_ASN1_SEQUENCE_END(SignerForm)

typedef struct ContentForm {
        ASN1_OBJECT *type;
        ASN1_OCTET_STRING *data;
} ContentForm;

ASN1_SEQUENCE(ContentForm) = {
        ASN1_SIMPLE(ContentForm, type, ASN1_OBJECT),
        ASN1_EXP_OPT(ContentForm, data, ASN1_OCTET_STRING, 0),
} static_ASN1_SEQUENCE_END(ContentForm)

typedef struct SignedForm {
        int32_t version;
        STACK_OF(X509_ALGOR) * digests;
        ContentForm *content;
        STACK_OF(ASN1_TYPE) * certificates;
        STACK_OF(ASN1_TYPE) * lists;
        STACK_OF(SignerForm) * signers;
} SignedForm;

ASN1_SEQUENCE(SignedForm) = {
        ASN1_EMBED(SignedForm, version, INT32),
        ASN1_SET_OF(SignedForm, digests, X509_ALGOR),
        ASN1_SIMPLE(SignedForm, content, ContentForm),
        /* A set, which DER sorts; 'openssl smime' does not, and the kernel accepts that. */
        ASN1_IMP_SEQUENCE_OF_OPT(SignedForm, certificates, ASN1_ANY, 0),
        ASN1_IMP_SET_OF_OPT(SignedForm, lists, ASN1_ANY, 1),
        ASN1_SET_OF(SignedForm, signers, SignerForm),
} static_ASN1_SEQUENCE_END(SignedForm)

typedef struct MessageForm {
        ASN1_OBJECT *type;
        SignedForm *content;
} MessageForm;

ASN1_SEQUENCE(MessageForm) = {
        ASN1_SIMPLE(MessageForm, type, ASN1_OBJECT),
        ASN1_EXP(MessageForm, content, SignedForm, 0),
} static_ASN1_SEQUENCE_END(MessageForm)

static void form_freep(MessageForm **form) {
        ASN1_item_free((ASN1_VALUE *) *form, ASN1_ITEM_rptr(MessageForm));
}

static int refuse(Failure *reterr, const char *sentence) {
        return failure_set(reterr, FAILURE_SIGNATURE_INVALID, "%s", sentence);
}

static int check_numbers(const SignedForm *form, Failure *reterr) {
        int signers = sk_SignerForm_num(form->signers), digests = sk_X509_ALGOR_num(form->digests);

        if (signers == 0)
                return refuse(reterr, "Nobody signed this message.");
        if (signers > SIGNERS_MAX)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                   "The policy has %d signatures; at most %d are possible.", signers, SIGNERS_MAX);
        if (digests > DIGESTS_MAX)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                   "The message names %d digest algorithms; at most %d are possible.", digests,
                                   DIGESTS_MAX);
        if (sk_ASN1_TYPE_num(form->lists) > 0)
                return refuse(reterr, "The signed policy contains a revocation list, which the kernel does not read: "
                                      "sign without it, and "
                                      "put the list into /etc/ipe/trust.d/.");
        for (int i = 0; i < sk_ASN1_TYPE_num(form->certificates); i++)
                if (ASN1_TYPE_get(sk_ASN1_TYPE_value(form->certificates, i)) != V_ASN1_SEQUENCE)
                        return refuse(reterr, "The signed policy contains a certificate other than X.509, which the "
                                              "kernel does not read.");
        return 0;
}

/* The kernel takes version 1 with issuer and serial number, and 3 with a key identifier; never both in one message. */
static int check_versions(const SignedForm *form, Failure *reterr) {
        for (int i = 0; i < sk_SignerForm_num(form->signers); i++) {
                const SignerForm *signer = sk_SignerForm_value(form->signers, i);
                int version = signer->id->type == ID_NUMBER ? 1 : 3;

                if (form->version != version || signer->version != version)
                        return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                           "The message has version %d, and a signature of version %d; the kernel "
                                           "takes 1 if issuer and serial "
                                           "number name the signer, and 3 if a key identifier does: sign with 'ipectl "
                                           "sign'.",
                                           form->version, signer->version);
        }
        return 0;
}

static int check_algorithms(const SignerForm *signer, Failure *reterr) {
        switch (OBJ_obj2nid(signer->digest->algorithm)) {
        case NID_sha256:
        case NID_sha384:
        case NID_sha512:
                break;
        default:
                return refuse(reterr, "The signature uses a digest other than SHA-256, SHA-384 and SHA-512.");
        }
        switch (OBJ_obj2nid(signer->signature->algorithm)) {
        case NID_rsaEncryption:
        case NID_ecdsa_with_SHA256:
        case NID_ecdsa_with_SHA384:
        case NID_ecdsa_with_SHA512:
                return 0;
        default:
                return refuse(reterr, "The signature uses an algorithm other than the kernel's RSA (PKCS#1 version "
                                      "1.5, not PSS) and "
                                      "ECDSA: sign with 'ipectl sign'.");
        }
}

static bool is_object(const ASN1_OBJECT *object, const char *numbers) {
        char text[64];

        return OBJ_obj2txt(text, sizeof(text), object, 1) > 0 && streq(text, numbers);
}

/* Attributes of mail and of Authenticode, which the kernel refuses. */
static bool is_refused_attribute(const ASN1_OBJECT *object) {
        return OBJ_obj2nid(object) == NID_SMIMECapabilities || is_object(object, "1.3.6.1.4.1.311.2.1.11") ||
               is_object(object, "1.3.6.1.4.1.311.2.1.12");
}

static const ASN1_TIME *get_time(X509_ATTRIBUTE *attribute) {
        const ASN1_TYPE *value = X509_ATTRIBUTE_get0_type(attribute, 0);
        int type = value ? ASN1_TYPE_get(value) : 0;

        return type == V_ASN1_UTCTIME || type == V_ASN1_GENERALIZEDTIME ? value->value.asn1_string : NULL;
}

/* The kernel compares the time of signing with the signer's certificate, if that is in the message. */
static int check_time(CMS_SignerInfo *signer, X509_ATTRIBUTE *attribute, STACK_OF(X509) * certificates,
                      Failure *reterr) {
        const ASN1_TIME *time = get_time(attribute);

        if (!time || !certificate_is_kernel_time(time))
                return refuse(reterr, "The time of signing has a form that the kernel does not read.");
        for (int i = 0; i < sk_X509_num(certificates); i++) {
                X509 *certificate = sk_X509_value(certificates, i);

                if (CMS_SignerInfo_cert_cmp(signer, certificate) != 0)
                        continue;
                if (ASN1_TIME_compare(time, X509_get0_notBefore(certificate)) < 0 ||
                    ASN1_TIME_compare(time, X509_get0_notAfter(certificate)) > 0)
                        return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                           "The policy was signed while the certificate '%s' was not valid, which the "
                                           "kernel refuses: check "
                                           "the clock where it was signed.",
                                           certificate_name(certificate).text);
        }
        return 0;
}

static int check_attribute(CMS_SignerInfo *signer, X509_ATTRIBUTE *attribute, STACK_OF(X509) * certificates,
                           Failure *reterr) {
        const ASN1_OBJECT *object = X509_ATTRIBUTE_get0_object(attribute);
        int nid = OBJ_obj2nid(object), first;

        if (is_refused_attribute(object))
                return refuse(reterr, "The signature has an attribute of S/MIME or Authenticode, which the kernel "
                                      "refuses: sign with "
                                      "'ipectl sign', or with -nosmimecap.");
        if (nid != NID_pkcs9_contentType && nid != NID_pkcs9_messageDigest && nid != NID_pkcs9_signingTime)
                return 0;
        first = CMS_signed_get_attr_by_NID(signer, nid, -1);
        if (X509_ATTRIBUTE_count(attribute) != 1 || CMS_signed_get_attr_by_NID(signer, nid, first) >= 0)
                return refuse(reterr, "A signed attribute has several values, or none; the kernel takes exactly one.");
        return nid == NID_pkcs9_signingTime ? check_time(signer, attribute, certificates, reterr) : 0;
}

static int check_attributes(CMS_SignerInfo *signer, STACK_OF(X509) * certificates, Failure *reterr) {
        int n = CMS_signed_get_attr_count(signer), r = 0;

        for (int i = 0; i < n && r == 0; i++)
                r = check_attribute(signer, CMS_signed_get_attr(signer, i), certificates, reterr);
        if (r == 0 && n >= 0 &&
            (CMS_signed_get_attr_by_NID(signer, NID_pkcs9_contentType, -1) < 0 ||
             CMS_signed_get_attr_by_NID(signer, NID_pkcs9_messageDigest, -1) < 0))
                return refuse(reterr, "The signed attributes do not say what is signed.");
        return r;
}

static int check_signers(CMS_ContentInfo *cms, const SignedForm *form, STACK_OF(X509) * certificates, Failure *reterr) {
        STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);
        bool with_attributes = CMS_signed_get_attr_count(sk_CMS_SignerInfo_value(signers, 0)) >= 0;
        int r = 0;

        for (int i = 0; i < sk_CMS_SignerInfo_num(signers) && r == 0; i++) {
                CMS_SignerInfo *signer = sk_CMS_SignerInfo_value(signers, i);

                if ((CMS_signed_get_attr_count(signer) >= 0) != with_attributes)
                        return refuse(reterr, "Some signatures have signed attributes and others do not; the kernel "
                                              "wants the same for all.");
                r = check_algorithms(sk_SignerForm_value(form->signers, i), reterr);
                if (r == 0)
                        r = check_attributes(signer, certificates, reterr);
        }
        return r;
}

#define NOT_DER "The signed policy is not encoded in DER: sign it with 'ipectl sign', or without -stream."

/* der: of what was read; freed. Returns 0, the refusal, or -ENOMEM. */
static int compare_der(unsigned char *der, int size, const void *data, size_t data_size, Failure *reterr) {
        int r = size < 0 ? -ENOMEM : 0;

        if (r == 0 && ((size_t) size != data_size || memcmp(der, data, data_size) != 0))
                r = refuse(reterr, NOT_DER);
        OPENSSL_free(der);
        return r;
}

/* libcrypto also reads BER, in which the kernel may take other bytes for the signed ones. */
static int check_der(const MessageForm *form, const uint8_t *message, size_t size, Failure *reterr) {
        unsigned char *der = NULL;
        int n = ASN1_item_i2d((const ASN1_VALUE *) form, &der, ASN1_ITEM_rptr(MessageForm));

        return compare_der(der, n, message, size, reterr);
}

/* raw: the same certificates as bytes. */
static int check_certificates(STACK_OF(X509) * certificates, const STACK_OF(ASN1_TYPE) * raw, Failure *reterr) {
        int r = 0;

        for (int i = 0; i < sk_X509_num(certificates) && r == 0; i++) {
                const ASN1_STRING *bytes = sk_ASN1_TYPE_value(raw, i)->value.sequence;
                X509 *certificate = sk_X509_value(certificates, i);
                unsigned char *der = NULL;
                int size = i2d_X509(certificate, &der);

                r = compare_der(der, size, ASN1_STRING_get0_data(bytes), (size_t) ASN1_STRING_length(bytes), reterr);
                if (r == 0)
                        r = certificate_check_kernel(certificate, reterr);
        }
        return r;
}

static int check_signed(CMS_ContentInfo *cms, const SignedForm *form, Failure *reterr) {
        STACK_OF(X509) * certificates;
        int n, r;

        r = check_numbers(form, reterr);
        if (r == 0)
                r = check_versions(form, reterr);
        if (r != 0)
                return r;
        certificates = CMS_get1_certs(cms);
        n = sk_ASN1_TYPE_num(form->certificates);
        if (n > 0 && sk_X509_num(certificates) != n) {
                sk_X509_pop_free(certificates, X509_free);
                return -ENOMEM;
        }
        r = check_signers(cms, form, certificates, reterr);
        if (r == 0)
                r = check_certificates(certificates, form->certificates, reterr);
        sk_X509_pop_free(certificates, X509_free);
        return r;
}

static int check_content(CMS_ContentInfo *cms, bool is_appended, Failure *reterr) {
        ASN1_OCTET_STRING **content;

        if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed)
                return refuse(reterr, "This is a PKCS#7 message, but not a signed one.");
        content = CMS_get0_content(cms);
        if (is_appended && content && *content)
                return refuse(reterr,
                              "The signature after the policy must be detached, but has content: sign the policy with "
                              "'ipectl sign --format=appended'.");
        if ((!is_appended && (!content || !*content)) || OBJ_obj2nid(CMS_get0_eContentType(cms)) != NID_pkcs7_data)
                return refuse(reterr, "The signature does not contain the policy: sign it with 'ipectl sign', or with "
                                      "-nodetach.");
        return 0;
}

int envelope_check_form(CMS_ContentInfo *cms, bool is_appended, const uint8_t *message, size_t size, Failure *reterr) {
        _cleanup_(form_freep) MessageForm *form = NULL;
        const unsigned char *start = message;
        int r;

        r = check_content(cms, is_appended, reterr);
        if (r != 0)
                return r;
        form = (MessageForm *) ASN1_item_d2i(NULL, &start, (long) size, ASN1_ITEM_rptr(MessageForm));
        if (!form)
                return failure_set(reterr, FAILURE_SIGNATURE_INVALID,
                                   "The kernel does not read this form of a signed message: %s.", crypto_reason());
        r = check_der(form, message, size, reterr);
        if (r == 0)
                r = check_signed(cms, form->content, reterr);
        if (r == 0 && is_appended && sk_SignerForm_num(form->content->signers) > 1)
                return refuse(reterr, "The policy has several appended signatures, and the kernel takes one: sign the "
                                      "text anew with one key.");
        return r;
}
