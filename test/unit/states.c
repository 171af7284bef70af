/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test-unit.h"

#include "states.h"

Digest digest(uint8_t number) {
        return (Digest) { .bytes = { number } };
}

VersionRecord record(const char *name, struct ipe_version version, uint8_t number, VersionState state) {
        return (VersionRecord) {
                .name = (char *) name,
                .version = version,
                .digest = digest(number),
                .state = state,
                .signer = (char *) "CN=signer",
                .source = (char *) "/etc/ipe/policy.d/a.p7b",
                .staged_usec = 1700000000000000 + number,
                .changed_usec = 1700000000000000 + number,
        };
}

void add(StoreState *state, VersionRecord added) {
        assert_int_equal(store_state_add(state, &added), 0);
}

StoreState *empty_state(void) {
        StoreState *state = store_state_copy(NULL);

        assert_non_null(state);
        assert_int_equal(state->n_versions, 0);
        return state;
}

static void assert_record_equal(const VersionRecord *a, const VersionRecord *b) {
        assert_string_equal(a->name, b->name);
        assert_int_equal(ipe_version_compare(&a->version, &b->version), 0);
        assert_true(digest_equal(&a->digest, &b->digest));
        assert_int_equal(a->state, b->state);
        assert_string_equal(a->signer, b->signer);
        assert_string_equal(a->source, b->source);
        assert_int_equal(a->staged_usec, b->staged_usec);
        assert_int_equal(a->changed_usec, b->changed_usec);
        assert_int_equal(a->sequence, b->sequence);
        assert_string_equal(a->transaction, b->transaction);
}

static void assert_list_equal(char *const *a, char *const *b) {
        size_t n = 0;

        assert_int_equal(!a, !b);
        for (; a && a[n]; n++) {
                assert_non_null(b[n]);
                assert_string_equal(a[n], b[n]);
        }
        assert_true(!b || !b[n]);
}

static void assert_trial_equal(const StoreTrial *a, const StoreTrial *b) {
        assert_string_equal(a->boot_id, b->boot_id);
        assert_int_equal(a->deadline_usec, b->deadline_usec);
        assert_int_equal(a->confirm, b->confirm);
        assert_int_equal(a->boots, b->boots);
        assert_int_equal(a->boots_max, b->boots_max);
        assert_int_equal(a->boot_sec, b->boot_sec);
        assert_list_equal(a->failed_units, b->failed_units);
        assert_list_equal(a->restarting_units, b->restarting_units);
        assert_int_equal(a->unenforced, b->unenforced);
        assert_int_equal(a->health.known, b->health.known);
        assert_int_equal(a->health.command, b->health.command);
        assert_list_equal(a->health.units, b->health.units);
        assert_list_equal(a->health.ignore_units, b->health.ignore_units);
        assert_list_equal(a->health.essential_paths, b->health.essential_paths);
}

void assert_state_equal(const StoreState *a, const StoreState *b) {
        assert_int_equal(a->n_versions, b->n_versions);
        for (size_t i = 0; i < a->n_versions; i++)
                assert_record_equal(&a->versions[i], &b->versions[i]);
        assert_int_equal(a->sequence, b->sequence);
        assert_int_equal(a->activating, b->activating);
        assert_true(digest_equal(&a->activating_digest, &b->activating_digest));
        assert_string_equal(a->activating_transaction, b->activating_transaction);
        assert_trial_equal(&a->trial, &b->trial);
        assert_int_equal(!a->shadowing, !b->shadowing);
        if (a->shadowing)
                assert_string_equal(a->shadowing, b->shadowing);
        assert_true(digest_equal(&a->shadowing_digest, &b->shadowing_digest));
        assert_int_equal(a->n_discarded, b->n_discarded);
        for (size_t i = 0; i < a->n_discarded; i++) {
                assert_string_equal(a->discarded[i].name, b->discarded[i].name);
                assert_true(digest_equal(&a->discarded[i].digest, &b->discarded[i].digest));
        }
        assert_string_equal(a->pending_boot_id, b->pending_boot_id);
        assert_int_equal(a->rolling_back, b->rolling_back);
        assert_string_equal(a->deactivated_boot_id, b->deactivated_boot_id);
}

void set_trial(StoreState *s, ConfirmBy confirm, char **failed_units) {
        StoreTrial trial = {
                .boot_id = SOME_ID,
                .deadline_usec = INT64_MAX,
                .boots = 2,
                .boots_max = 3,
                .boot_sec = 300,
                .confirm = confirm,
                .failed_units = failed_units,
                .restarting_units = failed_units,
                /* An earlier release has written no settings. */
                .health = { .known = failed_units,
                            .command = failed_units,
                            .units = failed_units,
                            .essential_paths = failed_units },
                .unenforced = failed_units,
        };

        assert_int_equal(store_state_set_trial(s, &trial), 0);
}

void assert_survives(const StoreState *s) {
        _cleanup_(store_state_freep) StoreState *back = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;

        assert_int_equal(store_state_print(s, &text, &size), 0);
        assert_int_equal(strlen(text), size);
        assert_int_equal(store_state_parse(text, size, &back), 0);
        assert_state_equal(back, s);
}
