/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Softmax, row reductions and layer normalisation in the words of simd_*.h. Partial vectors are filled up with the
 * neutral element, so that the order of operations depends on n alone. */
#ifndef ONYX_CPU_SOFTMAX_BODY_H
#define ONYX_CPU_SOFTMAX_BODY_H

#include <math.h>
#include <stdbool.h>

#include "cpu/softmax.h"

static const float softmax_lane_numbers[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

/* The first n < VF_LANES elements, `rest` in the lanes behind. */
static inline vf vf_load_filled(const float *p, size_t n, vf rest)
{
    return vf_select(vf_lt(vf_load(softmax_lane_numbers), vf_set1((float)n)), vf_load_part(p, n), rest);
}

/* A maximum that would lose a NaN, and beside it the mark of any NaN seen. */
static float reduce_max(const float *src, size_t n)
{
    vf low = vf_set1(-INFINITY), a = low, b = low;
    vm nan = vf_is_nan(low);
    size_t i = 0;
    for (; i + 2 * VF_LANES <= n; i += 2 * VF_LANES) {
        vf x = vf_load(src + i), y = vf_load(src + i + VF_LANES);
        nan = vm_or(nan, vf_is_nan(vf_add(x, y)));
        a = vf_max(x, a);
        b = vf_max(y, b);
    }
    for (; i < n; i += VF_LANES) {
        vf x = n - i >= VF_LANES ? vf_load(src + i) : vf_load_filled(src + i, n - i, low);
        nan = vm_or(nan, vf_is_nan(x));
        a = vf_max(x, a);
    }
    if (vm_any(nan)) /* rare, or the sum of opposite infinities: look again one by one */
        for (i = 0; i < n; i++)
            if (src[i] != src[i])
                return src[i];
    return vf_largest(vf_max(a, b));
}

/* The same where a NaN shows by its own exponent. */
static inline float softmax_top(const float *src, size_t n)
{
    vf top[4] = { vf_set1(-INFINITY), vf_set1(-INFINITY), vf_set1(-INFINITY), vf_set1(-INFINITY) };
    size_t i = 0;
    for (; i + 4 * VF_LANES <= n; i += 4 * VF_LANES)
        for (size_t k = 0; k < 4; k++)
            top[k] = vf_max(vf_load(src + i + k * VF_LANES), top[k]);
    for (; i + VF_LANES <= n; i += VF_LANES)
        top[0] = vf_max(vf_load(src + i), top[0]);
    if (i < n)
        top[1] = vf_max(vf_load_filled(src + i, n - i, vf_set1(-INFINITY)), top[1]);
    return vf_largest(vf_max(vf_max(top[0], top[1]), vf_max(top[2], top[3])));
}

static float reduce_sum(const float *src, size_t n)
{
    vf sum[4] = { vf_zero(), vf_zero(), vf_zero(), vf_zero() };
    size_t i = 0;
    for (; i + 4 * VF_LANES <= n; i += 4 * VF_LANES)
        for (size_t k = 0; k < 4; k++)
            sum[k] = vf_add(sum[k], vf_load(src + i + k * VF_LANES));
    for (; i + VF_LANES <= n; i += VF_LANES)
        sum[0] = vf_add(sum[0], vf_load(src + i));
    if (i < n)
        sum[1] = vf_add(sum[1], vf_load_part(src + i, n - i));
    return vf_sum(vf_add(vf_add(sum[0], sum[1]), vf_add(sum[2], sum[3])));
}

static float sum_squares(const float *src, size_t n)
{
    vf sum[4] = { vf_zero(), vf_zero(), vf_zero(), vf_zero() };
    size_t i = 0;
    for (; i + 4 * VF_LANES <= n; i += 4 * VF_LANES)
        for (size_t k = 0; k < 4; k++) {
            const vf x = vf_load(src + i + k * VF_LANES);
            sum[k] = vf_fma(x, x, sum[k]);
        }
    for (; i < n; i += VF_LANES) {
        const vf x = n - i >= VF_LANES ? vf_load(src + i) : vf_load_part(src + i, n - i);
        sum[i / VF_LANES % 2] = vf_fma(x, x, sum[i / VF_LANES % 2]);
    }
    return vf_sum(vf_add(vf_add(sum[0], sum[1]), vf_add(sum[2], sum[3])));
}

/* dst[i] = exp(src[i] - largest); returns the sum. The row behind comes from far meanwhile. */
static inline float softmax_exponents(const float *src, float *dst, size_t n, float largest)
{
    vf top = vf_set1(largest), a = vf_zero(), b = vf_zero();
    size_t i = 0;
    for (; i + 2 * VF_LANES <= n; i += 2 * VF_LANES) {
        vf x = vf_exp_fast(vf_sub(vf_load(src + i), top));
        vf y = vf_exp_fast(vf_sub(vf_load(src + i + VF_LANES), top));
        __builtin_prefetch(src + n + i);
        __builtin_prefetch(src + n + i + VF_LANES);
        vf_store(dst + i, x);
        vf_store(dst + i + VF_LANES, y);
        a = vf_add(a, x);
        b = vf_add(b, y);
    }
    for (; i + VF_LANES <= n; i += VF_LANES) {
        vf x = vf_exp_fast(vf_sub(vf_load(src + i), top));
        vf_store(dst + i, x);
        a = vf_add(a, x);
    }
    if (i < n) {
        vf x = vf_exp_fast(vf_sub(vf_load_filled(src + i, n - i, vf_set1(-INFINITY)), top));
        vf_store_part(dst + i, x, n - i);
        /* not as it is read again: that waits for the store */
        b = vf_add(b, vf_select(vf_lt(vf_load(softmax_lane_numbers), vf_set1((float)(n - i))), x, vf_zero()));
    }
    return vf_sum(vf_add(a, b));
}

static inline void softmax_scale(float *dst, size_t n, float factor)
{
    vf f = vf_set1(factor);
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES)
        vf_store(dst + i, vf_mul(vf_load(dst + i), f));
    if (i < n)
        vf_store_part(dst + i, vf_mul(vf_load_part(dst + i, n - i), f), n - i);
}

enum { SOFTMAX_SHORT = 1024 }; /* columns: two such rows stay in the first cache */

/* A row is scaled behind the exponents of the next: its sum is the end of a long chain, and the scaling of its last few
 * elements would wait until they are stored. */
static void softmax_short_rows(const float *src, float *dst, size_t rows, size_t n)
{
    float factor = 0;
    for (size_t r = 0; r < rows; r++, src += n, dst += n) {
        const float sum = softmax_exponents(src, dst, n, softmax_top(src, n));
        if (r)
            softmax_scale(dst - n, n, factor);
        factor = 1.0f / sum;
    }
    if (rows)
        softmax_scale(dst - n, n, factor);
}

static void softmax_rows(const float *src, float *dst, size_t rows, size_t n)
{
    if (n <= SOFTMAX_SHORT) {
        softmax_short_rows(src, dst, rows, n);
        return;
    }
    for (size_t r = 0; r < rows; r++, src += n, dst += n)
        softmax_scale(dst, n, 1.0f / softmax_exponents(src, dst, n, softmax_top(src, n)));
}

/* One vector of columns; dst holds the exponents in between. A NaN reaches the sum through its own exponent. */
static inline __attribute__((always_inline)) void softmax_column_vector(const float *src, float *dst, size_t n,
                                                                        size_t inner, size_t columns)
{
    const bool whole = columns >= VF_LANES;
    vf top = vf_set1(-INFINITY), sum = vf_zero();
    for (size_t i = 0; i < n; i++)
        top = vf_max(top, whole ? vf_load(src + i * inner) : vf_load_part(src + i * inner, columns));
    for (size_t i = 0; i < n; i++) {
        vf x = whole ? vf_load(src + i * inner) : vf_load_part(src + i * inner, columns);
        x = vf_exp_fast(vf_sub(x, top));
        sum = vf_add(sum, x);
        if (whole)
            vf_store(dst + i * inner, x);
        else
            vf_store_part(dst + i * inner, x, columns);
    }
    vf factor = vf_div(vf_set1(1.0f), sum);
    for (size_t i = 0; i < n; i++) {
        if (whole)
            vf_store(dst + i * inner, vf_mul(vf_load(dst + i * inner), factor));
        else
            vf_store_part(dst + i * inner, vf_mul(vf_load_part(dst + i * inner, columns), factor), columns);
    }
}

static void softmax_columns(const float *src, float *dst, size_t n, size_t inner, size_t begin, size_t end)
{
    size_t c = begin;
    for (; c + VF_LANES <= end; c += VF_LANES)
        softmax_column_vector(src + c, dst + c, n, inner, VF_LANES);
    if (c < end)
        softmax_column_vector(src + c, dst + c, n, inner, end - c);
}

static inline __attribute__((always_inline)) void
softmax_mean_vector(const float *src, size_t stride, const float *weights, size_t n, float *dst, size_t columns)
{
    const bool whole = columns >= VF_LANES;
    vf top = vf_set1(-INFINITY), sum = vf_zero(), mean = vf_zero();
    for (size_t i = 0; i < n; i++)
        top = vf_max(top, whole ? vf_load(src + i * stride) : vf_load_part(src + i * stride, columns));
    for (size_t i = 0; i < n; i++) {
        const vf x = whole ? vf_load(src + i * stride) : vf_load_part(src + i * stride, columns);
        const vf e = vf_exp_fast(vf_sub(x, top));
        sum = vf_add(sum, e);
        mean = vf_fma(e, vf_set1(weights[i]), mean);
    }
    mean = vf_div(mean, sum);
    if (whole)
        vf_store(dst, mean);
    else
        vf_store_part(dst, mean, columns);
}

static void softmax_mean(const float *src, size_t src_stride, const float *weights, size_t n, float *dst,
                         size_t columns)
{
    size_t c = 0;
    for (; c + VF_LANES <= columns; c += VF_LANES)
        softmax_mean_vector(src + c, src_stride, weights, n, dst + c, VF_LANES);
    if (c < columns)
        softmax_mean_vector(src + c, src_stride, weights, n, dst + c, columns - c);
}

/* A vector of columns at a time, whose rows stay in the first-level cache between maximum and powers. */
static void softmax_powers(float *x, size_t stride, size_t n, size_t columns, float *factors)
{
    enum { CHAINS = 4 };
    for (size_t c = 0; c < columns; c += VF_LANES) {
        vf top[CHAINS], sum = vf_zero();
        for (size_t k = 0; k < CHAINS; k++)
            top[k] = vf_set1(-INFINITY);
        size_t i = 0;
        for (; i + CHAINS <= n; i += CHAINS)
            for (size_t k = 0; k < CHAINS; k++)
                top[k] = vf_max(vf_load(x + (i + k) * stride + c), top[k]);
        for (; i < n; i++)
            top[0] = vf_max(vf_load(x + i * stride + c), top[0]);
        top[0] = vf_max(vf_max(top[0], top[1]), vf_max(top[2], top[3]));
        for (i = 0; i < n; i++) {
            const vf e = vf_exp2(vf_sub(vf_load(x + i * stride + c), top[0]));
            vf_store(x + i * stride + c, e);
            sum = vf_add(sum, e);
        }
        vf_store(factors + c, vf_div(vf_set1(1.0f), sum));
    }
}

static void scale_columns(float *x, size_t stride, size_t n, size_t columns, const float *factors)
{
    for (size_t c = 0; c < columns; c += VF_LANES) {
        const vf f = vf_load(factors + c);
        for (size_t i = 0; i < n; i++)
            vf_store(x + i * stride + c, vf_mul(vf_load(x + i * stride + c), f));
    }
}

/* A vector of columns: the largest of all, then where it is, from the last row up. */
static inline void arg_max_vector(const float *src, size_t stride, size_t n, size_t columns, int64_t *dst)
{
    const bool whole = columns >= VF_LANES;
    vf top = vf_set1(-INFINITY), at = vf_zero(), row = vf_set1((float)n);
    float found[VF_LANES];
    for (size_t i = 0; i < n; i++)
        top = vf_max_nan(top, whole ? vf_load(src + i * stride) : vf_load_part(src + i * stride, columns));
    for (size_t i = n; i-- > 0;) {
        const vf x = whole ? vf_load(src + i * stride) : vf_load_part(src + i * stride, columns);
        row = vf_sub(row, vf_set1(1.0f));
        at = vf_select(vm_or(vf_eq(x, top), vf_is_nan(x)), row, at);
    }
    vf_store(found, at);
    for (size_t k = 0; k < columns && k < VF_LANES; k++)
        dst[k] = (int64_t)found[k];
}

/* Of one column whose numbers lie side by side. */
static int64_t arg_max_row(const float *src, size_t n)
{
    const float top = reduce_max(src, n);
    size_t i = 0;
    while (i + 1 < n && src[i] != top && src[i] == src[i])
        i++;
    return (int64_t)i;
}

static void arg_max(const float *src, size_t stride, size_t n, size_t columns, int64_t *dst)
{
    if (columns == 1 && stride == 1) {
        *dst = arg_max_row(src, n);
        return;
    }
    for (size_t c = 0; c < columns; c += VF_LANES)
        arg_max_vector(src + c, stride, n, columns - c, dst + c);
}

/* R rows side by side, so that the sums across vectors do not wait for each other. */
static inline __attribute__((always_inline)) void
layer_norm_of(const float *src, float *dst, size_t n, const float *scale, const float *bias, float epsilon, const int R)
{
    vf even[4], odd[4], mean[4], factor[4];
    size_t i = 0;
    for (int r = 0; r < R; r++)
        even[r] = odd[r] = vf_zero();
    for (; i + 2 * VF_LANES <= n; i += 2 * VF_LANES)
        for (int r = 0; r < R; r++) {
            even[r] = vf_add(even[r], vf_load(src + (size_t)r * n + i));
            odd[r] = vf_add(odd[r], vf_load(src + (size_t)r * n + i + VF_LANES));
        }
    for (; i < n; i += VF_LANES)
        for (int r = 0; r < R; r++) {
            const float *at = src + (size_t)r * n + i;
            even[r] = vf_add(even[r], n - i >= VF_LANES ? vf_load(at) : vf_load_part(at, n - i));
        }
    for (int r = 0; r < R; r++) {
        mean[r] = vf_set1(vf_sum(vf_add(even[r], odd[r])) / (float)n);
        even[r] = odd[r] = vf_zero();
    }
    for (i = 0; i + 2 * VF_LANES <= n; i += 2 * VF_LANES)
        for (int r = 0; r < R; r++) {
            const vf x = vf_sub(vf_load(src + (size_t)r * n + i), mean[r]);
            const vf y = vf_sub(vf_load(src + (size_t)r * n + i + VF_LANES), mean[r]);
            even[r] = vf_fma(x, x, even[r]);
            odd[r] = vf_fma(y, y, odd[r]);
        }
    for (; i < n; i += VF_LANES)
        for (int r = 0; r < R; r++) {
            const float *at = src + (size_t)r * n + i;
            const vf x = vf_sub(n - i >= VF_LANES ? vf_load(at) : vf_load_filled(at, n - i, mean[r]), mean[r]);
            even[r] = vf_fma(x, x, even[r]);
        }
    for (int r = 0; r < R; r++)
        factor[r] = vf_set1(1.0f / sqrtf(vf_sum(vf_add(even[r], odd[r])) / (float)n + epsilon));
    for (i = 0; i + VF_LANES <= n; i += VF_LANES) {
        const vf s = vf_load(scale + i), b = bias ? vf_load(bias + i) : vf_zero();
        for (int r = 0; r < R; r++) {
            const vf x = vf_mul(vf_sub(vf_load(src + (size_t)r * n + i), mean[r]), factor[r]);
            vf_store(dst + (size_t)r * n + i, vf_fma(x, s, b));
        }
    }
    for (int r = 0; r < R && i < n; r++) {
        const vf x = vf_mul(vf_sub(vf_load_part(src + (size_t)r * n + i, n - i), mean[r]), factor[r]);
        const vf b = bias ? vf_load_part(bias + i, n - i) : vf_zero();
        vf_store_part(dst + (size_t)r * n + i, vf_fma(x, vf_load_part(scale + i, n - i), b), n - i);
    }
}

static void layer_norm(const float *src, float *dst, size_t rows, size_t n, const float *scale, const float *bias,
                       float epsilon)
{
    size_t r = 0;
    for (; r + 4 <= rows; r += 4)
        layer_norm_of(src + r * n, dst + r * n, n, scale, bias, epsilon, 4);
    for (; r < rows; r++)
        layer_norm_of(src + r * n, dst + r * n, n, scale, bias, epsilon, 1);
}

static void softmax_body_fill(softmax_kernels *kernels)
{
    kernels->rows = softmax_rows;
    kernels->columns = softmax_columns;
    kernels->mean = softmax_mean;
    kernels->powers = softmax_powers;
    kernels->scale_columns = scale_columns;
    kernels->arg_max = arg_max;
    kernels->max = reduce_max;
    kernels->sum = reduce_sum;
    kernels->sum_squares = sum_squares;
    kernels->layer_norm = layer_norm;
}

#endif
