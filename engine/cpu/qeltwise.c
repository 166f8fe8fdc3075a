/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Elementwise work on bytes in plain C. */
#include "cpu/qeltwise.h"

#include <math.h>

static void lookup(const uint8_t *src, uint8_t *dst, size_t n, const uint8_t table[256])
{
    for (size_t i = 0; i < n; i++)
        dst[i] = table[src[i]];
}

static inline int value_at(const void *data, size_t i, bool is_signed)
{
    return is_signed ? ((const int8_t *)data)[i] : ((const uint8_t *)data)[i];
}

static inline uint8_t rounded(float value, const qeltwise_scales *s)
{
    float low = (float)((s->is_signed ? -128 : 0) - s->dst_zero), high = low + 255;
    value = value < low ? low : value > high ? high : value;
    return (uint8_t)((int)rintf(value) + s->dst_zero);
}

static void add(const void *a, const void *b, void *dst, size_t n, const qeltwise_scales *s)
{
    float a_factor = s->a_scale / s->dst_scale, b_factor = s->b_scale / s->dst_scale;
    for (size_t i = 0; i < n; i++) {
        float x = (float)(value_at(a, i, s->is_signed) - s->a_zero) * a_factor;
        float y = (float)(value_at(b, i, s->is_signed) - s->b_zero) * b_factor;
        ((uint8_t *)dst)[i] = rounded(x + y, s);
    }
}

static void mul(const void *a, const void *b, void *dst, size_t n, const qeltwise_scales *s)
{
    float factor = s->a_scale * s->b_scale / s->dst_scale;
    for (size_t i = 0; i < n; i++) {
        int product = (value_at(a, i, s->is_signed) - s->a_zero) * (value_at(b, i, s->is_signed) - s->b_zero);
        ((uint8_t *)dst)[i] = rounded((float)product * factor, s);
    }
}

static void limits(const float *x, size_t n, float *low, float *high)
{
    for (size_t i = 0; i < n; i++) {
        *low = x[i] < *low ? x[i] : *low;
        *high = x[i] > *high ? x[i] : *high;
    }
}

static void max_u8(const uint8_t *a, const uint8_t *b, uint8_t *dst, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = a[i] > b[i] ? a[i] : b[i];
}

static void max_s8(const int8_t *a, const int8_t *b, int8_t *dst, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = a[i] > b[i] ? a[i] : b[i];
}

void qeltwise_fill_c(qeltwise_kernels *kernels)
{
    *kernels = (qeltwise_kernels){
        .lookup = lookup, .add = add, .mul = mul, .limits = limits, .max_u8 = max_u8, .max_s8 = max_s8
    };
}
