/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose signatures count: anchors in layers, chains, time, revocation.
 */

#include "test-unit.h"

#include <openssl/x509.h>

#include "files.h"
#include "identity.h"
#include "trust.h"

#define TEXT "policy_name=corp-base policy_version=1.0.0\nDEFAULT action=DENY\n"

/* root issues intermediate and leaf; intermediate issues low. */
static Identity *root, *intermediate, *leaf, *low, *stranger;

static int make_identities(void **state) {
        root = identity_new(.name = "root", .authority = true);
        intermediate = identity_new(.name = "intermediate", .issuer = root, .authority = true);
        leaf = identity_new(.name = "leaf", .issuer = root);
        low = identity_new(.name = "low", .issuer = intermediate);
        stranger = identity_new(.name = "stranger");
        return 0;
}

static int free_identities(void **state) {
        identity_free(root);
        identity_free(intermediate);
        identity_free(leaf);
        identity_free(low);
        identity_free(stranger);
        return 0;
}

static const char *const layers[] = { "etc", "run", "usr", NULL };

static void put_certificate(const char *path, const Identity *identity) {
        _cleanup_free_ char *pem = identity_certificate(identity);

        put_text(path, pem);
}

static void put_list(const char *path, const Identity *issuer, const Identity *revoked) {
        _cleanup_free_ char *pem = identity_revoke(issuer, revoked, -1, 1);

        put_text(path, pem);
}

typedef struct Problems {
        unsigned n;
        char path[64]; /* of the last one */
} Problems;

static void note_problem(const char *path, const char *sentence, void *userdata) {
        Problems *problems = userdata;

        assert_true(strlen(sentence) > 0);
        problems->n++;
        snprintf(problems->path, sizeof(problems->path), "%s", path);
}

static Trust *load(Problems *problems) {
        Trust *trust = NULL;

        assert_int_equal(trust_load(layers, note_problem, problems, &trust), 0);
        return trust;
}

static Trust *load_all(void) {
        Problems problems = {};
        Trust *trust = load(&problems);

        assert_int_equal(problems.n, 0);
        return trust;
}

static Envelope *parse(const void *message, size_t size) {
        Envelope *envelope = NULL;

        assert_int_equal(envelope_parse(message, size, &envelope, NULL), 0);
        return envelope;
}

static Failure failure;

/* Asks what is in trust.d now about a message; the sentence is in failure then. */
static int verify(const MessageOptions *options) {
        _cleanup_(trust_freep) Trust *trust = load_all();
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        _cleanup_(verified_envelope_freep) VerifiedEnvelope *verified = NULL;
        _cleanup_free_ void *message = NULL;
        size_t size;
        int r;

        failure = (Failure) {};
        message = message_make(&size, options);
        envelope = parse(message, size);
        r = trust_verify(trust, &envelope, &verified, &failure);
        assert_int_equal(r == 0, verified != NULL);
        assert_int_equal(r == 0, envelope == NULL);
        assert_int_equal(r == 0, strlen(failure.sentence) == 0);
        return r;
}

#define assert_verified(...) assert_int_equal(verify(&(MessageOptions) { .text = TEXT, __VA_ARGS__ }), 0)
#define assert_refused(code, ...) assert_int_equal(verify(&(MessageOptions) { .text = TEXT, __VA_ARGS__ }), code)

static void nobody_is_trusted_where_there_are_no_anchors(void **state) {
        Problems problems = {};
        Trust *trust = load(&problems);

        assert_int_equal(trust_count(trust), 0);
        assert_int_equal(problems.n, 0);
        trust_free(trust);
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { stranger });
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { stranger }, .flags = CMS_NOCERTS);
}

static void an_anchor_is_trusted_and_somebody_else_is_not(void **state) {
        put_certificate("etc/a.pem", leaf);
        assert_verified(.signers = { leaf });
        assert_verified(.signers = { leaf }, .flags = CMS_NOCERTS);
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { stranger });
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { low }, .others = { intermediate, root });
}

static void a_certificate_of_the_same_name_is_not_an_anchor(void **state) {
        _cleanup_identity_ Identity *namesake = identity_new(.name = "stranger");

        put_certificate("etc/a.pem", stranger);
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { namesake });
}

static void the_signer_and_the_fingerprint_are_those_of_the_certificate(void **state) {
        _cleanup_(trust_freep) Trust *trust = NULL;
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        _cleanup_(verified_envelope_freep) VerifiedEnvelope *verified = NULL;
        const Envelope *borrowed;
        _cleanup_free_ unsigned char *der = NULL;
        _cleanup_free_ void *message = NULL;
        const char *text;
        Digest expected;
        size_t size, n;
        int der_size;

        put_certificate("etc/a.pem", stranger);
        trust = load_all();
        message = message_new(&size, .text = TEXT, .signers = { stranger });
        envelope = parse(message, size);
        borrowed = envelope;
        assert_int_equal(trust_verify(trust, &envelope, &verified, NULL), 0);
        assert_string_equal(verified_envelope_signer(verified), "CN=stranger");
        der_size = i2d_X509(stranger->certificate, &der);
        assert_true(der_size > 0);
        digest_of(der, (size_t) der_size, &expected);
        assert_true(digest_equal(verified_envelope_fingerprint(verified), &expected));
        assert_ptr_equal(verified_envelope_get(verified), borrowed);
        text = envelope_text(verified_envelope_get(verified), &n);
        assert_int_equal(n, strlen(TEXT));
        assert_memory_equal(text, TEXT, n);
}

static void a_chain_leads_from_the_signer_to_an_anchor(void **state) {
        put_certificate("etc/root.pem", root);
        assert_verified(.signers = { leaf });
        assert_verified(.signers = { low }, .others = { intermediate });
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { low });
}

static void an_intermediate_certificate_can_be_the_anchor(void **state) {
        put_certificate("etc/intermediate.pem", intermediate);
        assert_verified(.signers = { low });
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { leaf });
}

static void an_anchor_that_is_no_authority_issues_nothing(void **state) {
        _cleanup_identity_ Identity *forged = identity_new(.name = "forged", .issuer = leaf);

        put_certificate("etc/leaf.pem", leaf);
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { forged });
}

static void a_signer_is_refused_outside_of_its_validity(void **state) {
        _cleanup_identity_ Identity *expired = identity_new(.name = "expired", .from = -3, .to = -2);
        _cleanup_identity_ Identity *early = identity_new(.name = "early", .from = 2, .to = 3);
        _cleanup_identity_ Identity *old = identity_new(.name = "old", .issuer = root, .from = -3, .to = -2);

        put_certificate("etc/expired.pem", expired);
        put_certificate("etc/early.pem", early);
        put_certificate("etc/root.pem", root);
        assert_refused(FAILURE_CERTIFICATE_EXPIRED, .signers = { expired });
        assert_refused(FAILURE_CERTIFICATE_EXPIRED, .signers = { early });
        assert_refused(FAILURE_CERTIFICATE_EXPIRED, .signers = { old });
}

static void a_revoked_signer_is_refused_and_its_siblings_are_not(void **state) {
        _cleanup_identity_ Identity *sibling = identity_new(.name = "sibling", .issuer = root);

        put_certificate("etc/root.pem", root);
        put_list("etc/root.crl.pem", root, leaf);
        assert_refused(FAILURE_CERTIFICATE_REVOKED, .signers = { leaf });
        assert_verified(.signers = { sibling });
        /* Its issuer publishes no list, and revokes nothing. */
        assert_verified(.signers = { low }, .others = { intermediate });
}

static void a_revoked_intermediate_takes_those_that_it_issued_with_it(void **state) {
        put_certificate("etc/root.pem", root);
        put_list("etc/root.crl.pem", root, intermediate);
        assert_refused(FAILURE_CERTIFICATE_REVOKED, .signers = { low }, .others = { intermediate });
        assert_verified(.signers = { leaf });
}

static void a_revoked_signer_is_refused_even_as_an_anchor(void **state) {
        put_certificate("etc/root.pem", root);
        put_certificate("etc/leaf.pem", leaf);
        put_list("etc/root.crl.pem", root, leaf);
        assert_refused(FAILURE_CERTIFICATE_REVOKED, .signers = { leaf });
}

static void a_revoked_signer_is_refused_even_as_the_only_anchor(void **state) {
        put_certificate("etc/leaf.pem", leaf);
        put_list("etc/root.crl.pem", root, leaf);
        assert_refused(FAILURE_CERTIFICATE_REVOKED, .signers = { leaf });
}

static void a_list_by_another_issuer_revokes_nothing(void **state) {
        _cleanup_identity_ Identity *namesake = identity_new(.name = "root", .authority = true);

        put_certificate("etc/root.pem", root);
        put_list("etc/stranger.crl.pem", stranger, leaf);
        assert_verified(.signers = { leaf });
        /* Nor does one of the same name with another key. */
        put_list("etc/root.crl.pem", namesake, leaf);
        assert_verified(.signers = { leaf });
}

static void an_outdated_list_is_not_taken_for_an_empty_one(void **state) {
        _cleanup_free_ char *pem = identity_revoke(root, NULL, -3, -2);

        put_certificate("etc/root.pem", root);
        put_text("etc/root.crl.pem", pem);
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { leaf });
        assert_non_null(strstr(failure.sentence, "NAME.crl.pem"));
}

/* Nobody is asked: it does not come so far. */
static void two_signers_are_refused_though_both_are_trusted(void **state) {
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        _cleanup_free_ void *message = NULL;
        size_t size;

        put_certificate("etc/root.pem", root);
        put_certificate("etc/stranger.pem", stranger);
        assert_verified(.signers = { leaf });
        assert_verified(.signers = { stranger });
        message = message_new(&size, .text = TEXT, .signers = { leaf, stranger });
        assert_int_equal(envelope_parse(message, size, &envelope, &failure), FAILURE_SIGNATURE_INVALID);
        assert_non_null(strstr(failure.sentence, "sign the text anew with one key"));
}

static void a_layer_overrides_and_masks_the_ones_below(void **state) {
        put_certificate("usr/vendor.pem", leaf);
        put_certificate("run/other.pem", intermediate);
        assert_verified(.signers = { leaf });
        assert_verified(.signers = { low });
        put_certificate("etc/vendor.pem", stranger);
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { leaf });
        assert_verified(.signers = { stranger });
        assert_int_equal(symlink("/dev/null", "etc/other.pem"), 0);
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { low });
}

static void a_file_may_have_several_certificates_in_it(void **state) {
        _cleanup_free_ char *a = identity_certificate(leaf), *b = identity_certificate(stranger), *both = NULL;
        _cleanup_(trust_freep) Trust *trust = NULL;

        assert_true(asprintf(&both, "First:\n%s\nSecond:\n%s", a, b) > 0);
        put_text("etc/both.pem", both);
        trust = load_all();
        assert_int_equal(trust_count(trust), 2);
        assert_verified(.signers = { leaf });
        assert_verified(.signers = { stranger });
}

static void a_file_that_is_no_certificate_is_named_and_the_others_are_taken(void **state) {
        _cleanup_free_ char *good = identity_certificate(leaf), *list = identity_revoke(root, NULL, -1, 1),
                            *half = NULL;

        assert_true(asprintf(&half, "%s-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", good) > 0);
        const struct {
                const char *path, *text;
        } wrong[] = {
                { "etc/empty.pem", "" },
                { "etc/garbage.pem", "garbage" },
                { "etc/list.pem", list },
                { "etc/half.pem", half },
        };
        put_certificate("etc/good.pem", stranger);
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                _cleanup_(trust_freep) Trust *trust = NULL;
                Problems problems = {};

                put_text(wrong[i].path, wrong[i].text);
                trust = load(&problems);
                assert_int_equal(problems.n, 1);
                assert_string_equal(problems.path, wrong[i].path);
                assert_int_equal(trust_count(trust), 1);
                assert_int_equal(unlink(wrong[i].path), 0);
        }
}

static void a_list_that_cannot_be_read_is_an_error(void **state) {
        _cleanup_free_ char *good = identity_certificate(leaf);
        const char *const wrong[] = { "", "garbage", good };

        put_certificate("etc/root.pem", root);
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                Problems problems = {};
                Trust *trust = NULL;

                put_text("etc/root.crl.pem", wrong[i]);
                assert_int_equal(trust_load(layers, note_problem, &problems, &trust), -EBADMSG);
                assert_string_equal(problems.path, "etc/root.crl.pem");
                assert_null(trust);
        }
}

static void what_is_no_file_is_named(void **state) {
        _cleanup_(trust_freep) Trust *trust = NULL;
        Problems problems = {};

        make_directory("etc/directory.pem");
        assert_int_equal(symlink("nowhere", "etc/dangling.pem"), 0);
        trust = load(&problems);
        assert_int_equal(problems.n, 2);
        assert_int_equal(trust_count(trust), 0);
}

static void a_directory_that_cannot_be_read_is_an_error(void **state) {
        Problems problems = {};
        Trust *trust = NULL;

        put_text("run", "not a directory");
        assert_int_equal(trust_load(layers, note_problem, &problems, &trust), -ENOTDIR);
        assert_null(trust);
}

static void a_changed_text_is_refused(void **state) {
        _cleanup_(trust_freep) Trust *trust = NULL;
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        _cleanup_(verified_envelope_freep) VerifiedEnvelope *verified = NULL;
        _cleanup_free_ char *message = NULL;
        char *place;
        size_t size;

        put_certificate("etc/a.pem", leaf);
        trust = load_all();
        message = message_new(&size, .text = TEXT, .signers = { leaf });
        place = memmem(message, size, "DENY", 4);
        assert_non_null(place);
        memcpy(place, "DENI", 4);
        envelope = parse(message, size);
        assert_int_equal(trust_verify(trust, &envelope, &verified, NULL), FAILURE_SIGNATURE_INVALID);
        assert_null(verified);
        assert_non_null(envelope);
}

/* What a flipped byte changes must not be the text; bytes that are not signed, like those of a certificate that is in
 * trust.d anyway, may change. */
static void no_flipped_byte_yields_another_text(void **state) {
        _cleanup_(trust_freep) Trust *trust = NULL;
        _cleanup_free_ unsigned char *message = NULL;
        unsigned refused = 0;
        size_t size;

        put_certificate("etc/a.pem", leaf);
        trust = load_all();
        message = message_new(&size, .text = TEXT, .signers = { leaf });
        for (size_t i = 0; i < 8 * size; i++) {
                _cleanup_(envelope_freep) Envelope *envelope = NULL;
                _cleanup_(verified_envelope_freep) VerifiedEnvelope *verified = NULL;
                size_t n;

                message[i / 8] ^= 1 << i % 8;
                if (envelope_parse(message, size, &envelope, NULL) == 0 &&
                    trust_verify(trust, &envelope, &verified, NULL) == 0) {
                        const char *text = envelope_text(verified_envelope_get(verified), &n);

                        assert_int_equal(n, strlen(TEXT));
                        assert_memory_equal(text, TEXT, n);
                        assert_string_equal(verified_envelope_signer(verified), "CN=leaf");
                } else
                        refused++;
                message[i / 8] ^= 1 << i % 8;
        }
        /* Every bit of the text and of the signature, which is at least 64 bytes long. */
        assert_in_range(refused, 8 * (strlen(TEXT) + 64), 8 * size);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                unit_test_in_directory(nobody_is_trusted_where_there_are_no_anchors),
                unit_test_in_directory(an_anchor_is_trusted_and_somebody_else_is_not),
                unit_test_in_directory(a_certificate_of_the_same_name_is_not_an_anchor),
                unit_test_in_directory(the_signer_and_the_fingerprint_are_those_of_the_certificate),
                unit_test_in_directory(a_chain_leads_from_the_signer_to_an_anchor),
                unit_test_in_directory(an_intermediate_certificate_can_be_the_anchor),
                unit_test_in_directory(an_anchor_that_is_no_authority_issues_nothing),
                unit_test_in_directory(a_signer_is_refused_outside_of_its_validity),
                unit_test_in_directory(a_revoked_signer_is_refused_and_its_siblings_are_not),
                unit_test_in_directory(a_revoked_intermediate_takes_those_that_it_issued_with_it),
                unit_test_in_directory(a_revoked_signer_is_refused_even_as_an_anchor),
                unit_test_in_directory(a_revoked_signer_is_refused_even_as_the_only_anchor),
                unit_test_in_directory(a_list_that_cannot_be_read_is_an_error),
                unit_test_in_directory(a_list_by_another_issuer_revokes_nothing),
                unit_test_in_directory(an_outdated_list_is_not_taken_for_an_empty_one),
                unit_test_in_directory(two_signers_are_refused_though_both_are_trusted),
                unit_test_in_directory(a_layer_overrides_and_masks_the_ones_below),
                unit_test_in_directory(a_file_may_have_several_certificates_in_it),
                unit_test_in_directory(a_file_that_is_no_certificate_is_named_and_the_others_are_taken),
                unit_test_in_directory(what_is_no_file_is_named),
                unit_test_in_directory(a_directory_that_cannot_be_read_is_an_error),
                unit_test_in_directory(a_changed_text_is_refused),
                unit_test_in_directory(no_flipped_byte_yields_another_text),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, make_identities, free_identities);
}
