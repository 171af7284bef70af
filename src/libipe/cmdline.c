/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Splits the kernel command line into parameters, as next_arg() of the kernel does.
 */

#include "cmdline.h"

typedef struct Parameter {
        const char *key, *value; /* value: of one without '=' it is empty */
        size_t key_size, value_size;
} Parameter;

/* The kernel's isspace(), of Latin-1. */
static bool is_space(char c) {
        return c == ' ' || (c >= '\t' && c <= '\r') || c == '\xa0';
}

static const char *skip_spaces(const char *text, const char *end) {
        while (text < end && is_space(*text))
                text++;
        return text;
}

/* Double quotes keep white space, wherever they are. If the parameter or the value begins with one, that one is
 * removed, and one at the end too. Returns the end of the parameter. */
static const char *read_parameter(const char *text, const char *end, Parameter *ret) {
        bool is_quoted = *text == '"', in_quotes = is_quoted;
        const char *start = is_quoted ? text + 1 : text, *equals = NULL, *stop, *last;

        for (stop = start; stop < end && (in_quotes || !is_space(*stop)); stop++) {
                if (*stop == '=' && stop > start && !equals)
                        equals = stop;
                if (*stop == '"')
                        in_quotes = !in_quotes;
        }
        last = is_quoted && stop > start && stop[-1] == '"' ? stop - 1 : stop;
        *ret = (Parameter) { .key = start, .key_size = (size_t) ((equals ?: last) - start), .value = "" };
        if (!equals)
                return stop;
        ret->value = equals + 1;
        if (ret->value < stop && *ret->value == '"') {
                ret->value++;
                last = stop[-1] == '"' ? stop - 1 : stop;
        }
        ret->value_size = last > ret->value ? (size_t) (last - ret->value) : 0;
        return stop;
}

bool cmdline_get_root_hash(const char *cmdline, const char *key, char ret[CMDLINE_HASH_SIZE]) {
        const char *end = cmdline + strlen(cmdline);
        bool found = false;

        /* /proc/cmdline adds it; within quotes that nothing closes it would be part of the value. */
        if (end > cmdline && end[-1] == '\n')
                end--;
        while ((cmdline = skip_spaces(cmdline, end)) < end) {
                Parameter parameter;
                size_t size;

                cmdline = read_parameter(cmdline, end, &parameter);
                if (parameter.key_size != strlen(key) || memcmp(parameter.key, key, parameter.key_size) != 0)
                        continue;
                size = parameter.value_size < CMDLINE_HASH_SIZE ? parameter.value_size : CMDLINE_HASH_SIZE - 1;
                memcpy(ret, parameter.value, size);
                ret[size] = '\0';
                found = true;
        }
        return found;
}

bool cmdline_has_root_hash(const char *cmdline, const FactDigest *root_hash) {
        static const char *const keys[] = { "roothash", "usrhash" };
        char value[CMDLINE_HASH_SIZE], hex[2 * sizeof(root_hash->value) + 1] = "";

        for (size_t i = 0; i < root_hash->size; i++)
                (void) sprintf(hex + 2 * i, "%02x", root_hash->value[i]);
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (cmdline_get_root_hash(cmdline, keys[i], value) && hex[0] && strcasecmp(value, hex) == 0)
                        return true;
        return false;
}
