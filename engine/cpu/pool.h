/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Pooling on blocked float32, one image. A part is one channel block. */
#ifndef ONYX_CPU_POOL_H
#define ONYX_CPU_POOL_H

#include <stdbool.h>
#include <stddef.h>

typedef struct pool_shape {
    int channel_blocks, block;
    int h_in, w_in, h_out, w_out;
    int kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
    bool count_include_pad; /* average: divide by the window clipped to the padded input */
    int pad_bottom, pad_right;
} pool_shape;

/* src, dst: all of the image. NaN wins in max, as in ONNX Runtime. scratch: pool_scratch_bytes per worker. */
typedef void pool_f32(const pool_shape *shape, const float *src, float *dst, int channel_block, void *scratch);

/* A row of one block's outputs from `count` rows of its input, those that its window has inside; only the members for
 * columns and the block are read of the shape. */
enum { POOL_MOST_ROWS = 16 };
typedef void pool_row_f32(const pool_shape *shape, const float *const *rows, int count, float *dst);

size_t pool_scratch_bytes(const pool_shape *shape);

/* Taps [*first, *last) of a window that starts at `start` (may be negative) which lie inside [0, size). */
static inline void pool_taps(int start, int taps, int dilation, int size, int *first, int *last)
{
    int from = start < 0 ? (-start + dilation - 1) / dilation : 0;
    int to = start >= size ? 0 : (size - 1 - start) / dilation + 1;
    *last = to < taps ? (to < 0 ? 0 : to) : taps;
    *first = from < *last ? from : *last;
}

/* The average's divisor is the product of these two: taps inside the input, or inside the padded input. 0: no tap at
 * all, the average is then 0 and the maximum -inf. */
static inline int pool_divisor_y(const pool_shape *shape, int y)
{
    int pad = shape->count_include_pad ? shape->pad_top : 0, first, last;
    int size = shape->h_in + (shape->count_include_pad ? shape->pad_top + shape->pad_bottom : 0);
    pool_taps(y * shape->stride_h - shape->pad_top + pad, shape->kernel_h, shape->dilation_h, size, &first, &last);
    return last - first;
}
static inline int pool_divisor_x(const pool_shape *shape, int x)
{
    int pad = shape->count_include_pad ? shape->pad_left : 0, first, last;
    int size = shape->w_in + (shape->count_include_pad ? shape->pad_left + shape->pad_right : 0);
    pool_taps(x * shape->stride_w - shape->pad_left + pad, shape->kernel_w, shape->dilation_w, size, &first, &last);
    return last - first;
}

typedef struct pool_kernels {
    pool_f32 *max;
    pool_row_f32 *max_row;
    pool_f32 *average;
    pool_f32 *global_average; /* h_out == w_out == 1; sums in float32 pairwise or by lanes */
} pool_kernels;

/* Each overwrites what its instruction set does better; called in this order by cpu/fill_*.c. */
void pool_fill_c(pool_kernels *kernels);
void pool_fill_avx2(pool_kernels *kernels);
void pool_fill_avx512(pool_kernels *kernels);
void pool_fill_neon(pool_kernels *kernels);

#endif
