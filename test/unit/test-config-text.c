/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lines of ipectld.conf.
 */

#include "test-unit.h"

#include "config-text.h"
#include "files.h"

static char warning[1024];

static void note(const char *sentence, void *userdata) {
        snprintf(warning, sizeof(warning), "%s", sentence);
}

static void read_text(const char *content, ConfigText *ret) {
        warning[0] = '\0';
        put_text("file", content);
        assert_int_equal(config_text_read("file", note, NULL, ret), 0);
}

static void assert_text(const char *content, const char *expected) {
        ConfigText text = {};

        read_text(content, &text);
        assert_string_equal(text.text ?: "", expected);
        assert_string_equal(warning, "");
        config_text_done(&text);
}

static void comments_start_a_line(void **state) {
        assert_text("", "");
        assert_text("# a\n;b\n \t; c\nK=1\n", "K=1\n");
        assert_text("K=a;b # c\n", "K=a;b # c\n");
        assert_text("K=1", "K=1\n");
}

static void a_backslash_continues_a_line(void **state) {
        assert_text("K=a \\\n  b\\\nc\nL=1\n", "K=a    b c\nL=1\n");
        assert_text("K=a\\\n# comment \\\n; another\nb\n", "K=a b\n");
        assert_text("# comment \\\nK=1\n", "K=1\n");
        assert_text("K=a\\", "K=a \n");
        assert_text("K=a\\\n", "K=a \n");
        assert_text("\\\n\\\n", "  \n");
}

static void lines_keep_their_numbers(void **state) {
        ConfigText text = {};

        read_text("# a\n[Manager]\nK=a\\\n b\n;\nL=1\n", &text);
        assert_int_equal(config_text_line(&text, 0), 0);
        assert_int_equal(config_text_line(&text, 1), 2);
        assert_int_equal(config_text_line(&text, 2), 3);
        assert_int_equal(config_text_line(&text, 3), 6);
        assert_int_equal(config_text_line(&text, 4), 0);
        config_text_done(&text);
}

/* A setting with so many words of that length. */
static char *make_list(size_t n, size_t length, const char *end) {
        char *text = malloc(n * (length + 1) + strlen(end) + 16), *out = text;

        assert_non_null(text);
        out = stpcpy(out, "K=");
        for (size_t i = 0; i < n; i++) {
                memset(out, 'x', length);
                out += length;
                *out++ = ' ';
        }
        stpcpy(stpcpy(out, end), "\n");
        return text;
}

static size_t longest_line(const char *text) {
        size_t longest = 0;

        for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
                size_t size = strcspn(text, "\n");

                longest = size > longest ? size : longest;
        }
        return longest;
}

static void a_long_list_becomes_lines_that_libeconf_reads(void **state) {
        for (size_t length = 1; length < 300; length += 29) {
                _cleanup_free_ char *list = make_list(30000 / length, length, "end");
                ConfigText text = {};
                size_t ends = 0;

                read_text(list, &text);
                assert_string_equal(warning, "");
                assert_in_range(longest_line(text.text), BUFSIZ / 2, BUFSIZ - 2);
                for (size_t i = 0; i < text.n_lines; i++)
                        assert_int_equal(text.lines[i], 1);
                for (const char *x = text.text; (x = strstr(x, "end")); x++)
                        ends++;
                assert_int_equal(ends, 1);
                config_text_done(&text);
        }
}

static void a_line_that_would_be_cut_is_left_out_with_a_warning(void **state) {
        static const struct {
                size_t n, length;
                const char *end, *words;
        } cases[] = {
                { 1, 9000, "", "too long a word" },
                { 5, 2000, "a=b", "a '=' in its value" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *list = make_list(cases[i].n, cases[i].length, cases[i].end), *content;
                ConfigText text = {};

                assert_true(asprintf(&content, "A=1\n%sB=2\n", list) >= 0);
                read_text(content, &text);
                assert_string_equal(text.text, "A=1\nB=2\n");
                assert_non_null(strstr(warning, "file:2: "));
                assert_non_null(strstr(warning, cases[i].words));
                config_text_done(&text);
        }
}

static void a_long_comment_is_no_line(void **state) {
        _cleanup_free_ char *list = make_list(10, 2000, ""), *content;

        assert_true(asprintf(&content, "#%sA=1\n", list) >= 0);
        assert_text(content, "A=1\n");
}

static void a_file_with_a_nul_is_none(void **state) {
        ConfigText text = {};
        FILE *file = fopen("file", "w");

        assert_non_null(file);
        assert_int_equal(fwrite("A=1\n\0B=2\n", 1, 9, file), 9);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(config_text_read("file", note, NULL, &text), -EBADMSG);
        assert_int_equal(config_text_read("missing", note, NULL, &text), -ENOENT);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                unit_test_in_directory(comments_start_a_line),
                unit_test_in_directory(a_backslash_continues_a_line),
                unit_test_in_directory(lines_keep_their_numbers),
                unit_test_in_directory(a_long_list_becomes_lines_that_libeconf_reads),
                unit_test_in_directory(a_line_that_would_be_cut_is_left_out_with_a_warning),
                unit_test_in_directory(a_long_comment_is_no_line),
                unit_test_in_directory(a_file_with_a_nul_is_none),
        };

        return run_tests_as_tap(tests);
}
