/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Strict reading and writing with json-c.
 */

#include <limits.h>

#include "json.h"

static void json_tokener_freep(struct json_tokener **tokener) {
        if (*tokener)
                json_tokener_free(*tokener);
}

int json_parse(const char *text, size_t size, struct json_object **ret) {
        _cleanup_(json_tokener_freep) struct json_tokener *tokener = json_tokener_new();
        _cleanup_json_ struct json_object *root = NULL;

        if (!tokener)
                return -ENOMEM;
        if (size > INT_MAX)
                return -EUCLEAN;
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
        root = json_tokener_parse_ex(tokener, text, (int) size);
        if (!root || json_tokener_get_parse_end(tokener) != size)
                return -EUCLEAN;
        *ret = TAKE_PTR(root);
        return 0;
}

const char *json_to_text(struct json_object *value) {
        const char *text;

        if (!json_object_is_type(value, json_type_string))
                return NULL;
        text = json_object_get_string(value);
        return strlen(text) == (size_t) json_object_get_string_len(value) ? text : NULL;
}

const char *json_get_text(struct json_object *object, const char *member) {
        struct json_object *value;

        return json_object_object_get_ex(object, member, &value) ? json_to_text(value) : NULL;
}

int json_get_number(struct json_object *object, const char *member, uint64_t *ret) {
        struct json_object *value;

        if (!json_object_object_get_ex(object, member, &value) || !json_object_is_type(value, json_type_int) ||
            json_object_get_int64(value) < 0)
                return -EUCLEAN;
        *ret = json_object_get_uint64(value);
        return 0;
}

int json_get_flag(struct json_object *object, const char *member, bool *ret) {
        struct json_object *value;

        if (!json_object_object_get_ex(object, member, &value) || !json_object_is_type(value, json_type_boolean))
                return -EUCLEAN;
        *ret = json_object_get_boolean(value);
        return 0;
}

int json_put(struct json_object *object, const char *member, struct json_object *value) {
        if (!value || json_object_object_add(object, member, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

int json_put_text(struct json_object *object, const char *member, const char *text) {
        return json_put(object, member, json_object_new_string(text));
}

int json_put_flag(struct json_object *object, const char *member, bool value) {
        return json_put(object, member, json_object_new_boolean(value));
}

int json_append(struct json_object *array, struct json_object *value) {
        if (!value || json_object_array_add(array, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

static bool is_plain(char c) {
        return c >= 0x20 && c <= 0x7e && c != '\\';
}

static struct json_object *new_bytes(const char *bytes) {
        _cleanup_free_ char *text = bytes ? malloc(4 * strlen(bytes) + 1) : NULL;
        char *out = text;

        if (!text)
                return NULL;
        for (; *bytes; bytes++)
                if (is_plain(*bytes))
                        *out++ = *bytes;
                else if (*bytes == '\\')
                        out = stpcpy(out, "\\\\");
                else
                        out += sprintf(out, "\\x%02x", (unsigned char) *bytes);
        *out = '\0';
        return json_object_new_string(text);
}

int json_put_bytes(struct json_object *object, const char *member, const char *bytes) {
        return json_put(object, member, new_bytes(bytes));
}

int json_append_bytes(struct json_object *array, const char *bytes) {
        return json_append(array, new_bytes(bytes));
}

static int from_hex_digit(char c) {
        static const char digits[] = "0123456789abcdef";
        const char *found = c ? strchr(digits, c) : NULL;

        return found ? (int) (found - digits) : -1;
}

/* One escape sequence; text points after its backslash. Returns the byte, or -EUCLEAN. */
static int unescape_byte(const char **text) {
        int high, low, value;

        if (**text == '\\') {
                (*text)++;
                return '\\';
        }
        if (**text != 'x')
                return -EUCLEAN;
        high = from_hex_digit((*text)[1]);
        low = high < 0 ? -1 : from_hex_digit((*text)[2]);
        if (low < 0)
                return -EUCLEAN;
        value = high << 4 | low;
        /* A plain character has no other spelling, and there is no NUL in a string. */
        if (value == 0 || value == '\\' || is_plain((char) value))
                return -EUCLEAN;
        *text += 3;
        return value;
}

int json_to_bytes(struct json_object *value, char **ret) {
        const char *text = json_to_text(value);
        _cleanup_free_ char *bytes = text ? malloc(strlen(text) + 1) : NULL;
        char *out = bytes;

        if (!text)
                return -EUCLEAN;
        if (!bytes)
                return -ENOMEM;
        while (*text) {
                int byte = *text++;

                if (byte == '\\')
                        byte = unescape_byte(&text);
                else if (!is_plain((char) byte))
                        return -EUCLEAN;
                if (byte < 0)
                        return byte;
                *out++ = (char) byte;
        }
        *out = '\0';
        *ret = TAKE_PTR(bytes);
        return 0;
}

int json_get_bytes(struct json_object *object, const char *member, char **ret) {
        struct json_object *value;

        return json_object_object_get_ex(object, member, &value) ? json_to_bytes(value, ret) : -EUCLEAN;
}

int json_put_list(struct json_object *object, const char *member, char *const *list) {
        struct json_object *array = json_object_new_array();
        int r = json_put(object, member, array);

        for (; r >= 0 && list && *list; list++)
                r = json_append_bytes(array, *list);
        return r;
}

int json_get_list(struct json_object *object, const char *member, char ***ret) {
        _cleanup_(strv_freep) char **list = NULL;
        struct json_object *array;
        size_t n;

        if (!json_object_object_get_ex(object, member, &array) || !json_object_is_type(array, json_type_array))
                return -EUCLEAN;
        n = json_object_array_length(array);
        list = n > 0 ? calloc(n + 1, sizeof(*list)) : NULL;
        if (n > 0 && !list)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                int r = json_to_bytes(json_object_array_get_idx(array, i), &list[i]);

                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(list);
        return 0;
}
