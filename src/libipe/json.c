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

int json_append(struct json_object *array, struct json_object *value) {
        if (!value || json_object_array_add(array, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}
