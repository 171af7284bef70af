/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The state as a value: versions in their order, and questions about them. Knows no file.
 */

#include "store-internal.h"

static const char *const state_names[_VERSION_STATE_MAX] = {
        [VERSION_STAGED] = "staged",
        [VERSION_TRIAL] = "trial",
        [VERSION_CONFIRMED] = "confirmed",
        [VERSION_SUPERSEDED] = "superseded",
        [VERSION_PENDING_REBOOT] = "pending-reboot",
        [VERSION_ROLLED_BACK] = "rolled-back",
        [VERSION_FAILED] = "failed",
};

const char *version_state_to_string(VersionState state) {
        return state_names[state];
}

int version_state_from_string(const char *text) {
        for (int state = 0; state < _VERSION_STATE_MAX; state++)
                if (streq(text, state_names[state]))
                        return state;
        return -EINVAL;
}

static const char *const confirm_names[_CONFIRM_BY_MAX] = {
        [CONFIRM_MANUAL] = "manual",
        [CONFIRM_AUTO] = "auto",
};

const char *confirm_by_to_string(ConfirmBy confirm) {
        return confirm_names[confirm];
}

int confirm_by_from_string(const char *text) {
        for (int confirm = 0; confirm < _CONFIRM_BY_MAX; confirm++)
                if (streq(text, confirm_names[confirm]))
                        return confirm;
        return -EINVAL;
}

void policy_summary_done(PolicySummary *summary) {
        strv_free(summary->warnings);
        free(summary->keyring_warning);
        *summary = (PolicySummary) {};
}

int policy_summary_copy(const PolicySummary *summary, PolicySummary *ret) {
        PolicySummary copy = *summary;

        copy.warnings = NULL;
        copy.keyring_warning = summary->keyring_warning ? strdup(summary->keyring_warning) : NULL;
        if (!copy.keyring_warning != !summary->keyring_warning || strv_copy(summary->warnings, &copy.warnings) < 0) {
                policy_summary_done(&copy);
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

static void version_record_done(VersionRecord *record) {
        policy_summary_done(&record->summary);
        free(record->name);
        free(record->signer);
        free(record->source);
        *record = (VersionRecord) {};
}

static int copy_record(const VersionRecord *record, VersionRecord *ret) {
        VersionRecord copy = *record;

        copy.name = strdup(record->name);
        copy.signer = strdup(record->signer);
        copy.source = strdup(record->source);
        copy.summary = (PolicySummary) {};
        if (!copy.name || !copy.signer || !copy.source || policy_summary_copy(&record->summary, &copy.summary) < 0) {
                version_record_done(&copy);
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

void trial_health_done(TrialHealth *health) {
        strv_free(health->units);
        strv_free(health->ignore_units);
        strv_free(health->essential_paths);
        *health = (TrialHealth) {};
}

int trial_health_copy(const TrialHealth *health, TrialHealth *ret) {
        TrialHealth copy = { .known = health->known, .command = health->command };

        if (strv_copy(health->units, &copy.units) < 0 || strv_copy(health->ignore_units, &copy.ignore_units) < 0 ||
            strv_copy(health->essential_paths, &copy.essential_paths) < 0) {
                trial_health_done(&copy);
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

static void trial_done(StoreTrial *trial) {
        strv_free(trial->failed_units);
        strv_free(trial->restarting_units);
        trial_health_done(&trial->health);
}

static int trial_copy(const StoreTrial *trial, StoreTrial *ret) {
        StoreTrial copy = *trial;

        copy.failed_units = copy.restarting_units = NULL;
        copy.health = (TrialHealth) {};
        if (strv_copy(trial->failed_units, &copy.failed_units) < 0 ||
            strv_copy(trial->restarting_units, &copy.restarting_units) < 0 ||
            trial_health_copy(&trial->health, &copy.health) < 0) {
                trial_done(&copy);
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

StoreState *store_state_free(StoreState *state) {
        if (!state)
                return NULL;
        for (size_t i = 0; i < state->n_versions; i++)
                version_record_done(&state->versions[i]);
        free(state->versions);
        free(state->shadowing);
        trial_done(&state->trial);
        store_discarded_done(state);
        free(state);
        return NULL;
}

StoreState *store_state_copy(const StoreState *state) {
        _cleanup_(store_state_freep) StoreState *copy = calloc(1, sizeof(*copy));

        if (!copy || !state)
                return TAKE_PTR(copy);
        *copy = *state;
        copy->n_versions = 0;
        copy->trial = (StoreTrial) {};
        copy->discarded = NULL;
        copy->n_discarded = 0;
        copy->versions = calloc(state->n_versions + 1, sizeof(*copy->versions));
        copy->shadowing = state->shadowing ? strdup(state->shadowing) : NULL;
        if (!copy->versions || !copy->shadowing != !state->shadowing || trial_copy(&state->trial, &copy->trial) < 0 ||
            store_discarded_copy(state, copy) < 0)
                return NULL;
        for (; copy->n_versions < state->n_versions; copy->n_versions++)
                if (copy_record(&state->versions[copy->n_versions], &copy->versions[copy->n_versions]) < 0)
                        return NULL;
        return TAKE_PTR(copy);
}

void store_state_set_activating(StoreState *state, const Digest *digest, const char *transaction) {
        state->activating = digest != NULL;
        state->activating_digest = digest ? *digest : (Digest) {};
        state->rolling_back = false;
        snprintf(state->activating_transaction, sizeof(state->activating_transaction), "%s",
                 digest && transaction ? transaction : "");
}

int store_state_set_trial(StoreState *state, const StoreTrial *trial) {
        StoreTrial copy;

        if (trial_copy(trial ?: &(const StoreTrial) {}, &copy) < 0)
                return -ENOMEM;
        trial_done(&state->trial);
        state->trial = copy;
        return 0;
}

bool store_trial_is_of_boot(const StoreTrial *trial, const char *boot_id) {
        return boot_id[0] == '\0' || streq(trial->boot_id, boot_id);
}

bool store_state_boot_is_on_trial(const StoreState *state, const char *boot_id) {
        return store_state_find_state(state, VERSION_TRIAL) && state->trial.boots > 0 &&
               state->trial.confirm == CONFIRM_AUTO && store_trial_is_of_boot(&state->trial, boot_id);
}

int store_state_set_shadowing(StoreState *state, const char *name, const Digest *digest) {
        char *copy = name ? strdup(name) : NULL;

        if (name && !copy)
                return -ENOMEM;
        free(state->shadowing);
        state->shadowing = copy;
        state->shadowing_digest = digest ? *digest : (Digest) {};
        return 0;
}

static int compare(const char *name, const struct ipe_version *version, const VersionRecord *record) {
        int order = strcmp(name, record->name);

        return order != 0 ? order : ipe_version_compare(version, &record->version);
}

int version_record_compare(const void *a, const void *b) {
        const VersionRecord *record = a;

        return compare(record->name, &record->version, b);
}

/* Finds the place of a version, or the one where it belongs. */
static size_t find_place(const StoreState *state, const char *name, const struct ipe_version *version,
                         bool *ret_found) {
        size_t low = 0, high = state->n_versions;

        *ret_found = false;
        while (low < high && !*ret_found) {
                size_t middle = low + (high - low) / 2;
                int order = compare(name, version, &state->versions[middle]);

                if (order < 0)
                        high = middle;
                else if (order > 0)
                        low = middle + 1;
                else {
                        low = middle;
                        *ret_found = true;
                }
        }
        return low;
}

void store_state_touch(StoreState *state, VersionRecord *record) {
        record->sequence = ++state->sequence;
}

int store_state_add(StoreState *state, const VersionRecord *record) {
        VersionRecord *larger, copy;
        size_t place;
        bool found;
        int r;

        place = find_place(state, record->name, &record->version, &found);
        if (found)
                return -EEXIST;
        r = copy_record(record, &copy);
        if (r < 0)
                return r;
        larger = reallocarray(state->versions, state->n_versions + 1, sizeof(*larger));
        if (!larger) {
                version_record_done(&copy);
                return -ENOMEM;
        }
        state->versions = larger;
        memmove(larger + place + 1, larger + place, (state->n_versions - place) * sizeof(*larger));
        larger[place] = copy;
        state->n_versions++;
        store_state_touch(state, &larger[place]);
        return 0;
}

void store_state_remove(StoreState *state, const char *name, const struct ipe_version *version) {
        VersionRecord *record;
        size_t place;
        bool found;

        place = find_place(state, name, version, &found);
        if (!found)
                return;
        record = state->versions + place;
        version_record_done(record);
        memmove(record, record + 1, (state->n_versions - place - 1) * sizeof(*record));
        state->n_versions--;
}

VersionRecord *store_state_find(const StoreState *state, const char *name, const struct ipe_version *version) {
        bool found;
        size_t place = find_place(state, name, version, &found);

        return found ? state->versions + place : NULL;
}

VersionRecord *store_state_find_digest(const StoreState *state, const Digest *digest) {
        for (size_t i = 0; i < state->n_versions; i++)
                if (digest_equal(&state->versions[i].digest, digest))
                        return state->versions + i;
        return NULL;
}

VersionRecord *store_state_find_state(const StoreState *state, VersionState wanted) {
        for (size_t i = 0; i < state->n_versions; i++)
                if (state->versions[i].state == wanted)
                        return state->versions + i;
        return NULL;
}

const VersionRecord *store_state_find_previous(const StoreState *state, const VersionRecord *record) {
        const VersionRecord *previous = NULL;

        for (size_t i = 0; i < state->n_versions; i++) {
                const VersionRecord *other = &state->versions[i];

                if (other->state != VERSION_SUPERSEDED ||
                    (streq(other->name, record->name) && ipe_version_compare(&other->version, &record->version) >= 0))
                        continue;
                if (!previous || other->sequence > previous->sequence)
                        previous = other;
        }
        return previous;
}

const VersionRecord *store_state_find_ended_trial(const StoreState *state) {
        const VersionRecord *confirmed = store_state_find_state(state, VERSION_CONFIRMED), *latest = NULL;

        for (size_t i = 0; confirmed && i < state->n_versions; i++) {
                const VersionRecord *other = &state->versions[i];

                if (other->state != VERSION_ROLLED_BACK || !streq(other->name, confirmed->name) ||
                    other->sequence <= confirmed->sequence || streq(other->transaction, confirmed->transaction))
                        continue;
                if (!latest || other->sequence > latest->sequence)
                        latest = other;
        }
        return latest;
}

int version_record_compare_latest(const void *a, const void *b) {
        const VersionRecord *x = *(const VersionRecord *const *) a, *y = *(const VersionRecord *const *) b;

        return x->sequence == y->sequence ? 0 : x->sequence > y->sequence ? -1 : 1;
}

static bool is_same(const VersionRecord *a, const VersionRecord *b) {
        return a && b ? digest_equal(&a->digest, &b->digest) : a == b;
}

static VersionRecord *find_latest_superseded(const StoreState *state) {
        VersionRecord *latest = NULL;

        for (size_t i = 0; i < state->n_versions; i++)
                if (state->versions[i].state == VERSION_SUPERSEDED &&
                    (!latest || state->versions[i].sequence > latest->sequence))
                        latest = state->versions + i;
        return latest;
}

VersionRecord *store_state_find_selected(const StoreState *state) {
        VersionRecord *first;

        if (state->deactivated_boot_id[0] != '\0')
                return NULL;
        first = store_state_find_state(state, VERSION_PENDING_REBOOT)
                        ?: store_state_find_state(state, VERSION_CONFIRMED);
        return first ?: find_latest_superseded(state);
}

bool store_state_boots_alike(const StoreState *a, const StoreState *b) {
        static const VersionState states[] = { VERSION_PENDING_REBOOT, VERSION_CONFIRMED, VERSION_TRIAL };

        if (!a->deactivated_boot_id[0] != !b->deactivated_boot_id[0])
                return false;
        for (size_t i = 0; i < ELEMENTSOF(states); i++)
                if (!is_same(store_state_find_state(a, states[i]), store_state_find_state(b, states[i])))
                        return false;
        return true;
}

int store_state_boot_order(const StoreState *state, const VersionRecord ***ret) {
        static const VersionState first[] = { VERSION_PENDING_REBOOT, VERSION_CONFIRMED };
        const VersionRecord **order = calloc(state->n_versions + 1, sizeof(*order));
        size_t n = 0, n_first;

        if (!order)
                return -ENOMEM;
        if (state->deactivated_boot_id[0] != '\0') {
                *ret = order;
                return 0;
        }
        for (size_t i = 0; i < ELEMENTSOF(first); i++) {
                order[n] = store_state_find_state(state, first[i]);
                n += order[n] != NULL;
        }
        n_first = n;
        for (size_t i = 0; i < state->n_versions; i++)
                if (state->versions[i].state == VERSION_SUPERSEDED)
                        order[n++] = state->versions + i;
        qsort(order + n_first, n - n_first, sizeof(*order), version_record_compare_latest);
        *ret = order;
        return (int) n;
}
