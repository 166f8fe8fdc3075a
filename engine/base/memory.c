/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Aligned memory, shared buffers and the bump arena. An arena is a list of chunks that grow with what was asked for;
 * under AddressSanitizer its blocks are kept apart by poisoned bytes, so that an overrun is seen. */
#include "base/memory.h"

#include <assert.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/poison.h"
#include "base/region.h"
#include "base/size.h"

/* Activations and the like; below that too much of a huge page would be left over. */
#define HUGE_FROM ((size_t)4 << 20)
#define DEFAULT_LIMIT ((uint64_t)16 << 30)

size_t memory_limit(const onyx_options *options)
{
    const size_t given = options ? options->max_memory_bytes : 0;
    return given ? given : (size_t)MIN(DEFAULT_LIMIT, (uint64_t)SIZE_MAX);
}

void *memory_alloc(size_t bytes)
{
    size_t whole;
    if (!size_add(bytes, ONYX_SLACK + ONYX_ALIGNMENT - 1, &whole))
        return NULL;
    whole &= ~(size_t)(ONYX_ALIGNMENT - 1);
    if (whole < HUGE_FROM)
        return aligned_alloc(ONYX_ALIGNMENT, whole);
    void *memory;
    if (posix_memalign(&memory, REGION_HUGE, whole) != 0)
        return NULL;
    region_wish_huge(memory, whole);
    return memory;
}

void *memory_alloc_zero(size_t bytes)
{
    void *memory = memory_alloc(bytes);
    if (memory)
        memset(memory, 0, bytes + ONYX_SLACK);
    return memory;
}

void memory_free(void *memory)
{
    free(memory);
}

struct buffer {
    atomic_size_t references;
    void *data;
    size_t bytes;
    void (*release)(void *owner);
    void *owner;
};

static buffer *buffer_make(void *data, size_t bytes, void (*release)(void *), void *owner)
{
    buffer *b = malloc(sizeof *b);
    if (!b)
        return NULL;
    atomic_init(&b->references, 1);
    b->data = data;
    b->bytes = bytes;
    b->release = release;
    b->owner = owner;
    return b;
}

buffer *buffer_new(size_t bytes)
{
    void *data = memory_alloc(bytes);
    if (!data)
        return NULL;
    buffer *b = buffer_make(data, bytes, memory_free, data);
    if (!b)
        memory_free(data);
    return b;
}

buffer *buffer_wrap(const void *data, size_t bytes, void (*release)(void *owner), void *owner)
{
    return buffer_make((void *)(uintptr_t)data, bytes, release, owner);
}

buffer *buffer_ref(buffer *b)
{
    atomic_fetch_add_explicit(&b->references, 1, memory_order_relaxed);
    return b;
}

void buffer_unref(buffer *b)
{
    if (!b)
        return;
    size_t before = atomic_fetch_sub_explicit(&b->references, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before != 1)
        return;
    if (b->release)
        b->release(b->owner);
    free(b);
}

void *buffer_data(const buffer *b)
{
    return b->data;
}

bool buffer_is_borrowed(const buffer *b)
{
    return !b->release;
}

size_t buffer_size(const buffer *b)
{
    return b->bytes;
}

#define ARENA_ALIGNMENT 16
#define ARENA_FIRST_CHUNK ((size_t)4 << 10)
#define ARENA_LAST_CHUNK ((size_t)1 << 20)

typedef struct chunk {
    struct chunk *next;
    size_t capacity, used;
} chunk;

#define CHUNK_HEADER size_align(sizeof(chunk), ARENA_ALIGNMENT)

struct arena {
    chunk *chunks; /* the first one is filled, the others are full */
    size_t limit, used, next_chunk;
};

arena *arena_new(size_t limit_bytes)
{
    arena *a = calloc(1, sizeof *a);
    if (a) {
        a->limit = limit_bytes ? limit_bytes : SIZE_MAX;
        a->next_chunk = ARENA_FIRST_CHUNK;
    }
    return a;
}

void arena_free(arena *a)
{
    if (!a)
        return;
    for (chunk *c = a->chunks, *next; c; c = next) {
        next = c->next;
        memory_show(c, CHUNK_HEADER + c->capacity);
        free(c);
    }
    free(a);
}

static chunk *chunk_new(size_t capacity)
{
    size_t whole;
    if (!size_add(capacity, CHUNK_HEADER, &whole))
        return NULL;
    chunk *c = calloc(1, whole);
    if (c) {
        c->capacity = capacity;
        memory_hide((char *)c + CHUNK_HEADER, capacity);
    }
    return c;
}

/* A chunk with room for `bytes`; a block larger than a chunk gets one of its own, behind the one being filled. */
static chunk *arena_room(arena *a, size_t bytes)
{
    chunk *first = a->chunks;
    if (first && first->capacity - first->used >= bytes)
        return first;
    if (bytes > a->next_chunk / 2) {
        chunk *own = chunk_new(bytes);
        if (own && first) {
            own->next = first->next;
            first->next = own;
        } else if (own) {
            a->chunks = own;
        }
        return own;
    }
    chunk *c = chunk_new(a->next_chunk);
    if (c) {
        c->next = first;
        a->chunks = c;
        a->next_chunk = MIN(a->next_chunk * 2, ARENA_LAST_CHUNK);
    }
    return c;
}

void *arena_alloc(arena *a, size_t bytes)
{
    size_t whole, used;
    if (!size_add(bytes, ARENA_ALIGNMENT - 1 + MEMORY_GAP, &whole))
        return NULL;
    whole &= ~(size_t)(ARENA_ALIGNMENT - 1);
    if (!size_add(a->used, whole, &used) || used > a->limit)
        return NULL;
    chunk *c = arena_room(a, whole);
    if (!c)
        return NULL;
    char *memory = (char *)c + CHUNK_HEADER + c->used;
    c->used += whole;
    a->used = used;
    memory_show(memory, bytes);
    return memory;
}

void *arena_alloc_aligned(arena *a, size_t bytes)
{
    size_t whole;
    if (!size_add(bytes, ONYX_SLACK + ONYX_ALIGNMENT, &whole))
        return NULL;
    char *memory = arena_alloc(a, whole);
    return memory ? memory + (-(uintptr_t)memory & (ONYX_ALIGNMENT - 1)) : NULL;
}

char *arena_string(arena *a, const char *text, size_t length)
{
    if (length == SIZE_MAX)
        return NULL;
    char *copy = arena_alloc(a, length + 1);
    if (copy && length)
        memcpy(copy, text, length);
    return copy;
}

char *arena_printf(arena *a, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = length < 0 ? NULL : arena_alloc(a, (size_t)length + 1);
    if (text)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

void *arena_copy(arena *a, const void *data, size_t bytes)
{
    void *copy = arena_alloc(a, bytes);
    if (copy && bytes)
        memcpy(copy, data, bytes);
    return copy;
}

size_t arena_used(const arena *a)
{
    return a->used;
}
