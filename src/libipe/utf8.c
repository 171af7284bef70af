/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * UTF-8 as RFC 3629 has it: no surrogates, no overlong forms, nothing above U+10FFFF.
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

char *utf8_escape(const char *bytes, size_t size) {
        char *text, *end;

        if (size > (SIZE_MAX - 1) / 4)
                return NULL;
        text = end = malloc(4 * size + 1);
        if (!text)
                return NULL;
        while (size > 0) {
                size_t n = *bytes ? utf8_read(bytes, size, NULL) : 0;

                if (n > 0)
                        end = mempcpy(end, bytes, n);
                else
                        end += sprintf(end, "\\x%02x", (unsigned char) *bytes);
                bytes += n > 0 ? n : 1;
                size -= n > 0 ? n : 1;
        }
        *end = '\0';
        return text;
}
