/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * src/libipe/kernel-extended.c, and what kernel.c says of a trial, on ordinary files: which file is written in which
 * situation. Files do not act when they are written; what the kernel makes of it is left to the tests in virtual
 * machines.
 */

#include "test-unit.h"

#include "files.h"
#include "kernel-extended.h"
#include "kernel-files.h"

#define NEW_DATA "signed policy"

static const char *const policy_files[] = { "active", "update", "delete", "stage", "trial", "shadow", "rollback" };

static int enter_kernel(void **state) {
        enter_directory(state);
        put_text("ipe/features", "stage\ntrial\nrollback-floor\nshadow\nstats\nevents\nlock\n");
        put_text("ipe/new_policy", "");
        put_text("ipe/confirm", "");
        put_text("ipe/revert", "");
        put_text("ipe/lock", "");
        make_directory("ipe/policies");
        return 0;
}

static Kernel *open_kernel(void) {
        Kernel *kernel = NULL;

        assert_int_equal(kernel_open("ipe", &kernel), 0);
        return kernel;
}

/* version, pkcs7: NULL if there is none; without a version it is not loaded, though the files that are written are
 * there. */
static void put_policy(const char *name, const char *version, const char *pkcs7, bool active) {
        for (size_t i = 0; i < ELEMENTSOF(policy_files); i++)
                put_file(name, policy_files[i], "");
        put_file(name, "active", active ? "1" : "0");
        if (version)
                put_file(name, "version", version);
        if (pkcs7)
                put_file(name, "pkcs7", pkcs7);
}

static void put_next(const char *name, const char *version, const char *pkcs7) {
        put_file(name, "next/version", version);
        put_file(name, "next/pkcs7", pkcs7);
}

/* The policy 'wanted' 2.0.0, in a kernel that has other versions of that name. */
typedef struct CandidateCase {
        const char *situation;
        const char *current, *current_pkcs7;
        bool active;
        const char *next, *next_pkcs7;
        int result;
        /* Writes: the envelope to new_policy and stage, "1" to delete. */
        bool writes_new, writes_stage, writes_delete;
} CandidateCase;

static const CandidateCase candidate_cases[] = {
        { "nothing is loaded", .writes_new = true },
        { "a lower version decides", "1.0.0", "old", true, .writes_stage = true },
        { "a lower version is loaded", "1.0.0", "old", false, .writes_stage = true },
        { "it is staged", "1.0.0", "old", true, "2.0.0", NEW_DATA },
        { "the same version is staged with other content", "1.0.0", "old", true, "2.0.0", "other",
          .writes_stage = true },
        { "a lower version is staged", "1.0.0", "old", true, "1.5.0", "staged", .writes_stage = true },
        { "a higher version is staged", "1.0.0", "old", true, "3.0.0", "staged", .writes_stage = true },
        { "it is loaded", "2.0.0", NEW_DATA, false },
        { "it is loaded below a staged one", "2.0.0", NEW_DATA, false, "3.0.0", "staged", .writes_delete = true,
          .writes_new = true },
        { "the same version is loaded with other content", "2.0.0", "other", false, .writes_delete = true,
          .writes_new = true },
        { "the same version is loaded, unsigned", "2.0.0", NULL, false, .writes_delete = true, .writes_new = true },
        { "a higher version is loaded", "2.1.0", "newer", false, .writes_delete = true, .writes_new = true },
        { "it decides", "2.0.0", NEW_DATA, true, .result = -EALREADY },
        { "the same version decides with other content", "2.0.0", "other", true, .result = -ESTALE },
        { "a higher version decides", "2.0.1", "newer", true, .result = -ESTALE },
};

static void put_situation(const CandidateCase *c) {
        remove_tree("ipe/policies");
        put_text("ipe/new_policy", "");
        put_policy("wanted", c->current, c->current_pkcs7, c->active);
        if (c->next)
                put_next("wanted", c->next, c->next_pkcs7);
}

static void assert_written(const CandidateCase *c) {
        assert_file_text("ipe/new_policy", c->writes_new ? NEW_DATA : "");
        assert_file("wanted", "stage", c->writes_stage ? NEW_DATA : "");
        assert_file("wanted", "delete", c->writes_delete ? "1" : "");
        assert_file("wanted", "update", "");
        assert_file("wanted", "active", c->active ? "1" : "0");
}

static const struct ipe_version wanted_version = { 2, 0, 0 };

static void for_each_situation(void (*check)(const Kernel *kernel, const CandidateCase *c)) {
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();

        for (size_t i = 0; i < ELEMENTSOF(candidate_cases); i++) {
                print_message("# %s\n", candidate_cases[i].situation);
                put_situation(&candidate_cases[i]);
                check(kernel, &candidate_cases[i]);
        }
}

static void check_trial(const Kernel *kernel, const CandidateCase *c) {
        assert_int_equal(kernel_trial(kernel, "wanted", &wanted_version, NEW_DATA, strlen(NEW_DATA), 86400), c->result);
        assert_written(c);
        assert_file("wanted", "trial", c->result < 0 ? "" : "86400");
}

static void a_trial_takes_the_version_that_is_meant(void **state) {
        for_each_situation(check_trial);
}

/* A shadow takes nothing away that another program has loaded. */
static void check_shadow(const Kernel *kernel, const CandidateCase *c) {
        int r = kernel_shadow(kernel, "wanted", &wanted_version, NEW_DATA, strlen(NEW_DATA));

        if (c->writes_delete) {
                assert_int_equal(r, -EEXIST);
                assert_file("wanted", "delete", "");
                assert_file_text("ipe/new_policy", "");
                assert_file("wanted", "shadow", "");
                return;
        }
        assert_int_equal(r, c->result);
        assert_written(c);
        assert_file("wanted", "shadow", c->result < 0 ? "" : "1");
}

static void a_shadow_takes_the_version_that_is_meant(void **state) {
        for_each_situation(check_shadow);
}

static void what_is_on_trial_is_not_taken_for_confirmed(void **state) {
        const struct ipe_version version = { 2, 0, 0 };
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();
        _cleanup_kernel_policy_ KernelPolicy active = {};

        put_policy("wanted", "2.0.0", NEW_DATA, true);
        assert_int_equal(kernel_trial(kernel, "wanted", &version, NEW_DATA, strlen(NEW_DATA), 60), -EALREADY);
        assert_int_equal(kernel_find_active(kernel, &active), 1);
        assert_false(active.on_trial);
        kernel_policy_done(&active);
        put_file("wanted", "trial", "50");
        put_text("ipe/confirm", "wanted 2.0.0\n");
        assert_int_equal(kernel_trial(kernel, "wanted", &version, NEW_DATA, strlen(NEW_DATA), 60), -EBUSY);
        assert_int_equal(kernel_find_active(kernel, &active), 1);
        assert_true(active.on_trial);
        assert_file("wanted", "trial", "50");
        put_text("ipe/confirm", "");
}

static void what_is_staged_never_replaces_a_higher_version(void **state) {
        static const struct {
                const char *current, *next, *content;
                int result;
                bool writes_new, writes_stage;
        } cases[] = {
                { NULL, NULL, NULL, 1, .writes_new = true },
                { "1.0.0", NULL, "old", 1, .writes_stage = true },
                { "1.0.0", "1.9.9", "staged", 1, .writes_stage = true },
                { "1.0.0", "2.0.0", NEW_DATA, 0 },
                { "1.0.0", "2.0.0", "discarded", 1, .writes_stage = true },
                { "1.0.0", "2.0.1", "staged", 0 },
                { "2.0.0", NULL, NEW_DATA, 0 },
                /* The kernel refuses this one. */
                { "2.0.0", NULL, "other", 1, .writes_stage = true },
                { "2.0.1", NULL, "other", 0 },
        };
        const struct ipe_version version = { 2, 0, 0 };
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                remove_tree("ipe/policies");
                put_text("ipe/new_policy", "");
                put_policy("wanted", cases[i].current, cases[i].next ? "old" : cases[i].content, false);
                if (cases[i].next)
                        put_next("wanted", cases[i].next, cases[i].content);
                assert_int_equal(kernel_stage(kernel, "wanted", &version, NEW_DATA, strlen(NEW_DATA)), cases[i].result);
                assert_file_text("ipe/new_policy", cases[i].writes_new ? NEW_DATA : "");
                assert_file("wanted", "stage", cases[i].writes_stage ? NEW_DATA : "");
                assert_file("wanted", "delete", "");
        }
}

static void seconds_are_checked_before_anything_is_written(void **state) {
        const struct ipe_version version = { 2, 0, 0 };
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();
        static const unsigned bad[] = { 0, 86401, UINT32_MAX };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(kernel_trial(kernel, "a", &version, "x", 1, bad[i]), -ERANGE);
        assert_file_text("ipe/new_policy", "");
}

static void each_write_has_its_file(void **state) {
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();

        put_policy("a", "1.0.0", "a", true);
        put_policy("b", "1.0.0", "b", false);
        assert_int_equal(kernel_confirm(kernel), 0);
        assert_file_text("ipe/confirm", "1");
        assert_file_text("ipe/revert", "");
        assert_int_equal(kernel_revert(kernel), 0);
        assert_file_text("ipe/revert", "1");
        assert_int_equal(kernel_rollback(kernel, "a"), 0);
        assert_file("a", "rollback", "1");
        assert_file("b", "rollback", "");
        assert_int_equal(kernel_rollback(kernel, "missing"), -ENOENT);
        assert_int_equal(kernel_end_shadow(kernel, "b"), 0);
        assert_file("b", "shadow", "0");
        assert_file("a", "shadow", "");
        assert_int_equal(kernel_end_shadow(kernel, "missing"), 0);
        assert_int_equal(kernel_is_shadowed(kernel, "b"), 0);
        put_file("b", "shadow", "1");
        assert_int_equal(kernel_is_shadowed(kernel, "b"), 1);
        assert_int_equal(kernel_is_shadowed(kernel, "missing"), 0);
}

static void nothing_is_written_without_the_feature(void **state) {
        const struct ipe_version version = { 2, 0, 0 };
        static const struct {
                const char *features; /* NULL: an upstream kernel */
                bool none;
                int error;
        } cases[] = { { "stats\n", false, -EOPNOTSUPP }, { NULL, false, -EOPNOTSUPP }, { NULL, true, -ENODEV } };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(kernel_freep) Kernel *kernel = NULL;
                KernelTrial trial;

                put_policy("a", "1.0.0", "a", true);
                put_text("ipe/confirm", "a 1.0.0\n");
                put_text("ipe/lock", "policy\n");
                if (cases[i].features)
                        put_text("ipe/features", cases[i].features);
                else
                        (void) unlink("ipe/features");
                assert_int_equal(kernel_open(cases[i].none ? "missing" : "ipe", &kernel), 0);
                assert_int_equal(kernel_stage(kernel, "a", &version, "x", 1), cases[i].error);
                assert_int_equal(kernel_trial(kernel, "a", &version, "x", 1, 60), cases[i].error);
                assert_int_equal(kernel_shadow(kernel, "a", &version, "x", 1), cases[i].error);
                assert_int_equal(kernel_end_shadow(kernel, "a"), cases[i].error);
                assert_int_equal(kernel_is_shadowed(kernel, "a"), cases[i].error);
                assert_int_equal(kernel_confirm(kernel), cases[i].error);
                assert_int_equal(kernel_revert(kernel), cases[i].error);
                assert_int_equal(kernel_rollback(kernel, "a"), cases[i].error);
                assert_int_equal(kernel_find_trial(kernel, &trial), 0);
                assert_int_equal(kernel_is_locked(kernel, "policy"), 0);
                assert_file_text("ipe/confirm", "a 1.0.0\n");
                for (size_t j = 1; j < ELEMENTSOF(policy_files); j++)
                        assert_file("a", policy_files[j], "");
        }
}

static void no_name_leads_out_of_the_directory_of_policies(void **state) {
        static const char *const names[] = { "", ".", "..", "../..", "a/b", "/a", "../../outside" };
        const struct ipe_version version = { 2, 0, 0 };
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();
        struct ipe_version found;

        put_text("outside/stage", "");
        put_text("outside/version", "1.0.0");
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                assert_int_equal(kernel_stage(kernel, names[i], &version, "x", 1), -EINVAL);
                assert_int_equal(kernel_trial(kernel, names[i], &version, "x", 1, 60), -EINVAL);
                assert_int_equal(kernel_shadow(kernel, names[i], &version, "x", 1), -EINVAL);
                assert_int_equal(kernel_rollback(kernel, names[i]), -EINVAL);
                assert_int_equal(kernel_find_version(kernel, names[i], KERNEL_CURRENT, &found), 0);
        }
        assert_file_text("ipe/new_policy", "");
        assert_file_text("outside/stage", "");
}

static void versions_are_found_in_their_places(void **state) {
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();
        _cleanup_free_ void *data = NULL;
        struct ipe_version version;
        size_t size;

        put_policy("a", "2.0.0", "current", true);
        assert_int_equal(kernel_find_version(kernel, "a", KERNEL_NEXT, &version), 0);
        assert_int_equal(kernel_find_version(kernel, "a", KERNEL_PREVIOUS, &version), 0);
        assert_int_equal(kernel_find_version(kernel, "missing", KERNEL_CURRENT, &version), 0);
        put_next("a", "3.0.0\n", "next");
        put_file("a", "previous/version", "1.0.0");
        put_file("a", "previous/pkcs7", "previous");
        for (int place = 0; place < _KERNEL_PLACE_MAX; place++) {
                static const unsigned majors[] = { 2, 3, 1 };
                static const char *const contents[] = { "current", "next", "previous" };

                assert_int_equal(kernel_find_version(kernel, "a", (KernelPlace) place, &version), 1);
                assert_int_equal(version.major, majors[place]);
                assert_int_equal(kernel_read_envelope(kernel, "a", (KernelPlace) place, &data, &size), 0);
                assert_string_equal(data, contents[place]);
                free(data);
                data = NULL;
        }
        put_file("a", "next/version", "3");
        assert_int_equal(kernel_find_version(kernel, "a", KERNEL_NEXT, &version), -EIO);
}

static void a_trial_is_found_in_its_place(void **state) {
        static const struct {
                const char *confirm, *trial;
                int result;
                KernelPlace place;
        } cases[] = {
                { "", "0", 0, 0 },
                { "a 2.0.0\n", "17", 1, KERNEL_NEXT },
                { "a 2.0.0", "17\n", 1, KERNEL_NEXT },
                { "a 1.0.0\n", "17", 1, KERNEL_CURRENT },
                { "a 1.5.0\n", "17", 0, 0 },       /* it was replaced since */
                { "a 2.0.0\n", "0", 0, 0 },        /* it ended since */
                { "missing 2.0.0\n", "17", 0, 0 }, /* it was deleted since */
                { "a\n", "17", -EIO, 0 },
                { "a x\n", "17", -EIO, 0 },
                { "a 2.0.0\n", "", -EIO, 0 },
                { "a 2.0.0\n", "x", -EIO, 0 },
                { "../a 2.0.0\n", "17", 0, 0 },
        };
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();

        put_policy("a", "1.0.0", "current", false);
        put_next("a", "2.0.0", "next");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                KernelTrial trial = {};

                put_text("ipe/confirm", cases[i].confirm);
                put_file("a", "trial", cases[i].trial);
                assert_int_equal(kernel_find_trial(kernel, &trial), cases[i].result);
                if (cases[i].result <= 0) {
                        assert_null(trial.policy.name);
                        continue;
                }
                assert_string_equal(trial.policy.name, "a");
                assert_int_equal(trial.policy.place, cases[i].place);
                assert_int_equal(trial.remaining_sec, 17);
                assert_true(trial.policy.active);
                kernel_policy_done(&trial.policy);
        }
}

static void what_is_on_trial_is_what_decides(void **state) {
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();
        _cleanup_kernel_policy_ KernelPolicy before = {}, during = {};

        put_policy("a", "1.0.0", "current", true);
        put_next("a", "2.0.0", "next");
        assert_int_equal(kernel_find_active(kernel, &before), 1);
        assert_int_equal(before.version.major, 1);
        assert_int_equal(before.place, KERNEL_CURRENT);
        put_file("a", "active", "0");
        put_file("a", "trial", "60");
        put_text("ipe/confirm", "a 2.0.0\n");
        assert_int_equal(kernel_find_active(kernel, &during), 1);
        assert_int_equal(during.version.major, 2);
        assert_int_equal(during.place, KERNEL_NEXT);
}

static void the_latches_are_words_of_a_file(void **state) {
        static const struct {
                const char *text;
                bool mode, policy;
        } cases[] = {
                { "", false, false },           { "mode\n", true, false },
                { "policy\n", false, true },    { "mode\npolicy\n", true, true },
                { "policies\n", false, false },
        };
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                put_text("ipe/lock", cases[i].text);
                assert_int_equal(kernel_is_locked(kernel, "mode"), cases[i].mode);
                assert_int_equal(kernel_is_locked(kernel, "policy"), cases[i].policy);
        }
}

#define kernel_test(test) cmocka_unit_test_setup_teardown(test, enter_kernel, leave_directory)

int main(void) {
        const struct CMUnitTest tests[] = {
                kernel_test(a_trial_takes_the_version_that_is_meant),
                kernel_test(a_shadow_takes_the_version_that_is_meant),
                kernel_test(what_is_on_trial_is_not_taken_for_confirmed),
                kernel_test(what_is_staged_never_replaces_a_higher_version),
                kernel_test(seconds_are_checked_before_anything_is_written),
                kernel_test(each_write_has_its_file),
                kernel_test(nothing_is_written_without_the_feature),
                kernel_test(no_name_leads_out_of_the_directory_of_policies),
                kernel_test(versions_are_found_in_their_places),
                kernel_test(a_trial_is_found_in_its_place),
                kernel_test(what_is_on_trial_is_what_decides),
                kernel_test(the_latches_are_words_of_a_file),
        };

        return run_tests_as_tap(tests);
}
