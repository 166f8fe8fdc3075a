/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Elementwise work between 8-bit layers: a function of one byte is a table, of two bytes arithmetic in float32. */
#ifndef ONYX_CPU_QELTWISE_H
#define ONYX_CPU_QELTWISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Two operands a, b and a result, each with scale and zero point; all of one type, uint8 or int8. */
typedef struct qeltwise_scales {
    float a_scale, b_scale, dst_scale;
    int a_zero, b_zero, dst_zero;
    bool is_signed;
} qeltwise_scales;

/* dst[i] = clamp(round_half_even((a' op b') / dst_scale) + dst_zero), a' = (a - a_zero) * a_scale and so on. The
 * quotient is taken as a product with scales folded in float32: (a - a_zero) * (a_scale / dst_scale) + (b - b_zero) *
 * (b_scale / dst_scale), and (a - a_zero) * (b - b_zero) * (a_scale * b_scale / dst_scale). dst may be a or b. */
typedef void qeltwise_binary(const void *a, const void *b, void *dst, size_t n, const qeltwise_scales *scales);

typedef struct qeltwise_kernels {
    /* dst[i] = table[src[i]]; dst may be src. Any function of one 8-bit value: activations, another scale. */
    void (*lookup)(const uint8_t *src, uint8_t *dst, size_t n, const uint8_t table[256]);
    qeltwise_binary *add, *mul;
    /* The smallest of low[0] and x[i], and the largest of high[0] and x[i]; NaN does not count. */
    void (*limits)(const float *x, size_t n, float *low, float *high);
    /* dst[i] = max(a[i], b[i]) */
    void (*max_u8)(const uint8_t *a, const uint8_t *b, uint8_t *dst, size_t n);
    void (*max_s8)(const int8_t *a, const int8_t *b, int8_t *dst, size_t n);
} qeltwise_kernels;

/* Each overwrites what its instruction set does better; called in this order by cpu/fill_*.c. */
void qeltwise_fill_c(qeltwise_kernels *kernels);
void qeltwise_fill_avx2(qeltwise_kernels *kernels);
void qeltwise_fill_avx512(qeltwise_kernels *kernels);
void qeltwise_fill_avx512_vbmi(qeltwise_kernels *kernels);
void qeltwise_fill_neon(qeltwise_kernels *kernels);

#endif
