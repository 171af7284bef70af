/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * src/basic/log.c: what is written is safe and bounded; by way of standard error, as the journal gets the same text.
 */

#include <fcntl.h>

#include "test-unit.h"

#include "log.h"

#define READ_SIZE 65536U

/* The line that log_entry() writes for that text. To be freed. */
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

static void a_reader_that_does_not_read_costs_entries_and_no_time(void **state) {
        char fill[4096] = {}, *line;
        int kept = dup(STDERR_FILENO), ends[2];
        static char text[1 << 20];
        ssize_t n;

        assert_true(kept >= 0);
        assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
        while (write(ends[1], fill, sizeof(fill)) > 0)
                ;
        /* As systemd hands it over. */
        assert_int_equal(fcntl(ends[1], F_SETFL, 0), 0);
        assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
        log_set_target(LOG_TARGET_CONSOLE);
        for (unsigned i = 0; i < 3; i++)
                log_info("lost");
        while (read(ends[0], text, sizeof(text)) > 0)
                ;
        log_info("first");
        log_info("second");
        assert_true(dup2(kept, STDERR_FILENO) >= 0);
        n = read(ends[0], text, sizeof(text) - 1);
        assert_true(n > 0);
        text[n] = '\0';
        line = strchr(text, '\n');
        assert_non_null(line);
        assert_string_equal(line, "\nfirst\nsecond\n");
        *line = '\0';
        assert_string_equal(text,
                            "3 entries of test-log before this one are lost: journald did not take them in time.");
        close(kept);
        close(ends[0]);
        close(ends[1]);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_are_kept_and_controls_are_escaped),
                cmocka_unit_test(a_long_sentence_is_cut),
                cmocka_unit_test(a_reader_that_does_not_read_costs_entries_and_no_time),
        };

        return run_tests_as_tap(tests);
}
