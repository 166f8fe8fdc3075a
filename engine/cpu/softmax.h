/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ONYX_CPU_SOFTMAX_H
#define ONYX_CPU_SOFTMAX_H

#include <stddef.h>
#include <stdint.h>

/* dst[r][i] = exp(x - max) / sum over each row of n; dst may be src. A row with a NaN is all NaN. */
typedef void softmax_rows_f32(const float *src, float *dst, size_t rows, size_t n);
/* The same along an axis of n with `inner` contiguous elements behind it: src[n][inner], columns [begin, end). */
typedef void softmax_columns_f32(const float *src, float *dst, size_t n, size_t inner, size_t begin, size_t end);

/* dst[c] = sum of weights[i] * softmax(src[.][c])[i] over i < n, for `columns` columns, rows src_stride apart: the mean
 * of a distribution. dst is not src. */
typedef void softmax_mean_f32(const float *src, size_t src_stride, const float *weights, size_t n, float *dst,
                              size_t columns);

/* x[i][c] = 2^(x[i][c] - max), factors[c] = 1 / sum over i < n, for `columns` columns (whole vectors), rows `stride`
 * apart: softmax down the columns but for the factor. A column with a NaN becomes all NaN by it. */
typedef void softmax_powers_f32(float *x, size_t stride, size_t n, size_t columns, float *factors);
/* x[i][c] *= factors[c]. */
typedef void scale_columns_f32(float *x, size_t stride, size_t n, size_t columns, const float *factors);

/* dst[c] = the first i whose src[i][c] is largest, for `columns` columns, rows `stride` apart; NaN is above all. n at
 * most ARG_MAX_MOST. */
enum { ARG_MAX_MOST = 1 << 24 };
typedef void arg_max_f32(const float *src, size_t stride, size_t n, size_t columns, int64_t *dst);

/* Row reductions used by Reduce* and the normalisations: the largest, the sum, the sum of squares. */
typedef float reduce_f32(const float *src, size_t n);
/* y = (x - mean) / sqrt(variance + epsilon) * scale[i] + bias[i] per row; bias may be NULL. */
typedef void layer_norm_f32(const float *src, float *dst, size_t rows, size_t n, const float *scale, const float *bias,
                            float epsilon);

typedef struct softmax_kernels {
    softmax_rows_f32 *rows;
    softmax_columns_f32 *columns;
    softmax_mean_f32 *mean;
    softmax_powers_f32 *powers;
    scale_columns_f32 *scale_columns;
    arg_max_f32 *arg_max;
    reduce_f32 *max, *sum, *sum_squares;
    layer_norm_f32 *layer_norm;
} softmax_kernels;

/* Each overwrites what its instruction set does better; called in this order by cpu/fill_*.c. */
void softmax_fill_c(softmax_kernels *kernels);
void softmax_fill_avx2(softmax_kernels *kernels);
void softmax_fill_avx512(softmax_kernels *kernels);
void softmax_fill_neon(softmax_kernels *kernels);

#endif
