/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Text from outside that must be UTF-8 further on: names, metadata, messages. */
#ifndef ONYX_BASE_UTF8_H
#define ONYX_BASE_UTF8_H

#include <stddef.h>

/* Bytes of the valid UTF-8 character at `text`, which has `length` bytes; 0 where there is none. */
size_t utf8_character(const char *text, size_t length);
/* Replaces, in place, each byte that is part of no valid character, and each zero byte, by '?'. */
void utf8_repair(char *text, size_t length);

#endif
