/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Elementwise float32: activations, unary and binary functions. */
#ifndef ONYX_CPU_ELTWISE_H
#define ONYX_CPU_ELTWISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Activations that epilogues (conv, gemm) can apply, and that stand alone as unary kernels. a and b are parameters. */
typedef enum cpu_act {
    CPU_ACT_NONE,
    CPU_ACT_RELU,
    CPU_ACT_LEAKY_RELU, /* a: slope of x < 0 */
    CPU_ACT_CLIP,       /* min(max(x, a), b) */
    CPU_ACT_SIGMOID,
    CPU_ACT_SILU,         /* x * sigmoid(x) */
    CPU_ACT_HARD_SIGMOID, /* clip(a * x + b, 0, 1) */
    CPU_ACT_HARD_SWISH,   /* x * clip(x / 6 + 0.5, 0, 1) */
    CPU_ACT_TANH,
    CPU_ACT_GELU,  /* exact, by erf */
    CPU_ACT_MISH,  /* x * tanh(softplus(x)) */
    CPU_ACT_ELU,   /* a: alpha */
    CPU_ACT_SWISH, /* x * sigmoid(a * x + b * x^3), a 0.5 or more, b 0 or more: GELU by tanh, too */
    CPU_ACT_COUNT
} cpu_act;

typedef struct cpu_activation {
    cpu_act act;
    float a, b;
} cpu_activation;

typedef enum cpu_unary {
    CPU_UNARY_EXP, CPU_UNARY_LOG, CPU_UNARY_SQRT, CPU_UNARY_RECIPROCAL, CPU_UNARY_NEG, CPU_UNARY_ABS, CPU_UNARY_ERF,
    CPU_UNARY_FLOOR, CPU_UNARY_CEIL, CPU_UNARY_ROUND, CPU_UNARY_COUNT
} cpu_unary;

typedef enum cpu_binary {
    CPU_BINARY_ADD, CPU_BINARY_SUB, CPU_BINARY_MUL, CPU_BINARY_DIV, CPU_BINARY_MAX, CPU_BINARY_MIN, CPU_BINARY_POW,
    CPU_BINARY_COUNT
} cpu_binary;

/* dst[i] = act(src[i]); dst == src is allowed. Bound: 4e-6 relative + 2e-6 absolute against double; NaN stays NaN,
 * +-inf gives the limit. */
typedef void eltwise_act_f32(const float *src, float *dst, size_t n, float a, float b);
typedef void eltwise_unary_f32(const float *src, float *dst, size_t n);
/* dst[i] = a[i * a_step] op b[i * b_step], steps 0 or 1 (both 0 is not asked for); dst may be a or b where its step
 * is 1. */
typedef void eltwise_binary_f32(const float *a, int a_step, const float *b, int b_step, float *dst, size_t n);
/* dst[i] = a[i] op b[i % period] (swap: b op a), n a multiple of period, period a multiple of 4: a per-channel operand
 * in blocked layout, or a row vector. dst may be a. */
typedef void eltwise_binary_period_f32(const float *a, const float *b, size_t period, bool swap, float *dst, size_t n);

typedef struct eltwise_kernels {
    eltwise_act_f32 *act[CPU_ACT_COUNT];
    eltwise_unary_f32 *unary[CPU_UNARY_COUNT];
    eltwise_binary_f32 *binary[CPU_BINARY_COUNT];
    eltwise_binary_period_f32 *binary_period[CPU_BINARY_COUNT];
    /* float16 <-> float32 */
    void (*half_to_float)(const uint16_t *src, float *dst, size_t n);
    void (*float_to_half)(const float *src, uint16_t *dst, size_t n);
    /* dst = clamp(round_half_even(src / scale) + zero_point); uint8 and int8 */
    void (*quantize_u8)(const float *src, uint8_t *dst, size_t n, float scale, int zero_point);
    void (*quantize_s8)(const float *src, int8_t *dst, size_t n, float scale, int zero_point);
    /* dst = (src - zero_point) * scale */
    void (*dequantize_u8)(const uint8_t *src, float *dst, size_t n, float scale, int zero_point);
    void (*dequantize_s8)(const int8_t *src, float *dst, size_t n, float scale, int zero_point);
} eltwise_kernels;

/* Each overwrites what its instruction set does better; called in this order by cpu/fill_*.c. */
void eltwise_fill_c(eltwise_kernels *kernels);
void eltwise_fill_avx2(eltwise_kernels *kernels);
void eltwise_fill_avx512(eltwise_kernels *kernels);
void eltwise_fill_neon(eltwise_kernels *kernels);

#endif
