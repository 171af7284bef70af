/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads the text of state.json. It ignores unknown members, so that an older daemon starts on a newer one's state as
 * long as "format" is the same; everything else has to be exactly as store_state_print() writes it. The state of an
 * older daemon has neither "sequence" nor "check": then the versions are in the order of their times, and damage that
 * leaves JSON of the right form goes unnoticed. An older daemon or ipe-load that does not know "deactivated_boot_id"
 * loads the confirmed version, and its next write drops that member.
 *
 *     {
 *       "format": 1,
 *       "versions": [ {
 *         "name": "corp-base", "version": "1.0.0", "digest": "SHA-256 in hex", "state": "confirmed",
 *         "signer": "CN=...", "source": "/etc/ipe/policy.d/corp-base.p7b", "staged_usec": 1, "changed_usec": 1,
 *         "sequence": 7,                         (each once; none above the one below)
 *         "transaction": "32 digits of hex",     (may be missing)
 *         "summary": {                           (may be missing)
 *           "floor": "1.0.0", "needs_extended_abi": false, "size": 1, "text_size": 1, "n_warnings": 1,
 *           "warnings": [ "line 3, column 1: ..." ], "keyring_warning": "...", "expires_usec": 1     (the last two may
 * be missing)
 *         }
 *       } ],
 *       "sequence": 7,                           (the highest number so far)
 *       "activating": "SHA-256 in hex",          (only while an activation is under way,
 *       "activating_transaction": "32 digits",    and then the same)
 *       "rolling_back": true,                    (only while that is a rollback)
 *       "trial": {                               (only while a trial is under way, or about to be)
 *         "boot_id": "32 digits of hex", "deadline_usec": 1, "confirm": "auto", "failed_units": [ "a.service" ],
 *         "boots": 0, "boots_max": 3, "boot_sec": 300,     (all three, or none: a reboot ends the trial then)
 *         "health": {                            (may be missing)
 *           "command": false, "units": [ "a.service" ], "ignore_units": [ "b*" ], "essential_paths": [ "/c" ]
 *         },
 *         "restarting_units": [ "c.service" ],   (only where there are any)
 *         "unenforced": true                     (only if so)
 *       },
 *       "shadowing": "SHA-256 in hex",           (only while a preflight is under way,
 *       "shadowing_name": "corp-base",            both together)
 *       "pending_boot_id": "32 digits of hex",   (only while a version waits for a reboot)
 *       "deactivated_boot_id": "32 digits of hex",    (only while no policy is wanted)
 *       "discarded": [ { "name": "corp-base", "digest": "SHA-256 in hex" } ],     (only where there are any)
 *       "check": "SHA-256 in hex"                (over all lines before the last two: store-seal.c)
 *     }
 *
 * The name of a policy may have any byte but white space and NUL, and so may the name of a file: json_put_bytes()
 * writes them, and all texts that may contain them.
 */

#include "json.h"
#include "store-internal.h"

static int get_digest(struct json_object *object, const char *member, Digest *ret) {
        const char *text = json_get_text(object, member);

        return text && digest_from_hex(text, ret) >= 0 ? 0 : -EUCLEAN;
}

static int get_version(struct json_object *object, const char *member, struct ipe_version *ret) {
        const char *text = json_get_text(object, member);

        return text && ipe_version_parse(text, strlen(text), ret) >= 0 ? 0 : -EUCLEAN;
}

static int get_state(struct json_object *object, VersionState *ret) {
        const char *text = json_get_text(object, "state");
        int state = text ? version_state_from_string(text) : -EINVAL;

        if (state < 0)
                return -EUCLEAN;
        *ret = state;
        return 0;
}

/* Leaves ret unchanged if the member is missing. */
static int get_id(struct json_object *object, const char *member, char ret[33]) {
        const char *text;

        if (!json_object_object_get_ex(object, member, NULL))
                return 0;
        text = json_get_text(object, member);
        if (!text || !store_is_id(text))
                return -EUCLEAN;
        strcpy(ret, text);
        return 0;
}

static int get_size(struct json_object *object, const char *member, size_t *ret) {
        uint64_t number;
        int r = json_get_number(object, member, &number);

        if (r >= 0)
                *ret = number;
        return r;
}

static int read_summary(struct json_object *record, PolicySummary *ret) {
        struct json_object *object;
        int r;

        if (!json_object_object_get_ex(record, "summary", &object))
                return 0;
        if (!json_object_is_type(object, json_type_object))
                return -EUCLEAN;
        ret->known = true;
        r = get_version(object, "floor", &ret->floor);
        if (r >= 0)
                r = json_get_flag(object, "needs_extended_abi", &ret->needs_extended_abi);
        if (r >= 0)
                r = get_size(object, "size", &ret->size);
        if (r >= 0)
                r = get_size(object, "text_size", &ret->text_size);
        /* An earlier release does not write it. */
        if (r >= 0 && json_object_object_get_ex(object, "expires_usec", NULL))
                r = json_get_number(object, "expires_usec", &ret->expires_usec);
        if (r >= 0)
                r = json_get_number(object, "n_warnings", &ret->n_warnings);
        if (r >= 0)
                r = json_get_list(object, "warnings", &ret->warnings);
        if (r >= 0 && json_object_object_get_ex(object, "keyring_warning", NULL))
                r = json_get_bytes(object, "keyring_warning", &ret->keyring_warning);
        return r;
}

/* ret: to be freed also on failure. */
static int read_record(struct json_object *object, VersionRecord *ret) {
        int r;

        if (!json_object_is_type(object, json_type_object))
                return -EUCLEAN;
        r = json_get_bytes(object, "name", &ret->name);
        if (r >= 0)
                r = json_get_bytes(object, "signer", &ret->signer);
        if (r >= 0)
                r = json_get_bytes(object, "source", &ret->source);
        if (r >= 0)
                r = get_version(object, "version", &ret->version);
        if (r >= 0)
                r = get_digest(object, "digest", &ret->digest);
        if (r >= 0)
                r = get_state(object, &ret->state);
        if (r >= 0)
                r = json_get_number(object, "staged_usec", &ret->staged_usec);
        if (r >= 0)
                r = json_get_number(object, "changed_usec", &ret->changed_usec);
        if (r >= 0)
                r = get_id(object, "transaction", ret->transaction);
        return r < 0 ? r : read_summary(object, &ret->summary);
}

/* If the times are equal, as after a change of the clock, the higher version is the later one. */
static int compare_times(const void *a, const void *b) {
        const VersionRecord *x = *(const VersionRecord *const *) a, *y = *(const VersionRecord *const *) b;

        if (x->changed_usec != y->changed_usec)
                return x->changed_usec < y->changed_usec ? -1 : 1;
        return ipe_version_compare(&x->version, &y->version);
}

/* Numbers the versions of a state that has no numbers. */
static int number_by_time(StoreState *state) {
        _cleanup_free_ VersionRecord **sorted = calloc(state->n_versions + 1, sizeof(*sorted));

        if (!sorted)
                return -ENOMEM;
        for (size_t i = 0; i < state->n_versions; i++)
                sorted[i] = &state->versions[i];
        qsort(sorted, state->n_versions, sizeof(*sorted), compare_times);
        for (size_t i = 0; i < state->n_versions; i++)
                store_state_touch(state, sorted[i]);
        return 0;
}

static int read_sequence(struct json_object *root, StoreState *state) {
        struct json_object *versions = json_object_object_get(root, "versions");
        int r;

        if (!json_object_object_get_ex(root, "sequence", NULL))
                return number_by_time(state);
        r = json_get_number(root, "sequence", &state->sequence);
        for (size_t i = 0; r >= 0 && i < state->n_versions; i++)
                r = json_get_number(json_object_array_get_idx(versions, i), "sequence", &state->versions[i].sequence);
        return r;
}

static int read_versions(struct json_object *root, StoreState *state) {
        struct json_object *versions;
        size_t n;

        if (!json_object_object_get_ex(root, "versions", &versions) || !json_object_is_type(versions, json_type_array))
                return -EUCLEAN;
        n = json_object_array_length(versions);
        state->versions = calloc(n + 1, sizeof(*state->versions));
        if (!state->versions)
                return -ENOMEM;
        while (state->n_versions < n) {
                size_t i = state->n_versions++;
                int r = read_record(json_object_array_get_idx(versions, i), &state->versions[i]);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int read_mark(struct json_object *root, const char *member, bool *ret, Digest *ret_digest) {
        *ret = json_object_object_get_ex(root, member, NULL);
        return *ret ? get_digest(root, member, ret_digest) : 0;
}

static int read_shadowing(struct json_object *root, StoreState *state) {
        bool found;
        int r = read_mark(root, "shadowing", &found, &state->shadowing_digest);

        if (r < 0 || (!found && !json_object_object_get_ex(root, "shadowing_name", NULL)))
                return r;
        r = found ? json_get_bytes(root, "shadowing_name", &state->shadowing) : -EUCLEAN;
        return r < 0 ? r : state->shadowing[0] == '\0' ? -EUCLEAN : 0;
}

static int read_boots(struct json_object *object, StoreTrial *trial) {
        int r;

        if (!json_object_object_get_ex(object, "boots", NULL) &&
            !json_object_object_get_ex(object, "boots_max", NULL) &&
            !json_object_object_get_ex(object, "boot_sec", NULL))
                return 0;
        r = json_get_number(object, "boots", &trial->boots);
        if (r >= 0)
                r = json_get_number(object, "boots_max", &trial->boots_max);
        return r < 0 ? r : json_get_number(object, "boot_sec", &trial->boot_sec);
}

static int read_health(struct json_object *trial, TrialHealth *ret) {
        struct json_object *object;
        int r;

        if (!json_object_object_get_ex(trial, "health", &object))
                return 0;
        if (!json_object_is_type(object, json_type_object))
                return -EUCLEAN;
        ret->known = true;
        r = json_get_flag(object, "command", &ret->command);
        if (r >= 0)
                r = json_get_list(object, "units", &ret->units);
        if (r >= 0)
                r = json_get_list(object, "ignore_units", &ret->ignore_units);
        return r < 0 ? r : json_get_list(object, "essential_paths", &ret->essential_paths);
}

static int read_trial(struct json_object *root, StoreTrial *trial) {
        struct json_object *object;
        const char *text;
        int confirm, r;

        if (!json_object_object_get_ex(root, "trial", &object))
                return 0;
        if (!json_object_is_type(object, json_type_object))
                return -EUCLEAN;
        text = json_get_text(object, "confirm");
        confirm = text ? confirm_by_from_string(text) : -EINVAL;
        if (confirm < 0)
                return -EUCLEAN;
        trial->confirm = (ConfirmBy) confirm;
        r = get_id(object, "boot_id", trial->boot_id);
        if (r >= 0 && trial->boot_id[0] == '\0')
                r = -EUCLEAN;
        if (r >= 0)
                r = json_get_number(object, "deadline_usec", &trial->deadline_usec);
        if (r >= 0)
                r = read_boots(object, trial);
        if (r >= 0)
                r = read_health(object, &trial->health);
        if (r >= 0 && json_object_object_get_ex(object, "restarting_units", NULL))
                r = json_get_list(object, "restarting_units", &trial->restarting_units);
        if (r >= 0 && json_object_object_get_ex(object, "unenforced", NULL))
                r = json_get_flag(object, "unenforced", &trial->unenforced);
        return r < 0 ? r : json_get_list(object, "failed_units", &trial->failed_units);
}

static int read_discarded_file(struct json_object *object, StoreState *state) {
        _cleanup_free_ char *name = NULL;
        Digest digest;
        int r;

        if (!json_object_is_type(object, json_type_object))
                return -EUCLEAN;
        r = json_get_bytes(object, "name", &name);
        if (r >= 0 && name[0] == '\0')
                r = -EUCLEAN;
        if (r >= 0)
                r = get_digest(object, "digest", &digest);
        return r < 0 ? r : store_state_set_discarded(state, name, &digest, true);
}

static int read_discarded(struct json_object *root, StoreState *state) {
        struct json_object *list;
        int r = 0;

        if (!json_object_object_get_ex(root, "discarded", &list))
                return 0;
        if (!json_object_is_type(list, json_type_array))
                return -EUCLEAN;
        for (size_t i = 0; r >= 0 && i < json_object_array_length(list); i++)
                r = read_discarded_file(json_object_array_get_idx(list, i), state);
        return r;
}

static int read_optional(struct json_object *root, StoreState *state) {
        int r;

        r = read_mark(root, "activating", &state->activating, &state->activating_digest);
        if (r >= 0)
                r = get_id(root, "activating_transaction", state->activating_transaction);
        if (r >= 0 && json_object_object_get_ex(root, "rolling_back", NULL))
                r = json_get_flag(root, "rolling_back", &state->rolling_back);
        if (r >= 0)
                r = read_trial(root, &state->trial);
        if (r >= 0)
                r = read_shadowing(root, state);
        if (r >= 0)
                r = get_id(root, "pending_boot_id", state->pending_boot_id);
        if (r >= 0)
                r = get_id(root, "deactivated_boot_id", state->deactivated_boot_id);
        if (r >= 0)
                r = read_discarded(root, state);
        return r;
}

static int read_root(struct json_object *root, StoreState *state) {
        uint64_t format;
        int r;

        if (!json_object_is_type(root, json_type_object))
                return -EUCLEAN;
        r = json_get_number(root, "format", &format);
        if (r < 0)
                return r;
        if (format != STATE_FORMAT)
                return -EUCLEAN;
        r = read_versions(root, state);
        if (r >= 0)
                r = read_sequence(root, state);
        if (r < 0)
                return r;
        qsort(state->versions, state->n_versions, sizeof(*state->versions), version_record_compare);
        return read_optional(root, state);
}

/* A write has both members: damage to the name of one does not make the text that of an older daemon. */
static bool is_sealed(struct json_object *root) {
        return json_object_object_get_ex(root, "check", NULL) || json_object_object_get_ex(root, "sequence", NULL);
}

static int parse(const char *text, size_t size, bool checked, StoreState **ret) {
        _cleanup_(store_state_freep) StoreState *state = store_state_copy(NULL);
        _cleanup_json_ struct json_object *root = NULL;
        int r;

        if (!state)
                return -ENOMEM;
        if (size > STORE_STATE_SIZE_MAX)
                return -EUCLEAN;
        r = json_parse(text, size, &root);
        if (r >= 0 && checked && is_sealed(root))
                r = store_check_seal(text, size);
        if (r < 0)
                return r;
        r = read_root(root, state);
        if (r < 0)
                return r;
        r = store_check_state(state);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(state);
        return 0;
}

int store_state_parse(const char *text, size_t size, StoreState **ret) {
        return parse(text, size, true, ret);
}

int store_state_parse_unchecked(const char *text, size_t size, StoreState **ret) {
        return parse(text, size, false, ret);
}
