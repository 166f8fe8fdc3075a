/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Elementwise kernels in the words of simd_*.h: included once by each instruction set's eltwise_*.c, which adds the
 * narrow types. Full vectors, then one partial vector; dst may be src, so nothing is written before it is read. */
#ifndef ONYX_CPU_ELTWISE_BODY_H
#define ONYX_CPU_ELTWISE_BODY_H

#include <math.h>

#include "cpu/eltwise.h"

#define ELTWISE_ACT(name, which)                                                                                       \
    static void name(const float *src, float *dst, size_t n, float a, float b)                                         \
    {                                                                                                                  \
        size_t i = 0;                                                                                                  \
        for (; i + 2 * VF_LANES <= n; i += 2 * VF_LANES) {                                                             \
            vf x = vf_load(src + i), y = vf_load(src + i + VF_LANES);                                                  \
            vf_store(dst + i, vf_act(which, x, a, b));                                                                 \
            vf_store(dst + i + VF_LANES, vf_act(which, y, a, b));                                                      \
        }                                                                                                              \
        for (; i + VF_LANES <= n; i += VF_LANES)                                                                       \
            vf_store(dst + i, vf_act(which, vf_load(src + i), a, b));                                                  \
        if (i < n)                                                                                                     \
            vf_store_part(dst + i, vf_act(which, vf_load_part(src + i, n - i), a, b), n - i);                          \
    }

ELTWISE_ACT(act_none, CPU_ACT_NONE)
ELTWISE_ACT(act_relu, CPU_ACT_RELU)
ELTWISE_ACT(act_leaky_relu, CPU_ACT_LEAKY_RELU)
ELTWISE_ACT(act_clip, CPU_ACT_CLIP)
ELTWISE_ACT(act_sigmoid, CPU_ACT_SIGMOID)
ELTWISE_ACT(act_silu, CPU_ACT_SILU)
ELTWISE_ACT(act_hard_sigmoid, CPU_ACT_HARD_SIGMOID)
ELTWISE_ACT(act_hard_swish, CPU_ACT_HARD_SWISH)
ELTWISE_ACT(act_tanh, CPU_ACT_TANH)
ELTWISE_ACT(act_gelu, CPU_ACT_GELU)
ELTWISE_ACT(act_mish, CPU_ACT_MISH)
ELTWISE_ACT(act_elu, CPU_ACT_ELU)

static void act_swish(const float *src, float *dst, size_t n, float a, float b)
{
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES)
        vf_store(dst + i, vf_swish(vf_load(src + i), vf_set1(a), vf_set1(b)));
    if (i < n)
        vf_store_part(dst + i, vf_swish(vf_load_part(src + i, n - i), vf_set1(a), vf_set1(b)), n - i);
}

#define ELTWISE_UNARY(name, function)                                                                                  \
    static void name(const float *src, float *dst, size_t n)                                                           \
    {                                                                                                                  \
        size_t i = 0;                                                                                                  \
        for (; i + VF_LANES <= n; i += VF_LANES)                                                                       \
            vf_store(dst + i, function(vf_load(src + i)));                                                             \
        if (i < n)                                                                                                     \
            vf_store_part(dst + i, function(vf_load_part(src + i, n - i)), n - i);                                     \
    }

static inline vf vf_one_over(vf x)
{
    return vf_div(vf_set1(1.0f), x);
}

ELTWISE_UNARY(unary_exp, vf_exp)
ELTWISE_UNARY(unary_log, vf_log)
ELTWISE_UNARY(unary_sqrt, vf_sqrt)
ELTWISE_UNARY(unary_reciprocal, vf_one_over)
ELTWISE_UNARY(unary_neg, vf_neg)
ELTWISE_UNARY(unary_abs, vf_abs)
ELTWISE_UNARY(unary_erf, vf_erf)
ELTWISE_UNARY(unary_floor, vf_floor)
ELTWISE_UNARY(unary_ceil, vf_ceil)
ELTWISE_UNARY(unary_round, vf_round)

typedef vf eltwise_vector_op(vf x, vf y);

/* The loops below are inlined into each operation's functions, where op is a constant. */
static inline __attribute__((always_inline)) void eltwise_pairs(const float *a, const float *b, float *dst, size_t n,
                                                                eltwise_vector_op *op)
{
    size_t i = 0;
    for (; i + 2 * VF_LANES <= n; i += 2 * VF_LANES) {
        vf x = op(vf_load(a + i), vf_load(b + i));
        vf y = op(vf_load(a + i + VF_LANES), vf_load(b + i + VF_LANES));
        vf_store(dst + i, x);
        vf_store(dst + i + VF_LANES, y);
    }
    for (; i + VF_LANES <= n; i += VF_LANES)
        vf_store(dst + i, op(vf_load(a + i), vf_load(b + i)));
    if (i < n)
        vf_store_part(dst + i, op(vf_load_part(a + i, n - i), vf_load_part(b + i, n - i)), n - i);
}

/* One operand is the same vector all along. */
static inline __attribute__((always_inline)) void eltwise_with_vector(const float *a, vf b, bool swap, float *dst,
                                                                      size_t n, eltwise_vector_op *op)
{
    size_t i = 0;
    for (; i + 2 * VF_LANES <= n; i += 2 * VF_LANES) {
        vf x = vf_load(a + i), y = vf_load(a + i + VF_LANES);
        vf_store(dst + i, swap ? op(b, x) : op(x, b));
        vf_store(dst + i + VF_LANES, swap ? op(b, y) : op(y, b));
    }
    for (; i + VF_LANES <= n; i += VF_LANES) {
        vf x = vf_load(a + i);
        vf_store(dst + i, swap ? op(b, x) : op(x, b));
    }
    if (i < n) {
        vf x = vf_load_part(a + i, n - i);
        vf_store_part(dst + i, swap ? op(b, x) : op(x, b), n - i);
    }
}

static inline __attribute__((always_inline)) void eltwise_steps(const float *a, int a_step, const float *b, int b_step,
                                                                float *dst, size_t n, eltwise_vector_op *op)
{
    if (a_step && b_step)
        eltwise_pairs(a, b, dst, n, op);
    else if (a_step)
        eltwise_with_vector(a, vf_set1(*b), false, dst, n, op);
    else
        eltwise_with_vector(b, vf_set1(*a), true, dst, n, op);
}

#define ELTWISE_PATTERN 64 /* periods below it are repeated to a whole number of vectors */

static inline __attribute__((always_inline)) void eltwise_rows(const float *a, const float *b, size_t period, bool swap,
                                                               float *dst, size_t n, eltwise_vector_op *op)
{
    float pattern[ELTWISE_PATTERN * VF_LANES];
    if (period % VF_LANES && period < ELTWISE_PATTERN && n > 4 * period) {
        size_t whole = period * (VF_LANES / 4); /* period is a multiple of 4 */
        for (size_t i = 0; i < whole; i++)
            pattern[i] = b[i % period];
        b = pattern;
        period = whole;
    }
    for (size_t i = 0; i < n; i += period) {
        size_t m = n - i < period ? n - i : period;
        if (swap)
            eltwise_pairs(b, a + i, dst + i, m, op);
        else
            eltwise_pairs(a + i, b, dst + i, m, op);
    }
}

#define ELTWISE_BINARY(name, period_name, function)                                                                    \
    static void name(const float *a, int a_step, const float *b, int b_step, float *dst, size_t n)                     \
    {                                                                                                                  \
        eltwise_steps(a, a_step, b, b_step, dst, n, function);                                                         \
    }                                                                                                                  \
    static void period_name(const float *a, const float *b, size_t period, bool swap, float *dst, size_t n)            \
    {                                                                                                                  \
        if (period == VF_LANES)                                                                                        \
            eltwise_with_vector(a, vf_load(b), swap, dst, n, function);                                                \
        else                                                                                                           \
            eltwise_rows(a, b, period, swap, dst, n, function);                                                        \
    }

ELTWISE_BINARY(binary_add, period_add, vf_add)
ELTWISE_BINARY(binary_sub, period_sub, vf_sub)
ELTWISE_BINARY(binary_mul, period_mul, vf_mul)
ELTWISE_BINARY(binary_div, period_div, vf_div)
ELTWISE_BINARY(binary_max, period_max, vf_max_nan)
ELTWISE_BINARY(binary_min, period_min, vf_min_nan)

static inline vf vf_square(vf x, vf unused)
{
    (void)unused;
    return vf_mul(x, x);
}

static inline vf vf_cube(vf x, vf unused)
{
    (void)unused;
    return vf_mul(vf_mul(x, x), x);
}

/* pow(x, 0.5) differs from sqrt at -0 and -inf. */
static inline vf vf_pow_half(vf x, vf unused)
{
    (void)unused;
    vf root = vf_sqrt(vf_add(x, vf_zero()));
    return vf_select(vf_eq(x, vf_set1(-INFINITY)), vf_set1(INFINITY), root);
}

/* The exponents that models use are constants; anything else goes through libm. */
static void binary_pow(const float *a, int a_step, const float *b, int b_step, float *dst, size_t n)
{
    if (a_step && !b_step && *b == 2.0f) {
        eltwise_with_vector(a, vf_zero(), false, dst, n, vf_square);
    } else if (a_step && !b_step && *b == 3.0f) {
        eltwise_with_vector(a, vf_zero(), false, dst, n, vf_cube);
    } else if (a_step && !b_step && *b == 0.5f) {
        eltwise_with_vector(a, vf_zero(), false, dst, n, vf_pow_half);
    } else {
        for (size_t i = 0; i < n; i++)
            dst[i] = powf(a[i * (size_t)a_step], b[i * (size_t)b_step]);
    }
}

static void eltwise_body_fill(eltwise_kernels *kernels)
{
    kernels->act[CPU_ACT_NONE] = act_none;
    kernels->act[CPU_ACT_RELU] = act_relu;
    kernels->act[CPU_ACT_LEAKY_RELU] = act_leaky_relu;
    kernels->act[CPU_ACT_CLIP] = act_clip;
    kernels->act[CPU_ACT_SIGMOID] = act_sigmoid;
    kernels->act[CPU_ACT_SILU] = act_silu;
    kernels->act[CPU_ACT_HARD_SIGMOID] = act_hard_sigmoid;
    kernels->act[CPU_ACT_HARD_SWISH] = act_hard_swish;
    kernels->act[CPU_ACT_TANH] = act_tanh;
    kernels->act[CPU_ACT_GELU] = act_gelu;
    kernels->act[CPU_ACT_MISH] = act_mish;
    kernels->act[CPU_ACT_ELU] = act_elu;
    kernels->act[CPU_ACT_SWISH] = act_swish;
    kernels->unary[CPU_UNARY_EXP] = unary_exp;
    kernels->unary[CPU_UNARY_LOG] = unary_log;
    kernels->unary[CPU_UNARY_SQRT] = unary_sqrt;
    kernels->unary[CPU_UNARY_RECIPROCAL] = unary_reciprocal;
    kernels->unary[CPU_UNARY_NEG] = unary_neg;
    kernels->unary[CPU_UNARY_ABS] = unary_abs;
    kernels->unary[CPU_UNARY_ERF] = unary_erf;
    kernels->unary[CPU_UNARY_FLOOR] = unary_floor;
    kernels->unary[CPU_UNARY_CEIL] = unary_ceil;
    kernels->unary[CPU_UNARY_ROUND] = unary_round;
    kernels->binary[CPU_BINARY_ADD] = binary_add;
    kernels->binary[CPU_BINARY_SUB] = binary_sub;
    kernels->binary[CPU_BINARY_MUL] = binary_mul;
    kernels->binary[CPU_BINARY_DIV] = binary_div;
    kernels->binary[CPU_BINARY_MAX] = binary_max;
    kernels->binary[CPU_BINARY_MIN] = binary_min;
    kernels->binary[CPU_BINARY_POW] = binary_pow;
    kernels->binary_period[CPU_BINARY_ADD] = period_add;
    kernels->binary_period[CPU_BINARY_SUB] = period_sub;
    kernels->binary_period[CPU_BINARY_MUL] = period_mul;
    kernels->binary_period[CPU_BINARY_DIV] = period_div;
    kernels->binary_period[CPU_BINARY_MAX] = period_max;
    kernels->binary_period[CPU_BINARY_MIN] = period_min;
}

#endif
