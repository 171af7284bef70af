/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a signed policy. Nobody is trusted, so nothing may ever come out verified.
 */

#include "fuzz.h"

#include "envelope.h"
#include "trust.h"

static void ignore_problem(const char *path, const char *sentence, void *userdata) {
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char *const nowhere[] = { NULL };
        _cleanup_(verified_envelope_freep) VerifiedEnvelope *verified = NULL;
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        _cleanup_(trust_freep) Trust *trust = NULL;
        _cleanup_free_ char *claimed = NULL;
        Failure failure = {};
        const char *text;
        size_t n;
        int r;

        r = envelope_parse(data, size, &envelope, &failure);
        require((r == 0) == (envelope != NULL), "success and the envelope go together");
        require((r == 0) == (failure.sentence[0] == '\0'), "a refusal and its sentence go together");
        if (r != 0)
                return 0;
        text = envelope_text(envelope, &n);
        require(n <= size && (n == 0 || memmem(data, size, text, n)), "the text is not in the message");
        require(envelope_claimed_signer(envelope, &claimed) >= 0, "the claimed signer cannot be read");
        require(trust_load(nowhere, ignore_problem, NULL, &trust) == 0, "no directories cannot be read");
        require(trust_verify(trust, false, &envelope, &verified, &failure) != 0, "somebody is trusted");
        return 0;
}
