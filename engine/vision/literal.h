/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The few literals that exporters leave in a model's metadata: Python's (and JSON's) dicts and lists of strings,
 * lists of numbers, flags. Text from outside: anything else is refused, never guessed. */
#ifndef ONYX_VISION_LITERAL_H
#define ONYX_VISION_LITERAL_H

#include <stdbool.h>
#include <stddef.h>

/* Called for each name; `text` is not terminated and only valid during the call. */
typedef bool literal_name_function(void *context, int id, const char *text, size_t length);

/* {0: 'person', 1: "it's"}, {"0": "person"} or ['person', ...]. False when the text is no such thing, an id is not in
 * 0..99999, a string is longer than 255 bytes, or `each` returns false. Escapes are resolved (to UTF-8). */
bool literal_names(const char *text, literal_name_function *each, void *context);
/* "[640, 480]", "(17, 3)" or "640" -> how many numbers there are, at most `capacity`; 0 when it is no such thing. */
int literal_ints(const char *text, int *values, int capacity);
/* True, true or 1. */
bool literal_true(const char *text);
/* The flag at `key` of a dict such as {'nms': True, 'half': False}; false when it is not there. */
bool literal_flag(const char *dict, const char *key);

#endif
