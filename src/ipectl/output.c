/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Escaped text, on stdout and stderr.
 */

#include <stdarg.h>
#include <time.h>
#include <wchar.h>

#include "base.h"
#include "output.h"
#include "utf8.h"

void oom(void) {
        static const char sentence[] = "Out of memory.\n";

        fwrite(sentence, 1, sizeof(sentence) - 1, stderr);
        exit(STATUS_FAILED);
}

/* Returns the bytes of the first character if it is safe to show and the locale has it, else 0. Combining characters
 * pass: they have no width, but belong to names. */
static size_t printable_length(const char *bytes, size_t len) {
        size_t safe = utf8_read_safe(bytes, len), n;
        mbstate_t state = {};
        wchar_t wide;

        if (safe == 0)
                return 0;
        n = mbrtowc(&wide, bytes, len, &state);
        return n == safe && wcwidth(wide) >= 0 ? n : 0;
}

char *escape_unless(size_t (*harmless)(const char *bytes, size_t len), const char *bytes, size_t len,
                    size_t *ret_size) {
        char *ret = utf8_escape_unless(harmless, bytes, len, ret_size);

        if (!ret)
                oom();
        return ret;
}

char *escape_bytes(const char *bytes, size_t len) {
        return escape_unless(printable_length, bytes, len, NULL);
}

char *escape(const char *text) {
        return escape_bytes(text ?: "", text ? strlen(text) : 0);
}

/* Returns how many bytes of an escaped string fit into so many columns. ret_width: the columns that these take. */
static size_t measure(const char *escaped, size_t columns, size_t *ret_width) {
        size_t len = strlen(escaped), done = 0;
        mbstate_t state = {};

        *ret_width = 0;
        while (done < len) {
                wchar_t wide;
                size_t n = mbrtowc(&wide, escaped + done, len - done, &state);

                if (n == 0 || n == (size_t) -1 || n == (size_t) -2 || *ret_width + wcwidth(wide) > columns)
                        break;
                *ret_width += wcwidth(wide);
                done += n;
        }
        return done;
}

size_t escaped_width(const char *escaped) {
        size_t width;

        measure(escaped, SIZE_MAX, &width);
        return width;
}

size_t escaped_print(const char *escaped, size_t columns) {
        size_t width;

        fwrite(escaped, 1, measure(escaped, columns, &width), stdout);
        return width;
}

_printf_(4, 0) static void write_escaped(FILE *out, const char *before, const char *after, const char *format,
                                         va_list arguments) {
        char *raw, *text;

        if (vasprintf(&raw, format, arguments) < 0)
                oom();
        text = escape(raw);
        fprintf(out, "%s%s%s", before, text, after);
        free(text);
        free(raw);
}

void say_error(const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        write_escaped(stderr, "", "\n", format, arguments);
        va_end(arguments);
}

void say(const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        write_escaped(stdout, "", "\n", format, arguments);
        va_end(arguments);
}

void say_field(int width, const char *label, const char *format, ...) {
        va_list arguments;

        printf("%*s: ", width, label);
        va_start(arguments, format);
        write_escaped(stdout, "", "\n", format, arguments);
        va_end(arguments);
}

char *format_usec(unsigned long long usec) {
        time_t seconds = usec / 1000000;
        char text[64], *ret;
        struct tm local;

        if (!localtime_r(&seconds, &local) || strftime(text, sizeof(text), "%a %Y-%m-%d %H:%M:%S %Z", &local) == 0)
                snprintf(text, sizeof(text), "%llu us", usec);
        ret = strdup(text);
        if (!ret)
                oom();
        return ret;
}

ExitStatus output_finish(ExitStatus status) {
        bool lost = ferror(stdout);

        if (fflush(stdout) != 0 || lost) {
                say_error("Failed to write to standard output: %s", strerror(errno));
                return STATUS_FAILED;
        }
        return status;
}
