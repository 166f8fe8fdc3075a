/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Sizes are checked where they enter. Each function returns false on overflow and leaves *result alone then. */
#ifndef ONYX_BASE_SIZE_H
#define ONYX_BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool size_add(size_t a, size_t b, size_t *result)
{
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *result = sum;
    return true;
}

static inline bool size_mul(size_t a, size_t b, size_t *result)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *result = product;
    return true;
}

/* Product of dims, all of which must be >= 0. */
bool size_count(const int64_t *dims, int rank, size_t *count);

static inline size_t size_align(size_t bytes, size_t alignment) /* a power of two */
{
    return (bytes + alignment - 1) & ~(alignment - 1);
}

/* Every buffer that kernels see starts on this boundary. */
#define ONYX_ALIGNMENT 64
/* Bytes behind every such buffer that may be read (their content is never used); never written: a view's neighbour may
 * live there. */
#define ONYX_SLACK 64

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#endif
