/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON values: made, looked into and printed. Both kinds of output are made of them, so that --json and what people
 * read cannot disagree.
 */
#ifndef IPECTL_JSON_VALUE_H
#define IPECTL_JSON_VALUE_H

#include <json-c/json.h>

#include "ipectl.h"

/* Never NULL; to be put. */
struct json_object *json_new_object(void);
struct json_object *json_new_array(void);

/* A string out of bytes; those that are not UTF-8 are escaped as on a terminal. NULL gives an empty one. */
struct json_object *json_string_len(const char *bytes, size_t len);
struct json_object *json_string(const char *text);
/* The same, but NULL, which is JSON's null, for an empty one: there is no such thing. */
struct json_object *json_text_or_null(const char *text);

struct json_object *json_number(uint64_t value);
struct json_object *json_boolean(bool value);

/* object[key] = value, which is taken over. */
void json_set(struct json_object *object, const char *key, struct json_object *value);

void json_append(struct json_object *array, struct json_object *value);

/* Borrowed; NULL if there is none, or if it is null. */
struct json_object *json_get(struct json_object *object, const char *key);
struct json_object *json_at(struct json_object *array, size_t i);

/* "", 0 and false where there is no such value. */
const char *json_get_text(struct json_object *object, const char *key);
uint64_t json_get_number(struct json_object *object, const char *key);
bool json_get_boolean(struct json_object *object, const char *key);

/* 0 for what is no array. */
size_t json_length(struct json_object *array);

/* Writes a value to stdout as plain ASCII, with an LF behind it. */
void json_print(struct json_object *value, JsonMode mode);

#endif
