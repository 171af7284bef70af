/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a policy comes in, whether from a file or over the bus:
 *
 *      bytes -> Envelope -> VerifiedEnvelope -> PolicyVersion -> object on disk -> VersionRecord in the state file
 *
 * Each step returns something stronger than it was given, and refuses with a sentence. Up to the last step nothing
 * is changed that anybody could notice; an object that no state names is removed at once, or at the next start. Then the
 * kernel gets it as the next version, where it keeps one; nothing that is enforced changes.
 */

#include <time.h>

#include "explain.h"
#include "kernel-trial.h"
#include "record.h"
#include "stage.h"
#include "summary.h"
#include "utf8.h"

/* So that NAME.p7b is a file name, with room for a temporary suffix. */
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

/* The language allows more names than a directory entry, a line of a terminal or the bus can have. */
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
                                   "than %u bytes, or is not UTF-8.", NAME_SIZE_MAX);
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
        *ret = TAKE_PTR(version);
        return 0;
}

static int check_place(const Manager *manager, const PolicyVersion *version, const char *name, Failure *reterr) {
        const char *own = ipe_policy_name(version->policy);
        const struct ipe_version *number = ipe_policy_version(version->policy);
        const VersionRecord *lowest = store_state_find_state(manager->state, VERSION_CONFIRMED) ?: manager_selected(manager);
        char text[IPE_VERSION_STRLEN], floor[IPE_VERSION_STRLEN];

        ipe_version_print(number, text);
        if (name && !streq(name, own))
                return failure_set(reterr, FAILURE_NAME_MISMATCH,
                                   "The policy is called '%s': rename its file to '%s.p7b'.", own, own);
        if (store_state_find(manager->state, own, number))
                return failure_set(reterr, FAILURE_ALREADY_EXISTS,
                                   "Version %s of '%s' is there already, with other content: raise policy_version= "
                                   "and sign it again.", text, own);
        if (lowest && streq(lowest->name, own) && ipe_version_compare(number, &lowest->version) < 0) {
                ipe_version_print(&lowest->version, floor);
                return failure_set(reterr, FAILURE_VERSION_TOO_OLD,
                                   "Version %s of '%s' is below %s, which is %s: raise policy_version= and sign it again.",
                                   text, own, floor, lowest->state == VERSION_CONFIRMED ? "confirmed" :
                                   "selected for the next boot");
        }
        return 0;
}

/* That the kernel does not take it as its next version does not undo the staging: its keyrings may change, and activation
 * tries again. */
static void hand_over(const Manager *manager, const VersionRecord *record, const PolicyVersion *version) {
        size_t size;
        const void *data = envelope_data(verified_envelope_get(version->verified), &size);
        Failure failure = {};
        int r;

        if (!kernel_has_feature(manager->kernel, "stage"))
                return;
        r = kernel_stage(manager->kernel, record->name, &record->version, data, size);
        if (r < 0) {
                r = explain_kernel(manager, r, &failure);
                announce_not_handed_over(&manager->announcer, record, r, &failure);
        }
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

static int store_version(Manager *manager, const PolicyVersion *version, const char *source,
                         const VersionRecord **ret, Failure *reterr) {
        _cleanup_(store_state_freep) StoreState *new = store_state_copy(manager->state);
        _cleanup_free_ char *printable = utf8_escape(source, strlen(source));
        Occasion occasion = occasion_now(manager, NULL);
        VersionRecord record;
        int r;

        if (!new || !printable)
                return -ENOMEM;
        record = policy_version_describe(version, printable, &occasion);
        r = store_add(manager->store, version->verified, &record.digest);
        if (r < 0)
                return failure_set_errno(reterr, r, "Cannot store the policy in " STORE_DIRECTORY);
        r = store_state_add(new, &record);
        if (r < 0)
                return r;
        r = manager_commit(manager, &new, reterr);
        if (r < 0) {
                /* Nobody names the object now. */
                (void) store_collect(manager->store, manager->state);
                return r;
        }
        *ret = store_state_find_digest(manager->state, &record.digest);
        return 0;
}

int stage_policy(Manager *manager, const void *data, size_t size, const char *source, const char *name,
                 const VersionRecord **ret, bool *ret_is_new, Failure *reterr) {
        _cleanup_(policy_version_freep) PolicyVersion *version = NULL;
        _cleanup_(envelope_freep) Envelope *envelope = NULL;
        const VersionRecord *known;
        int r;

        r = envelope_parse(data, size, &envelope, reterr);
        if (r != 0)
                return r;
        known = store_state_find_digest(manager->state, envelope_digest(envelope));
        if (known && (!name || streq(name, known->name))) {
                *ret = known;
                *ret_is_new = false;
                return 0;
        }
        r = policy_version_new(manager, &envelope, &version, reterr);
        if (r == 0)
                r = check_place(manager, version, name, reterr);
        if (r == 0)
                r = store_version(manager, version, source, ret, reterr);
        if (r != 0)
                return r;
        *ret_is_new = true;
        announce_staged(&manager->announcer, *ret, summary_has_keyring_warning(manager, &(*ret)->summary));
        hand_over(manager, *ret, version);
        return 0;
}
