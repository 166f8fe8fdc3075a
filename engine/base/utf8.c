/* SPDX-License-Identifier: BSD-2-Clause
 *
 * UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing past U+10FFFF. */
#include "base/utf8.h"

#include <stdint.h>

size_t utf8_character(const char *text, size_t length)
{
    if (length == 0)
        return 0;
    const unsigned char *t = (const unsigned char *)text;
    if (t[0] < 0x80)
        return 1;
    size_t size = t[0] >= 0xF0 ? 4 : t[0] >= 0xE0 ? 3 : 2;
    static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    if (t[0] < 0xC2 || t[0] > 0xF4 || length < size)
        return 0;
    uint32_t code = t[0] & (0xFFu >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if ((t[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (t[i] & 0x3F);
    }
    return code < smallest[size] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF) ? 0 : size;
}

void utf8_repair(char *text, size_t length)
{
    for (size_t i = 0; i < length;) {
        size_t size = text[i] ? utf8_character(text + i, length - i) : 0;
        if (size == 0)
            text[i] = '?';
        i += size ? size : 1;
    }
}
