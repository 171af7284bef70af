/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * src/ipectld/log.c: what is written is safe and bounded; by way of standard error, as the journal gets the same text.
 */

#include "test-unit.h"

#include "log.h"

#define READ_SIZE 65536U

/* What log_entry() writes for that text. To be freed. */
static char *logged(const char *text) {
        char *line = calloc(1, READ_SIZE);
        int kept = dup(STDERR_FILENO), ends[2];

        assert_non_null(line);
        assert_true(kept >= 0);
        assert_int_equal(pipe(ends), 0);
        assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
        log_set_target(LOG_TARGET_CONSOLE);
        log_info("%s", text);
        assert_true(dup2(kept, STDERR_FILENO) >= 0);
        close(ends[1]);
        close(kept);
        assert_true(read(ends[0], line, READ_SIZE - 1) > 0);
        close(ends[0]);
        return line;
}

static void names_are_kept_and_controls_are_escaped(void **state) {
        _cleanup_free_ char *line = logged("'M\xc3\xbcller' 'a\nb\033[2J\xc2\x9b\xff'");

        assert_string_equal(line, "'M\xc3\xbcller' 'a\\nb\\x1b[2J\\xc2\\x9b\\xff'\n");
}

static void a_long_sentence_is_cut(void **state) {
        const char fill[] = { 'x', '\033' };

        for (size_t i = 0; i < ELEMENTSOF(fill); i++) {
                _cleanup_free_ char *text = malloc(READ_SIZE), *line = NULL;

                assert_non_null(text);
                memset(text, fill[i], READ_SIZE);
                text[READ_SIZE - 1] = '\0';
                line = logged(text);
                assert_in_range(strlen(line), 4000, 4096);
                assert_string_equal(line + strlen(line) - 4, "...\n");
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_are_kept_and_controls_are_escaped),
                cmocka_unit_test(a_long_sentence_is_cut),
        };

        return run_tests_as_tap(tests);
}
