/* SPDX-License-Identifier: BSD-2-Clause
 *
 * How the matrix products cut rows, columns and slices: sizes of a memory, where the convolutions' cuts are ints. */
#ifndef ONYX_CPU_SPANS_H
#define ONYX_CPU_SPANS_H

#include <stddef.h>

typedef struct span {
    size_t begin, end;
} span;

static inline size_t span_ceil_div(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

/* Part i of n of `total`: sizes differ by at most one, the larger ones come first. */
static inline span span_cut(size_t total, size_t n, size_t i)
{
    const size_t size = total / n, larger = total % n, begin = i * size + (i < larger ? i : larger);
    return (span){ begin, begin + size + (i < larger) };
}

#endif
