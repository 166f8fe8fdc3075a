/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Elementwise work on bytes in the words of simd_*.h, and four words on whole vectors of bytes that the instruction set
 * defines before: vb_load, vb_store, vb_max_u8, vb_max_s8, with VB_BYTES per vector. Sums are not fused, so that every
 * instruction set gives the bits of plain C. The last few bytes go through a small buffer. */
#ifndef ONYX_CPU_QELTWISE_BODY_H
#define ONYX_CPU_QELTWISE_BODY_H

#include <string.h>

#include "cpu/qeltwise.h"

/* The factors of one call, spread over the lanes. */
typedef struct qeltwise_constants {
    vf a_factor, b_factor, low, high;
    vi a_zero, b_zero, dst_zero;
} qeltwise_constants;

static inline qeltwise_constants qeltwise_spread(const qeltwise_scales *s, float a_factor, float b_factor)
{
    float low = (float)((s->is_signed ? -128 : 0) - s->dst_zero);
    return (qeltwise_constants){ vf_set1(a_factor),  vf_set1(b_factor),  vf_set1(low),        vf_set1(low + 255),
                                 vi_set1(s->a_zero), vi_set1(s->b_zero), vi_set1(s->dst_zero) };
}

static inline __attribute__((always_inline)) vf qeltwise_value(const uint8_t *a, const uint8_t *b,
                                                               const qeltwise_constants *c, const bool is_signed,
                                                               const bool product)
{
    vi x = vi_sub(is_signed ? vi_load_s8(a) : vi_load_u8(a), c->a_zero);
    vi y = vi_sub(is_signed ? vi_load_s8(b) : vi_load_u8(b), c->b_zero);
    if (product)
        return vf_mul(vf_from_vi(vi_mul(x, y)), c->a_factor);
    return vf_add(vf_mul(vf_from_vi(x), c->a_factor), vf_mul(vf_from_vi(y), c->b_factor));
}

static inline __attribute__((always_inline)) void qeltwise_vector(const uint8_t *a, const uint8_t *b, uint8_t *dst,
                                                                  const qeltwise_constants *c, const bool is_signed,
                                                                  const bool product)
{
    vf clamped = vf_min(vf_max(qeltwise_value(a, b, c, is_signed, product), c->low), c->high);
    vi_store_bytes(dst, vi_add(vi_from_vf(clamped), c->dst_zero));
}

/* Four vectors, which the packing clamps from below. */
static inline __attribute__((always_inline)) void qeltwise_four(const uint8_t *a, const uint8_t *b, uint8_t *dst,
                                                                const qeltwise_constants *c, int zero,
                                                                const bool is_signed, const bool product)
{
    vi q[4];
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++)
        q[k] = vi_from_vf(vf_min(c->high, qeltwise_value(a + k * VF_LANES, b + k * VF_LANES, c, is_signed, product)));
    vi_store_bytes_4(dst, q[0], q[1], q[2], q[3], zero, is_signed);
}

static inline __attribute__((always_inline)) void qeltwise_loop(const uint8_t *a, const uint8_t *b, uint8_t *dst,
                                                                size_t n, const qeltwise_constants *c, int zero,
                                                                const bool is_signed, const bool product)
{
    size_t i = 0;
    for (; i + 4 * VF_LANES <= n; i += 4 * VF_LANES)
        qeltwise_four(a + i, b + i, dst + i, c, zero, is_signed, product);
    for (; i + VF_LANES <= n; i += VF_LANES)
        qeltwise_vector(a + i, b + i, dst + i, c, is_signed, product);
    if (i < n) {
        uint8_t x[VF_LANES] = { 0 }, y[VF_LANES] = { 0 };
        memcpy(x, a + i, n - i);
        memcpy(y, b + i, n - i);
        qeltwise_vector(x, y, x, c, is_signed, product);
        memcpy(dst + i, x, n - i);
    }
}

static void qeltwise_add(const void *a, const void *b, void *dst, size_t n, const qeltwise_scales *s)
{
    qeltwise_constants c = qeltwise_spread(s, s->a_scale / s->dst_scale, s->b_scale / s->dst_scale);
    if (s->is_signed)
        qeltwise_loop(a, b, dst, n, &c, s->dst_zero, true, false);
    else
        qeltwise_loop(a, b, dst, n, &c, s->dst_zero, false, false);
}

static void qeltwise_mul(const void *a, const void *b, void *dst, size_t n, const qeltwise_scales *s)
{
    qeltwise_constants c = qeltwise_spread(s, s->a_scale * s->b_scale / s->dst_scale, 0);
    if (s->is_signed)
        qeltwise_loop(a, b, dst, n, &c, s->dst_zero, true, true);
    else
        qeltwise_loop(a, b, dst, n, &c, s->dst_zero, false, true);
}

static inline __attribute__((always_inline)) void qeltwise_max(const uint8_t *a, const uint8_t *b, uint8_t *dst,
                                                               size_t n, const bool is_signed)
{
    size_t i = 0;
    for (; i + VB_BYTES <= n; i += VB_BYTES) {
        vb x = vb_load(a + i), y = vb_load(b + i);
        vb_store(dst + i, is_signed ? vb_max_s8(x, y) : vb_max_u8(x, y));
    }
    if (i < n) {
        uint8_t x[VB_BYTES] = { 0 }, y[VB_BYTES] = { 0 };
        memcpy(x, a + i, n - i);
        memcpy(y, b + i, n - i);
        vb_store(x, is_signed ? vb_max_s8(vb_load(x), vb_load(y)) : vb_max_u8(vb_load(x), vb_load(y)));
        memcpy(dst + i, x, n - i);
    }
}

static void qeltwise_max_u8(const uint8_t *a, const uint8_t *b, uint8_t *dst, size_t n)
{
    qeltwise_max(a, b, dst, n, false);
}

static void qeltwise_max_s8(const int8_t *a, const int8_t *b, int8_t *dst, size_t n)
{
    qeltwise_max((const uint8_t *)a, (const uint8_t *)b, (uint8_t *)dst, n, true);
}

/* vf_min and vf_max give their second operand where the first is NaN. */
static void qeltwise_limits(const float *x, size_t n, float *low, float *high)
{
    vf smallest[4], largest[4];
    size_t i = 0;
    for (int k = 0; k < 4; k++) {
        smallest[k] = vf_set1(*low);
        largest[k] = vf_set1(*high);
    }
    for (; i + 4 * VF_LANES <= n; i += 4 * VF_LANES) {
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++) {
            vf v = vf_load(x + i + (size_t)k * VF_LANES);
            smallest[k] = vf_min(v, smallest[k]);
            largest[k] = vf_max(v, largest[k]);
        }
    }
    for (; i + VF_LANES <= n; i += VF_LANES) {
        vf v = vf_load(x + i);
        smallest[0] = vf_min(v, smallest[0]);
        largest[0] = vf_max(v, largest[0]);
    }
    vf all_low = vf_min(vf_min(smallest[0], smallest[1]), vf_min(smallest[2], smallest[3]));
    vf all_high = vf_max(vf_max(largest[0], largest[1]), vf_max(largest[2], largest[3]));
    float lanes[2 * VF_LANES];
    vf_store(lanes, all_low);
    vf_store(lanes + VF_LANES, all_high);
    for (int k = 0; k < VF_LANES; k++) {
        *low = lanes[k] < *low ? lanes[k] : *low;
        *high = lanes[VF_LANES + k] > *high ? lanes[VF_LANES + k] : *high;
    }
    for (; i < n; i++) {
        *low = x[i] < *low ? x[i] : *low;
        *high = x[i] > *high ? x[i] : *high;
    }
}

static void qeltwise_body_fill(qeltwise_kernels *kernels)
{
    kernels->add = qeltwise_add;
    kernels->mul = qeltwise_mul;
    kernels->limits = qeltwise_limits;
    kernels->max_u8 = qeltwise_max_u8;
    kernels->max_s8 = qeltwise_max_s8;
}

#endif
