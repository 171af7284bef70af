/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Envelope -> PolicyVersion: verified, compiled, with a usable name and a summary.
 */

#include "policy-version.h"
#include "summary.h"
#include "utf8.h"

/* Keeps NAME.p7b a valid file name, with room for a temporary suffix. */
#define NAME_SIZE_MAX 200

PolicyVersion *policy_version_free(PolicyVersion *version) {
        if (!version)
                return NULL;
        policy_summary_done(&version->summary);
        ipe_policy_free(version->policy);
        verified_envelope_free(version->verified);
        free(version);
        return NULL;
}

static int refuse_syntax(const struct ipe_parse_error *error, int r, Failure *reterr) {
        _cleanup_free_ char *token = NULL;

        if (r == -ENOMEM)
                return r;
        if (error->token)
                token = utf8_escape(error->token, error->token_len);
        if (error->line == 0)
                return failure_set(reterr, FAILURE_SYNTAX_ERROR, "The text is not a policy: %s.", error->sentence);
        return failure_set(reterr, FAILURE_SYNTAX_ERROR, "The text is not a policy: line %u, column %u: %s%s%.100s%s.",
                           error->line, error->column, error->sentence, token ? ": '" : "", token ?: "",
                           token ? "'" : "");
}

/* The policy language allows names that a file, a terminal line or the bus cannot have. */
static int check_name(const char *name, Failure *reterr) {
        size_t size = strlen(name);

        for (const char *c = name; *c; c++)
                if (*c == '/' || (unsigned char) *c < 0x20 || *c == 0x7f)
                        return failure_set(reterr, FAILURE_SYNTAX_ERROR,
                                           "The text is not a usable policy: line 1: policy_name has a '/' or a "
                                           "control character.");
        if (name[0] == '.' || size > NAME_SIZE_MAX || !utf8_is_valid(name, size))
                return failure_set(reterr, FAILURE_SYNTAX_ERROR,
                                   "The text is not a usable policy: line 1: policy_name starts with '.', is longer "
                                   "than %u bytes, or is not UTF-8.",
                                   NAME_SIZE_MAX);
        return 0;
}

int envelope_compile(const Manager *manager, const Envelope *envelope, struct ipe_policy **ret, Failure *reterr) {
        struct ipe_parse_error error = {};
        size_t size;
        const char *text = envelope_text(envelope, &size);
        int r = ipe_policy_parse(text, size, &manager->vocabulary, ret, &error);

        return r < 0 ? refuse_syntax(&error, r, reterr) : 0;
}

int policy_version_new(const Manager *manager, Envelope **envelope, PolicyVersion **ret, Failure *reterr) {
        _cleanup_(policy_version_freep) PolicyVersion *version = calloc(1, sizeof(*version));
        int r;

        if (!version)
                return -ENOMEM;
        r = manager_verify(manager, envelope, &version->verified, reterr);
        if (r != 0)
                return r;
        r = envelope_compile(manager, verified_envelope_get(version->verified), &version->policy, reterr);
        if (r == 0)
                r = check_name(ipe_policy_name(version->policy), reterr);
        if (r == 0)
                r = summary_make(verified_envelope_get(version->verified), version->policy, &version->summary);
        if (r != 0)
                return r;
        version->summary.expires_usec = verified_envelope_expires_usec(version->verified);
        *ret = TAKE_PTR(version);
        return 0;
}

VersionRecord policy_version_describe(const PolicyVersion *version, const char *source, const Occasion *occasion) {
        VersionRecord record = {
                .name = (char *) ipe_policy_name(version->policy),
                .version = *ipe_policy_version(version->policy),
                .digest = *envelope_digest(verified_envelope_get(version->verified)),
                .state = VERSION_STAGED,
                .signer = (char *) verified_envelope_signer(version->verified),
                .source = (char *) source,
                .staged_usec = occasion->now_usec,
                .changed_usec = occasion->now_usec,
                .summary = version->summary,
        };

        memcpy(record.transaction, occasion->transaction, sizeof(record.transaction));
        return record;
}
