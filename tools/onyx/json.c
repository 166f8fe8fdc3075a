/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See json.h. */
#include "json.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>

/* Length of the UTF-8 sequence at `text` (RFC 3629: no overlong forms, no surrogates), 0 if it is none. */
static int utf8_length(const unsigned char *text)
{
    unsigned char a = text[0];
    if (a < 0x80)
        return 1;
    if (a < 0xc2 || a > 0xf4)
        return 0;
    int length = a < 0xe0 ? 2 : a < 0xf0 ? 3 : 4;
    for (int i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if ((a == 0xe0 && text[1] < 0xa0) || (a == 0xed && text[1] >= 0xa0) || (a == 0xf0 && text[1] < 0x90) ||
        (a == 0xf4 && text[1] >= 0x90))
        return 0;
    return length;
}

static void quoted(FILE *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    fputc('"', out);
    while (*at) {
        int length = utf8_length(at);
        if (length == 0) {
            fputs("\\ufffd", out);
            at++;
        } else if (*at == '"' || *at == '\\') {
            fprintf(out, "\\%c", *at++);
        } else if (*at < 0x20) {
            fprintf(out, "\\u%04x", *at++);
        } else {
            fwrite(at, 1, (size_t)length, out);
            at += length;
        }
    }
    fputc('"', out);
}

static void lead(json *j, const char *key)
{
    if (j->some[j->depth])
        fputs(", ", j->out);
    j->some[j->depth] = true;
    if (key) {
        quoted(j->out, key);
        fputs(": ", j->out);
    }
}

void json_begin(json *j, const char *key, char bracket)
{
    lead(j, key);
    fputc(bracket, j->out);
    assert(j->depth + 1 < JSON_DEPTH_MAX);
    j->some[++j->depth] = false;
}

void json_end(json *j, char bracket)
{
    fputc(bracket, j->out);
    if (--j->depth == 0) {
        fputc('\n', j->out);
        j->some[0] = false;
    }
}

void json_text(json *j, const char *key, const char *value)
{
    lead(j, key);
    if (value)
        quoted(j->out, value);
    else
        fputs("null", j->out);
}

void json_int(json *j, const char *key, int64_t value)
{
    lead(j, key);
    fprintf(j->out, "%lld", (long long)value);
}

void json_number(json *j, const char *key, double value)
{
    lead(j, key);
    if (isfinite(value))
        fprintf(j->out, "%.9g", value);
    else
        fputs("null", j->out);
}

void json_bool(json *j, const char *key, bool value)
{
    lead(j, key);
    fputs(value ? "true" : "false", j->out);
}

void json_dims(json *j, const char *key, int rank, const int64_t *dims, const char *const *names)
{
    if (rank < 0) {
        json_text(j, key, NULL);
        return;
    }
    json_begin(j, key, '[');
    for (int i = 0; i < rank; i++) {
        if (dims[i] >= 0)
            json_int(j, NULL, dims[i]);
        else
            json_text(j, NULL, names ? names[i] : NULL);
    }
    json_end(j, ']');
}
