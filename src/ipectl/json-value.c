/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes, reads and prints JSON values.
 */

#include "base.h"
#include "json-value.h"
#include "output.h"
#include "utf8.h"

static struct json_object *not_null(struct json_object *value) {
        if (!value)
                oom();
        return value;
}

struct json_object *json_new_object(void) {
        return not_null(json_object_new_object());
}

struct json_object *json_new_array(void) {
        return not_null(json_object_new_array());
}

static size_t utf8_length(const char *bytes, size_t len) {
        return utf8_read(bytes, len, NULL);
}

struct json_object *json_string_len(const char *bytes, size_t len) {
        struct json_object *object;
        size_t size;
        char *text = escape_unless(utf8_length, bytes, len, &size);

        if (size > INT32_MAX)
                oom();
        object = not_null(json_object_new_string_len(text, size));
        free(text);
        return object;
}

struct json_object *json_string(const char *text) {
        return json_string_len(text ?: "", text ? strlen(text) : 0);
}

struct json_object *json_text_or_null(const char *text) {
        return *text ? json_string(text) : NULL;
}

struct json_object *json_number(uint64_t value) {
        return not_null(json_object_new_uint64(value));
}

struct json_object *json_boolean(bool value) {
        return not_null(json_object_new_boolean(value));
}

void json_set(struct json_object *object, const char *key, struct json_object *value) {
        if (json_object_object_add(object, key, value) < 0)
                oom();
}

void json_append(struct json_object *array, struct json_object *value) {
        if (json_object_array_add(array, value) < 0)
                oom();
}

struct json_object *json_get(struct json_object *object, const char *key) {
        return json_object_object_get(object, key);
}

struct json_object *json_at(struct json_object *array, size_t i) {
        return json_object_array_get_idx(array, i);
}

const char *json_get_text(struct json_object *object, const char *key) {
        return json_object_get_string(json_get(object, key)) ?: "";
}

uint64_t json_get_number(struct json_object *object, const char *key) {
        return json_object_get_uint64(json_get(object, key));
}

bool json_get_boolean(struct json_object *object, const char *key) {
        return json_object_get_boolean(json_get(object, key));
}

size_t json_length(struct json_object *array) {
        return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

/* json-c does not escape DEL, the C1 controls and the marks of writing direction. Only strings can have bytes that
 * are not ASCII, and there \uXXXX is allowed. */
static void write_ascii(FILE *out, const char *text) {
        size_t len = strlen(text);

        while (len > 0) {
                uint32_t value = 0;
                size_t n = utf8_read(text, len, &value);

                if (n == 0)
                        return; /* impossible: json_string_len() accepts only UTF-8 */
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

void json_print(struct json_object *value, JsonMode mode) {
        int flags = JSON_C_TO_STRING_NOSLASHESCAPE;
        const char *text;

        flags |= mode == JSON_PRETTY ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED : JSON_C_TO_STRING_PLAIN;
        text = json_object_to_json_string_ext(value, flags);
        if (!text)
                oom();
        write_ascii(stdout, text);
        fputc('\n', stdout);
}
