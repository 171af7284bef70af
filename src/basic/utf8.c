/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * UTF-8 as RFC 3629 has it: no surrogates, no overlong forms, nothing above U+10FFFF. And the one place that knows
 * which characters are safe to show.
 */

#include "utf8.h"

size_t utf8_read(const char *bytes, size_t size, uint32_t *ret) {
        static const struct {
                unsigned char mask, lead;
                uint32_t lowest;
        } forms[] = { { 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 } };
        const unsigned char *next = (const unsigned char *) bytes;

        for (size_t i = 0; i < ELEMENTSOF(forms); i++) {
                uint32_t value;

                if (size < i + 1)
                        return 0;
                if ((next[0] & forms[i].mask) != forms[i].lead)
                        continue;
                value = next[0] & (unsigned char) ~forms[i].mask;
                for (size_t k = 1; k <= i; k++) {
                        if ((next[k] & 0xc0) != 0x80)
                                return 0;
                        value = value << 6 | (next[k] & 0x3f);
                }
                if (value < forms[i].lowest || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
                        return 0;
                if (ret)
                        *ret = value;
                return i + 1;
        }
        return 0;
}

bool utf8_is_valid(const char *bytes, size_t size) {
        while (size > 0) {
                size_t n = utf8_read(bytes, size, NULL);

                if (n == 0)
                        return false;
                bytes += n;
                size -= n;
        }
        return true;
}

/* Characters that a terminal, or a reader's eye, acts upon: controls, ends of lines, those that turn the direction of
 * writing, and those that nobody sees. ZWNJ and ZWJ are missing on purpose: Persian, Hindi and emoji need them. */
static const struct {
        uint32_t first, last;
} unsafe[] = {
        { 0x0000, 0x001f }, { 0x007f, 0x009f }, { 0x061c, 0x061c }, { 0x200b, 0x200b }, { 0x200e, 0x200f },
        { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfeff, 0xfeff }, { 0xfff9, 0xfffb }, { 0xe0000, 0xe007f },
};

static bool is_safe(uint32_t character) {
        for (size_t i = 0; i < ELEMENTSOF(unsafe); i++)
                if (character >= unsafe[i].first && character <= unsafe[i].last)
                        return false;
        return true;
}

size_t utf8_read_safe(const char *bytes, size_t size) {
        uint32_t character;
        size_t n = utf8_read(bytes, size, &character);

        return n > 0 && is_safe(character) ? n : 0;
}

/* Any character but NUL. */
static size_t read_any(const char *bytes, size_t size) {
        return *bytes ? utf8_read(bytes, size, NULL) : 0;
}

char *utf8_escape(const char *bytes, size_t size) {
        return utf8_escape_unless(read_any, bytes, size, NULL);
}

char *utf8_escape_unsafe(const char *bytes, size_t size) {
        return utf8_escape_unless(utf8_read_safe, bytes, size, NULL);
}

static char *put_escaped(char *end, unsigned char byte) {
        if (byte == '\n')
                return stpcpy(end, "\\n");
        if (byte == '\t')
                return stpcpy(end, "\\t");
        return end + sprintf(end, "\\x%02x", byte);
}

char *utf8_escape_unless(size_t (*harmless)(const char *bytes, size_t size), const char *bytes, size_t size,
                         size_t *ret_size) {
        char *text, *end;

        if (size > (SIZE_MAX - 1) / 4)
                return NULL;
        text = end = malloc(4 * size + 1);
        if (!text)
                return NULL;
        while (size > 0) {
                size_t n = harmless(bytes, size);

                end = n > 0 ? mempcpy(end, bytes, n) : put_escaped(end, (unsigned char) *bytes);
                bytes += n > 0 ? n : 1;
                size -= n > 0 ? n : 1;
        }
        *end = '\0';
        if (ret_size)
                *ret_size = (size_t) (end - text);
        return text;
}

void utf8_cut(char *text, size_t size) {
        size_t length = strlen(text), end = size - 1;

        assert(size > strlen(UTF8_CUT));
        if (length < size)
                return;
        end -= strlen(UTF8_CUT);
        while (end > 0 && ((unsigned char) text[end] & 0xc0) == 0x80)
                end--;
        strcpy(text + end, UTF8_CUT);
}
