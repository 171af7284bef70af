/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "files.h"
#include "identity.h"
#include "test-unit.h"
#include "trust.h"
#include "verified.h"

static void ignore_problem(const char *path, const char *sentence, void *userdata) {
}

VerifiedEnvelope *verified_new(const char *text) {
        static const char *const directories[] = { "trust.d", NULL };
        _cleanup_identity_ Identity *signer = identity_new(.name = "signer");
        _cleanup_free_ char *certificate = identity_certificate(signer);
        _cleanup_free_ void *message = NULL;
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        _cleanup_(trust_freep) Trust *trust = NULL;
        VerifiedEnvelope *verified;
        size_t size;

        put_text("trust.d/signer.pem", certificate);
        message = message_new(&size, .text = text, .signers = { signer });
        assert_int_equal(envelope_parse(message, size, &envelope, NULL), 0);
        assert_int_equal(trust_load(directories, ignore_problem, NULL, &trust), 0);
        assert_int_equal(trust_verify(trust, false, &envelope, &verified, NULL), 0);
        remove_tree("trust.d");
        return verified;
}
