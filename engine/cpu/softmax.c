/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Softmax, row reductions and layer normalisation in plain C. */
#include "cpu/softmax.h"

#include <math.h>

static float reduce_max(const float *src, size_t n)
{
    float largest = -INFINITY;
    for (size_t i = 0; i < n; i++)
        largest = src[i] > largest || src[i] != src[i] ? src[i] : largest; /* a NaN compares false and stays */
    return largest;
}

/* In double: a long row in one running float sum would lose digits that the vector versions keep. */
static float reduce_sum(const float *src, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += src[i];
    return (float)sum;
}

static float sum_squares(const float *src, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)src[i] * src[i];
    return (float)sum;
}

static void softmax_rows(const float *src, float *dst, size_t rows, size_t n)
{
    for (size_t r = 0; r < rows; r++, src += n, dst += n) {
        float largest = reduce_max(src, n), sum = 0;
        for (size_t i = 0; i < n; i++) {
            dst[i] = expf(src[i] - largest);
            sum += dst[i];
        }
        for (size_t i = 0; i < n; i++)
            dst[i] /= sum;
    }
}

static void softmax_columns(const float *src, float *dst, size_t n, size_t inner, size_t begin, size_t end)
{
    for (size_t c = begin; c < end; c++) {
        float largest = -INFINITY, sum = 0;
        for (size_t i = 0; i < n; i++) {
            float x = src[i * inner + c];
            largest = x > largest || x != x ? x : largest;
        }
        for (size_t i = 0; i < n; i++) {
            dst[i * inner + c] = expf(src[i * inner + c] - largest);
            sum += dst[i * inner + c];
        }
        for (size_t i = 0; i < n; i++)
            dst[i * inner + c] /= sum;
    }
}

static void arg_max(const float *src, size_t stride, size_t n, size_t columns, int64_t *dst)
{
    for (size_t c = 0; c < columns; c++) {
        size_t at = 0;
        for (size_t i = 1; i < n; i++) {
            const float x = src[i * stride + c], best = src[at * stride + c];
            at = x > best || (x != x && best == best) ? i : at;
        }
        dst[c] = (int64_t)at;
    }
}

static void softmax_mean(const float *src, size_t src_stride, const float *weights, size_t n, float *dst,
                         size_t columns)
{
    for (size_t c = 0; c < columns; c++) {
        float largest = -INFINITY, sum = 0, mean = 0;
        for (size_t i = 0; i < n; i++) {
            float x = src[i * src_stride + c];
            largest = x > largest || x != x ? x : largest;
        }
        for (size_t i = 0; i < n; i++) {
            const float e = expf(src[i * src_stride + c] - largest);
            sum += e;
            mean += weights[i] * e;
        }
        dst[c] = mean / sum;
    }
}

static void softmax_powers(float *x, size_t stride, size_t n, size_t columns, float *factors)
{
    for (size_t c = 0; c < columns; c++) {
        float largest = -INFINITY, sum = 0;
        for (size_t i = 0; i < n; i++)
            largest = x[i * stride + c] > largest ? x[i * stride + c] : largest;
        for (size_t i = 0; i < n; i++) {
            x[i * stride + c] = exp2f(x[i * stride + c] - largest);
            sum += x[i * stride + c];
        }
        factors[c] = 1 / sum;
    }
}

static void scale_columns(float *x, size_t stride, size_t n, size_t columns, const float *factors)
{
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < columns; c++)
            x[i * stride + c] *= factors[c];
}

static void layer_norm(const float *src, float *dst, size_t rows, size_t n, const float *scale, const float *bias,
                       float epsilon)
{
    for (size_t r = 0; r < rows; r++, src += n, dst += n) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < n; i++)
            sum += src[i];
        float mean = (float)(sum / (double)n);
        for (size_t i = 0; i < n; i++)
            squares += (double)(src[i] - mean) * (src[i] - mean);
        float factor = 1.0f / sqrtf((float)(squares / (double)n) + epsilon);
        for (size_t i = 0; i < n; i++)
            dst[i] = (src[i] - mean) * factor * scale[i] + (bias ? bias[i] : 0);
    }
}

void softmax_fill_c(softmax_kernels *kernels)
{
    *kernels = (softmax_kernels){ .rows = softmax_rows,
                                  .columns = softmax_columns,
                                  .mean = softmax_mean,
                                  .powers = softmax_powers,
                                  .scale_columns = scale_columns,
                                  .arg_max = arg_max,
                                  .max = reduce_max,
                                  .sum = reduce_sum,
                                  .sum_squares = sum_squares,
                                  .layer_norm = layer_norm };
}
