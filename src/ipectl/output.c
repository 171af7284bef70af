/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What leaves ipectl: escaped text, fields and JSON. Tables are in table.c.
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
#include "utf8.h"

void oom(void) {
        static const char sentence[] = "Out of memory.\n";

        fwrite(sentence, 1, sizeof(sentence) - 1, stderr);
        exit(STATUS_FAILED);
}

/* Bytes of the printable character at the start, 0 if there is none. Format characters, those that turn the
 * direction of writing included, have no width of their own and do not count as printable. */
static size_t printable_length(const char *bytes, size_t len) {
        mbstate_t state = {};
        wchar_t wide;
        size_t n;

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

char *escape_bytes(const char *bytes, size_t len) {
        char *ret = NULL;
        size_t size = 0;
        FILE *out;

        out = open_memstream(&ret, &size);
        if (!out)
                oom();
        while (len > 0) {
                size_t n = *bytes == '\\' ? 0 : printable_length(bytes, len);

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

char *escape(const char *text) {
        return escape_bytes(text ?: "", text ? strlen(text) : 0);
}

size_t escaped_width(const char *escaped) {
        mbstate_t state = {};
        size_t width = 0;

        while (*escaped) {
                wchar_t wide;
                size_t n = mbrtowc(&wide, escaped, strlen(escaped), &state);

                if (n == 0 || n == (size_t) -1 || n == (size_t) -2)
                        break;
                width += wcwidth(wide);
                escaped += n;
        }
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

unsigned long long seconds_until(unsigned long long usec) {
        struct timespec now;
        unsigned long long now_usec;

        if (clock_gettime(CLOCK_BOOTTIME, &now) < 0)
                return 0;
        now_usec = (unsigned long long) now.tv_sec * 1000000 + (unsigned long long) now.tv_nsec / 1000;
        return usec > now_usec ? (usec - now_usec + 999999) / 1000000 : 0;
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

struct json_object *json_string_len(const char *bytes, size_t len) {
        struct json_object *object;
        char *text = NULL;
        size_t size = 0;
        FILE *out;

        out = open_memstream(&text, &size);
        if (!out)
                oom();
        while (len > 0) {
                size_t n = utf8_read(bytes, len, NULL);

                if (n > 0)
                        fwrite(bytes, 1, n, out);
                else
                        escape_byte(out, *bytes);
                bytes += n > 0 ? n : 1;
                len -= n > 0 ? n : 1;
        }
        if (fclose(out) != 0 || size > INT32_MAX)
                oom();
        object = json_object_new_string_len(text, size);
        free(text);
        if (!object)
                oom();
        return object;
}

struct json_object *json_string(const char *text) {
        return json_string_len(text ?: "", text ? strlen(text) : 0);
}

void json_set(struct json_object *object, const char *key, struct json_object *value) {
        if (json_object_object_add(object, key, value) < 0)
                oom();
}

/* json-c leaves DEL, the C1 controls and the marks of writing direction as they are; all that is not ASCII can
 * only stand in strings, where it may be written as \uXXXX. */
static void write_ascii(FILE *out, const char *text) {
        size_t len = strlen(text);

        while (len > 0) {
                uint32_t value = 0;
                size_t n = utf8_read(text, len, &value);

                if (n == 0)
                        return; /* cannot be: json_string_len() let only UTF-8 in */
                if (value < 0x7f)
                        fputc(value, out);
                else if (value < 0x10000)
                        fprintf(out, "\\u%04x", value);
                else
                        fprintf(out, "\\u%04x\\u%04x", 0xd800 + ((value - 0x10000) >> 10),
                                0xdc00 + ((value - 0x10000) & 0x3ff));
                text += n;
                len -= n;
        }
}

void json_print(struct json_object *object, JsonMode mode) {
        int flags = JSON_C_TO_STRING_NOSLASHESCAPE;
        const char *text;

        flags |= mode == JSON_PRETTY ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED : JSON_C_TO_STRING_PLAIN;
        text = json_object_to_json_string_ext(object, flags);
        if (!text)
                oom();
        write_ascii(stdout, text);
        fputc('\n', stdout);
}

ExitStatus output_finish(ExitStatus status) {
        bool lost = ferror(stdout);

        if (fflush(stdout) != 0 || lost) {
                say_error("Failed to write to standard output: %s", strerror(errno));
                return STATUS_FAILED;
        }
        return status;
}
