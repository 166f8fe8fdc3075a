/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Writes JSON (RFC 8259) to a stream, commas and escapes taken care of. Engine-only verbs use this instead of a
 * library, so that the command needs nothing but the engine. Text that is not UTF-8 is replaced byte by byte. */
#ifndef ONYX_TOOLS_JSON_H
#define ONYX_TOOLS_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { JSON_DEPTH_MAX = 16 };

typedef struct json {
    FILE *out;
    int depth;
    bool some[JSON_DEPTH_MAX]; /* a member was written at this depth */
} json;

/* `key` is NULL inside arrays and at the top. */
void json_begin(json *j, const char *key, char bracket);     /* '{' or '[' */
void json_end(json *j, char bracket);                        /* '}' or ']'; a newline after the outermost */
void json_text(json *j, const char *key, const char *value); /* NULL: null */
void json_int(json *j, const char *key, int64_t value);
void json_number(json *j, const char *key, double value); /* NaN and infinities become null */
void json_bool(json *j, const char *key, bool value);
void json_dims(json *j, const char *key, int rank, const int64_t *dims, const char *const *names);

#endif
