/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lines of a configuration file, as systemd reads them, for libeconf.
 */
#ifndef LIBIPE_CONFIG_TEXT_H
#define LIBIPE_CONFIG_TEXT_H

#include "base.h"

/* sentence: with file and line. */
typedef void (*ConfigWarning)(const char *sentence, void *userdata);

typedef struct ConfigText {
        char *text; /* without comments and continuations */
        size_t size;
        uint64_t *lines; /* of each line of the text: its number in the file */
        size_t n_lines;
} ConfigText;

/* Reads a file. A line that starts with '#' or ';' is a comment; one that ends with a backslash continues on the next
 * line that is no comment. Warns of a line that libeconf would cut, and leaves it out.
 *
 * Returns 0, -ENOMEM, -EFBIG, -EBADMSG if there is a NUL in it, or an errno of open() or read(). */
int config_text_read(const char *path, ConfigWarning warn, void *userdata, ConfigText *ret);

/* Maps a line of the text to its line of the file; both count from 1. 0 if there is none. */
uint64_t config_text_line(const ConfigText *text, uint64_t line);

void config_text_done(ConfigText *text);

#endif
