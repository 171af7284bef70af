/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The form of signed policies, and making them.
 */

#include "test-unit.h"

#include <openssl/pkcs7.h>

#include "envelope.h"
#include "identity.h"
#include "signer.h"

#define TEXT "policy_name=corp-base policy_version=1.0.0\nDEFAULT action=DENY\n"

static Identity *signer, *stranger;

static int make_identities(void **state) {
        signer = identity_new(.name = "signer");
        stranger = identity_new(.name = "stranger");
        return 0;
}

static int free_identities(void **state) {
        identity_free(signer);
        identity_free(stranger);
        return 0;
}

/* Parses a copy of exactly this size, so that a read behind its end is seen. */
static int parse(const void *data, size_t size, Envelope **ret, Failure *reterr) {
        void *copy = malloc(size);
        int r;

        assert_non_null(copy);
        memcpy(copy, data, size);
        r = envelope_parse(copy, size, ret, reterr);
        free(copy);
        return r;
}

static void assert_refused(const void *data, size_t size, int code) {
        Envelope *envelope = NULL;
        Failure failure = {};

        assert_int_equal(parse(data, size, &envelope, &failure), code);
        assert_null(envelope);
        assert_true(strlen(failure.sentence) > 0);
        /* The sentence is optional. */
        assert_int_equal(parse(data, size, &envelope, NULL), code);
}

static void a_signed_text_is_read_back(void **state) {
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        _cleanup_free_ void *message = NULL;
        const void *data;
        const char *text;
        Digest digest;
        size_t size, n;

        message = message_new(&size, .text = TEXT, .signers = { signer });
        assert_int_equal(parse(message, size, &envelope, NULL), 0);
        text = envelope_text(envelope, &n);
        assert_int_equal(n, strlen(TEXT));
        assert_memory_equal(text, TEXT, n);
        data = envelope_data(envelope, &n);
        assert_int_equal(n, size);
        assert_memory_equal(data, message, size);
        assert_int_equal(digest_of(message, size, &digest), 0);
        assert_true(digest_equal(&digest, envelope_digest(envelope)));
}

static void every_stronger_digest_is_taken(void **state) {
        const EVP_MD *digests[] = { EVP_sha256(), EVP_sha384(), EVP_sha512() };

        for (size_t i = 0; i < ELEMENTSOF(digests); i++) {
                _cleanup_(envelope_freep) Envelope *envelope = NULL;
                _cleanup_free_ void *message = NULL;
                size_t size;

                message = message_new(&size, .text = TEXT, .signers = { signer }, .digest = digests[i]);
                assert_int_equal(parse(message, size, &envelope, NULL), 0);
        }
}

static void two_signers_are_counted(void **state) {
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        _cleanup_free_ void *message = NULL;
        size_t size;

        message = message_new(&size, .text = TEXT, .signers = { signer, stranger });
        assert_int_equal(parse(message, size, &envelope, NULL), 0);
        assert_int_equal(envelope_n_signers(envelope), 2);
        free(message);
        message = message_new(&size, .text = TEXT, .signers = { signer });
        envelope = envelope_free(envelope);
        assert_int_equal(parse(message, size, &envelope, NULL), 0);
        assert_int_equal(envelope_n_signers(envelope), 1);
}

static void a_message_cut_anywhere_is_refused(void **state) {
        _cleanup_free_ void *message = NULL;
        size_t size;

        message = message_new(&size, .text = TEXT, .signers = { signer });
        for (size_t cut = 0; cut < size; cut++)
                assert_refused(message, cut, FAILURE_SIGNATURE_INVALID);
}

/* Whether a flipped byte is noticed here or by trust_verify() depends on what it means; it is never a wild read. */
static void a_flipped_byte_is_refused_or_parsed(void **state) {
        static const unsigned char flips[] = { 0x01, 0x20, 0x80, 0xff };
        _cleanup_free_ unsigned char *message = NULL;
        size_t size;

        message = message_new(&size, .text = TEXT, .signers = { signer });
        for (size_t i = 0; i < size; i++)
                for (size_t j = 0; j < ELEMENTSOF(flips); j++) {
                        _cleanup_(envelope_freep) Envelope *envelope = NULL;
                        _cleanup_free_ char *claimed = NULL;
                        size_t n;
                        int r;

                        message[i] ^= flips[j];
                        r = parse(message, size, &envelope, NULL);
                        assert_true(r == 0 || r == FAILURE_SIGNATURE_INVALID);
                        assert_int_equal(r == 0, envelope != NULL);
                        if (envelope) {
                                assert_non_null(envelope_text(envelope, &n));
                                assert_in_range(n, 0, size);
                                assert_in_range(envelope_claimed_signer(envelope, &claimed), 0, 1);
                        }
                        message[i] ^= flips[j];
                }
}

static void bytes_behind_the_message_are_refused(void **state) {
        static const char *const tails[] = { "", "\n", "more" };
        _cleanup_free_ char *message = NULL;
        Envelope *envelope = NULL;
        Failure failure = {};
        size_t size;

        message = message_new(&size, .text = TEXT, .signers = { signer });
        for (size_t i = 0; i < ELEMENTSOF(tails); i++) {
                /* The first tail is a NUL. */
                size_t n = i == 0 ? 1 : strlen(tails[i]);
                char *longer = malloc(size + n);

                assert_non_null(longer);
                memcpy(longer, message, size);
                memcpy(longer + size, tails[i], n);
                assert_refused(longer, size + n, FAILURE_SIGNATURE_INVALID);
                assert_int_equal(parse(longer, size + n, &envelope, &failure), FAILURE_SIGNATURE_INVALID);
                assert_non_null(strstr(failure.sentence, "follow the end"));
                free(longer);
        }
        /* A second message is no better than other bytes. */
        message = realloc(message, 2 * size);
        assert_non_null(message);
        memcpy(message + size, message, size);
        assert_refused(message, 2 * size, FAILURE_SIGNATURE_INVALID);
}

static void what_is_no_message_is_refused(void **state) {
        static const char *const wrong[] = { "",  TEXT,       "-----BEGIN PKCS7-----\n",
                                             "0", "\x30\x80", "\x30\x84\xff\xff\xff\xff" };
        _cleanup_free_ char *certificate = identity_certificate(signer);

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                assert_refused(wrong[i], strlen(wrong[i]), FAILURE_SIGNATURE_INVALID);
        assert_refused(certificate, strlen(certificate), FAILURE_SIGNATURE_INVALID);
}

static void a_form_that_the_kernel_refuses_is_refused(void **state) {
        const MessageOptions wrong[] = {
                { .text = TEXT, .signers = { signer }, .flags = CMS_DETACHED },
                { .text = TEXT, .signers = { signer }, .without = CMS_NOATTR | CMS_NOSMIMECAP },
                { .text = TEXT, .signers = { signer }, .content_type = NID_id_smime_ct_TSTInfo },
                { .text = TEXT, .signers = { signer }, .digest = EVP_sha1() },
                { .text = TEXT, .signers = { signer }, .indefinite = true },
        };

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                _cleanup_free_ void *message = NULL;
                size_t size;

                print_message("# form %zu\n", i);
                message = message_make(&size, &wrong[i]);
                assert_refused(message, size, FAILURE_SIGNATURE_INVALID);
        }
}

static void a_message_that_is_not_signed_is_refused(void **state) {
        BIO *input = BIO_new_mem_buf(TEXT, -1);
        CMS_ContentInfo *cms = CMS_data_create(input, CMS_BINARY);
        unsigned char *der = NULL;
        int size = i2d_CMS_ContentInfo(cms, &der);

        assert_true(size > 0);
        assert_refused(der, (size_t) size, FAILURE_SIGNATURE_INVALID);
        OPENSSL_free(der);
        CMS_ContentInfo_free(cms);
        BIO_free(input);
}

static void a_message_that_nobody_signed_is_refused(void **state) {
        PKCS7 *pkcs7 = PKCS7_new();
        unsigned char *der = NULL;
        int size;

        assert_int_equal(PKCS7_set_type(pkcs7, NID_pkcs7_signed), 1);
        assert_int_equal(PKCS7_content_new(pkcs7, NID_pkcs7_data), 1);
        assert_int_equal(ASN1_STRING_set(pkcs7->d.sign->contents->d.data, TEXT, strlen(TEXT)), 1);
        size = i2d_PKCS7(pkcs7, &der);
        assert_true(size > 0);
        assert_refused(der, (size_t) size, FAILURE_SIGNATURE_INVALID);
        OPENSSL_free(der);
        PKCS7_free(pkcs7);
}

static void the_largest_message_is_taken_and_one_byte_more_is_not(void **state) {
        _cleanup_identity_ Identity *rsa = identity_new(.name = "rsa", .rsa = true);
        char *text = calloc(1, MESSAGE_SIZE_MAX);
        size_t size, text_size = 60000;
        void *message;

        assert_non_null(text);
        message = message_new(&size, .text = text, .size = text_size, .signers = { rsa });
        text_size += MESSAGE_SIZE_MAX - size;
        for (size_t more = 0; more < 2; more++) {
                Envelope *envelope = NULL;

                free(message);
                message = message_new(&size, .text = text, .size = text_size + more, .signers = { rsa });
                assert_int_equal(size, MESSAGE_SIZE_MAX + more);
                if (more)
                        assert_refused(message, size, FAILURE_TOO_LARGE);
                else
                        assert_int_equal(parse(message, size, &envelope, NULL), 0);
                envelope_free(envelope);
        }
        free(message);
        free(text);
}

static void the_claimed_signer_is_named_if_its_certificate_is_there(void **state) {
        for (int with = 0; with < 2; with++) {
                _cleanup_(envelope_freep) Envelope *envelope = NULL;
                _cleanup_free_ void *message = NULL;
                _cleanup_free_ char *claimed = NULL;
                size_t size;

                message = message_new(&size, .text = TEXT, .signers = { signer }, .others = { stranger },
                                      .flags = with ? 0 : CMS_NOCERTS);
                assert_int_equal(parse(message, size, &envelope, NULL), 0);
                assert_int_equal(envelope_claimed_signer(envelope, &claimed), with);
                if (with)
                        assert_string_equal(claimed, "CN=signer");
                else
                        assert_null(claimed);
        }
}

/* Signing, with everything in order but what a test replaces. */
typedef struct SignOptions {
        const char *text;
        size_t size;             /* 0: strlen(text) */
        const char *certificate; /* NULL: the signer's */
        const char *key;         /* NULL: the signer's */
        const char *passphrase;
} SignOptions;

static int sign_as(const SignOptions *options, EnvelopeFormat format, void **ret, size_t *ret_size, Failure *reterr) {
        _cleanup_free_ char *certificate = identity_certificate(signer), *key = identity_key(signer, NULL);
        const char *c = options->certificate ? options->certificate : certificate;
        const char *k = options->key ? options->key : key;

        _cleanup_(policy_signer_freep) PolicySigner *policy_signer = NULL;
        int r = policy_signer_new(c, strlen(c), &policy_signer, reterr);

        if (r >= 0)
                r = policy_signer_set_key(policy_signer, k, strlen(k), options->passphrase, reterr);
        if (r >= 0)
                r = policy_signer_sign(policy_signer, options->text,
                                       options->size ? options->size : strlen(options->text), format, ret, ret_size,
                                       reterr);
        return r;
}

static int sign(const SignOptions *options, void **ret, size_t *ret_size, Failure *reterr) {
        return sign_as(options, ENVELOPE_PKCS7, ret, ret_size, reterr);
}

static void what_is_signed_is_parsed_to_the_same_bytes(void **state) {
        static const char binary[] = "a\0b\r\nc\r\xff\n\n";
        const SignOptions options[] = { { TEXT }, { "" }, { binary, sizeof(binary) } };

        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                size_t size, n, expected = options[i].size ? options[i].size : strlen(options[i].text);
                _cleanup_(envelope_freep) Envelope *envelope = NULL;
                _cleanup_free_ void *message = NULL;
                const char *text;

                assert_int_equal(sign(&options[i], &message, &size, NULL), 0);
                assert_int_equal(parse(message, size, &envelope, NULL), 0);
                text = envelope_text(envelope, &n);
                assert_int_equal(n, expected);
                assert_memory_equal(text, options[i].text, n);
        }
}

static void what_is_signed_as_appended_is_parsed_to_the_same_bytes(void **state) {
        static const char binary[] = "a\0b\r\nc\r\xff\n\n";
        _cleanup_free_ char *large = calloc(1, 1U << 20);
        const SignOptions options[] = { { TEXT }, { "x" }, { binary, sizeof(binary) }, { large, 1U << 20 } };

        assert_non_null(large);
        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                size_t size, n, expected = options[i].size ? options[i].size : strlen(options[i].text);
                _cleanup_(envelope_freep) Envelope *envelope = NULL;
                _cleanup_free_ void *data = NULL;

                assert_int_equal(sign_as(&options[i], ENVELOPE_APPENDED, &data, &size, NULL), 0);
                assert_true(envelope_looks_signed(data, size));
                assert_int_equal(parse(data, size, &envelope, NULL), 0);
                assert_int_equal(envelope_format(envelope), ENVELOPE_APPENDED);
                assert_memory_equal(envelope_text(envelope, &n), options[i].text, expected);
                assert_int_equal(n, expected);
        }
}

static void the_smallest_form_that_holds_the_text_is_chosen(void **state) {
        _cleanup_free_ char *text = calloc(1, 2 * MESSAGE_SIZE_MAX);
        static const struct {
                size_t size;
                EnvelopeFormat format;
        } cases[] = { { 100, ENVELOPE_PKCS7 },
                      { 60000, ENVELOPE_PKCS7 },
                      { MESSAGE_SIZE_MAX, ENVELOPE_APPENDED },
                      { 2 * MESSAGE_SIZE_MAX, ENVELOPE_APPENDED } };

        assert_non_null(text);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(envelope_freep) Envelope *envelope = NULL;
                _cleanup_free_ void *data = NULL;
                size_t size;

                assert_int_equal(sign_as(&(SignOptions) { text, cases[i].size }, ENVELOPE_SMALLEST, &data, &size, NULL),
                                 0);
                assert_int_equal(parse(data, size, &envelope, NULL), 0);
                assert_int_equal(envelope_format(envelope), cases[i].format);
        }
}

/* An appended envelope of TEXT; to be freed. ret_end: where the trailer begins. */
static uint8_t *appended(size_t *ret_size, size_t *ret_end) {
        void *data = NULL;

        assert_int_equal(sign_as(&(SignOptions) { TEXT }, ENVELOPE_APPENDED, &data, ret_size, NULL), 0);
        *ret_end = *ret_size - strlen("~Module signature appended~\n") - 12;
        return data;
}

static void an_appended_signature_cut_anywhere_is_refused(void **state) {
        size_t size, end;
        _cleanup_free_ uint8_t *data = appended(&size, &end);

        for (size_t i = 0; i < size; i++) {
                assert_refused(data, i, FAILURE_SIGNATURE_INVALID);
                /* Of the text less may be there: that is for the signature to tell. */
                if (i > 0 && i <= size - strlen(TEXT))
                        assert_refused(data + size - i, i, FAILURE_SIGNATURE_INVALID);
        }
}

static void every_byte_of_the_trailer_counts(void **state) {
        size_t size, end;
        _cleanup_free_ uint8_t *data = appended(&size, &end);

        for (size_t i = end; i < size; i++)
                for (unsigned bit = 0; bit < 8; bit++) {
                        Failure failure = {};
                        Envelope *envelope = NULL;

                        data[i] ^= (uint8_t) (1U << bit);
                        assert_in_range(parse(data, size, &envelope, &failure), 1, _FAILURE_MAX - 1);
                        assert_null(envelope);
                        data[i] ^= (uint8_t) (1U << bit);
                }
}

static void an_appended_message_that_contains_something_is_refused(void **state) {
        static const char trailer[] = "\0\0\2\0\0\0\0\0";
        size_t size, message_size;
        _cleanup_free_ uint8_t *message = message_new(&message_size, .text = TEXT, .signers = { signer }), *data = NULL;
        FILE *file = open_memstream((char **) &data, &size);

        assert_non_null(file);
        fwrite(TEXT, 1, strlen(TEXT), file);
        fwrite(message, 1, message_size, file);
        fwrite(trailer, 1, 8, file);
        for (int shift = 24; shift >= 0; shift -= 8)
                fputc((int) (message_size >> shift & 0xff), file);
        fputs("~Module signature appended~\n", file);
        assert_int_equal(fclose(file), 0);
        assert_refused(data, size, FAILURE_SIGNATURE_INVALID);
}

static void an_encrypted_key_is_opened_by_its_passphrase(void **state) {
        _cleanup_free_ char *key = identity_key(signer, "correct horse");
        _cleanup_free_ void *message = NULL;
        size_t size;

        assert_int_equal(sign(&(SignOptions) { TEXT, .key = key, .passphrase = "correct horse" }, &message, &size,
                              NULL),
                         0);
        assert_non_null(message);
}

static void a_text_that_does_not_fit_is_not_signed(void **state) {
        /* The second one could not fit even without a signature. */
        static const size_t sizes[] = { MESSAGE_SIZE_MAX, MESSAGE_SIZE_MAX + 1 };
        _cleanup_free_ char *text = calloc(1, MESSAGE_SIZE_MAX + 1);

        assert_non_null(text);
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                Failure failure = {};
                void *message = NULL;
                size_t size;

                assert_int_equal(sign(&(SignOptions) { text, sizes[i] }, &message, &size, &failure), -EFBIG);
                assert_null(message);
                assert_non_null(strstr(failure.sentence, "65535"));
        }
}

static void a_key_or_certificate_that_does_not_serve_is_refused(void **state) {
        _cleanup_free_ char *other_key = identity_key(stranger, NULL), *locked = identity_key(signer, "right"),
                            *certificate = identity_certificate(signer), *key = identity_key(signer, NULL);
        const SignOptions wrong[] = {
                { TEXT, .key = other_key },
                { TEXT, .key = locked, .passphrase = "wrong" },
                { TEXT, .key = locked, .passphrase = "" },
                { TEXT, .key = certificate },
                { TEXT, .key = "" },
                { TEXT, .key = "no PEM" },
                { TEXT, .certificate = key },
                { TEXT, .certificate = "" },
                { TEXT, .certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" },
        };

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                Failure failure = {};
                void *message = NULL;
                size_t size;

                assert_int_equal(sign(&wrong[i], &message, &size, &failure), -EKEYREJECTED);
                assert_null(message);
                assert_true(strlen(failure.sentence) > 0);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_signed_text_is_read_back),
                cmocka_unit_test(every_stronger_digest_is_taken),
                cmocka_unit_test(two_signers_are_counted),
                cmocka_unit_test(a_message_cut_anywhere_is_refused),
                cmocka_unit_test(a_flipped_byte_is_refused_or_parsed),
                cmocka_unit_test(bytes_behind_the_message_are_refused),
                cmocka_unit_test(what_is_no_message_is_refused),
                cmocka_unit_test(a_form_that_the_kernel_refuses_is_refused),
                cmocka_unit_test(a_message_that_is_not_signed_is_refused),
                cmocka_unit_test(a_message_that_nobody_signed_is_refused),
                cmocka_unit_test(the_largest_message_is_taken_and_one_byte_more_is_not),
                cmocka_unit_test(the_claimed_signer_is_named_if_its_certificate_is_there),
                cmocka_unit_test(what_is_signed_is_parsed_to_the_same_bytes),
                cmocka_unit_test(what_is_signed_as_appended_is_parsed_to_the_same_bytes),
                cmocka_unit_test(the_smallest_form_that_holds_the_text_is_chosen),
                cmocka_unit_test(an_appended_signature_cut_anywhere_is_refused),
                cmocka_unit_test(every_byte_of_the_trailer_counts),
                cmocka_unit_test(an_appended_message_that_contains_something_is_refused),
                cmocka_unit_test(an_encrypted_key_is_opened_by_its_passphrase),
                cmocka_unit_test(a_text_that_does_not_fit_is_not_signed),
                cmocka_unit_test(a_key_or_certificate_that_does_not_serve_is_refused),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, make_identities, free_identities);
}
