/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What leaves ipectl: escaped text and fields. Tables are in table.c, JSON is in json-value.c.
 */

#include <errno.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include "output.h"

void oom(void) {
        static const char sentence[] = "Out of memory.\n";

        fwrite(sentence, 1, sizeof(sentence) - 1, stderr);
        exit(STATUS_FAILED);
}

/* Bytes of the printable character at the start; 0 if there is none, or if it is the backslash, which marks what is
 * escaped. Format characters, those that turn the direction of writing included, have no width of their own and do not
 * count as printable. */
static size_t printable_length(const char *bytes, size_t len) {
        mbstate_t state = {};
        wchar_t wide;
        size_t n;

        if (*bytes == '\\')
                return 0;
        n = mbrtowc(&wide, bytes, len, &state);
        if (n == 0 || n == (size_t) -1 || n == (size_t) -2)
                return 0;
        return wcwidth(wide) > 0 ? n : 0;
}

static void escape_byte(FILE *out, unsigned char byte) {
        if (byte == '\n')
                fputs("\\n", out);
        else if (byte == '\t')
                fputs("\\t", out);
        else if (byte == '\\')
                fputs("\\\\", out);
        else
                fprintf(out, "\\x%02x", byte);
}

char *escape_unless(size_t (*harmless)(const char *bytes, size_t len), const char *bytes, size_t len, size_t *ret_size) {
        char *ret = NULL;
        FILE *out;

        out = open_memstream(&ret, ret_size);
        if (!out)
                oom();
        while (len > 0) {
                size_t n = harmless(bytes, len);

                if (n > 0)
                        fwrite(bytes, 1, n, out);
                else
                        escape_byte(out, *bytes);
                bytes += n > 0 ? n : 1;
                len -= n > 0 ? n : 1;
        }
        if (fclose(out) != 0)
                oom();
        return ret;
}

char *escape_bytes(const char *bytes, size_t len) {
        size_t size;

        return escape_unless(printable_length, bytes, len, &size);
}

char *escape(const char *text) {
        return escape_bytes(text ?: "", text ? strlen(text) : 0);
}

/* How many bytes of an escaped string fit into so many columns. ret_width: the columns that they take. */
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

__attribute__((format(printf, 4, 0))) static void write_escaped(FILE *out, const char *before, const char *after,
                                                                const char *format, va_list arguments) {
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
