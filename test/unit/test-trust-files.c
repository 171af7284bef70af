/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files of trust.d: layers, lists that are broken, changes on disk, and what is no certificate.
 */

#include "test-unit.h"

#include <openssl/x509.h>

#include "files.h"
#include "trusted.h"

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
        _cleanup_free_ char *good = identity_certificate(leaf), *half = NULL;

        assert_true(asprintf(&half, "%s-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", good) > 0);
        const struct {
                const char *path, *text;
        } wrong[] = {
                { "etc/empty.pem", "" },
                { "etc/garbage.pem", "garbage" },
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

/* Whom it revokes nobody knows: all whose issuer no other list speaks for. */
static void a_list_that_cannot_be_read_casts_doubt_on_those_without_a_list(void **state) {
        _cleanup_identity_ Identity *other_root = identity_new(.name = "other-root", .authority = true),
                                    *other = identity_new(.name = "other", .issuer = other_root);
        _cleanup_free_ char *good = identity_certificate(leaf), *list = identity_revoke(root, NULL, -1, 1),
                            *half = strndup(list, 200), *both = NULL;
        const struct {
                const char *path, *text;
        } wrong[] = {
                { "etc/x.crl.pem", "" },   { "etc/x.crl.pem", "garbage" }, { "etc/x.crl.pem", good },
                { "etc/x.crl.pem", half }, { "etc/x.pem", half },          { "etc/x.pem", both },
        };

        assert_true(asprintf(&both, "%s%s", good, half) > 0);
        put_certificate("etc/root.pem", root);
        put_certificate("etc/other-root.pem", other_root);
        put_certificate("etc/stranger.pem", stranger);
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                put_text(wrong[i].path, wrong[i].text ?: both);
                assert_int_equal(verify_with_problems(1, &(MessageOptions) { .text = TEXT, .signers = { leaf } }),
                                 FAILURE_KEY_NOT_TRUSTED);
                assert_non_null(strstr(failure.sentence, wrong[i].path));
                /* It issued itself. */
                assert_int_equal(verify_with_problems(1, &(MessageOptions) { .text = TEXT, .signers = { stranger } }),
                                 0);
                put_text("etc/root.crl.pem", list);
                assert_int_equal(verify_with_problems(1, &(MessageOptions) { .text = TEXT, .signers = { leaf } }), 0);
                assert_int_equal(verify_with_problems(1, &(MessageOptions) { .text = TEXT, .signers = { other } }),
                                 FAILURE_KEY_NOT_TRUSTED);
                assert_int_equal(unlink("etc/root.crl.pem"), 0);
                assert_int_equal(unlink(wrong[i].path), 0);
        }
        assert_verified(.signers = { leaf });
        assert_verified(.signers = { other });
}

/* libcrypto would pass over them, or take one for all that is revoked. */
static void a_list_that_is_not_complete_casts_doubt(void **state) {
        static const char *const scopes[] = { "delta", "critical,indirectCRL:TRUE",
                                              "critical,onlysomereasons:keyCompromise" };
        _cleanup_identity_ Identity *sibling = identity_new(.name = "sibling", .issuer = root);
        _cleanup_free_ char *whole = identity_revoke_in(root, leaf, -1, 1, "critical,onlyuser:TRUE");

        put_certificate("etc/root.pem", root);
        for (size_t i = 0; i < ELEMENTSOF(scopes); i++) {
                _cleanup_free_ char *list = identity_revoke_in(root, leaf, -1, 1, scopes[i]);

                put_text("etc/x.crl.pem", list);
                assert_int_equal(verify_with_problems(1, &(MessageOptions) { .text = TEXT, .signers = { leaf } }),
                                 FAILURE_KEY_NOT_TRUSTED);
                assert_non_null(strstr(failure.sentence, "etc/x.crl.pem"));
        }
        put_text("etc/x.crl.pem", whole);
        assert_refused(FAILURE_CERTIFICATE_REVOKED, .signers = { leaf });
        /* It says nothing about the authority itself. */
        assert_verified(.signers = { sibling });
}

static void a_list_behind_a_blank_is_not_lost(void **state) {
        static const char *const before[] = { " ", "\t", "x" };
        _cleanup_free_ char *certificate = identity_certificate(root), *list = identity_revoke(root, leaf, -1, 1);

        for (size_t i = 0; i < ELEMENTSOF(before); i++) {
                _cleanup_free_ char *both = NULL;

                assert_true(asprintf(&both, "%s%s%s", before[i], list, certificate) > 0);
                put_text("etc/root.pem", both);
                assert_int_equal(verify_with_problems(1, &(MessageOptions) { .text = TEXT, .signers = { leaf } }),
                                 FAILURE_KEY_NOT_TRUSTED);
        }
}

/* A certificate in trust.d may have an issuer as well. */
static void a_list_that_cannot_be_read_casts_doubt_on_a_trusted_certificate_with_an_issuer(void **state) {
        put_certificate("etc/leaf.pem", leaf);
        assert_verified(.signers = { leaf });
        put_text("etc/x.crl.pem", "garbage");
        assert_int_equal(verify_with_problems(1, &(MessageOptions) { .text = TEXT, .signers = { leaf } }),
                         FAILURE_KEY_NOT_TRUSTED);
        put_list("etc/root.crl.pem", root, intermediate);
        assert_int_equal(verify_with_problems(1, &(MessageOptions) { .text = TEXT, .signers = { leaf } }), 0);
}

static void a_list_counts_beside_a_certificate(void **state) {
        _cleanup_free_ char *certificate = identity_certificate(root), *list = identity_revoke(root, leaf, -1, 1),
                            *both = NULL;

        assert_true(asprintf(&both, "%s%s", certificate, list) > 0);
        put_text("etc/keyring.pem", both);
        assert_refused(FAILURE_CERTIFICATE_REVOKED, .signers = { leaf });
        assert_verified(.signers = { low }, .others = { intermediate });
        assert_int_equal(unlink("etc/keyring.pem"), 0);
        put_certificate("etc/root.pem", root);
        put_text("etc/some.pem", list);
        assert_refused(FAILURE_CERTIFICATE_REVOKED, .signers = { leaf });
}

static void a_list_by_who_may_not_make_one_is_named(void **state) {
        put_certificate("etc/stranger.pem", stranger);
        put_list("etc/stranger.crl.pem", stranger, leaf);
        assert_refused(FAILURE_KEY_NOT_TRUSTED, .signers = { stranger });
        assert_non_null(strstr(failure.sentence, "remove the revocation list of 'CN=stranger'"));
        assert_null(strstr(failure.sentence, "put the certificate"));
}

static void files_with_other_suffixes_are_named(void **state) {
        static const char *const names[] = { "etc/a.crt", "etc/b.cer", "etc/c.der", "etc/d.crl", "etc/e.pem.old" };
        Problems problems = {};

        put_certificate("etc/good.pem", leaf);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                put_certificate(names[i], stranger);
        put_certificate("etc/.hidden", stranger);
        trust_free(load(&problems));
        assert_int_equal(problems.n, ELEMENTSOF(names));
}

static void a_change_on_disk_is_seen_at_the_next_look(void **state) {
        static const char *const links[] = { "link", NULL };
        _cleanup_(trust_freep) Trust *trust = NULL;
        Problems problems = {};

        assert_int_equal(trust_new(&trust), 0);
        assert_int_equal(trust_count(trust), 0);
        make_directory("one");
        make_directory("two");
        assert_int_equal(symlink("one", "link"), 0);
        put_certificate("one/a.pem", leaf);
        put_text("one/broken.pem", "garbage");
        assert_int_equal(trust_refresh(trust, links, note_problem, &problems), 1);
        assert_int_equal(trust_count(trust), 1);
        assert_int_equal(problems.n, 1);
        /* A problem is reported once. */
        put_certificate("one/b.pem", stranger);
        assert_int_equal(trust_refresh(trust, links, note_problem, &problems), 1);
        assert_int_equal(trust_count(trust), 2);
        assert_int_equal(problems.n, 1);
        assert_int_equal(unlink("link"), 0);
        assert_int_equal(symlink("two", "link"), 0);
        assert_int_equal(trust_refresh(trust, links, note_problem, &problems), 1);
        assert_int_equal(trust_count(trust), 0);
        assert_int_equal(unlink("link"), 0);
        put_text("link", "not a directory");
        assert_int_equal(trust_refresh(trust, links, note_problem, &problems), -ENOTDIR);
}

/* Only what was changed a while ago is proved by its times. */
static void what_did_not_change_is_not_read_again(void **state) {
        static const char *const old[] = { "/usr/share", NULL }, *const nowhere[] = { "missing", NULL };
        _cleanup_(trust_freep) Trust *trust = NULL;
        Problems problems = {};

        assert_int_equal(trust_new(&trust), 0);
        assert_int_equal(trust_refresh(trust, nowhere, note_problem, &problems), 1);
        assert_int_equal(trust_refresh(trust, nowhere, note_problem, &problems), 0);
        assert_int_equal(trust_refresh(trust, old, note_problem, &problems), 1);
        assert_int_equal(trust_refresh(trust, old, note_problem, &problems), 0);
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

int main(void) {
        const struct CMUnitTest tests[] = {
                unit_test_in_directory(a_list_that_cannot_be_read_casts_doubt_on_those_without_a_list),
                unit_test_in_directory(a_list_that_is_not_complete_casts_doubt),
                unit_test_in_directory(a_list_behind_a_blank_is_not_lost),
                unit_test_in_directory(a_list_that_cannot_be_read_casts_doubt_on_a_trusted_certificate_with_an_issuer),
                unit_test_in_directory(a_list_counts_beside_a_certificate),
                unit_test_in_directory(a_list_by_who_may_not_make_one_is_named),
                unit_test_in_directory(files_with_other_suffixes_are_named),
                unit_test_in_directory(a_change_on_disk_is_seen_at_the_next_look),
                unit_test_in_directory(what_did_not_change_is_not_read_again),
                unit_test_in_directory(a_layer_overrides_and_masks_the_ones_below),
                unit_test_in_directory(a_file_may_have_several_certificates_in_it),
                unit_test_in_directory(a_file_that_is_no_certificate_is_named_and_the_others_are_taken),
                unit_test_in_directory(what_is_no_file_is_named),
                unit_test_in_directory(a_directory_that_cannot_be_read_is_an_error),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, make_identities, free_identities);
}
