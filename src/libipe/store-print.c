/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes the text of state.json; store-parse.c says what it looks like.
 */

#include "json.h"
#include "store-internal.h"

static int put_digest(struct json_object *object, const char *member, const Digest *digest) {
        char hex[DIGEST_HEX_SIZE];

        digest_to_hex(digest, hex);
        return json_put_text(object, member, hex);
}

static int put_version(struct json_object *object, const char *member, const struct ipe_version *version) {
        char text[IPE_VERSION_STRLEN];

        ipe_version_print(version, text);
        return json_put_text(object, member, text);
}

static int put_summary(struct json_object *record, const PolicySummary *summary) {
        struct json_object *object;
        int r;

        if (!summary->known)
                return 0;
        object = json_object_new_object();
        r = json_put(record, "summary", object);
        if (r >= 0)
                r = put_version(object, "floor", &summary->floor);
        if (r >= 0)
                r = json_put_flag(object, "needs_extended_abi", summary->needs_extended_abi);
        if (r >= 0)
                r = json_put(object, "size", json_object_new_uint64(summary->size));
        if (r >= 0)
                r = json_put(object, "text_size", json_object_new_uint64(summary->text_size));
        if (r >= 0 && summary->expires_usec > 0)
                r = json_put(object, "expires_usec", json_object_new_uint64(summary->expires_usec));
        if (r >= 0)
                r = json_put(object, "n_warnings", json_object_new_uint64(summary->n_warnings));
        if (r >= 0)
                r = json_put_list(object, "warnings", summary->warnings);
        if (r >= 0 && summary->keyring_warning)
                r = json_put_bytes(object, "keyring_warning", summary->keyring_warning);
        return r;
}

static int put_record(struct json_object *array, const VersionRecord *record) {
        struct json_object *object = json_object_new_object();
        int r = json_append(array, object);

        if (r >= 0)
                r = json_put_bytes(object, "name", record->name);
        if (r >= 0)
                r = put_version(object, "version", &record->version);
        if (r >= 0)
                r = put_digest(object, "digest", &record->digest);
        if (r >= 0)
                r = json_put_text(object, "state", version_state_to_string(record->state));
        if (r >= 0)
                r = json_put_bytes(object, "signer", record->signer);
        if (r >= 0)
                r = json_put_bytes(object, "source", record->source);
        if (r >= 0)
                r = json_put(object, "staged_usec", json_object_new_uint64(record->staged_usec));
        if (r >= 0)
                r = json_put(object, "changed_usec", json_object_new_uint64(record->changed_usec));
        if (r >= 0)
                r = json_put(object, "sequence", json_object_new_uint64(record->sequence));
        if (r >= 0 && record->transaction[0] != '\0')
                r = json_put_text(object, "transaction", record->transaction);
        return r < 0 ? r : put_summary(object, &record->summary);
}

static int put_versions(struct json_object *root, const StoreState *state) {
        struct json_object *versions = json_object_new_array();
        int r;

        r = json_put(root, "versions", versions);
        for (size_t i = 0; r >= 0 && i < state->n_versions; i++)
                r = put_record(versions, &state->versions[i]);
        return r;
}

static int put_health(struct json_object *trial, const TrialHealth *health) {
        struct json_object *object = json_object_new_object();
        int r = json_put(trial, "health", object);

        if (r >= 0)
                r = json_put_flag(object, "command", health->command);
        if (r >= 0)
                r = json_put_list(object, "units", health->units);
        if (r >= 0)
                r = json_put_list(object, "ignore_units", health->ignore_units);
        return r < 0 ? r : json_put_list(object, "essential_paths", health->essential_paths);
}

static int put_trial(struct json_object *root, const StoreTrial *trial) {
        struct json_object *object = json_object_new_object();
        int r = json_put(root, "trial", object);

        if (r >= 0)
                r = json_put_text(object, "boot_id", trial->boot_id);
        if (r >= 0)
                r = json_put(object, "deadline_usec", json_object_new_uint64(trial->deadline_usec));
        if (r >= 0)
                r = json_put_text(object, "confirm", confirm_by_to_string(trial->confirm));
        if (r >= 0)
                r = json_put(object, "boots", json_object_new_uint64(trial->boots));
        if (r >= 0)
                r = json_put(object, "boots_max", json_object_new_uint64(trial->boots_max));
        if (r >= 0)
                r = json_put(object, "boot_sec", json_object_new_uint64(trial->boot_sec));
        if (r >= 0 && trial->health.known)
                r = put_health(object, &trial->health);
        if (r >= 0 && trial->restarting_units)
                r = json_put_list(object, "restarting_units", trial->restarting_units);
        if (r >= 0 && trial->unenforced)
                r = json_put_flag(object, "unenforced", true);
        return r < 0 ? r : json_put_list(object, "failed_units", trial->failed_units);
}

static int put_discarded(struct json_object *root, const StoreState *state) {
        struct json_object *list = json_object_new_array();
        int r = json_put(root, "discarded", list);

        for (size_t i = 0; r >= 0 && i < state->n_discarded; i++) {
                struct json_object *object = json_object_new_object();

                r = json_append(list, object);
                if (r >= 0)
                        r = json_put_bytes(object, "name", state->discarded[i].name);
                if (r >= 0)
                        r = put_digest(object, "digest", &state->discarded[i].digest);
        }
        return r;
}

static int put_root(struct json_object *root, const StoreState *state) {
        int r;

        r = json_put(root, "format", json_object_new_int(STATE_FORMAT));
        if (r >= 0)
                r = put_versions(root, state);
        if (r >= 0)
                r = json_put(root, "sequence", json_object_new_uint64(state->sequence));
        if (r >= 0 && state->activating)
                r = put_digest(root, "activating", &state->activating_digest);
        if (r >= 0 && state->activating && state->activating_transaction[0] != '\0')
                r = json_put_text(root, "activating_transaction", state->activating_transaction);
        if (r >= 0 && state->rolling_back)
                r = json_put_flag(root, "rolling_back", true);
        if (r >= 0 && state->trial.boot_id[0] != '\0')
                r = put_trial(root, &state->trial);
        if (r >= 0 && state->shadowing)
                r = put_digest(root, "shadowing", &state->shadowing_digest);
        if (r >= 0 && state->shadowing)
                r = json_put_bytes(root, "shadowing_name", state->shadowing);
        if (r >= 0 && state->pending_boot_id[0] != '\0')
                r = json_put_text(root, "pending_boot_id", state->pending_boot_id);
        if (r >= 0 && state->deactivated_boot_id[0] != '\0')
                r = json_put_text(root, "deactivated_boot_id", state->deactivated_boot_id);
        if (r >= 0 && state->n_discarded > 0)
                r = put_discarded(root, state);
        return r;
}

int store_state_print(const StoreState *state, char **ret, size_t *ret_size) {
        const int flags = JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE;
        _cleanup_json_ struct json_object *root = json_object_new_object();
        _cleanup_free_ char *sealed = NULL;
        const char *text;
        size_t size;
        int r;

        if (!root)
                return -ENOMEM;
        r = store_check_state(state);
        if (r < 0)
                return r == -EUCLEAN ? -EINVAL : r;
        r = put_root(root, state);
        if (r < 0)
                return r;
        text = json_object_to_json_string_length(root, flags, &size);
        if (!text)
                return -ENOMEM;
        /* Without the '}' at its end. */
        r = store_seal(text, size - 1, &sealed, &size);
        if (r < 0)
                return r;
        if (size > STORE_STATE_SIZE_MAX)
                return -EFBIG;
        *ret = TAKE_PTR(sealed);
        *ret_size = size;
        return 0;
}
