/* SPDX-License-Identifier: BSD-2-Clause */
#include "cpu/attention_half.h"

#include <string.h>

#include "base/size.h"
#include "cpu/kernels.h"
#include "cpu/spans.h"

enum { LINE = 64, LANES = 16, TURN_ROWS = 16, TURN = 64, MOST = 1 << 24 /* places are ints */ };
enum { LEAST = 50 }; /* keys: windows of 7 x 7 are as fast in float32 */

/* Rows of so many numbers, an odd number of lines apart, so that they do not push each other out of the cache. */
static size_t row_bytes(size_t k)
{
    return (span_ceil_div(k, HALF_STEP) | 1) * LINE;
}

static size_t left_bytes(size_t rows, size_t k)
{
    return size_align(rows, HALF_TILE_READS) * row_bytes(k);
}

static size_t panel_bytes(size_t k)
{
    return span_ceil_div(k, HALF_STEP) * HALF_STEP * ATTENTION_COLUMNS * sizeof(uint16_t);
}

bool attention_half_fits(const cpu_kernels *kernels, const attention_shape *s)
{
    return kernels->half.format == HALF_BFLOAT16 && kernels->half.tiles.run &&
           kernels->gemm.cols == ATTENTION_COLUMNS && s->keys >= LEAST && s->keys <= MOST && s->width <= MOST &&
           s->depth <= MOST;
}

/* Scratch: keys, values, panel, zeros for the bias, places of outputs, offsets of steps. */
typedef struct layout {
    size_t values, panel, bias, places, offsets, end;
} layout;

static layout layout_of(const attention_shape *s)
{
    layout l = { .values = left_bytes(s->keys, s->depth) };
    l.panel = l.values + left_bytes(s->width, s->keys);
    l.bias = l.panel + panel_bytes(MAX(s->depth, s->keys));
    l.places = l.bias + ATTENTION_COLUMNS * sizeof(float);
    l.offsets = l.places + size_align(MAX(s->keys, s->width) * sizeof(int32_t), LINE);
    l.end = size_align(l.offsets + span_ceil_div(MAX(s->depth, s->keys), HALF_STEP) * sizeof(int32_t), LINE);
    return l;
}

size_t attention_half_bytes(const attention_shape *shape)
{
    return layout_of(shape).end;
}

/* Rounds a left operand [rows, k], stored by rows, or by columns (transposed); zeros behind k. */
static void round_left(const cpu_kernels *kernels, const float *src, size_t stride, bool transposed, size_t rows,
                       size_t k, char *dst)
{
    const size_t row = row_bytes(k), whole = span_ceil_div(k, HALF_STEP) * HALF_STEP;
    float turned[TURN_ROWS * TURN];
    for (size_t i = 0; i < rows; i++) {
        uint16_t *to = (uint16_t *)(void *)(dst + i * row);
        if (!transposed)
            kernels->half.from_float(src + i * stride, to, k);
        if (k < whole)
            memset(to + k, 0, (whole - k) * sizeof(*to));
    }
    for (size_t first = 0; transposed && first < rows; first += TURN_ROWS)
        for (size_t at = 0; at < k; at += TURN) {
            const size_t count = MIN(rows - first, (size_t)TURN_ROWS), n = MIN(k - at, (size_t)TURN);
            kernels->layout.transpose((const uint32_t *)(src + at * stride + first), stride, (uint32_t *)turned, TURN,
                                      n, count);
            for (size_t i = 0; i < count; i++)
                kernels->half.from_float(turned + i * TURN, (uint16_t *)(void *)(dst + (first + i) * row) + at, n);
        }
}

void attention_half_begin(attention_half *half, const attention_plan *plan, const attention_arguments *arguments,
                          void *scratch)
{
    const attention_shape *s = &plan->shape;
    const layout l = layout_of(s);
    char *base = scratch;
    int32_t *places = (int32_t *)(void *)(base + l.places), *offsets = (int32_t *)(void *)(base + l.offsets);
    half->tiles = &plan->kernels->half.tiles;
    half->shape = s;
    half->keys = base;
    half->values = base + l.values;
    half->panel = (uint16_t *)(void *)(base + l.panel);
    half->products = (half_products){ .offsets = offsets, .places = places, .block_out = LANES, .wide_dst = true };
    half->bias = memset(base + l.bias, 0, ATTENTION_COLUMNS * sizeof(float));
    for (size_t i = 0; i < MAX(s->keys, s->width); i++)
        places[i] = (int32_t)i * ATTENTION_COLUMNS;
    for (size_t i = 0; i < span_ceil_div(MAX(s->depth, s->keys), HALF_STEP); i++)
        offsets[i] = (int32_t)i * LINE;
    round_left(plan->kernels, arguments->k, arguments->k_stride, s->k_transposed, s->keys, s->depth, half->keys);
    round_left(plan->kernels, arguments->v, arguments->v_stride, !s->v_transposed, s->width, s->keys, half->values);
}

/* dst [rows][ATTENTION_COLUMNS] = left [rows, k] * right [k][ATTENTION_COLUMNS], or more of dst. */
static void multiply(attention_half *half, const char *left, size_t rows, const float *right, size_t k, bool added,
                     float *dst, int columns)
{
    half_products *p = &half->products;
    const half_line line = { .src = left,
                             .weights = half->panel,
                             .bias = half->bias,
                             .addend = added ? dst : NULL,
                             .dst = dst,
                             .filters = columns / LANES,
                             .count = (int)rows };
    half->tiles->columns(right, ATTENTION_COLUMNS, k, line.filters, half->panel);
    p->steps = p->wide = (int)span_ceil_div(k, HALF_STEP);
    p->strides[0] = (ptrdiff_t)row_bytes(k);
    half->tiles->begin(p);
    half->tiles->run(p, &line);
    half->tiles->end(p);
}

void attention_half_scores(attention_half *half, const float *q, float *scores, bool added, int columns)
{
    const attention_shape *s = half->shape;
    multiply(half, half->keys, s->keys, q, s->depth, added, scores, columns);
}

void attention_half_result(attention_half *half, const float *powers, float *result, int columns)
{
    const attention_shape *s = half->shape;
    multiply(half, half->values, s->width, powers, s->keys, false, result, columns);
}
