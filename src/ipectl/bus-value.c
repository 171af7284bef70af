/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Turns messages of the bus into JSON values. A message may contain anything: unknown types are skipped, wrong ones
 * are an error.
 */

#include <ctype.h>

#include "base.h"
#include "bus-value.h"
#include "output.h"

/* Keys of a health check, the only type of rows that a property has. */
static const char *const check_keys[] = { "check", "state", "detail" };

char *bus_json_key(const char *name) {
        char *key = calloc(2, strlen(name) + 1), *to = key;

        if (!key)
                oom();
        for (const char *from = name; *from; from++) {
                bool word = isupper((unsigned char) from[0]) && from > name &&
                            !(from[-1] == 'U' && strncmp(from, "Sec", 3) == 0);

                if (word)
                        *to++ = '_';
                *to++ = tolower((unsigned char) *from);
        }
        return key;
}

/* Ends the read of a container. r: result for its last element. value: taken over. */
static int finish_container(sd_bus_message *message, int r, struct json_object *value, struct json_object **ret) {
        if (r >= 0)
                r = sd_bus_message_exit_container(message);
        if (r < 0) {
                json_object_put(value);
                return r;
        }
        *ret = value;
        return 0;
}

/* ret: NULL, which is JSON's null, if both are empty. */
static int read_name_and_version(sd_bus_message *message, struct json_object **ret) {
        const char *name, *version;
        int r;

        r = sd_bus_message_read(message, "(ss)", &name, &version);
        if (r < 0)
                return r;
        *ret = NULL;
        if (!*name && !*version)
                return 0;
        *ret = json_new_object();
        json_set(*ret, "name", json_string(name));
        json_set(*ret, "version", json_string(version));
        return 0;
}

static int read_basic(sd_bus_message *message, char type, struct json_object **ret) {
        union {
                const char *text;
                int boolean; /* as sd-bus wants it */
                uint64_t u64;
                uint32_t u32;
        } value = {};
        int r;

        r = sd_bus_message_read_basic(message, type, &value);
        if (r < 0)
                return r;
        if (type == 'b')
                *ret = json_boolean(value.boolean);
        else if (type == 't')
                *ret = json_number(value.u64);
        else if (type == 'u')
                *ret = json_number(value.u32);
        else
                *ret = json_text_or_null(value.text);
        return 0;
}

static int read_strings(sd_bus_message *message, struct json_object **ret) {
        struct json_object *array = json_new_array();
        const char *text;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read_basic(message, 's', &text)) > 0)
                json_append(array, json_string(text));
        return finish_container(message, r, array, ret);
}

/* Returns 1; 0 after the last row. */
static int read_row(sd_bus_message *message, const char *types, const char *const *keys, struct json_object *row) {
        char contents[16] = "";
        size_t n = strlen(types) - 2;
        int r;

        assert(n < sizeof(contents));
        memcpy(contents, types + 1, n);
        r = sd_bus_message_enter_container(message, 'r', contents);
        for (size_t i = 0; r > 0 && i < n; i++) {
                struct json_object *value = NULL;

                r = read_basic(message, contents[i], &value);
                if (r < 0)
                        return r;
                json_set(row, keys[i], value);
                r = 1;
        }
        if (r > 0)
                r = sd_bus_message_exit_container(message);
        return r;
}

int bus_read_rows(sd_bus_message *message, const char *types, const char *const *keys, struct json_object **ret) {
        struct json_object *array = json_new_array();
        int r;

        r = sd_bus_message_enter_container(message, 'a', types);
        while (r >= 0) {
                struct json_object *row = json_new_object();

                r = read_row(message, types, keys, row);
                if (r <= 0) {
                        json_object_put(row);
                        break;
                }
                json_append(array, row);
        }
        return finish_container(message, r, array, ret);
}

/* Returns 1, or 0 after skipping a value of an unknown type. */
static int read_variant(sd_bus_message *message, struct json_object **ret) {
        const char *contents;
        char type;
        int r;

        r = sd_bus_message_peek_type(message, &type, &contents);
        if (r < 0)
                return r;
        if (type != 'v')
                return -EBADMSG;
        if (!streq(contents, "as") && !streq(contents, "(ss)") && !streq(contents, "a(sss)") &&
            (strlen(contents) != 1 || !strchr("sobtu", contents[0])))
                return sd_bus_message_skip(message, "v") < 0 ? -EBADMSG : 0;

        r = sd_bus_message_enter_container(message, 'v', contents);
        if (r < 0)
                return r;
        if (streq(contents, "as"))
                r = read_strings(message, ret);
        else if (contents[0] == 'a')
                r = bus_read_rows(message, "(sss)", check_keys, ret);
        else if (contents[0] == '(')
                r = read_name_and_version(message, ret);
        else
                r = read_basic(message, contents[0], ret);
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(message);
        return r < 0 ? r : 1;
}

/* Whether 0 means "none": for times, processes and inodes. A count may be 0, and user 0 is root. */
static bool is_zero_nothing(const char *name) {
        static const char usec[] = "USec";
        size_t len = strlen(name);

        return (len >= strlen(usec) && streq(name + len - strlen(usec), usec)) || streq(name, "Pid") ||
               streq(name, "Inode");
}

static void set_named(struct json_object *object, const char *name, struct json_object *value) {
        char *key = bus_json_key(name);

        if (json_object_is_type(value, json_type_int) && json_object_get_uint64(value) == 0 && is_zero_nothing(name)) {
                json_object_put(value);
                value = NULL;
        }

        json_set(object, key, value);
        free(key);
}

int bus_read_property(sd_bus_message *reply, const char *name, struct json_object **ret) {
        struct json_object *value = NULL;
        int r = read_variant(reply, &value);

        if (r < 0)
                return r;
        *ret = json_new_object();
        if (r > 0)
                set_named(*ret, name, value);
        return 0;
}

int bus_read_dictionary(sd_bus_message *message, struct json_object **ret) {
        struct json_object *object = json_new_object();
        int r;

        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                struct json_object *value = NULL;
                const char *name;

                r = sd_bus_message_read_basic(message, 's', &name);
                if (r < 0)
                        break;
                r = read_variant(message, &value);
                if (r < 0)
                        break;
                if (r > 0)
                        set_named(object, name, value);
                r = sd_bus_message_exit_container(message);
        }
        return finish_container(message, r, object, ret);
}

int bus_read_dictionaries(sd_bus_message *message, struct json_object **ret) {
        struct json_object *array = json_new_array();
        int r;

        r = sd_bus_message_enter_container(message, 'a', "a{sv}");
        while (r >= 0 && (r = sd_bus_message_at_end(message, false)) == 0) {
                struct json_object *object = NULL;

                r = bus_read_dictionary(message, &object);
                if (r >= 0)
                        json_append(array, object);
        }
        return finish_container(message, r, array, ret);
}
