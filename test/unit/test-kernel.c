/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's directory as ordinary files: what is read is understood, what is written goes where it should, and no
 * name leads elsewhere. Files do not act when they are written; that the kernel does what is asked is left to the tests
 * in virtual machines.
 */

#include "test-unit.h"

#include "files.h"
#include "kernel-files.h"
#include "kernel.h"

#define NEW_DATA "signed policy"

static Kernel *open_kernel(void) {
        Kernel *kernel = NULL;

        assert_int_equal(kernel_open("ipe", &kernel), 0);
        return kernel;
}

static int enter_kernel(void **state) {
        enter_directory(state);
        put_text("ipe/enforce", "1");
        put_text("ipe/success_audit", "0");
        put_text("ipe/new_policy", "");
        make_directory("ipe/policies");
        return 0;
}

/* pkcs7: NULL for a policy that came unsigned. */
static void put_policy(const char *name, const char *version, bool active, const char *pkcs7) {
        put_file(name, "active", active ? "1" : "0");
        put_file(name, "version", version);
        put_file(name, "update", "");
        put_file(name, "delete", "");
        if (pkcs7)
                put_file(name, "pkcs7", pkcs7);
}

static void all_that_is_loaded_is_listed(void **state) {
        _cleanup_(strv_freep) char **names = NULL;
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();

        assert_int_equal(kernel_list(kernel, &names), 0);
        assert_true(!names || !names[0]);
        put_policy("a", "1.0.0", false, NULL);
        put_policy("b", "2.0.0", true, NULL);
        names = strv_free(names);
        assert_int_equal(kernel_list(kernel, &names), 0);
        assert_true(strv_contains(names, "a") && strv_contains(names, "b") && !names[2]);
}

static void a_kernel_without_ipe_answers_so(void **state) {
        const struct ipe_version version = { 1, 0, 0 };
        _cleanup_(kernel_freep) Kernel *kernel = NULL;
        KernelPolicy policy = {};
        char **names = NULL;
        void *data = NULL;
        size_t size;

        assert_int_equal(kernel_open("missing", &kernel), 0);
        assert_int_equal(kernel_abi(kernel), KERNEL_ABI_NONE);
        assert_null(kernel_features(kernel)[0]);
        assert_false(kernel_has_feature(kernel, "trial"));
        assert_int_equal(kernel_get_switch(kernel, KERNEL_ENFORCE), -ENODEV);
        assert_int_equal(kernel_set_switch(kernel, KERNEL_ENFORCE, true), -ENODEV);
        assert_int_equal(kernel_find_active(kernel, &policy), 0);
        assert_int_equal(kernel_find(kernel, "a", &policy), 0);
        assert_int_equal(kernel_list(kernel, &names), 0);
        assert_null(names);
        assert_int_equal(kernel_read_envelope(kernel, "a", KERNEL_CURRENT, &data, &size), -ENOENT);
        assert_int_equal(kernel_activate(kernel, "a", &version, NEW_DATA, strlen(NEW_DATA)), -ENODEV);
        assert_int_equal(kernel_delete(kernel, "a"), 0);
        assert_null(policy.name);
        assert_null(data);
}

static void a_path_that_is_no_directory_is_an_error(void **state) {
        Kernel *kernel = NULL;

        put_text("file", "");
        assert_int_equal(kernel_open("file", &kernel), -ENOTDIR);
        put_text("large/features", "");
        assert_int_equal(truncate("large/features", 1 << 20), 0);
        assert_int_equal(kernel_open("large", &kernel), -EFBIG);
        assert_null(kernel);
}

static void the_abi_is_told_by_the_file_of_features(void **state) {
        static const struct {
                const char *features; /* NULL: no such file */
                KernelAbi abi;
                const char *word;
                size_t n;
        } cases[] = {
                { NULL, KERNEL_ABI_UPSTREAM, NULL, 0 },
                { "", KERNEL_ABI_EXTENDED, NULL, 0 },
                { "\n", KERNEL_ABI_EXTENDED, NULL, 0 },
                { "trial", KERNEL_ABI_EXTENDED, "trial", 1 },
                { "a\nb\n", KERNEL_ABI_EXTENDED, "b", 2 },
                { "stage\ntrial\nrollback-floor\n", KERNEL_ABI_EXTENDED, "trial", 3 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(kernel_freep) Kernel *kernel = NULL;
                size_t n = 0;

                if (cases[i].features)
                        put_text("ipe/features", cases[i].features);
                kernel = open_kernel();
                assert_int_equal(kernel_abi(kernel), cases[i].abi);
                while (kernel_features(kernel)[n])
                        n++;
                assert_int_equal(n, cases[i].n);
                if (cases[i].word)
                        assert_true(kernel_has_feature(kernel, cases[i].word));
                assert_false(kernel_has_feature(kernel, "tria"));
                assert_false(kernel_has_feature(kernel, ""));
        }
}

static void each_abi_has_a_word(void **state) {
        assert_string_equal(kernel_abi_to_string(KERNEL_ABI_NONE), "none");
        assert_string_equal(kernel_abi_to_string(KERNEL_ABI_UPSTREAM), "upstream");
        assert_string_equal(kernel_abi_to_string(KERNEL_ABI_EXTENDED), "extended");
}

static void a_switch_is_read_with_or_without_a_newline(void **state) {
        static const struct {
                const char *text;
                int value;
        } cases[] = {
                { "0", 0 },    { "1", 1 },     { "0\n", 0 },   { "1\n", 1 },    { "", -EIO },      { "\n", -EIO },
                { "2", -EIO }, { "01", -EIO }, { "1 ", -EIO }, { "yes", -EIO }, { "1\n\n", -EIO },
        };
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                put_text("ipe/enforce", cases[i].text);
                assert_int_equal(kernel_get_switch(kernel, KERNEL_ENFORCE), cases[i].value);
        }
        assert_int_equal(unlink("ipe/enforce"), 0);
        assert_int_equal(kernel_get_switch(kernel, KERNEL_ENFORCE), -ENOENT);
        assert_int_equal(kernel_set_switch(kernel, KERNEL_ENFORCE, true), -ENOENT);
        assert_false(is_there("ipe/enforce"));
}

static void a_keyring_has_the_state_of_its_one_line(void **state) {
        static const struct {
                const char *text;
                KeyringState state;
        } cases[] = {
                { ".fs-verity open\n", KEYRING_OPEN },
                { ".fs-verity restricted\n", KEYRING_RESTRICTED },
                { ".fs-verity sealed\n", KEYRING_SEALED },
                { ".fs-verity sealed", KEYRING_SEALED },
                { ".dm-verity open\n.fs-verity sealed\n.new of a later kernel\n", KEYRING_SEALED },
                { ".dm-verity sealed\n.fs-verity open\n", KEYRING_OPEN },
                { "", KEYRING_UNKNOWN },
                { "\n\n", KEYRING_UNKNOWN },
                { "sealed\n", KEYRING_UNKNOWN },
                { ".fs-verity\n", KEYRING_UNKNOWN },
                { ".fs-verity \n", KEYRING_UNKNOWN },
                { ".fs-verity welded\n", KEYRING_UNKNOWN },
                { ".fs-verity sealed \n", KEYRING_UNKNOWN },
                { ".fs-verity sealed?\n", KEYRING_UNKNOWN },
                { ".fs-verity Sealed\n", KEYRING_UNKNOWN },
                { ".fs-verity  sealed\n", KEYRING_UNKNOWN },
                { " .fs-verity sealed\n", KEYRING_UNKNOWN },
                { ".fs-verity\tsealed\n", KEYRING_UNKNOWN },
                { ".fs-verity sealed\r\n", KEYRING_UNKNOWN },
                { ".fs-verity2 sealed\n", KEYRING_UNKNOWN },
                { ".dm-verity sealed\n", KEYRING_UNKNOWN },
                { ".fs-verity sealed\n.fs-verity open\n", KEYRING_UNKNOWN },
                { ".fs-verity sealed\n.fs-verity sealed\n", KEYRING_UNKNOWN },
        };
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                put_text("ipe/keyrings", cases[i].text);
                assert_int_equal(kernel_get_keyring(kernel, KEYRING_FSVERITY), cases[i].state);
        }
}

static void a_keyring_that_cannot_be_read_is_not_known(void **state) {
        static const char sealed[] = ".fs-verity sealed\n", cut[] = ".fs-verity sealed\n\0.fs-verity open\n";
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel(), *none = NULL;

        assert_int_equal(kernel_open("missing", &none), 0);
        assert_int_equal(kernel_get_keyring(none, KEYRING_FSVERITY), KEYRING_UNKNOWN);
        assert_int_equal(kernel_get_keyring(kernel, KEYRING_FSVERITY), KEYRING_UNKNOWN);
        put_bytes("ipe/keyrings", cut, sizeof(cut) - 1);
        assert_int_equal(kernel_get_keyring(kernel, KEYRING_FSVERITY), KEYRING_UNKNOWN);
        put_text("ipe/keyrings", sealed);
        assert_int_equal(kernel_get_keyring(kernel, KEYRING_FSVERITY), KEYRING_SEALED);
        assert_int_equal(truncate("ipe/keyrings", 1 << 20), 0);
        assert_int_equal(kernel_get_keyring(kernel, KEYRING_FSVERITY), KEYRING_UNKNOWN);
        assert_int_equal(unlink("ipe/keyrings"), 0);
        make_directory("ipe/keyrings");
        assert_int_equal(kernel_get_keyring(kernel, KEYRING_FSVERITY), KEYRING_UNKNOWN);
}

static void each_switch_has_its_file(void **state) {
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();

        assert_int_equal(kernel_get_switch(kernel, KERNEL_ENFORCE), 1);
        assert_int_equal(kernel_get_switch(kernel, KERNEL_SUCCESS_AUDIT), 0);
        assert_int_equal(kernel_set_switch(kernel, KERNEL_ENFORCE, false), 0);
        assert_file_text("ipe/enforce", "0");
        assert_file_text("ipe/success_audit", "0");
        assert_int_equal(kernel_set_switch(kernel, KERNEL_SUCCESS_AUDIT, true), 0);
        assert_file_text("ipe/enforce", "0");
        assert_file_text("ipe/success_audit", "1");
}

static void a_policy_is_found_by_its_name(void **state) {
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();

        put_policy("first", "1.2.3", false, NULL);
        put_policy("second \xff\\", "65535.0.1\n", true, NULL);
        for (int second = 0; second < 2; second++) {
                _cleanup_kernel_policy_ KernelPolicy policy = {};
                const char *name = second ? "second \xff\\" : "first";

                assert_int_equal(kernel_find(kernel, name, &policy), 1);
                assert_string_equal(policy.name, name);
                assert_int_equal(policy.active, second);
                assert_int_equal(policy.version.major, second ? 65535 : 1);
                assert_int_equal(policy.version.revision, second ? 1 : 3);
        }
}

static void the_active_policy_is_found_among_others(void **state) {
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();
        _cleanup_kernel_policy_ KernelPolicy policy = {};

        assert_int_equal(kernel_find_active(kernel, &policy), 0);
        put_policy("a", "1.0.0", false, NULL);
        put_policy("b", "1.0.0", false, NULL);
        assert_int_equal(kernel_find_active(kernel, &policy), 0);
        assert_null(policy.name);
        put_policy("c", "7.0.0", true, NULL);
        put_policy("d", "1.0.0", false, NULL);
        assert_int_equal(kernel_find_active(kernel, &policy), 1);
        assert_string_equal(policy.name, "c");
        assert_int_equal(policy.version.major, 7);
        assert_true(policy.active);
}

/* Deleted between two looks: the kernel's files say ENOENT then. */
static void a_policy_that_vanishes_is_not_there(void **state) {
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();
        _cleanup_kernel_policy_ KernelPolicy policy = {};

        make_directory("ipe/policies/gone");
        assert_int_equal(kernel_find(kernel, "gone", &policy), 0);
        put_file("gone", "version", "1.0.0");
        assert_int_equal(kernel_find(kernel, "gone", &policy), 0);
        assert_int_equal(kernel_find_active(kernel, &policy), 0);
        assert_null(policy.name);
        put_policy("here", "1.0.0", true, NULL);
        assert_int_equal(kernel_find_active(kernel, &policy), 1);
        assert_string_equal(policy.name, "here");
}

/* In whatever order the directory lists them. */
static void a_policy_that_cannot_be_read_hides_no_active_one(void **state) {
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();
        _cleanup_kernel_policy_ KernelPolicy policy = {};

        put_policy("a", "nonsense", true, NULL);
        put_policy("b", "1.0.0", true, NULL);
        put_policy("c", "nonsense", true, NULL);
        assert_int_equal(kernel_find_active(kernel, &policy), 1);
        assert_string_equal(policy.name, "b");
}

static void nonsense_in_the_kernels_files_is_an_error(void **state) {
        static const struct {
                const char *version, *active;
                int error;
        } cases[] = {
                { "", "1", -EIO },
                { "1.0", "1", -EIO },
                { "1.0.65536", "1", -EIO },
                { "1.0.0", "", -EIO },
                { "1.0.0", "x", -EIO },
                { "1.0.0.0", "0", -EIO },
                { "1.0.0000000000000000000000000000000000000000000000000000000000000", "0", -EFBIG },
        };
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();
        KernelPolicy policy = {};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                put_file("a", "version", cases[i].version);
                put_file("a", "active", cases[i].active);
                assert_int_equal(kernel_find(kernel, "a", &policy), cases[i].error);
                assert_int_equal(kernel_find_active(kernel, &policy), cases[i].error);
        }
        assert_null(policy.name);
}

static void the_envelope_of_a_loaded_policy_is_read(void **state) {
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();
        _cleanup_free_ void *data = NULL;
        size_t size;

        put_policy("signed", "1.0.0", true, "bytes");
        put_policy("unsigned", "1.0.0", false, NULL);
        assert_int_equal(kernel_read_envelope(kernel, "unsigned", KERNEL_CURRENT, &data, &size), -ENOENT);
        assert_int_equal(kernel_read_envelope(kernel, "missing", KERNEL_CURRENT, &data, &size), -ENOENT);
        assert_null(data);
        assert_int_equal(kernel_read_envelope(kernel, "signed", KERNEL_CURRENT, &data, &size), 0);
        assert_int_equal(size, 5);
        assert_memory_equal(data, "bytes", 5);
}

/* The policy 'wanted' 2.0.0, activated in a kernel where other versions are loaded. */
typedef struct ActivateCase {
        const char *situation;
        const char *loaded; /* version of 'wanted' in the kernel; NULL: none */
        bool loaded_active;
        const char *pkcs7; /* of it; NULL: it came unsigned */
        const char *other; /* version of the active policy of another name; NULL: none */
        int result;
        /* Writes: the envelope to new_policy and update, "1" to delete and active. */
        bool writes_new, writes_update, writes_delete, writes_active;
} ActivateCase;

static const ActivateCase activate_cases[] = {
        { "nothing is loaded", .writes_new = true, .writes_active = true },
        { "another policy of a lower version is active", .other = "1.9.9", .writes_new = true, .writes_active = true },
        { "another policy of the same version is active", .other = "2.0.0", .writes_new = true, .writes_active = true },
        { "another policy of a higher version is active", .other = "2.0.1", .result = -ESTALE },
        { "a lower version is active", "1.9.9", true, "old", .writes_update = true },
        { "a lower version is loaded", "1.9.9", false, "old", .writes_update = true, .writes_active = true },
        { "a lower version is loaded, unsigned", "1.9.9", false, NULL, .writes_update = true, .writes_active = true },
        { "a higher version is active", "2.0.1", true, "newer", .result = -ESTALE },
        { "a higher version is loaded", "2.0.1", false, "newer", .writes_delete = true, .writes_new = true,
          .writes_active = true },
        { "the same is active", "2.0.0", true, NEW_DATA },
        { "the same is loaded", "2.0.0", false, NEW_DATA, .writes_active = true },
        { "the same version is active with other content", "2.0.0", true, "other policy", .result = -ESTALE },
        { "the same version is active, unsigned", "2.0.0", true, NULL, .result = -ESTALE },
        { "the same version is loaded with other content", "2.0.0", false, "other policy", .writes_delete = true,
          .writes_new = true, .writes_active = true },
        { "the same version is loaded with longer content", "2.0.0", false, NEW_DATA "+", .writes_delete = true,
          .writes_new = true, .writes_active = true },
        { "the same is loaded, and another policy of a higher version is active", "2.0.0", false, NEW_DATA,
          .other = "3.0.0", .result = -ESTALE },
        { "a lower version is loaded, and another policy of a higher version is active", "1.0.0", false, "old",
          .other = "3.0.0", .result = -ESTALE },
};

static void put_situation(const ActivateCase *c) {
        put_text("ipe/new_policy", "");
        put_policy("wanted", c->loaded ? c->loaded : "", c->loaded_active, c->pkcs7);
        /* Without a version, which is read first, it looks as if it were not loaded; what becomes active is there. */
        if (!c->loaded)
                assert_int_equal(unlink("ipe/policies/wanted/version"), 0);
        if (c->other)
                put_policy("other", c->other, true, "other");
}

static void a_policy_is_activated_by_the_way_that_the_situation_asks_for(void **state) {
        const struct ipe_version version = { 2, 0, 0 };

        for (size_t i = 0; i < ELEMENTSOF(activate_cases); i++) {
                const ActivateCase *c = &activate_cases[i];
                _cleanup_(kernel_freep) Kernel *kernel = open_kernel();

                print_message("# %s\n", c->situation);
                put_situation(c);
                assert_int_equal(kernel_activate(kernel, "wanted", &version, NEW_DATA, strlen(NEW_DATA)), c->result);
                assert_file_text("ipe/new_policy", c->writes_new ? NEW_DATA : "");
                assert_file("wanted", "update", c->writes_update ? NEW_DATA : "");
                assert_file("wanted", "delete", c->writes_delete ? "1" : "");
                assert_file("wanted", "active", c->writes_active || c->loaded_active ? "1" : "0");
                remove_tree("ipe/policies");
                make_directory("ipe/policies");
        }
}

static void a_policy_that_cannot_be_loaded_is_not_activated(void **state) {
        const struct ipe_version version = { 2, 0, 0 };
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();

        put_policy("wanted", "1.0.0", false, "old");
        assert_int_equal(unlink("ipe/policies/wanted/update"), 0);
        make_directory("ipe/policies/wanted/update");
        assert_int_equal(kernel_activate(kernel, "wanted", &version, NEW_DATA, strlen(NEW_DATA)), -EISDIR);
        assert_file("wanted", "active", "0");
}

static void a_policy_that_is_not_active_is_deleted(void **state) {
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();

        put_policy("a", "1.0.0", false, NULL);
        put_policy("b", "1.0.0", false, NULL);
        assert_int_equal(kernel_delete(kernel, "a"), 0);
        assert_file("a", "delete", "1");
        assert_file("b", "delete", "");
        assert_int_equal(kernel_delete(kernel, "missing"), 0);
}

/* Where names that go up or down would lead, there are files as a policy has them. */
static void put_traps(void) {
        static const char *const files[] = { "active", "version", "delete", "update", "pkcs7" };
        static const char *const places[] = { "ipe", "outside", "ipe/policies/a/b" };

        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                for (size_t j = 0; j < ELEMENTSOF(files); j++) {
                        _cleanup_free_ char *path = NULL;

                        assert_true(asprintf(&path, "%s/%s", places[i], files[j]) > 0);
                        put_text(path, streq(files[j], "version") ? "1.0.0" : "0");
                }
}

static void no_name_leads_out_of_the_directory_of_policies(void **state) {
        static const char *const names[] = {
                "", ".", "..", "../..", "/", "a/b", "a/", "/a", "../../outside", "./a/b", "a/../../..",
        };
        const struct ipe_version version = { 2, 0, 0 };
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();
        KernelPolicy policy = {};
        void *data = NULL;
        size_t size;

        put_traps();
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                assert_int_equal(kernel_find(kernel, names[i], &policy), 0);
                assert_int_equal(kernel_read_envelope(kernel, names[i], KERNEL_CURRENT, &data, &size), -ENOENT);
                assert_int_equal(kernel_delete(kernel, names[i]), 0);
                assert_int_equal(kernel_activate(kernel, names[i], &version, "x", 1), -EINVAL);
        }
        assert_null(policy.name);
        assert_null(data);
        assert_file_text("ipe/new_policy", "");
        assert_file_text("ipe/delete", "0");
        assert_file_text("outside/delete", "0");
        assert_file_text("ipe/policies/a/b/delete", "0");
}

static void links_are_not_followed(void **state) {
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();
        KernelPolicy policy = {};

        put_traps();
        assert_int_equal(symlink("../../outside", "ipe/policies/link"), 0);
        assert_in_range(-kernel_find(kernel, "link", &policy), 1, 4095);
        assert_in_range(-kernel_delete(kernel, "link"), 1, 4095);
        assert_file_text("outside/delete", "0");
        assert_null(policy.name);
}

static void a_name_that_is_too_long_is_not_there(void **state) {
        const struct ipe_version version = { 1, 0, 0 };
        _cleanup_(kernel_freep) Kernel *kernel = open_kernel();
        KernelPolicy policy = {};
        char name[300];

        memset(name, 'n', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        assert_int_equal(kernel_find(kernel, name, &policy), 0);
        assert_int_equal(kernel_delete(kernel, name), 0);
        /* Whether it can be loaded is for the kernel to say; here the file takes anything. */
        assert_int_equal(kernel_activate(kernel, name, &version, "x", 1), -ENOENT);
}

#define kernel_test(test) cmocka_unit_test_setup_teardown(test, enter_kernel, leave_directory)

int main(void) {
        const struct CMUnitTest tests[] = {
                kernel_test(a_kernel_without_ipe_answers_so),
                kernel_test(a_path_that_is_no_directory_is_an_error),
                kernel_test(the_abi_is_told_by_the_file_of_features),
                kernel_test(all_that_is_loaded_is_listed),
                cmocka_unit_test(each_abi_has_a_word),
                kernel_test(a_switch_is_read_with_or_without_a_newline),
                kernel_test(a_keyring_has_the_state_of_its_one_line),
                kernel_test(a_keyring_that_cannot_be_read_is_not_known),
                kernel_test(each_switch_has_its_file),
                kernel_test(a_policy_is_found_by_its_name),
                kernel_test(the_active_policy_is_found_among_others),
                kernel_test(a_policy_that_vanishes_is_not_there),
                kernel_test(a_policy_that_cannot_be_read_hides_no_active_one),
                kernel_test(nonsense_in_the_kernels_files_is_an_error),
                kernel_test(the_envelope_of_a_loaded_policy_is_read),
                kernel_test(a_policy_is_activated_by_the_way_that_the_situation_asks_for),
                kernel_test(a_policy_that_cannot_be_loaded_is_not_activated),
                kernel_test(a_policy_that_is_not_active_is_deleted),
                kernel_test(no_name_leads_out_of_the_directory_of_policies),
                kernel_test(links_are_not_followed),
                kernel_test(a_name_that_is_too_long_is_not_there),
        };

        return run_tests_as_tap(tests);
}
