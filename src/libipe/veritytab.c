/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads veritytab, line by line.
 */

#include <ctype.h>

#include "veritytab.h"

#define FIELDS_MIN 4
#define FIELDS_MAX 5
/* systemd's limit for the name of a unit. */
#define UNIT_NAME_MAX 255

void veritytab_entry_done(VeritytabEntry *entry) {
        free(entry->name);
        free(entry->data);
        free(entry->hash);
        free(entry->root_hash);
        free(entry->options);
        *entry = (VeritytabEntry) {};
}

const char *veritytab_path(void) {
        const char *path = getenv("SYSTEMD_VERITYTAB");

        return path && path[0] == '/' ? path : "/etc/veritytab";
}

/* Takes the next line off the text. A NUL ends a line, too. Returns its length. */
static size_t next_line(const char **text, size_t *size, const char **ret) {
        size_t length = 0;

        while (length < *size && (*text)[length] != '\n' && (*text)[length] != '\0')
                length++;
        *ret = *text;
        *text += length + (length < *size);
        *size -= length + (length < *size);
        return length;
}

/* Returns the number of fields, or -ENOMEM. fields: to be freed in any case. */
static int split(const char *line, size_t length, char *fields[static FIELDS_MAX]) {
        size_t at = 0;
        int n = 0;

        for (;;) {
                size_t start;

                while (at < length && isspace((unsigned char) line[at]))
                        at++;
                if (at == length || n == FIELDS_MAX || (n == 0 && line[at] == '#'))
                        return n;
                for (start = at; at < length && !isspace((unsigned char) line[at]);)
                        at++;
                fields[n] = strndup(line + start, at - start);
                if (!fields[n++])
                        return -ENOMEM;
        }
}

int veritytab_next(const char **text, size_t *size, VeritytabEntry *ret) {
        while (*size > 0) {
                char *fields[FIELDS_MAX] = {};
                const char *line;
                size_t length = next_line(text, size, &line);
                int n = split(line, length, fields);
                VeritytabEntry entry = {
                        .name = fields[0],
                        .data = fields[1],
                        .hash = fields[2],
                        .root_hash = fields[3],
                        .options = fields[4] ?: strdup(""),
                };

                if (n >= FIELDS_MIN && entry.options) {
                        *ret = entry;
                        return 1;
                }
                if (n >= FIELDS_MIN)
                        n = -ENOMEM;
                veritytab_entry_done(&entry);
                if (n < 0)
                        return n;
        }
        return 0;
}

/* Takes the next option off the list. Returns false at its end. */
static bool next_option(const char **options, const char **ret, size_t *ret_size) {
        if (**options == '\0')
                return false;
        *ret = *options;
        *ret_size = strcspn(*options, ",");
        *options += *ret_size + ((*options)[*ret_size] == ',');
        return true;
}

bool veritytab_has_option(const VeritytabEntry *entry, const char *option) {
        const char *options = entry->options, *at;
        size_t size;

        while (next_option(&options, &at, &size))
                if (size == strlen(option) && memcmp(at, option, size) == 0)
                        return true;
        return false;
}

const char *veritytab_find_option(const VeritytabEntry *entry, const char *key, size_t *ret_size) {
        const char *options = entry->options, *at, *found = NULL;
        size_t size, length = strlen(key);

        while (next_option(&options, &at, &size))
                if (size >= length && memcmp(at, key, length) == 0) {
                        found = at + length;
                        *ret_size = size - length;
                }
        return found;
}

static bool is_plain(char c, bool first) {
        return isascii(c) && (isalnum(c) || c == ':' || c == '_' || (c == '.' && !first));
}

int veritytab_unit(const char *name, char **ret) {
        static const char prefix[] = "systemd-veritysetup@", suffix[] = ".service";
        size_t length = strlen(name);
        char *unit, *out;

        if (length == 0 || length > UNIT_NAME_MAX)
                return -ENAMETOOLONG;
        unit = malloc(sizeof(prefix) + 4 * length + sizeof(suffix));
        if (!unit)
                return -ENOMEM;
        out = stpcpy(unit, prefix);
        for (size_t i = 0; i < length; i++)
                if (name[i] == '/')
                        *out++ = '-';
                else if (is_plain(name[i], i == 0))
                        *out++ = name[i];
                else
                        out += sprintf(out, "\\x%02x", (unsigned char) name[i]);
        (void) stpcpy(out, suffix);
        if (strlen(unit) > UNIT_NAME_MAX) {
                free(unit);
                return -ENAMETOOLONG;
        }
        *ret = unit;
        return 0;
}
