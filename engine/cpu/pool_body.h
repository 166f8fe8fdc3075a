/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Pooling of one channel block (= one vector per pixel), in the words of simd_*.h. Max and sum are separable: each
 * input row is reduced along x once into a ring of rows in scratch, then the ring's rows are reduced along y. The order
 * of operations depends on the shape alone. */
#ifndef ONYX_CPU_POOL_BODY_H
#define ONYX_CPU_POOL_BODY_H

#include <assert.h>
#include <math.h>
#include <stddef.h>

#include "cpu/pool.h"

typedef vf pool_vector_op(vf a, vf b);

#define POOL_INLINE static inline __attribute__((always_inline))

/* One output vector from taps `step` floats apart. */
POOL_INLINE vf pool_reduce(const float *src, size_t step, int taps, vf empty, pool_vector_op *op)
{
    if (taps <= 0)
        return empty;
    vf r = vf_load(src);
    for (int k = 1; k < taps; k++)
        r = op(r, vf_load(src + (size_t)k * step));
    return r;
}

POOL_INLINE void pool_row_edge(const pool_shape *s, const float *row, float *out, int from, int to, vf empty,
                               pool_vector_op *op)
{
    for (int x = from; x < to; x++) {
        int start = x * s->stride_w - s->pad_left, first, last;
        pool_taps(start, s->kernel_w, s->dilation_w, s->w_in, &first, &last);
        const float *src = row + (ptrdiff_t)(start + first * s->dilation_w) * VF_LANES;
        vf_store(out + (size_t)x * VF_LANES,
                 pool_reduce(src, (size_t)s->dilation_w * VF_LANES, last - first, empty, op));
    }
}

/* Output columns [*from, *to) whose taps all lie inside the row. */
static inline void pool_inner(const pool_shape *s, int *from, int *to)
{
    int extent = (s->kernel_w - 1) * s->dilation_w;
    *from = (s->pad_left + s->stride_w - 1) / s->stride_w;
    int last = s->w_in - 1 - extent + s->pad_left;
    *to = last < 0 ? 0 : last / s->stride_w + 1;
    if (*to > s->w_out)
        *to = s->w_out;
    if (*from > *to)
        *from = *to;
}

/* Four neighbouring outputs at once: independent chains hide the latency of op. */
POOL_INLINE void pool_row(const pool_shape *s, const float *row, float *out, int inner_from, int inner_to, int taps,
                          vf empty, pool_vector_op *op)
{
    size_t next = (size_t)s->stride_w * VF_LANES, step = (size_t)s->dilation_w * VF_LANES;
    pool_row_edge(s, row, out, 0, inner_from, empty, op);
    int x = inner_from;
    for (; x + 4 <= inner_to; x += 4) {
        const float *src = row + (ptrdiff_t)(x * s->stride_w - s->pad_left) * VF_LANES;
        vf r0 = vf_load(src), r1 = vf_load(src + next), r2 = vf_load(src + 2 * next), r3 = vf_load(src + 3 * next);
        for (int k = 1; k < taps; k++) {
            const float *p = src + (size_t)k * step;
            r0 = op(r0, vf_load(p));
            r1 = op(r1, vf_load(p + next));
            r2 = op(r2, vf_load(p + 2 * next));
            r3 = op(r3, vf_load(p + 3 * next));
        }
        float *o = out + (size_t)x * VF_LANES;
        vf_store(o, r0);
        vf_store(o + VF_LANES, r1);
        vf_store(o + 2 * VF_LANES, r2);
        vf_store(o + 3 * VF_LANES, r3);
    }
    for (; x < inner_to; x++) {
        const float *src = row + (ptrdiff_t)(x * s->stride_w - s->pad_left) * VF_LANES;
        vf_store(out + (size_t)x * VF_LANES, pool_reduce(src, step, taps, empty, op));
    }
    pool_row_edge(s, row, out, inner_to, s->w_out, empty, op);
}

/* The usual kernel widths as constants. */
POOL_INLINE void pool_row_any(const pool_shape *s, const float *row, float *out, int from, int to, vf empty,
                              pool_vector_op *op)
{
    if (s->kernel_w == 5)
        pool_row(s, row, out, from, to, 5, empty, op);
    else if (s->kernel_w == 3)
        pool_row(s, row, out, from, to, 3, empty, op);
    else if (s->kernel_w == 2)
        pool_row(s, row, out, from, to, 2, empty, op);
    else
        pool_row(s, row, out, from, to, s->kernel_w, empty, op);
}

POOL_INLINE void pool_merge_row(const float *src, float *dst, int w, pool_vector_op *op)
{
    for (int x = 0; x < w; x++) {
        size_t i = (size_t)x * VF_LANES;
        vf_store(dst + i, op(vf_load(dst + i), vf_load(src + i)));
    }
}

/* dst row = reduction of `rows` rows, at most five at a time so that dst is touched seldom. */
POOL_INLINE void pool_reduce_rows(const float *const *rows, int count, float *dst, int w, vf empty, pool_vector_op *op)
{
    size_t n = (size_t)w * VF_LANES;
    if (count == 0) {
        for (size_t i = 0; i < n; i += VF_LANES)
            vf_store(dst + i, empty);
    } else if (count == 5) {
        for (size_t i = 0; i < n; i += VF_LANES) {
            vf a = op(vf_load(rows[0] + i), vf_load(rows[1] + i)), b = op(vf_load(rows[2] + i), vf_load(rows[3] + i));
            vf_store(dst + i, op(op(a, b), vf_load(rows[4] + i)));
        }
    } else if (count == 3) {
        for (size_t i = 0; i < n; i += VF_LANES)
            vf_store(dst + i, op(op(vf_load(rows[0] + i), vf_load(rows[1] + i)), vf_load(rows[2] + i)));
    } else {
        for (size_t i = 0; i < n; i += VF_LANES)
            vf_store(dst + i, vf_load(rows[0] + i));
        for (int k = 1; k < count; k++)
            pool_merge_row(rows[k], dst, w, op);
    }
}

/* The whole block: dst = op over each window; `empty` where a window holds no element. */
POOL_INLINE void pool_plane(const pool_shape *s, const float *src, float *dst, void *scratch, vf empty,
                            pool_vector_op *op)
{
    assert(s->block == VF_LANES);
    size_t in_row = (size_t)s->w_in * VF_LANES, out_row = (size_t)s->w_out * VF_LANES;
    int ring = (s->kernel_h - 1) * s->dilation_h + 1, done = 0, inner_from, inner_to; /* rows < done are in the ring */
    if (ring > s->h_in)
        ring = s->h_in;
    float *rows = scratch;
    pool_inner(s, &inner_from, &inner_to);
    for (int y = 0; y < s->h_out; y++) {
        int start = y * s->stride_h - s->pad_top, first, last;
        pool_taps(start, s->kernel_h, s->dilation_h, s->h_in, &first, &last);
        int end = last > first ? start + (last - 1) * s->dilation_h + 1 : 0;
        /* From the window's start, not its first tap: with a dilation the next window may use the rows between. */
        for (done = done > start ? done : start; done < end; done++)
            pool_row_any(s, src + (size_t)done * in_row, rows + (size_t)(done % ring) * out_row, inner_from, inner_to,
                         empty, op);
        float *out = dst + (size_t)y * out_row;
        const float *window[5];
        int k = first, filled = 0;
        for (; k < last && filled < 5; k++)
            window[filled++] = rows + (size_t)((start + k * s->dilation_h) % ring) * out_row;
        pool_reduce_rows(window, filled, out, s->w_out, empty, op);
        for (; k < last; k++)
            pool_merge_row(rows + (size_t)((start + k * s->dilation_h) % ring) * out_row, out, s->w_out, op);
    }
}

static void pool_max(const pool_shape *shape, const float *src, float *dst, int channel_block, void *scratch)
{
    size_t block = (size_t)channel_block * VF_LANES;
    pool_plane(shape, src + block * (size_t)shape->h_in * (size_t)shape->w_in,
               dst + block * (size_t)shape->h_out * (size_t)shape->w_out, scratch, vf_set1(-INFINITY), vf_max_nan);
}

/* Taps [first, last) of N windows, `next` floats apart, over all rows: row by row, as pool_plane does. */
POOL_INLINE void pool_max_windows(const float *const *rows, int count, ptrdiff_t at, size_t step, int first, int last,
                                  float *dst, ptrdiff_t next, const int N)
{
    vf all[4];
    for (int i = 0; i < N; i++)
        all[i] = vf_set1(-INFINITY);
    for (int row = 0; row < count && first < last; row++) {
        const float *src = rows[row] + at + (ptrdiff_t)step * first;
        for (int i = 0; i < N; i++) {
            const vf r = pool_reduce(src + i * next, step, last - first, all[i], vf_max_nan);
            all[i] = row ? vf_max_nan(all[i], r) : r;
        }
    }
    for (int i = 0; i < N; i++)
        vf_store(dst + i * VF_LANES, all[i]);
}

POOL_INLINE void pool_max_row_of(const pool_shape *s, const float *const *rows, int count, float *dst, int taps)
{
    const size_t step = (size_t)s->dilation_w * VF_LANES;
    const ptrdiff_t next = (ptrdiff_t)s->stride_w * VF_LANES;
    int inner_from, inner_to, x = 0;
    pool_inner(s, &inner_from, &inner_to);
    while (x < s->w_out) {
        const int start = x * s->stride_w - s->pad_left;
        float *out = dst + (ptrdiff_t)x * VF_LANES;
        if (x >= inner_from && x + 4 <= inner_to) {
            pool_max_windows(rows, count, (ptrdiff_t)start * VF_LANES, step, 0, taps, out, next, 4);
            x += 4;
            continue;
        }
        int first, last;
        pool_taps(start, s->kernel_w, s->dilation_w, s->w_in, &first, &last);
        pool_max_windows(rows, count, (ptrdiff_t)start * VF_LANES, step, first, last, out, next, 1);
        x++;
    }
}

static void pool_max_row(const pool_shape *s, const float *const *rows, int count, float *dst)
{
    if (s->kernel_w == 2)
        pool_max_row_of(s, rows, count, dst, 2);
    else if (s->kernel_w == 3)
        pool_max_row_of(s, rows, count, dst, 3);
    else
        pool_max_row_of(s, rows, count, dst, s->kernel_w);
}

/* Sums become averages in place. The number of taps that count is separable too. */
static void pool_average(const pool_shape *s, const float *src, float *dst, int channel_block, void *scratch)
{
    size_t block = (size_t)channel_block * VF_LANES;
    dst += block * (size_t)s->h_out * (size_t)s->w_out;
    pool_plane(s, src + block * (size_t)s->h_in * (size_t)s->w_in, dst, scratch, vf_zero(), vf_add);
    int inner_from, inner_to;
    pool_inner(s, &inner_from, &inner_to);
    for (int y = 0; y < s->h_out; y++) {
        int rows = pool_divisor_y(s, y);
        vf inner = vf_set1(rows ? 1.0f / (float)(rows * s->kernel_w) : 0.0f);
        for (int x = 0; x < s->w_out; x++, dst += VF_LANES) {
            vf factor = inner;
            if (x < inner_from || x >= inner_to) {
                int taps = rows * pool_divisor_x(s, x);
                factor = vf_set1(taps ? 1.0f / (float)taps : 0.0f);
            }
            vf_store(dst, vf_mul(vf_load(dst), factor));
        }
    }
}

static void pool_global_average(const pool_shape *s, const float *src, float *dst, int channel_block, void *scratch)
{
    (void)scratch;
    size_t n = (size_t)s->h_in * (size_t)s->w_in, i = 0;
    src += (size_t)channel_block * VF_LANES * n;
    vf sum[4] = { vf_zero(), vf_zero(), vf_zero(), vf_zero() };
    for (; i + 4 <= n; i += 4)
        for (int k = 0; k < 4; k++)
            sum[k] = vf_add(sum[k], vf_load(src + (i + (size_t)k) * VF_LANES));
    for (; i < n; i++)
        sum[0] = vf_add(sum[0], vf_load(src + i * VF_LANES));
    vf all = vf_add(vf_add(sum[0], sum[1]), vf_add(sum[2], sum[3]));
    vf_store(dst + (size_t)channel_block * VF_LANES, vf_div(all, vf_set1((float)n)));
}

static void pool_body_fill(pool_kernels *kernels)
{
    kernels->max = pool_max;
    kernels->max_row = pool_max_row;
    kernels->average = pool_average;
    kernels->global_average = pool_global_average;
}

#endif
