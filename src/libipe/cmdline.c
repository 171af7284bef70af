/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel command line, cut into parameters as the kernel does.
 */

#include <ctype.h>

#include "cmdline.h"

/* "usrhash=HEX"; of a parameter that is too long more is left than any root hash has. */
#define PARAMETER_SIZE (sizeof("roothash=") + 2 * sizeof(((FactDigest *) NULL)->value) + 1)

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

bool cmdline_has_root_hash(const char *cmdline, const FactDigest *root_hash) {
        static const char *const keys[] = { "roothash=", "usrhash=" };
        char parameter[PARAMETER_SIZE], hex[2 * sizeof(root_hash->value) + 1] = "";
        bool found[ELEMENTSOF(keys)] = {};

        for (size_t i = 0; i < root_hash->size; i++)
                (void) sprintf(hex + 2 * i, "%02x", root_hash->value[i]);
        while (*(cmdline += strspn(cmdline, " \t\n\v\f\r"))) {
                cmdline = read_parameter(cmdline, parameter);
                for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                        if (strncmp(parameter, keys[i], strlen(keys[i])) == 0)
                                found[i] = hex[0] && strcasecmp(parameter + strlen(keys[i]), hex) == 0;
        }
        return found[0] || found[1];
}
