/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test-unit.h"

#include "files.h"
#include "trusted.h"

Identity *root, *intermediate, *leaf, *low, *stranger;

int make_identities(void **state) {
        root = identity_new(.name = "root", .authority = true);
        intermediate = identity_new(.name = "intermediate", .issuer = root, .authority = true);
        leaf = identity_new(.name = "leaf", .issuer = root);
        low = identity_new(.name = "low", .issuer = intermediate);
        stranger = identity_new(.name = "stranger");
        return 0;
}

int free_identities(void **state) {
        identity_free(root);
        identity_free(intermediate);
        identity_free(leaf);
        identity_free(low);
        identity_free(stranger);
        return 0;
}

const char *const layers[] = { "etc", "run", "usr", NULL };

void put_certificate(const char *path, const Identity *identity) {
        _cleanup_free_ char *pem = identity_certificate(identity);

        put_text(path, pem);
}

void put_list(const char *path, const Identity *issuer, const Identity *revoked) {
        _cleanup_free_ char *pem = identity_revoke(issuer, revoked, -1, 1);

        put_text(path, pem);
}

void note_problem(const char *path, const char *sentence, void *userdata) {
        Problems *problems = userdata;

        assert_true(strlen(sentence) > 0);
        problems->n++;
        snprintf(problems->path, sizeof(problems->path), "%s", path);
}

Trust *load(Problems *problems) {
        Trust *trust = NULL;

        assert_int_equal(trust_load(layers, note_problem, problems, &trust), 0);
        return trust;
}

static unsigned expected_problems;

Trust *load_all(void) {
        Problems problems = {};
        Trust *trust = load(&problems);

        assert_int_equal(problems.n, expected_problems);
        return trust;
}

Envelope *parse(const void *message, size_t size) {
        Envelope *envelope = NULL;

        assert_int_equal(envelope_parse(message, size, &envelope, NULL), 0);
        return envelope;
}

Failure failure;

int verify_at(bool any_time, const MessageOptions *options) {
        _cleanup_(trust_freep) Trust *trust = load_all();
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        _cleanup_(verified_envelope_freep) VerifiedEnvelope *verified = NULL;
        _cleanup_free_ void *message = NULL;
        size_t size;
        int r;

        failure = (Failure) {};
        message = message_make(&size, options);
        envelope = parse(message, size);
        r = trust_verify(trust, any_time, &envelope, &verified, &failure);
        assert_int_equal(r == 0, verified != NULL);
        assert_int_equal(r == 0, envelope == NULL);
        assert_int_equal(r == 0, strlen(failure.sentence) == 0);
        return r;
}

int verify(const MessageOptions *options) {
        return verify_at(false, options);
}

int verify_with_problems(unsigned problems, const MessageOptions *options) {
        int r;

        expected_problems = problems;
        r = verify(options);
        expected_problems = 0;
        return r;
}
