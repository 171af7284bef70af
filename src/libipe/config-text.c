/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libeconf parses sections, settings and values. But it cuts a line at a comment character within it, knows no
 * continuation, and some versions silently split a long line in two. So this file prepares the lines: each setting is
 * on one line, or, if that is too long, on several, of which all but the first start with a blank; libeconf joins
 * these.
 */

#include <fcntl.h>

#include "config-text.h"
#include "io.h"

#define FILE_SIZE_MAX (1U << 20)

/* Bytes of a line that each version of libeconf reads in one piece. */
#define LINE_SIZE_MAX ((size_t) BUFSIZ - 2)

#define BLANKS " \t\r"

typedef struct Reader {
        const char *path;
        ConfigWarning warn;
        void *userdata;
        ConfigText text;
        char *line; /* a setting, as far as it is read */
        size_t line_size;
        uint64_t first_line; /* where it began */
} Reader;

void config_text_done(ConfigText *text) {
        free(text->text);
        free(text->lines);
        *text = (ConfigText) {};
}

static void reader_done(Reader *reader) {
        config_text_done(&reader->text);
        free(reader->line);
}

uint64_t config_text_line(const ConfigText *text, uint64_t line) {
        return line > 0 && line <= text->n_lines ? text->lines[line - 1] : 0;
}

static int put_line(Reader *reader, const char *prefix, const char *line, size_t size) {
        size_t prefix_size = strlen(prefix);
        uint64_t *lines = reallocarray(reader->text.lines, reader->text.n_lines + 1, sizeof(*lines));
        char *text;

        if (!lines)
                return -ENOMEM;
        reader->text.lines = lines;
        text = realloc(reader->text.text, reader->text.size + prefix_size + size + 2);
        if (!text)
                return -ENOMEM;
        reader->text.text = text;
        memcpy(text + reader->text.size, prefix, prefix_size);
        memcpy(text + reader->text.size + prefix_size, line, size);
        reader->text.size += prefix_size + size;
        text[reader->text.size++] = '\n';
        text[reader->text.size] = '\0';
        lines[reader->text.n_lines++] = reader->first_line;
        return 0;
}

static int leave_out(Reader *reader, const char *reason) {
        char sentence[1024];

        snprintf(sentence, sizeof(sentence), "%s:%llu: The line is longer than %zu bytes, and %s, ignoring it.",
                 reader->path, (unsigned long long) reader->first_line, LINE_SIZE_MAX, reason);
        reader->warn(sentence, reader->userdata);
        return 0;
}

/* Finds the end of a part that has at most LINE_SIZE_MAX bytes with a blank before it: the end of the line, or a
 * blank; 0 for none. */
static size_t find_end(const char *part, size_t size) {
        size_t end = size;

        if (size < LINE_SIZE_MAX)
                return size;
        for (end = LINE_SIZE_MAX - 1; end > 0 && !strchr(BLANKS, part[end]); end--)
                ;
        return end;
}

static int put_long_line(Reader *reader) {
        const char *rest = reader->line + strspn(reader->line, BLANKS);
        size_t end = find_end(rest, strlen(rest));

        /* After the first part libeconf would take a '=' for that of another setting. */
        if (end > 0 && strchr(rest + end, '='))
                return leave_out(reader, "has a '=' in its value");
        for (const char *part = rest; *part; part += strspn(part, BLANKS)) {
                end = find_end(part, strlen(part));
                if (end == 0)
                        return leave_out(reader, "has too long a word");
                part += end;
        }
        for (const char *part = rest; *part; part += strspn(part, BLANKS)) {
                int r;

                end = find_end(part, strlen(part));
                r = put_line(reader, part == rest ? "" : " ", part, end);
                if (r < 0)
                        return r;
                part += end;
        }
        return 0;
}

/* The setting is complete. */
static int flush(Reader *reader) {
        int r = reader->line_size > LINE_SIZE_MAX ? put_long_line(reader)
                                                  : put_line(reader, "", reader->line, reader->line_size);

        reader->line_size = 0;
        return r;
}

static bool is_comment(const char *line) {
        line += strspn(line, BLANKS);
        return *line == '#' || *line == ';';
}

/* Adds a line of the file to the setting. */
static void append(Reader *reader, const char *line, size_t size, uint64_t number) {
        if (reader->line_size == 0)
                reader->first_line = number;
        memcpy(reader->line + reader->line_size, line, size);
        reader->line_size += size;
        reader->line[reader->line_size] = '\0';
}

static int read_lines(Reader *reader, const char *text) {
        uint64_t number = 1;
        int r = 0;

        for (; *text && r >= 0; number++) {
                size_t size = strcspn(text, "\n");
                bool goes_on = size > 0 && text[size - 1] == '\\';

                if (!is_comment(text)) {
                        append(reader, text, goes_on ? size - 1 : size, number);
                        if (goes_on)
                                append(reader, " ", 1, number);
                        else
                                r = flush(reader);
                }
                text += size;
                text += *text == '\n';
        }
        return r >= 0 && reader->line_size > 0 ? flush(reader) : r;
}

int config_text_read(const char *path, ConfigWarning warn, void *userdata, ConfigText *ret) {
        _cleanup_(reader_done) Reader reader = { .path = path, .warn = warn, .userdata = userdata };
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = read_file_at(AT_FDCWD, path, FILE_SIZE_MAX, (void **) &text, &size);
        if (r < 0)
                return r;
        if (strlen(text) != size)
                return -EBADMSG;
        reader.line = malloc(size + 2);
        if (!reader.line)
                return -ENOMEM;
        r = read_lines(&reader, text);
        if (r < 0)
                return r;
        *ret = reader.text;
        reader.text = (ConfigText) {};
        return 0;
}
