/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel command line, cut into parameters as the kernel does.
 */

#include <ctype.h>

#include "cmdline.h"

/* "usrhash=HEX" */
#define PARAMETER_SIZE (sizeof("roothash=") + CMDLINE_HASH_SIZE - 1)

/* White space ends a parameter, but not within double quotes, which are taken off. Returns where it ends. */
static const char *read_parameter(const char *text, char ret[PARAMETER_SIZE]) {
        bool quoted = false;
        size_t n = 0;

        for (; *text && (quoted || !isspace((unsigned char) *text)); text++)
                if (*text == '"')
                        quoted = !quoted;
                else if (n + 1 < PARAMETER_SIZE)
                        ret[n++] = *text;
        ret[n] = '\0';
        return text;
}

bool cmdline_get_root_hash(const char *cmdline, const char *key, char ret[CMDLINE_HASH_SIZE]) {
        char parameter[PARAMETER_SIZE];
        bool found = false;

        while (*(cmdline += strspn(cmdline, " \t\n\v\f\r"))) {
                cmdline = read_parameter(cmdline, parameter);
                if (strncmp(parameter, key, strlen(key)) != 0)
                        continue;
                snprintf(ret, CMDLINE_HASH_SIZE, "%s", parameter + strlen(key));
                found = true;
        }
        return found;
}

bool cmdline_has_root_hash(const char *cmdline, const FactDigest *root_hash) {
        static const char *const keys[] = { "roothash=", "usrhash=" };
        char value[CMDLINE_HASH_SIZE], hex[2 * sizeof(root_hash->value) + 1] = "";

        for (size_t i = 0; i < root_hash->size; i++)
                (void) sprintf(hex + 2 * i, "%02x", root_hash->value[i]);
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (cmdline_get_root_hash(cmdline, keys[i], value) && hex[0] && strcasecmp(value, hex) == 0)
                        return true;
        return false;
}
