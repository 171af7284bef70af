/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * UTF-8 and other bytes, and sentences for refusals.
 */

#include "test-unit.h"

#include "failure.h"
#include "utf8.h"

static const struct {
        const char *bytes;
        size_t size, read; /* read: bytes of the first character; 0: there is none */
        uint32_t character;
        const char *escaped;
} cases[] = {
        { "", 0, 0, 0, "" },
        { "a", 1, 1, 'a', "a" },
        { "\0b", 2, 1, 0, "\\x00b" },
        { "\x7f", 1, 1, 0x7f, "\x7f" },
        { "\xc2\x80", 2, 2, 0x80, "\xc2\x80" },
        { "\xdf\xbf!", 3, 2, 0x7ff, "\xdf\xbf!" },
        { "\xe0\xa0\x80", 3, 3, 0x800, "\xe0\xa0\x80" },
        { "\xef\xbf\xbf", 3, 3, 0xffff, "\xef\xbf\xbf" },
        { "\xf0\x90\x80\x80", 4, 4, 0x10000, "\xf0\x90\x80\x80" },
        { "\xf4\x8f\xbf\xbf", 4, 4, 0x10ffff, "\xf4\x8f\xbf\xbf" },
        /* above the last one, overlong, surrogates, cut, and bytes that never occur */
        { "\xf4\x90\x80\x80", 4, 0, 0, "\\xf4\\x90\\x80\\x80" },
        { "\xc1\xbf", 2, 0, 0, "\\xc1\\xbf" },
        { "\xe0\x9f\xbf", 3, 0, 0, "\\xe0\\x9f\\xbf" },
        { "\xf0\x8f\xbf\xbf", 4, 0, 0, "\\xf0\\x8f\\xbf\\xbf" },
        { "\xed\xa0\x80", 3, 0, 0, "\\xed\\xa0\\x80" },
        { "\xed\xbf\xbf", 3, 0, 0, "\\xed\\xbf\\xbf" },
        { "\xc2", 1, 0, 0, "\\xc2" },
        { "\xe2\x82", 2, 0, 0, "\\xe2\\x82" },
        { "\xc2x", 2, 0, 0, "\\xc2x" },
        { "\x80", 1, 0, 0, "\\x80" },
        { "\xff", 1, 0, 0, "\\xff" },
        { "\xf8\x88\x80\x80\x80", 5, 0, 0, "\\xf8\\x88\\x80\\x80\\x80" },
};

static void utf8_is_told_from_other_bytes(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char *copy = malloc(cases[i].size), *escaped;
                uint32_t character = 0;

                /* Of exactly this size, so that a read behind its end is seen. */
                assert_non_null(copy);
                memcpy(copy, cases[i].bytes, cases[i].size);
                assert_int_equal(utf8_read(copy, cases[i].size, &character), cases[i].read);
                assert_int_equal(character, cases[i].character);
                assert_int_equal(utf8_is_valid(copy, cases[i].size), cases[i].size == 0 || cases[i].read > 0);
                escaped = utf8_escape(copy, cases[i].size);
                assert_non_null(escaped);
                assert_string_equal(escaped, cases[i].escaped);
                free(escaped);
                free(copy);
        }
}

static const struct {
        const char *bytes, *safe;
} safe_cases[] = {
        { "", "" },
        { "M\xc3\xbcller, Mu\xcc\x88ller", "M\xc3\xbcller, Mu\xcc\x88ller" },
        { "\xe6\xbc\xa2 \xd7\x90\xd7\x91 \xf0\x9f\x98\x80", "\xe6\xbc\xa2 \xd7\x90\xd7\x91 \xf0\x9f\x98\x80" },
        { "a\nb\tc\rd", "a\\nb\\tc\\x0dd" },
        { "\033[31m", "\\x1b[31m" },
        { "\x7f", "\\x7f" },
        /* C1: U+009B is ESC [ for terminals; as a lone byte it is no UTF-8 */
        { "\xc2\x9b"
          "1m",
          "\\xc2\\x9b1m" },
        { "\xc2\xa0", "\xc2\xa0" },
        { "\x9b", "\\x9b" },
        /* U+202E, U+2066, U+200F, U+061C turn the direction of writing */
        { "\xe2\x80\xae", "\\xe2\\x80\\xae" },
        { "\xe2\x81\xa6", "\\xe2\\x81\\xa6" },
        { "\xe2\x80\x8f", "\\xe2\\x80\\x8f" },
        { "\xd8\x9c", "\\xd8\\x9c" },
        /* U+2028 ends a line; nobody sees U+200B, U+FEFF and U+E0041 */
        { "\xe2\x80\xa8", "\\xe2\\x80\\xa8" },
        { "\xe2\x80\x8b", "\\xe2\\x80\\x8b" },
        { "\xef\xbb\xbf", "\\xef\\xbb\\xbf" },
        { "\xf3\xa0\x81\x81", "\\xf3\\xa0\\x81\\x81" },
        /* but U+200D joins what belongs together */
        { "\xe2\x80\x8d", "\xe2\x80\x8d" },
        { "back\\slash \xff", "back\\slash \\xff" },
};

static void what_is_not_safe_to_show_is_escaped_once(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(safe_cases); i++) {
                _cleanup_free_ char *once = utf8_escape_unsafe(safe_cases[i].bytes, strlen(safe_cases[i].bytes));
                _cleanup_free_ char *twice = NULL;

                assert_non_null(once);
                assert_string_equal(once, safe_cases[i].safe);
                twice = utf8_escape_unsafe(once, strlen(once));
                assert_non_null(twice);
                assert_string_equal(twice, once);
        }
}

static void a_text_is_cut_between_characters(void **state) {
        char text[16];

        strcpy(text, "0123456789");
        utf8_cut(text, 11);
        assert_string_equal(text, "0123456789");
        utf8_cut(text, 10);
        assert_string_equal(text, "012345...");
        strcpy(text, "01234\xe6\xbc\xa2xx");
        utf8_cut(text, 10);
        assert_string_equal(text, "01234...");
        strcpy(text, "\xf0\x9f\x98\x80"
                     "a");
        utf8_cut(text, 5);
        assert_string_equal(text, "...");
}

static void names_in_a_sentence_are_made_safe(void **state) {
        Failure failure = {};
        char large[sizeof(failure.sentence)];

        failure_set(&failure, FAILURE_NO_TRIAL, "'%s', '%s'", "M\xc3\xbcller", "a\033[2J\n\xff");
        assert_string_equal(failure.sentence, "'M\xc3\xbcller', 'a\\x1b[2J\\n\\xff'");
        /* Escaped bytes take more room. */
        memset(large, 1, sizeof(large));
        large[sizeof(large) - 1] = '\0';
        failure_set_errno(&failure, -EIO, "'%s'", large);
        assert_int_equal(strlen(failure.sentence), sizeof(failure.sentence) - 1);
        assert_string_equal(failure.sentence + sizeof(failure.sentence) - 1 - strlen(UTF8_CUT), UTF8_CUT);
}

static void a_sentence_is_kept_and_cut_where_it_is_too_long(void **state) {
        Failure failure = {};
        char large[2 * sizeof(failure.sentence)];

        assert_int_equal(failure_set(&failure, FAILURE_NO_TRIAL, "%s %d", "number", 7), FAILURE_NO_TRIAL);
        assert_string_equal(failure.sentence, "number 7");
        assert_int_equal(failure_set(NULL, FAILURE_NO_TRIAL, "nobody reads it"), FAILURE_NO_TRIAL);
        memset(large, 'x', sizeof(large));
        large[sizeof(large) - 1] = '\0';
        assert_int_equal(failure_set(&failure, FAILURE_NO_TRIAL, "%s", large), FAILURE_NO_TRIAL);
        assert_int_equal(strlen(failure.sentence), sizeof(failure.sentence) - 1);
}

static void the_text_of_an_errno_follows_the_sentence(void **state) {
        Failure failure = {};

        assert_int_equal(failure_set_errno(&failure, -ENOSPC, "cannot write '%s'", "a"), -ENOSPC);
        assert_string_equal(failure.sentence, "cannot write 'a': No space left on device");
        assert_int_equal(failure_set_errno(NULL, -ENOSPC, "nobody reads it"), -ENOSPC);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(utf8_is_told_from_other_bytes),
                cmocka_unit_test(what_is_not_safe_to_show_is_escaped_once),
                cmocka_unit_test(a_text_is_cut_between_characters),
                cmocka_unit_test(names_in_a_sentence_are_made_safe),
                cmocka_unit_test(a_sentence_is_kept_and_cut_where_it_is_too_long),
                cmocka_unit_test(the_text_of_an_errno_follows_the_sentence),
        };

        return run_tests_as_tap(tests);
}
