/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Strings with any byte, lists and flags through JSON and back, whatever json-c's version makes of bytes that are not
 * ASCII.
 */

#include "test-unit.h"

#include "json.h"

/* The value of a string that was printed, parsed and read. */
static char *there_and_back(const char *bytes) {
        _cleanup_json_ struct json_object *object = json_object_new_object(), *parsed = NULL;
        const char *text;
        char *back;

        assert_int_equal(json_put_bytes(object, "a", bytes), 0);
        text = json_object_to_json_string(object);
        assert_int_equal(json_parse(text, strlen(text), &parsed), 0);
        assert_int_equal(json_get_bytes(parsed, "a", &back), 0);
        return back;
}

static void every_byte_comes_back_as_it_was(void **state) {
        for (int first = 1; first < 256; first++)
                for (int second = 1; second < 256; second++) {
                        const char bytes[] = { (char) first, (char) second, '\0' };
                        _cleanup_free_ char *back = there_and_back(bytes);

                        assert_string_equal(back, bytes);
                }
}

static void the_text_is_ascii(void **state) {
        _cleanup_json_ struct json_object *array = json_object_new_array();

        assert_int_equal(json_append_bytes(array, "\xc3\xa4 \xff\x1b\\\""), 0);
        assert_string_equal(json_object_to_json_string_ext(array, JSON_C_TO_STRING_PLAIN),
                            "[\"\\\\xc3\\\\xa4 \\\\xff\\\\x1b\\\\\\\\\\\"\"]");
}

static void no_other_spelling_is_read(void **state) {
        static const char *const others[] = {
                "\\",       "\\x",   "\\x1", "\\xg0", "\\xFF", "\\n", "\\u00e4", /* no sequence of ours */
                "\\x00",                                                         /* no byte of a string */
                "\\x41",    "\\x5c", /* what stands for itself, or has a form of its own */
                "\xc3\xa4", "\n",    /* what does not stand for itself */
        };
        char *back = NULL;

        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                _cleanup_json_ struct json_object *value = json_object_new_string(others[i]);

                assert_int_equal(json_to_bytes(value, &back), -EUCLEAN);
        }
        assert_null(back);
}

static void what_is_no_string_is_refused(void **state) {
        _cleanup_json_ struct json_object *object = json_object_new_object(),
                                          *nul = json_object_new_string_len("a\0b", 3);
        char *back = NULL;

        assert_int_equal(json_get_bytes(object, "a", &back), -EUCLEAN);
        assert_int_equal(json_to_bytes(object, &back), -EUCLEAN);
        assert_int_equal(json_to_bytes(nul, &back), -EUCLEAN);
        assert_int_equal(json_to_bytes(NULL, &back), -EUCLEAN);
        assert_int_equal(json_put_bytes(object, "a", NULL), -ENOMEM);
        assert_null(back);
}

static void a_list_comes_back_as_it_was(void **state) {
        char *const lists[][3] = { { NULL }, { (char *) "a", NULL }, { (char *) "", (char *) "\xff\\", NULL } };

        for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
                _cleanup_json_ struct json_object *object = json_object_new_object();
                _cleanup_(strv_freep) char **back = NULL;

                assert_int_equal(json_put_list(object, "a", lists[i]), 0);
                assert_int_equal(json_get_list(object, "a", &back), 0);
                for (size_t k = 0; k == 0 || lists[i][k - 1]; k++)
                        if (lists[i][k])
                                assert_string_equal(back[k], lists[i][k]);
                        else
                                assert_true(!back || !back[k]);
        }
}

static void a_list_of_anything_else_is_refused(void **state) {
        static const char *const others[] = { "{}", "{\"a\":\"b\"}", "{\"a\":[1]}", "{\"a\":[\"b\",null]}",
                                              "{\"a\":[\"\\u00e4\"]}" };
        char **back = NULL;

        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                _cleanup_json_ struct json_object *object = NULL;

                assert_int_equal(json_parse(others[i], strlen(others[i]), &object), 0);
                assert_int_equal(json_get_list(object, "a", &back), -EUCLEAN);
        }
        assert_null(back);
}

static void a_flag_is_true_or_false_and_nothing_else(void **state) {
        static const char *const others[] = { "{}", "{\"a\":0}", "{\"a\":null}", "{\"a\":\"true\"}" };
        bool back = true;

        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                _cleanup_json_ struct json_object *object = NULL;

                assert_int_equal(json_parse(others[i], strlen(others[i]), &object), 0);
                assert_int_equal(json_get_flag(object, "a", &back), -EUCLEAN);
                assert_true(back);
        }
        for (int value = 0; value < 2; value++) {
                _cleanup_json_ struct json_object *object = json_object_new_object();

                assert_int_equal(json_put_flag(object, "a", value), 0);
                assert_int_equal(json_get_flag(object, "a", &back), 0);
                assert_int_equal(back, value);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_byte_comes_back_as_it_was),
                cmocka_unit_test(the_text_is_ascii),
                cmocka_unit_test(no_other_spelling_is_read),
                cmocka_unit_test(what_is_no_string_is_refused),
                cmocka_unit_test(a_list_comes_back_as_it_was),
                cmocka_unit_test(a_list_of_anything_else_is_refused),
                cmocka_unit_test(a_flag_is_true_or_false_and_nothing_else),
        };

        return run_tests_as_tap(tests);
}
