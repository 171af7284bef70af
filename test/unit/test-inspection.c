/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inspections and requests on their way as JSON, and the facts that a policy is evaluated with. What is refused is in
 * test/bus/test_preflight_answers.py and test/fuzz/corpus/inspection, too.
 */

#include "test-unit.h"

#include "inspection.h"

#define HASH "0101010101010101010101010101010101010101010101010101010101010101"

static const char *const typical =
        "{\"volumes\":[{\"device\":[254,1],\"name\":\"usr\",\"root_hash\":\"sha256:" HASH
        "\",\"signed\":true,\"cmdline\":false}],"
        "\"files\":[{\"path\":\"/usr/bin/a\\\"b\\\\x0a\",\"operation\":\"EXECUTE\",\"volume\":0,\"initramfs\":false,"
        "\"fsverity\":\"sha512:ab\",\"fsverity_signed\":true,\"processes\":\"sh[12]\",\"note\":\"\"},"
        "{\"path\":\"\",\"operation\":\"KMODULE\",\"initramfs\":true,\"incomplete\":true,\"fsverity\":\"\",\"fsverity_"
        "signed\":false,"
        "\"processes\":\"\",\"note\":\"n\",\"scope\":\"users\"}],\"cuts\":[{\"uid\":65534,\"scope\":\"users\","
        "\"processes\":3}]}";

static Inspection *parse(const char *text) {
        Inspection *inspection = NULL;

        assert_int_equal(inspection_parse(text, strlen(text), &inspection), 0);
        return inspection;
}

static void an_inspection_comes_back_as_it_was(void **state) {
        _cleanup_(inspection_freep) Inspection *inspection = parse(typical);
        _cleanup_free_ char *text = NULL;
        size_t size;

        assert_int_equal(inspection->n_volumes, 1);
        assert_int_equal(inspection->volumes[0].major, 254);
        assert_int_equal(inspection->volumes[0].minor, 1);
        assert_true(inspection->volumes[0].is_signed && !inspection->volumes[0].is_cmdline);
        assert_int_equal(inspection->n_files, 2);
        assert_string_equal(inspection->files[0].path, "/usr/bin/a\"b\n");
        assert_int_equal(inspection->files[1].operation, IPE_OP_KMODULE);
        assert_true(inspection->files[1].volume == SIZE_MAX);
        assert_true(inspection->files[1].is_incomplete && !inspection->files[0].is_incomplete);
        assert_int_equal(inspection->files[0].scope, SCOPE_SYSTEM);
        assert_int_equal(inspection->files[1].scope, SCOPE_USERS);
        assert_int_equal(inspection->n_cuts, 1);
        assert_int_equal(inspection->cuts[0].uid, 65534);
        assert_int_equal(inspection->cuts[0].processes, 3);
        assert_int_equal(inspection_print(inspection, &text, &size), 0);
        assert_string_equal(text, typical);
        assert_int_equal(size, strlen(typical));
}

/* Whether a rule with that property decides about a file. */
static bool matches(const Inspection *inspection, size_t number, const char *property) {
        struct ipe_vocabulary vocabulary;
        struct ipe_policy *policy;
        struct ipe_verdict verdict;
        struct ipe_facts facts;
        char text[512];
        int size = snprintf(text, sizeof(text),
                            "policy_name=a policy_version=1.0.0\nDEFAULT action=DENY\n"
                            "op=EXECUTE %s action=ALLOW\n",
                            property);

        ipe_vocabulary_init(&vocabulary);
        ipe_vocabulary_answer_builtin(&vocabulary);
        assert_int_equal(ipe_policy_parse(text, (size_t) size, &vocabulary, &policy, NULL), 0);
        inspection_facts(inspection, &inspection->files[number], &vocabulary, &facts);
        verdict = ipe_policy_evaluate(policy, IPE_OP_EXECUTE, &facts);
        ipe_policy_free(policy);
        return verdict.match == IPE_MATCH_RULE;
}

static void facts_match_the_rules_that_name_them(void **state) {
        static const struct {
                const char *property;
                bool of_first, of_second;
        } cases[] = {
                { "dmverity_roothash=sha256:" HASH, true, false }, { "dmverity_roothash=sha512:" HASH, false, false },
                { "dmverity_signature=TRUE", true, false },        { "dmverity_signature=FALSE", false, true },
                { "dmverity_cmdline=TRUE", false, false },         { "boot_verified=TRUE", false, true },
                { "fsverity_digest=sha512:ab", true, false },      { "fsverity_digest=sha256:ab", false, false },
                { "fsverity_signature=TRUE", true, false },
        };
        _cleanup_(inspection_freep) Inspection *inspection = parse(typical);

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                assert_int_equal(matches(inspection, 0, cases[i].property), cases[i].of_first);
                assert_int_equal(matches(inspection, 1, cases[i].property), cases[i].of_second);
        }
}

static void each_cut_of_an_inspection_is_refused(void **state) {
        for (size_t size = 0; size < strlen(typical); size++) {
                Inspection *inspection = NULL;

                assert_int_equal(inspection_parse(typical, size, &inspection), -EUCLEAN);
                assert_null(inspection);
        }
}

static void what_is_larger_than_is_read_is_refused(void **state) {
        size_t size = INSPECTION_SIZE_MAX + 1;
        _cleanup_free_ char *text = malloc(size);
        Inspection *inspection = NULL;

        assert_non_null(text);
        memset(text, ' ', size);
        memcpy(text, typical, strlen(typical));
        assert_int_equal(inspection_parse(text, size, &inspection), -EUCLEAN);
}

static void names_in_other_scripts_come_back_as_they_were(void **state) {
        static const char path[] = "/home/m\xc3\xbcller/\xe6\x97\xa5\xf0\x9f\x98\x80\\x41", processes[] = "\xc3\xa4[7]";
        FileFacts file = {
                .path = strdup(path), .processes = strdup(processes), .note = strdup(""), .volume = SIZE_MAX
        };
        _cleanup_(inspection_freep) Inspection *inspection = calloc(1, sizeof(*inspection)), *back = NULL;
        _cleanup_free_ char *text = NULL;
        size_t size;

        assert_int_equal(inspection_add_file(inspection, &file), 0);
        assert_int_equal(inspection_print(inspection, &text, &size), 0);
        assert_int_equal(inspection_parse(text, size, &back), 0);
        assert_string_equal(back->files[0].path, path);
        assert_string_equal(back->files[0].processes, processes);
}

/* They go to the bus, which ends the connection of a daemon that sends anything else. */
static void names_in_an_answer_are_utf8(void **state) {
        FileFacts file = { .path = strdup("/\xff"), .processes = strdup(""), .note = strdup(""), .volume = SIZE_MAX };
        _cleanup_(inspection_freep) Inspection *inspection = calloc(1, sizeof(*inspection));
        _cleanup_free_ char *text = NULL;
        Inspection *back = NULL;
        size_t size;

        assert_int_equal(inspection_add_file(inspection, &file), 0);
        assert_int_equal(inspection_print(inspection, &text, &size), 0);
        assert_int_equal(inspection_parse(text, size, &back), -EUCLEAN);
}

static void a_request_comes_back_as_it_was(void **state) {
        char path[] = "/bin/\xff\"", module[] = "ext4", *paths[] = { path, NULL }, *modules[] = { module, NULL };
        const InspectionRequest request = { .paths = paths, .tools = modules, .modules = modules };
        _cleanup_(inspection_request_done) InspectionRequest back = {};
        _cleanup_free_ char *text = NULL;
        size_t size;

        assert_int_equal(inspection_request_print(&request, &text, &size), 0);
        assert_int_equal(inspection_request_parse(text, size, &back), 0);
        assert_string_equal(back.paths[0], path);
        assert_null(back.paths[1]);
        assert_string_equal(back.tools[0], module);
        assert_string_equal(back.modules[0], module);
        assert_null(back.firmware);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_inspection_comes_back_as_it_was),
                cmocka_unit_test(facts_match_the_rules_that_name_them),
                cmocka_unit_test(each_cut_of_an_inspection_is_refused),
                cmocka_unit_test(what_is_larger_than_is_read_is_refused),
                cmocka_unit_test(names_in_other_scripts_come_back_as_they_were),
                cmocka_unit_test(names_in_an_answer_are_utf8),
                cmocka_unit_test(a_request_comes_back_as_it_was),
        };

        return run_tests_as_tap(tests);
}
