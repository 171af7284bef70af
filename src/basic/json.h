/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Strict parsing, checked types and errors, on top of json-c.
 */
#ifndef BASIC_JSON_H
#define BASIC_JSON_H

#include <json-c/json.h>

#include "base.h"

static inline void json_object_putp(struct json_object **object) {
        json_object_put(*object);
}

#define _cleanup_json_ _cleanup_(json_object_putp)

/* Parses one value with nothing but white space around it. ret: to be put. Returns 0, -EUCLEAN or -ENOMEM. */
int json_parse(const char *text, size_t size, struct json_object **ret);

/* Returns the string, or NULL if the value is of another type, or has a NUL in it. */
const char *json_to_text(struct json_object *value);

/* The same for a member; NULL also if it is missing. */
const char *json_get_text(struct json_object *object, const char *member);

/* A whole number, 0 or more. Returns 0 or -EUCLEAN. */
int json_get_number(struct json_object *object, const char *member, uint64_t *ret);

/* Returns 0 or -EUCLEAN. */
int json_get_flag(struct json_object *object, const char *member, bool *ret);

/* Sets a member. Takes value, also on failure. text: ASCII. Returns 0 or -ENOMEM. */
int json_put(struct json_object *object, const char *member, struct json_object *value);
int json_put_text(struct json_object *object, const char *member, const char *text);
int json_put_flag(struct json_object *object, const char *member, bool value);

/* Appends to an array. Takes value, also on failure. Returns 0 or -ENOMEM. */
int json_append(struct json_object *array, struct json_object *value);

/* Strings with any byte but NUL: names of files, policies and processes. JSON must be UTF-8, and json-c 0.18 refuses
 * UTF-8 that is not ASCII where it is strict. So printable ASCII stands for itself, a backslash is doubled, and every
 * other byte is \xNN in the text of the string. Readers accept no other spelling: -EUCLEAN.
 *
 * bytes: NULL is -ENOMEM. ret: to be freed. */
int json_put_bytes(struct json_object *object, const char *member, const char *bytes);
int json_append_bytes(struct json_object *array, const char *bytes);
int json_get_bytes(struct json_object *object, const char *member, char **ret);
int json_to_bytes(struct json_object *value, char **ret);

/* Lists of such strings, NULL at the end. list: NULL is an empty one. ret: to be freed with strv_free(); NULL for an
 * empty list. */
int json_put_list(struct json_object *object, const char *member, char *const *list);
int json_get_list(struct json_object *object, const char *member, char ***ret);

#endif
