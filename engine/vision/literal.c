/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A reader of Python and JSON literals, as far as metadata needs it. */
#include "vision/literal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { STRING_BYTES = 256, MOST_IDS = 100000 };

static const char *skip_space(const char *at)
{
    while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')
        at++;
    return at;
}

static bool put_utf8(uint32_t code, char *out, size_t *length)
{
    unsigned char bytes[4];
    size_t count = 0;
    if (code < 0x80) {
        bytes[count++] = (unsigned char)code;
    } else if (code < 0x800) {
        bytes[count++] = (unsigned char)(0xc0 | code >> 6);
        bytes[count++] = (unsigned char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        if (code >= 0xd800 && code < 0xe000) /* halves of a pair stand for themselves nowhere in UTF-8 */
            code = 0xfffd;
        bytes[count++] = (unsigned char)(0xe0 | code >> 12);
        bytes[count++] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
        bytes[count++] = (unsigned char)(0x80 | (code & 0x3f));
    } else if (code < 0x110000) {
        bytes[count++] = (unsigned char)(0xf0 | code >> 18);
        bytes[count++] = (unsigned char)(0x80 | (code >> 12 & 0x3f));
        bytes[count++] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
        bytes[count++] = (unsigned char)(0x80 | (code & 0x3f));
    } else {
        return false;
    }
    if (*length + count > STRING_BYTES - 1)
        return false;
    memcpy(out + *length, bytes, count);
    *length += count;
    return true;
}

/* Exactly `digits` hexadecimal digits. */
static bool read_hex(const char **at, int digits, uint32_t *code)
{
    *code = 0;
    for (int i = 0; i < digits; i++, (*at)++) {
        char c = **at;
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit == 16)
            return false;
        *code = *code * 16 + digit;
    }
    return true;
}

static bool read_escape(const char **at, char *out, size_t *length)
{
    char kind = *(*at)++;
    uint32_t code;
    switch (kind) {
    case 'n':
        return put_utf8('\n', out, length);
    case 't':
        return put_utf8('\t', out, length);
    case 'r':
        return put_utf8('\r', out, length);
    case '\\':
    case '\'':
    case '"':
    case '/':
        return put_utf8((unsigned char)kind, out, length);
    case 'x':
        return read_hex(at, 2, &code) && put_utf8(code, out, length);
    case 'u':
        if (!read_hex(at, 4, &code))
            return false;
        if (code >= 0xd800 && code < 0xdc00 && (*at)[0] == '\\' && (*at)[1] == 'u') { /* JSON writes pairs */
            const char *second = *at + 2;
            uint32_t low;
            if (read_hex(&second, 4, &low) && low >= 0xdc00 && low < 0xe000) {
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                *at = second;
            }
        }
        return put_utf8(code, out, length);
    case 'U':
        return read_hex(at, 8, &code) && put_utf8(code, out, length);
    default:
        return false;
    }
}

static bool read_string(const char **at, char *out, size_t *length)
{
    char quote = **at;
    if (quote != '\'' && quote != '"')
        return false;
    (*at)++;
    *length = 0;
    while (**at != quote) {
        if (!**at)
            return false;
        if (**at == '\\') {
            (*at)++;
            if (!**at || !read_escape(at, out, length))
                return false;
        } else {
            if (*length == STRING_BYTES - 1)
                return false;
            out[(*length)++] = *(*at)++;
        }
    }
    (*at)++;
    out[*length] = 0;
    return true;
}

static bool read_id(const char **at, int *id)
{
    char digits[STRING_BYTES];
    size_t length;
    const char *from = *at;
    bool quoted = *from == '\'' || *from == '"';
    if (quoted) {
        if (!read_string(at, digits, &length))
            return false;
        from = digits;
    }
    if (*from < '0' || *from > '9')
        return false;
    char *end;
    long value = strtol(from, &end, 10);
    if (value < 0 || value >= MOST_IDS || (quoted && *end))
        return false;
    if (!quoted)
        *at = end;
    *id = (int)value;
    return true;
}

bool literal_names(const char *text, literal_name_function *each, void *context)
{
    char name[STRING_BYTES];
    size_t length;
    const char *at = skip_space(text);
    char open = *at++, close = open == '{' ? '}' : open == '[' ? ']' : ')';
    if (open != '{' && open != '[' && open != '(')
        return false;
    for (int next = 0; next < MOST_IDS; next++) {
        int id = next;
        at = skip_space(at);
        if (*at == close)
            return next > 0;
        if (open == '{') {
            if (!read_id(&at, &id))
                return false;
            at = skip_space(at);
            if (*at++ != ':')
                return false;
            at = skip_space(at);
        }
        if (!read_string(&at, name, &length) || !each(context, id, name, length))
            return false;
        at = skip_space(at);
        if (*at == ',')
            at++;
        else if (*at != close)
            return false;
    }
    return false;
}

int literal_ints(const char *text, int *values, int capacity)
{
    const char *at = skip_space(text);
    bool list = *at == '[' || *at == '(';
    int count = 0;
    if (list)
        at++;
    while (count < capacity) {
        char *end;
        at = skip_space(at);
        if ((*at < '0' || *at > '9') && *at != '-')
            break;
        long value = strtol(at, &end, 10);
        if (end == at || value < -1000000000 || value > 1000000000)
            return 0;
        if (*end == '.') /* 640.0 */
            end += 1 + strspn(end + 1, "0");
        values[count++] = (int)value;
        at = skip_space(end);
        if (!list || *at != ',')
            break;
        at++;
    }
    at = skip_space(at);
    if (list && *at != ']' && *at != ')')
        return 0;
    return count;
}

bool literal_true(const char *text)
{
    text = skip_space(text);
    size_t length = strcspn(text, ", \t\r\n}])");
    return (length == 4 && (!memcmp(text, "True", 4) || !memcmp(text, "true", 4))) || (length == 1 && *text == '1');
}

bool literal_flag(const char *dict, const char *key)
{
    char word[STRING_BYTES];
    size_t length;
    for (const char *at = dict; *at;) {
        if (*at != '\'' && *at != '"') {
            at++;
            continue;
        }
        if (!read_string(&at, word, &length))
            return false;
        const char *after = skip_space(at);
        if (*after == ':' && !strcmp(word, key))
            return literal_true(after + 1);
    }
    return false;
}
