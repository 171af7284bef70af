/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose signatures count: chains, time, usages, revocation.
 */

#include "test-unit.h"

#include <openssl/x509.h>

#include "files.h"
#include "trusted.h"

static void nobody_is_trusted_where_there_are_no_certificates(void **state) {
        Problems problems = {};
        Trust *trust = load(&problems);

        assert_int_equal(trust_count(trust), 0);
        assert_int_equal(problems.n, 0);
        trust_free(trust);
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { stranger });
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { stranger }, .flags = CMS_NOCERTS);
}

static void a_certificate_of_trust_d_is_trusted_and_another_is_not(void **state) {
        put_certificate("etc/a.pem", leaf);
        assert_verified(.signers = { leaf });
        assert_verified(.signers = { leaf }, .flags = CMS_NOCERTS);
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { stranger });
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { low }, .others = { intermediate, root });
}

static void a_certificate_of_the_same_name_is_not_trusted(void **state) {
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
        assert_int_equal(trust_verify(trust, false, &envelope, &verified, NULL), 0);
        assert_string_equal(verified_envelope_signer(verified), "CN=stranger");
        der_size = i2d_X509(stranger->certificate, &der);
        assert_true(der_size > 0);
        assert_int_equal(digest_of(der, (size_t) der_size, &expected), 0);
        assert_true(digest_equal(verified_envelope_fingerprint(verified), &expected));
        assert_ptr_equal(verified_envelope_get(verified), borrowed);
        text = envelope_text(verified_envelope_get(verified), &n);
        assert_int_equal(n, strlen(TEXT));
        assert_memory_equal(text, TEXT, n);
}

/* Rounded. */
static long days_until(uint64_t usec) {
        return ((long) (usec / 1000000) - (long) time(NULL) + 43200) / 86400;
}

static void a_signature_counts_until_the_first_certificate_ends(void **state) {
        _cleanup_identity_ Identity *top = identity_new(.name = "top", .authority = true, .from = -1, .to = 40),
                                    *end = identity_new(.name = "end", .issuer = top, .from = -1, .to = 20);
        _cleanup_(trust_freep) Trust *trust = NULL;
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        _cleanup_(verified_envelope_freep) VerifiedEnvelope *verified = NULL;
        _cleanup_free_ void *message = NULL;
        size_t size;

        put_certificate("etc/top.pem", top);
        trust = load_all();
        message = message_new(&size, .text = TEXT, .signers = { end });
        envelope = parse(message, size);
        assert_int_equal(trust_verify(trust, false, &envelope, &verified, NULL), 0);
        assert_int_equal(days_until(verified_envelope_expires_usec(verified)), 20);
}

static const TrustedCertificate *find_listed(const TrustList *list, const char *file) {
        for (size_t i = 0; i < list->n; i++)
                if (strstr(list->certificates[i].file, file))
                        return &list->certificates[i];
        fail_msg("%s is not listed", file);
        return NULL;
}

static void list_says_what_each_certificate_is_good_for(void **state) {
        _cleanup_identity_ Identity *outdated = identity_new(.name = "outdated", .from = -20, .to = -10),
                                    *plain = identity_new(.name = "plain", .usage = "keyEncipherment");
        _cleanup_(trust_list_done) TrustList list = {};
        _cleanup_(trust_freep) Trust *trust = NULL;
        const TrustedCertificate *found;

        put_certificate("etc/root.pem", root);
        put_certificate("etc/signs.pem", stranger);
        put_certificate("etc/outdated.pem", outdated);
        put_certificate("etc/plain.pem", plain);
        trust = load_all();
        assert_int_equal(trust_list(trust, &list), 0);
        assert_int_equal(list.n, 4);
        found = find_listed(&list, "root.pem");
        assert_true(found->certifies);
        assert_null(found->problem);
        found = find_listed(&list, "signs.pem");
        assert_true(found->signs && !found->certifies);
        assert_string_equal(found->subject, "CN=stranger");
        assert_string_equal(found->issuer, "CN=stranger");
        assert_null(found->problem);
        found = find_listed(&list, "outdated.pem");
        assert_false(found->signs || found->certifies || found->revoked);
        assert_non_null(strstr(found->problem, "not valid now"));
        assert_true(found->not_before_usec < found->not_after_usec && days_until(found->not_after_usec) < 0);
        found = find_listed(&list, "plain.pem");
        assert_false(found->signs || found->certifies);
        assert_non_null(strstr(found->problem, "digitalSignature"));
}

static void list_says_who_is_revoked(void **state) {
        _cleanup_free_ char *list_of_root = identity_revoke(root, leaf, -1, 10);
        _cleanup_(trust_list_done) TrustList list = {};
        _cleanup_(trust_freep) Trust *trust = NULL;
        const TrustedCertificate *found;

        put_certificate("etc/root.pem", root);
        put_certificate("etc/leaf.pem", leaf);
        put_text("etc/root.crl.pem", list_of_root);
        trust = load_all();
        assert_int_equal(trust_list(trust, &list), 0);
        found = find_listed(&list, "leaf.pem");
        assert_true(found->revoked && !found->signs);
        assert_non_null(strstr(found->problem, "revoked"));
        found = find_listed(&list, "root.pem");
        assert_true(!found->revoked && found->certifies);
}

static void a_chain_leads_from_the_signer_to_a_trusted_certificate(void **state) {
        put_certificate("etc/root.pem", root);
        assert_verified(.signers = { leaf });
        assert_verified(.signers = { low }, .others = { intermediate });
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { low });
}

static void an_intermediate_certificate_can_be_the_trusted_one(void **state) {
        put_certificate("etc/intermediate.pem", intermediate);
        assert_verified(.signers = { low });
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { leaf });
}

static void a_trusted_certificate_that_is_no_authority_issues_nothing(void **state) {
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

/* Going back to an old policy forgives its dates, and no error that the dates would hide. */
static void at_any_time_all_counts_but_the_dates(void **state) {
        _cleanup_identity_ Identity *old = identity_new(.name = "old", .issuer = root, .from = -3, .to = -2),
                                    *old_of_intermediate = identity_new(.name = "old-low", .issuer = intermediate,
                                                                        .from = -3, .to = -2),
                                    *old_root = identity_new(.name = "old-root", .authority = true, .from = -3,
                                                             .to = -2),
                                    *of_old_root = identity_new(.name = "of-old-root", .issuer = old_root),
                                    *namesake = identity_new(.name = "old-root", .authority = true),
                                    *forged = identity_new(.name = "forged", .issuer = namesake);
        _cleanup_free_ char *outdated = identity_revoke(root, NULL, -3, -2);

        put_certificate("etc/root.pem", root);
        put_certificate("etc/old-root.pem", old_root);
        assert_refused(FAILURE_CERTIFICATE_EXPIRED, .signers = { old });
        assert_result_at_any_time(0, .signers = { old });
        assert_result_at_any_time(0, .signers = { of_old_root });
        assert_result_at_any_time(FAILURE_KEY_NOT_TRUSTED, .signers = { forged });
        assert_result_at_any_time(FAILURE_KEY_NOT_TRUSTED, .signers = { stranger });
        put_list("etc/root.crl.pem", root, old);
        assert_result_at_any_time(FAILURE_CERTIFICATE_REVOKED, .signers = { old });
        assert_result_at_any_time(FAILURE_CERTIFICATE_REVOKED, .signers = { old, stranger });
        put_certificate("etc/intermediate.pem", intermediate);
        put_list("etc/root.crl.pem", root, intermediate);
        assert_result_at_any_time(FAILURE_CERTIFICATE_REVOKED, .signers = { old_of_intermediate });
        put_text("etc/root.crl.pem", outdated);
        assert_result_at_any_time(FAILURE_KEY_NOT_TRUSTED, .signers = { old });
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

static void a_revoked_signer_is_refused_even_in_trust_d(void **state) {
        put_certificate("etc/root.pem", root);
        put_certificate("etc/leaf.pem", leaf);
        put_list("etc/root.crl.pem", root, leaf);
        assert_refused(FAILURE_CERTIFICATE_REVOKED, .signers = { leaf });
}

static void a_revoked_signer_is_refused_even_as_the_only_one_in_trust_d(void **state) {
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

/* Versions of libcrypto differ in whether they look at lists about the end of the chain. */
static void a_root_may_revoke_itself(void **state) {
        put_certificate("etc/root.pem", root);
        put_list("etc/root.crl.pem", root, root);
        assert_refused(FAILURE_CERTIFICATE_REVOKED, .signers = { leaf });
        assert_refused(FAILURE_CERTIFICATE_REVOKED, .signers = { low }, .others = { intermediate });
}

static void a_self_signed_signer_is_judged_by_its_own_list(void **state) {
        _cleanup_identity_ Identity *own = identity_new(.name = "own", .usage = "digitalSignature,cRLSign"),
                                    *namesake = identity_new(.name = "own", .authority = true);
        _cleanup_free_ char *outdated = identity_revoke(own, NULL, -3, -2), *early = identity_revoke(own, NULL, 2, 3),
                            *current = identity_revoke(own, NULL, -1, 1);

        put_certificate("etc/own.pem", own);
        put_text("etc/own.crl.pem", current);
        assert_verified(.signers = { own });
        put_text("etc/old.crl.pem", outdated);
        assert_verified(.signers = { own });
        assert_int_equal(unlink("etc/old.crl.pem"), 0);
        put_text("etc/own.crl.pem", outdated);
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { own });
        put_text("etc/own.crl.pem", early);
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { own });
        put_list("etc/own.crl.pem", own, own);
        assert_refused(FAILURE_CERTIFICATE_REVOKED, .signers = { own });
        put_list("etc/own.crl.pem", namesake, own);
        assert_verified(.signers = { own });
}

static void a_trusted_intermediate_below_a_trusted_root_can_be_revoked(void **state) {
        put_certificate("etc/root.pem", root);
        put_certificate("etc/intermediate.pem", intermediate);
        assert_verified(.signers = { low });
        put_list("etc/root.crl.pem", root, intermediate);
        assert_refused(FAILURE_CERTIFICATE_REVOKED, .signers = { low });
}

static void one_trusted_signer_of_two_is_enough_and_both_are_named(void **state) {
        const Identity *const orders[][2] = { { leaf, stranger }, { stranger, leaf } };

        put_certificate("etc/root.pem", root);
        for (size_t i = 0; i < ELEMENTSOF(orders); i++) {
                _cleanup_(verified_envelope_freep) VerifiedEnvelope *verified = NULL;
                _cleanup_(envelope_freep) Envelope *envelope = NULL;
                _cleanup_(trust_freep) Trust *trust = load_all();
                _cleanup_free_ void *message = NULL;
                size_t size;

                message = message_new(&size, .text = TEXT, .signers = { orders[i][0], orders[i][1] });
                envelope = parse(message, size);
                assert_int_equal(trust_verify(trust, false, &envelope, &verified, NULL), 0);
                assert_string_equal(verified_envelope_signer(verified), "CN=leaf");
                assert_string_equal(verified_envelope_others(verified), "'CN=stranger'");
        }
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { stranger, low });
}

/* As for the kernel: a wrong signature spoils those beside it. */
static void a_wrong_signature_beside_a_trusted_one_is_refused(void **state) {
        _cleanup_(trust_freep) Trust *trust = NULL;
        _cleanup_(verified_envelope_freep) VerifiedEnvelope *verified = NULL;
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        _cleanup_free_ unsigned char *message = NULL;
        size_t size;

        put_certificate("etc/leaf.pem", leaf);
        trust = load_all();
        message = message_new(&size, .text = TEXT, .signers = { leaf, stranger });
        /* The signatures stand at the end: the last byte is that of one of the two. */
        message[size - 1] ^= 1;
        envelope = parse(message, size);
        assert_int_equal(trust_verify(trust, false, &envelope, &verified, NULL), FAILURE_SIGNATURE_INVALID);
}

static void signed_attributes_count_as_much_as_none(void **state) {
        put_certificate("etc/root.pem", root);
        assert_verified(.signers = { leaf }, .without = CMS_NOATTR);
        assert_verified(.signers = { low }, .others = { intermediate }, .without = CMS_NOATTR);
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { stranger }, .without = CMS_NOATTR);
}

static void a_weak_certificate_is_refused_and_named(void **state) {
        _cleanup_identity_ Identity *weak_root = identity_new(.name = "weak-root", .authority = true, .rsa = true,
                                                              .bits = 1024),
                                    *of_weak = identity_new(.name = "of-weak", .issuer = weak_root),
                                    *sha1 = identity_new(.name = "sha1", .issuer = root, .digest = EVP_sha1()),
                                    *tiny = identity_new(.name = "tiny", .rsa = true, .bits = 1024);

        put_certificate("etc/root.pem", root);
        put_certificate("etc/weak-root.pem", weak_root);
        put_certificate("etc/tiny.pem", tiny);
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { of_weak });
        assert_non_null(strstr(failure.sentence, "'CN=weak-root', which certifies the signer 'CN=of-weak'"));
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { sha1 });
        assert_non_null(strstr(failure.sentence, "too weak"));
        assert_refused(FAILURE_SIGNATURE_INVALID, .signers = { tiny }, .flags = CMS_NOCERTS);
        /* The administrator vouches for it, and the signature of its issuer does not count. */
        put_certificate("etc/sha1.pem", sha1);
        assert_verified(.signers = { sha1 });
}

static void a_signer_may_sign(void **state) {
        _cleanup_identity_ Identity *wrong = identity_new(.name = "wrong", .usage = "critical,keyEncipherment"),
                                    *below = identity_new(.name = "below", .issuer = root, .usage = "critical,cRLSign"),
                                    *any = identity_new(.name = "any", .issuer = root, .usage = "");

        put_certificate("etc/wrong.pem", wrong);
        put_certificate("etc/root.pem", root);
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { wrong });
        assert_non_null(strstr(failure.sentence, "'CN=wrong' has a keyUsage without digitalSignature"));
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { below });
        assert_verified(.signers = { any });
}

static void the_key_of_a_web_server_signs_no_policies(void **state) {
        _cleanup_identity_ Identity *server = identity_new(.name = "server", .issuer = root,
                                                           .extended = "critical,serverAuth"),
                                    *any = identity_new(.name = "any", .issuer = root,
                                                        .extended = "anyExtendedKeyUsage"),
                                    *signer = identity_new(.name = "signer", .issuer = root,
                                                           .extended = "serverAuth,codeSigning"),
                                    *middle = identity_new(.name = "middle", .issuer = root, .authority = true,
                                                           .extended = "serverAuth"),
                                    *below = identity_new(.name = "below", .issuer = middle);

        put_certificate("etc/root.pem", root);
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { server });
        assert_non_null(strstr(failure.sentence, "'CN=server' has an extendedKeyUsage without codeSigning"));
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { any });
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { below }, .others = { middle });
        assert_non_null(strstr(failure.sentence, "'CN=middle'"));
        assert_verified(.signers = { signer });
        /* Each of them was put there for this purpose. */
        put_certificate("etc/server.pem", server);
        put_certificate("etc/middle.pem", middle);
        assert_verified(.signers = { server });
        assert_verified(.signers = { below });
}

static void the_certificate_at_fault_is_named(void **state) {
        _cleanup_identity_ Identity *old = identity_new(.name = "old", .issuer = root, .authority = true, .from = -3,
                                                        .to = -2),
                                    *of_old = identity_new(.name = "of-old", .issuer = old);

        put_certificate("etc/root.pem", root);
        assert_refused(FAILURE_CERTIFICATE_EXPIRED, .signers = { of_old }, .others = { old });
        assert_non_null(strstr(failure.sentence, "'CN=old', which certifies the signer 'CN=of-old'"));
        put_list("etc/root.crl.pem", root, intermediate);
        assert_refused(FAILURE_CERTIFICATE_REVOKED, .signers = { low }, .others = { intermediate });
        assert_non_null(strstr(failure.sentence, "'CN=intermediate', which certifies the signer 'CN=low'"));
}

static void authorities_of_one_name_do_not_hide_each_other(void **state) {
        _cleanup_identity_ Identity *a = identity_new(.name = "twin", .authority = true, .nameless = true),
                                    *b = identity_new(.name = "twin", .authority = true, .nameless = true),
                                    *of_a = identity_new(.name = "of-a", .issuer = a, .nameless = true),
                                    *of_b = identity_new(.name = "of-b", .issuer = b, .nameless = true);

        put_certificate("etc/1.pem", a);
        put_certificate("etc/2.pem", b);
        assert_verified(.signers = { of_a });
        assert_verified(.signers = { of_b });
        assert_int_equal(unlink("etc/1.pem"), 0);
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { of_a });
        assert_verified(.signers = { of_b });
}

static void signers_of_one_name_and_number_do_not_hide_each_other(void **state) {
        _cleanup_identity_ Identity *a = identity_new(.name = "twin"), *b = identity_new(.name = "twin", .like = a);

        put_certificate("etc/1.pem", a);
        put_certificate("etc/2.pem", b);
        assert_verified(.signers = { a }, .flags = CMS_NOCERTS);
        assert_verified(.signers = { b }, .flags = CMS_NOCERTS);
        assert_int_equal(unlink("etc/2.pem"), 0);
        assert_refused(FAILURE_SIGNATURE_INVALID, .signers = { b }, .flags = CMS_NOCERTS);
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { b });
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
        assert_int_equal(trust_verify(trust, false, &envelope, &verified, NULL), FAILURE_SIGNATURE_INVALID);
        assert_null(verified);
        assert_non_null(envelope);
}

/* A flipped byte must not change the text; bytes that are not signed, like those of a certificate that is in trust.d
 * anyway, may change. */
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
                    trust_verify(trust, false, &envelope, &verified, NULL) == 0) {
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
                unit_test_in_directory(nobody_is_trusted_where_there_are_no_certificates),
                unit_test_in_directory(a_certificate_of_trust_d_is_trusted_and_another_is_not),
                unit_test_in_directory(a_certificate_of_the_same_name_is_not_trusted),
                unit_test_in_directory(the_signer_and_the_fingerprint_are_those_of_the_certificate),
                unit_test_in_directory(a_signature_counts_until_the_first_certificate_ends),
                unit_test_in_directory(list_says_what_each_certificate_is_good_for),
                unit_test_in_directory(list_says_who_is_revoked),
                unit_test_in_directory(a_chain_leads_from_the_signer_to_a_trusted_certificate),
                unit_test_in_directory(an_intermediate_certificate_can_be_the_trusted_one),
                unit_test_in_directory(a_trusted_certificate_that_is_no_authority_issues_nothing),
                unit_test_in_directory(a_signer_is_refused_outside_of_its_validity),
                unit_test_in_directory(at_any_time_all_counts_but_the_dates),
                unit_test_in_directory(a_revoked_signer_is_refused_and_its_siblings_are_not),
                unit_test_in_directory(a_revoked_intermediate_takes_those_that_it_issued_with_it),
                unit_test_in_directory(a_revoked_signer_is_refused_even_in_trust_d),
                unit_test_in_directory(a_revoked_signer_is_refused_even_as_the_only_one_in_trust_d),
                unit_test_in_directory(a_list_by_another_issuer_revokes_nothing),
                unit_test_in_directory(an_outdated_list_is_not_taken_for_an_empty_one),
                unit_test_in_directory(a_root_may_revoke_itself),
                unit_test_in_directory(a_self_signed_signer_is_judged_by_its_own_list),
                unit_test_in_directory(a_trusted_intermediate_below_a_trusted_root_can_be_revoked),
                unit_test_in_directory(one_trusted_signer_of_two_is_enough_and_both_are_named),
                unit_test_in_directory(a_wrong_signature_beside_a_trusted_one_is_refused),
                unit_test_in_directory(signed_attributes_count_as_much_as_none),
                unit_test_in_directory(a_weak_certificate_is_refused_and_named),
                unit_test_in_directory(a_signer_may_sign),
                unit_test_in_directory(the_key_of_a_web_server_signs_no_policies),
                unit_test_in_directory(the_certificate_at_fault_is_named),
                unit_test_in_directory(authorities_of_one_name_do_not_hide_each_other),
                unit_test_in_directory(signers_of_one_name_and_number_do_not_hide_each_other),
                unit_test_in_directory(a_changed_text_is_refused),
                unit_test_in_directory(no_flipped_byte_yields_another_text),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, make_identities, free_identities);
}
