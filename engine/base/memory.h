/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Aligned memory, shared byte buffers and the bump arena for what lives as long as a model or a graph. */
#ifndef ONYX_BASE_MEMORY_H
#define ONYX_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "onyx.h"

/* max_memory_bytes, or its default where the options (or NULL) do not say. */
size_t memory_limit(const onyx_options *options);

/* 64-byte aligned, at least ONYX_SLACK bytes longer than asked for; NULL when memory is out. memory_free takes NULL. */
void *memory_alloc(size_t bytes);
void *memory_alloc_zero(size_t bytes);
void memory_free(void *memory);

/* A reference-counted block of bytes: constants, weights. Thread-safe counts. */
typedef struct buffer buffer;
buffer *buffer_new(size_t bytes); /* uninitialised, aligned; NULL when memory is out */
/* Wraps memory of somebody else; `release` (or NULL) runs when the last reference goes. */
buffer *buffer_wrap(const void *data, size_t bytes, void (*release)(void *owner), void *owner);
buffer *buffer_ref(buffer *b);
void buffer_unref(buffer *b); /* NULL is allowed */
void *buffer_data(const buffer *b);
/* Whether the bytes belong to somebody who outlives the buffer: wrapped without `release`. */
bool buffer_is_borrowed(const buffer *b);
size_t buffer_size(const buffer *b);

/* Bump arena. Nothing is freed before the arena. All return NULL when memory is out or `limit` is reached. */
typedef struct arena arena;
arena *arena_new(size_t limit_bytes); /* 0: no limit */
void arena_free(arena *a);
void *arena_alloc(arena *a, size_t bytes);         /* zeroed, 16-byte aligned */
void *arena_alloc_aligned(arena *a, size_t bytes); /* zeroed, for kernels: ONYX_ALIGNMENT, ONYX_SLACK behind */
char *arena_string(arena *a, const char *text, size_t length);
char *arena_printf(arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
void *arena_copy(arena *a, const void *data, size_t bytes);
size_t arena_used(const arena *a);

#endif
