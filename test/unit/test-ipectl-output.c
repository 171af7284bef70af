/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * src/ipectl/output.c: no byte that a terminal would act upon gets out, and JSON strings are UTF-8.
 */

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "json-value.h"
#include "output.h"

typedef struct EscapeCase {
        const char *bytes;
        size_t len;
        const char *expected;
        size_t width;
} EscapeCase;

#define BYTES(text) text, sizeof(text) - 1

static const EscapeCase utf8_cases[] = {
        { BYTES(""), "", 0 },
        { BYTES("plain text"), "plain text", 10 },
        { BYTES("a\nb\tc"), "a\\nb\\tc", 7 },
        /* what is escaped already stays as it is */
        { BYTES("back\\slash"), "back\\slash", 10 },
        { BYTES("\\x1b"), "\\x1b", 4 },
        { BYTES("\033[31mred"), "\\x1b[31mred", 11 },
        { BYTES("nul\0nul"), "nul\\x00nul", 10 },
        { BYTES("\x7f"), "\\x7f", 4 },
        { BYTES("\r"), "\\x0d", 4 },
        { BYTES("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f", 4 },
        /* wide characters take two columns */
        { BYTES("\xe6\xbc\xa2"), "\xe6\xbc\xa2", 2 },
        /* a letter and its dots, as file systems of other systems have it */
        { BYTES("Mu\xcc\x88ller"), "Mu\xcc\x88ller", 6 },
        /* U+009B, which terminals take for ESC [ */
        { BYTES("\xc2\x9b"), "\\xc2\\x9b", 8 },
        /* U+202E: right-to-left override */
        { BYTES("\xe2\x80\xae"), "\\xe2\\x80\\xae", 12 },
        /* not UTF-8: a lone byte, a cut sequence, an overlong slash, a surrogate */
        { BYTES("\xff"), "\\xff", 4 },
        { BYTES("x\xc3"), "x\\xc3", 5 },
        { BYTES("\xc0\xaf"), "\\xc0\\xaf", 8 },
        { BYTES("\xed\xa0\x80"), "\\xed\\xa0\\x80", 12 },
};

static void harmless_text_is_kept_and_the_rest_escaped(void **state) {
        assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
        for (size_t i = 0; i < sizeof(utf8_cases) / sizeof(utf8_cases[0]); i++) {
                char *escaped = escape_bytes(utf8_cases[i].bytes, utf8_cases[i].len);

                assert_string_equal(escaped, utf8_cases[i].expected);
                assert_int_equal(escaped_width(escaped), utf8_cases[i].width);
                free(escaped);
        }
}

static void every_byte_is_printable_ascii_in_the_c_locale(void **state) {
        assert_non_null(setlocale(LC_CTYPE, "C"));
        for (unsigned value = 0; value < 256; value++) {
                char byte = value, *escaped = escape_bytes(&byte, 1);

                for (const char *c = escaped; *c; c++)
                        assert_in_range((unsigned char) *c, 0x20, 0x7e);
                assert_int_equal(escaped_width(escaped), strlen(escaped));
                free(escaped);
        }
}

static void absent_string_is_empty(void **state) {
        char *escaped = escape(NULL);

        assert_string_equal(escaped, "");
        free(escaped);
}

typedef struct JsonCase {
        const char *bytes;
        size_t len;
        const char *expected;
} JsonCase;

static const JsonCase json_cases[] = {
        { BYTES("plain \\ text"), "plain \\ text" },
        { BYTES("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f" },
        { BYTES("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80" },
        { BYTES("x\xff"), "x\\xff" },
        { BYTES("\xe2\x82"), "\\xe2\\x82" },
        { BYTES("\xc0\xaf"), "\\xc0\\xaf" },
        { BYTES("\xe0\x80\xaf"), "\\xe0\\x80\\xaf" },
        { BYTES("\xed\xa0\x80"), "\\xed\\xa0\\x80" },
        { BYTES("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80" },
};

static void json_string_is_utf8_whatever_the_locale(void **state) {
        assert_non_null(setlocale(LC_CTYPE, "C"));
        for (size_t i = 0; i < sizeof(json_cases) / sizeof(json_cases[0]); i++) {
                struct json_object *object = json_string_len(json_cases[i].bytes, json_cases[i].len);

                assert_string_equal(json_object_get_string(object), json_cases[i].expected);
                json_object_put(object);
        }
}

static void json_string_keeps_a_nul(void **state) {
        struct json_object *object = json_string_len("a\0b", 3);

        assert_int_equal(json_object_get_string_len(object), 3);
        json_object_put(object);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(harmless_text_is_kept_and_the_rest_escaped),
                cmocka_unit_test(every_byte_is_printable_ascii_in_the_c_locale),
                cmocka_unit_test(absent_string_is_empty),
                cmocka_unit_test(json_string_is_utf8_whatever_the_locale),
                cmocka_unit_test(json_string_keeps_a_nul),
        };

        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
