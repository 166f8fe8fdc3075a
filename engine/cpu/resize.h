/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Resize on blocked float32, one image. Source positions are given as tables, so every coordinate mode is one kernel.
 */
#ifndef ONYX_CPU_RESIZE_H
#define ONYX_CPU_RESIZE_H

#include <stddef.h>

typedef struct resize_shape {
    int channel_blocks, block;
    int h_in, w_in, h_out, w_out;
} resize_shape;

/* dst[y][x] = src[y_index[y]][x_index[x]] for rows [y_begin, y_end) of one channel block. */
typedef void resize_nearest_f32(const resize_shape *shape, const float *src, float *dst, const int *y_index,
                                const int *x_index, int channel_block, int y_begin, int y_end);
/* Nearest resizing by its tables, for those that do it in passing. */
typedef struct resize_tables {
    resize_shape shape;
    const int *rows, *columns; /* rows NULL: nothing is resized */
} resize_tables;

/* Two taps each way: rows y_index[y], y_next[y] weighted 1 - y_weight[y], y_weight[y]; the same for columns. */
typedef struct resize_taps {
    const int *index, *next;
    const float *weight;
} resize_taps;
typedef void resize_linear_f32(const resize_shape *shape, const float *src, float *dst, const resize_taps *y,
                               const resize_taps *x, int channel_block, int y_begin, int y_end);

typedef struct resize_kernels {
    resize_nearest_f32 *nearest;
    resize_linear_f32 *linear;
} resize_kernels;

/* Each overwrites what its instruction set does better; called in this order by cpu/fill_*.c. */
void resize_fill_c(resize_kernels *kernels);
void resize_fill_avx2(resize_kernels *kernels);
void resize_fill_avx512(resize_kernels *kernels);
void resize_fill_neon(resize_kernels *kernels);

#endif
