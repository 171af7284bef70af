/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes, reads and prints JSON values. The text for people is made of them, too, so that it cannot disagree with
 * --json.
 */
#ifndef IPECTL_JSON_VALUE_H
#define IPECTL_JSON_VALUE_H

#include <json-c/json.h>

#include "ipectl.h"

/* Never NULL; to be put. */
struct json_object *json_new_object(void);
struct json_object *json_new_array(void);

/* Makes a string; bytes that are not UTF-8 are escaped as on a terminal. NULL gives an empty string. */
struct json_object *json_string_len(const char *bytes, size_t len);
struct json_object *json_string(const char *text);
/* The same, but an empty text gives NULL, which is JSON's null. */
struct json_object *json_text_or_null(const char *text);

struct json_object *json_number(uint64_t value);
struct json_object *json_boolean(bool value);

/* object[key] = value; value is taken over. */
void json_set(struct json_object *object, const char *key, struct json_object *value);

void json_append(struct json_object *array, struct json_object *value);

/* Return a borrowed value; NULL if there is none, or if it is null. */
struct json_object *json_get(struct json_object *object, const char *key);
struct json_object *json_at(struct json_object *array, size_t i);

/* Return "", 0 or false if there is no such value. */
const char *json_get_text(struct json_object *object, const char *key);
uint64_t json_get_number(struct json_object *object, const char *key);
bool json_get_boolean(struct json_object *object, const char *key);

/* Returns 0 if it is not an array. */
size_t json_length(struct json_object *array);

/* Writes a value and a line feed to stdout, in plain ASCII. */
void json_print(struct json_object *value, JsonMode mode);

#endif
