/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rules that no member of state.json can break or keep alone: at most one version in some states, each name and
 * version, digest and sequence number once, numbers in their ranges. A state that breaks one is neither read nor
 * written.
 */

#include "store-internal.h"

bool store_is_id(const char *text) {
        return strlen(text) == 32 && strspn(text, "0123456789abcdef") == 32;
}

static int compare_digests(const void *a, const void *b) {
        const VersionRecord *x = *(const VersionRecord *const *) a, *y = *(const VersionRecord *const *) b;

        return memcmp(&x->digest, &y->digest, sizeof(x->digest));
}

static int check_distinct(const StoreState *state, int (*compare)(const void *, const void *)) {
        _cleanup_free_ const VersionRecord **sorted = calloc(state->n_versions + 1, sizeof(*sorted));

        if (!sorted)
                return -ENOMEM;
        for (size_t i = 0; i < state->n_versions; i++)
                sorted[i] = &state->versions[i];
        qsort(sorted, state->n_versions, sizeof(*sorted), compare);
        for (size_t i = 1; i < state->n_versions; i++)
                if (compare(&sorted[i - 1], &sorted[i]) == 0)
                        return -EUCLEAN;
        return 0;
}

static int check_sequence(const StoreState *state) {
        if (state->sequence > STORE_SEQUENCE_MAX)
                return -EUCLEAN;
        for (size_t i = 0; i < state->n_versions; i++)
                if (state->versions[i].sequence == 0 || state->versions[i].sequence > state->sequence)
                        return -EUCLEAN;
        return check_distinct(state, version_record_compare_latest);
}

int store_check_state(const StoreState *state) {
        unsigned count[_VERSION_STATE_MAX] = {};
        int r;

        for (size_t i = 0; i < state->n_versions; i++) {
                const VersionRecord *record = &state->versions[i];

                if (record->name[0] == '\0' || (i > 0 && version_record_compare(record - 1, record) >= 0))
                        return -EUCLEAN;
                count[record->state]++;
        }
        if (count[VERSION_TRIAL] > 1 || count[VERSION_CONFIRMED] > 1 || count[VERSION_PENDING_REBOOT] > 1)
                return -EUCLEAN;
        if ((state->pending_boot_id[0] != '\0' && !store_is_id(state->pending_boot_id)) ||
            (state->deactivated_boot_id[0] != '\0' && !store_is_id(state->deactivated_boot_id)))
                return -EUCLEAN;
        if (state->rolling_back && !state->activating)
                return -EUCLEAN;
        if (state->trial.boots > state->trial.boots_max || state->trial.boots_max > TRIAL_BOOTS_MAX ||
            state->trial.boot_sec > TRIAL_BOOT_SEC_MAX)
                return -EUCLEAN;
        r = check_sequence(state);
        /* An object is one policy of one version. */
        return r < 0 ? r : check_distinct(state, compare_digests);
}
