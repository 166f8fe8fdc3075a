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

size_t pool_scratch_bytes(const pool_shape *shape);

typedef struct pool_kernels {
    pool_f32 *max;
    pool_f32 *average;
    pool_f32 *global_average; /* h_out == w_out == 1; sums in float32 pairwise or by lanes */
} pool_kernels;

/* Each overwrites what its instruction set does better; called in this order by cpu/fill_*.c. */
void pool_fill_c(pool_kernels *kernels);
void pool_fill_avx2(pool_kernels *kernels);
void pool_fill_avx512(pool_kernels *kernels);
void pool_fill_neon(pool_kernels *kernels);

#endif
