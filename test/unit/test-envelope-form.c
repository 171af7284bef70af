/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages that the kernel refuses, and others that look odd and that it takes.
 */

#include "test-unit.h"

#include <openssl/pem.h>
#include <openssl/pkcs7.h>

#include "envelope.h"
#include "identity.h"

#define TEXT "policy_name=corp-base policy_version=1.0.0\nDEFAULT action=DENY\n"

static Identity *signer, *rsa, *root, *leaf;

static int make_identities(void **state) {
        signer = identity_new(.name = "signer");
        rsa = identity_new(.name = "rsa", .rsa = true);
        root = identity_new(.name = "root", .authority = true);
        leaf = identity_new(.name = "leaf", .issuer = root);
        return 0;
}

static int free_identities(void **state) {
        identity_free(signer);
        identity_free(rsa);
        identity_free(root);
        identity_free(leaf);
        return 0;
}

static Failure failure;

static int parse(const void *message, size_t size) {
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        int r;

        failure = (Failure) {};
        r = envelope_parse(message, size, &envelope, &failure);
        if (r != 0)
                print_message("# %s\n", failure.sentence);
        assert_int_equal(r == 0, envelope != NULL);
        assert_int_equal(r == 0, strlen(failure.sentence) == 0);
        return r;
}

static int parse_new(const MessageOptions *options) {
        _cleanup_free_ void *message = NULL;
        size_t size;

        message = message_make(&size, options);
        return parse(message, size);
}

#define assert_taken(...) assert_int_equal(parse_new(&(MessageOptions) { .text = TEXT, __VA_ARGS__ }), 0)
#define assert_refused(words, ...)                                                           \
        do {                                                                                 \
                assert_int_equal(parse_new(&(MessageOptions) { .text = TEXT, __VA_ARGS__ }), \
                                 FAILURE_SIGNATURE_INVALID);                                 \
                assert_non_null(strstr(failure.sentence, words));                            \
        } while (false)

static void signed_attributes_are_taken_and_those_of_mail_are_not(void **state) {
        assert_taken(.signers = { signer }, .without = CMS_NOATTR);
        assert_taken(.signers = { rsa }, .without = CMS_NOATTR, .others = { root });
        assert_refused("S/MIME", .signers = { signer }, .without = CMS_NOATTR | CMS_NOSMIMECAP);
}

static void a_time_of_signing_outside_of_the_certificate_is_refused(void **state) {
        _cleanup_identity_ Identity *old = identity_new(.name = "old", .from = -3, .to = -2);

        assert_refused("while the certificate 'CN=old' was not valid", .signers = { old }, .without = CMS_NOATTR);
        /* Without the time, or without the certificate, the kernel does not look at the dates. */
        assert_taken(.signers = { old });
        assert_taken(.signers = { old }, .without = CMS_NOATTR, .flags = CMS_NOCERTS);
}

static void several_signatures_are_taken_up_to_a_bound(void **state) {
        assert_taken(.signers = { signer, rsa });
        assert_taken(.signers = { signer, rsa }, .without = CMS_NOATTR);
}

static void nine_signatures_are_refused(void **state) {
        BIO *input = BIO_new_mem_buf(TEXT, -1);
        unsigned flags = CMS_BINARY | CMS_NOATTR | CMS_PARTIAL;
        CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
        unsigned char *der = NULL;
        int size;

        for (int i = 0; i < 9; i++)
                assert_non_null(CMS_add1_signer(cms, signer->certificate, signer->key, EVP_sha256(),
                                                flags | (i ? CMS_NOCERTS : 0)));
        assert_int_equal(CMS_final(cms, input, NULL, flags), 1);
        size = i2d_CMS_ContentInfo(cms, &der);
        assert_int_equal(parse(der, (size_t) size), FAILURE_SIGNATURE_INVALID);
        assert_non_null(strstr(failure.sentence, "9 signatures"));
        OPENSSL_free(der);
        CMS_ContentInfo_free(cms);
        BIO_free(input);
}

static void a_key_identifier_has_its_own_version(void **state) {
        assert_taken(.signers = { signer }, .flags = CMS_USE_KEYID);
        assert_taken(.signers = { rsa, signer }, .flags = CMS_USE_KEYID);
}

/* By PKCS7, of which one can change the fields. change: what to do with it. */
static int parse_changed(void (*change)(PKCS7 *)) {
        _cleanup_free_ void *message = NULL;
        const unsigned char *start;
        unsigned char *der = NULL;
        PKCS7 *pkcs7;
        size_t size;
        int r, n;

        message = message_new(&size, .text = TEXT, .signers = { signer }, .others = { root });
        start = message;
        pkcs7 = d2i_PKCS7(NULL, &start, (long) size);
        assert_non_null(pkcs7);
        change(pkcs7);
        n = i2d_PKCS7(pkcs7, &der);
        assert_true(n > 0);
        r = parse(der, (size_t) n);
        OPENSSL_free(der);
        PKCS7_free(pkcs7);
        return r;
}

static void change_nothing(PKCS7 *pkcs7) {
}

static void set_message_3(PKCS7 *pkcs7) {
        ASN1_INTEGER_set(pkcs7->d.sign->version, 3);
}

static void set_message_5(PKCS7 *pkcs7) {
        ASN1_INTEGER_set(pkcs7->d.sign->version, 5);
}

static void set_signer_3(PKCS7 *pkcs7) {
        ASN1_INTEGER_set(sk_PKCS7_SIGNER_INFO_value(pkcs7->d.sign->signer_info, 0)->version, 3);
}

static void set_both_3(PKCS7 *pkcs7) {
        set_message_3(pkcs7);
        set_signer_3(pkcs7);
}

static void a_version_that_the_kernel_does_not_take_is_refused(void **state) {
        static void (*const wrong[])(PKCS7 *) = { set_message_3, set_message_5, set_signer_3, set_both_3 };

        assert_int_equal(parse_changed(change_nothing), 0);
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                assert_int_equal(parse_changed(wrong[i]), FAILURE_SIGNATURE_INVALID);
                assert_non_null(strstr(failure.sentence, "version"));
        }
}

static void swap_certificates(PKCS7 *pkcs7) {
        STACK_OF(X509) *certificates = pkcs7->d.sign->cert;

        sk_X509_push(certificates, sk_X509_shift(certificates));
}

static void certificates_may_stand_in_any_order(void **state) {
        assert_int_equal(parse_changed(change_nothing), 0);
        assert_int_equal(parse_changed(swap_certificates), 0);
}

static void add_digests(PKCS7 *pkcs7) {
        for (int i = 0; i < 8; i++) {
                X509_ALGOR *algorithm = X509_ALGOR_new();

                X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_sha512), V_ASN1_NULL, NULL);
                sk_X509_ALGOR_push(pkcs7->d.sign->md_algs, algorithm);
        }
}

/* Each of them would have the whole text to read. */
static void many_digests_of_a_text_are_refused(void **state) {
        assert_int_equal(parse_changed(add_digests), FAILURE_SIGNATURE_INVALID);
        assert_non_null(strstr(failure.sentence, "9 digest algorithms"));
}

static void a_revocation_list_in_the_message_is_refused(void **state) {
        _cleanup_free_ char *list = identity_revoke(root, leaf, -1, 1);

        assert_refused("revocation list", .signers = { signer }, .crl = list);
}

static void a_signature_with_other_padding_is_refused(void **state) {
        assert_taken(.signers = { rsa });
        assert_refused("not PSS", .signers = { rsa }, .pss = rsa->key);
}

static void keys_that_the_kernel_does_not_know_are_refused(void **state) {
        static const unsigned good_sizes[] = { 2048, 3072, 4096 }, bad_sizes[] = { 1024, 1536, 2560 };
        static const char *const good_curves[] = { "P-256", "P-384", "P-521" }, *const bad_curves[] = {
                "P-224", "secp256k1", "brainpoolP256r1"
        };

        for (size_t i = 0; i < ELEMENTSOF(good_sizes); i++) {
                _cleanup_identity_ Identity *good = identity_new(.name = "good", .rsa = true, .bits = good_sizes[i]);
                _cleanup_identity_ Identity *bad = identity_new(.name = "bad", .rsa = true, .bits = bad_sizes[i]);

                assert_taken(.signers = { good });
                assert_refused("CN=bad", .signers = { bad });
                assert_refused("bits", .signers = { signer }, .others = { bad });
        }
        for (size_t i = 0; i < ELEMENTSOF(good_curves); i++) {
                _cleanup_identity_ Identity *good = identity_new(.name = "good", .curve = good_curves[i]);
                _cleanup_identity_ Identity *bad = identity_new(.name = "bad", .curve = bad_curves[i]);

                assert_taken(.signers = { good });
                assert_refused("CN=bad", .signers = { bad });
                assert_refused("curve", .signers = { signer }, .others = { bad });
        }
}

static void one_certificate_that_the_kernel_cannot_read_spoils_the_message(void **state) {
        _cleanup_identity_ Identity *other = identity_new(.name = "other", .algorithm = "ED25519"),
                                    *md5 = identity_new(.name = "md5", .rsa = true, .digest = EVP_md5()),
                                    *sha1 = identity_new(.name = "sha1", .rsa = true, .digest = EVP_sha1());

        assert_refused("CN=other", .signers = { signer }, .others = { other });
        assert_refused("CN=md5", .signers = { signer }, .others = { root, md5 });
        /* It is read; whether it counts is for trust_verify() to say. */
        assert_taken(.signers = { signer }, .others = { sha1 });
}

/* The outer length in the indefinite form, which takes as many bytes: 30 80 ... 00 00 in the place of 30 82 xx xx ...
 */
static void another_encoding_of_the_same_length_is_refused(void **state) {
        _cleanup_free_ unsigned char *message = NULL;
        size_t size;

        message = message_new(&size, .text = TEXT, .signers = { signer });
        assert_int_equal(message[1], 0x82);
        message[1] = 0x80;
        memmove(message + 2, message + 4, size - 4);
        memset(message + size - 2, 0, 2);
        assert_int_equal(parse(message, size), FAILURE_SIGNATURE_INVALID);
        assert_non_null(strstr(failure.sentence, "DER"));
}

/* Its length in more bytes than it needs, which BER permits: here of the certificate alone, which libcrypto reads
 * without a word. */
static void a_certificate_in_another_encoding_is_refused(void **state) {
        _cleanup_free_ unsigned char *message = NULL, *der = NULL;
        unsigned char *place;
        size_t size;
        int n = i2d_X509(signer->certificate, &der);

        message = message_new(&size, .text = TEXT, .signers = { signer });
        place = memmem(message, size, der, (size_t) n);
        assert_non_null(place);
        assert_int_equal(place[1], 0x82);
        place[1] = 0x80;
        memmove(place + 2, place + 4, (size_t) n - 4);
        memset(place + n - 2, 0, 2);
        assert_int_equal(parse(message, size), FAILURE_SIGNATURE_INVALID);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(signed_attributes_are_taken_and_those_of_mail_are_not),
                cmocka_unit_test(a_time_of_signing_outside_of_the_certificate_is_refused),
                cmocka_unit_test(several_signatures_are_taken_up_to_a_bound),
                cmocka_unit_test(nine_signatures_are_refused),
                cmocka_unit_test(a_key_identifier_has_its_own_version),
                cmocka_unit_test(a_version_that_the_kernel_does_not_take_is_refused),
                cmocka_unit_test(certificates_may_stand_in_any_order),
                cmocka_unit_test(many_digests_of_a_text_are_refused),
                cmocka_unit_test(a_revocation_list_in_the_message_is_refused),
                cmocka_unit_test(a_signature_with_other_padding_is_refused),
                cmocka_unit_test(keys_that_the_kernel_does_not_know_are_refused),
                cmocka_unit_test(one_certificate_that_the_kernel_cannot_read_spoils_the_message),
                cmocka_unit_test(another_encoding_of_the_same_length_is_refused),
                cmocka_unit_test(a_certificate_in_another_encoding_is_refused),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, make_identities, free_identities);
}
