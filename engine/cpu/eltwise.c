/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Elementwise kernels in plain C: the result that every instruction set must give. */
#include "cpu/eltwise.h"

#include <math.h>
#include <string.h>

#include "cpu/math_c.h"

/* One loop per function, so that the compiler sees the operation. */
#define ELTWISE_ACT(name, which)                                                                                       \
    static void name(const float *src, float *dst, size_t n, float a, float b)                                         \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++)                                                                                 \
            dst[i] = math_c_act(which, src[i], a, b);                                                                  \
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
ELTWISE_ACT(act_swish, CPU_ACT_SWISH)

#define ELTWISE_UNARY(name, expression)                                                                                \
    static void name(const float *src, float *dst, size_t n)                                                           \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++) {                                                                               \
            float x = src[i];                                                                                          \
            dst[i] = (expression);                                                                                     \
        }                                                                                                              \
    }

ELTWISE_UNARY(unary_exp, expf(x))
ELTWISE_UNARY(unary_log, logf(x))
ELTWISE_UNARY(unary_sqrt, sqrtf(x))
ELTWISE_UNARY(unary_reciprocal, 1.0f / x)
ELTWISE_UNARY(unary_neg, -x)
ELTWISE_UNARY(unary_abs, fabsf(x))
ELTWISE_UNARY(unary_erf, erff(x))
ELTWISE_UNARY(unary_floor, floorf(x))
ELTWISE_UNARY(unary_ceil, ceilf(x))
ELTWISE_UNARY(unary_round, rintf(x))

static inline float max_nan(float x, float y)
{
    return x > y || x != x ? x : y;
}

static inline float min_nan(float x, float y)
{
    return x < y || x != x ? x : y;
}

#define ELTWISE_BINARY(name, period_name, expression)                                                                  \
    static void name(const float *a, int a_step, const float *b, int b_step, float *dst, size_t n)                     \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i++) {                                                                               \
            float x = a[i * (size_t)a_step], y = b[i * (size_t)b_step];                                                \
            dst[i] = (expression);                                                                                     \
        }                                                                                                              \
    }                                                                                                                  \
    static void period_name(const float *a, const float *b, size_t period, bool swap, float *dst, size_t n)            \
    {                                                                                                                  \
        for (size_t i = 0; i < n; i += period) {                                                                       \
            for (size_t j = 0; j < period; j++) {                                                                      \
                float x = swap ? b[j] : a[i + j], y = swap ? a[i + j] : b[j];                                          \
                dst[i + j] = (expression);                                                                             \
            }                                                                                                          \
        }                                                                                                              \
    }

ELTWISE_BINARY(binary_add, period_add, x + y)
ELTWISE_BINARY(binary_sub, period_sub, x - y)
ELTWISE_BINARY(binary_mul, period_mul, x *y)
ELTWISE_BINARY(binary_div, period_div, x / y)
ELTWISE_BINARY(binary_max, period_max, max_nan(x, y))
ELTWISE_BINARY(binary_min, period_min, min_nan(x, y))
ELTWISE_BINARY(binary_pow, period_pow, powf(x, y))

static float half_value(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, magnitude = half & 0x7fff, bits;
    if (magnitude >= 0x7c00) {
        bits = sign | 0x7f800000u | (magnitude & 0x3ff) << 13;
        if (magnitude > 0x7c00)
            bits |= 0x00400000u; /* quiet */
    } else if (magnitude >= 0x0400) {
        bits = sign | ((magnitude << 13) + ((127u - 15u) << 23));
    } else {
        float value = (float)magnitude * 0x1p-24f;
        memcpy(&bits, &value, sizeof(bits));
        bits |= sign;
    }
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* Round to nearest, half to even; NaN becomes a quiet NaN with the upper payload bits. */
static uint16_t half_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffffu, half;
    if (magnitude > 0x7f800000u) {
        half = 0x7e00 | (magnitude >> 13 & 0x1ff);
    } else if (magnitude >= 0x477ff000u) { /* from 65520 on */
        half = 0x7c00;
    } else if (magnitude >= 0x38800000u) { /* normal, from 2^-14 on */
        uint32_t odd = magnitude >> 13 & 1;
        half = (magnitude - ((127u - 15u) << 23) + 0xfff + odd) >> 13;
    } else if (magnitude < 0x33000000u) { /* below 2^-25 */
        half = 0;
    } else { /* subnormal: the value in units of 2^-24, 24-bit mantissa shifted right */
        uint32_t mantissa = (magnitude & 0x7fffffu) | 0x800000u, shift = 126 - (magnitude >> 23);
        uint32_t whole = mantissa >> shift, rest = mantissa & ((1u << shift) - 1), middle = 1u << (shift - 1);
        half = whole + (rest > middle || (rest == middle && (whole & 1)));
    }
    return (uint16_t)(sign | half);
}

static void half_to_float(const uint16_t *src, float *dst, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = half_value(src[i]);
}

static void float_to_half(const float *src, uint16_t *dst, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = half_bits(src[i]);
}

/* Clamped before it is rounded: the bounds are whole numbers, so the result is the same and NaN goes to the lower. */
static inline int quantized(float x, float scale, float low, float high)
{
    float q = x / scale;
    q = q >= low ? q : low;
    return (int)rintf(q <= high ? q : high);
}

static void quantize_u8(const float *src, uint8_t *dst, size_t n, float scale, int zero_point)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = (uint8_t)(quantized(src[i], scale, (float)-zero_point, (float)(255 - zero_point)) + zero_point);
}

static void quantize_s8(const float *src, int8_t *dst, size_t n, float scale, int zero_point)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = (int8_t)(quantized(src[i], scale, (float)(-128 - zero_point), (float)(127 - zero_point)) + zero_point);
}

static void dequantize_u8(const uint8_t *src, float *dst, size_t n, float scale, int zero_point)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = (float)(src[i] - zero_point) * scale;
}

static void dequantize_s8(const int8_t *src, float *dst, size_t n, float scale, int zero_point)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = (float)(src[i] - zero_point) * scale;
}

void eltwise_fill_c(eltwise_kernels *kernels)
{
    *kernels = (eltwise_kernels){
        .act = {
            [CPU_ACT_NONE] = act_none,
            [CPU_ACT_RELU] = act_relu,
            [CPU_ACT_LEAKY_RELU] = act_leaky_relu,
            [CPU_ACT_CLIP] = act_clip,
            [CPU_ACT_SIGMOID] = act_sigmoid,
            [CPU_ACT_SILU] = act_silu,
            [CPU_ACT_HARD_SIGMOID] = act_hard_sigmoid,
            [CPU_ACT_HARD_SWISH] = act_hard_swish,
            [CPU_ACT_TANH] = act_tanh,
            [CPU_ACT_GELU] = act_gelu,
            [CPU_ACT_MISH] = act_mish,
            [CPU_ACT_ELU] = act_elu,
            [CPU_ACT_SWISH] = act_swish,
        },
        .unary = {
            [CPU_UNARY_EXP] = unary_exp,
            [CPU_UNARY_LOG] = unary_log,
            [CPU_UNARY_SQRT] = unary_sqrt,
            [CPU_UNARY_RECIPROCAL] = unary_reciprocal,
            [CPU_UNARY_NEG] = unary_neg,
            [CPU_UNARY_ABS] = unary_abs,
            [CPU_UNARY_ERF] = unary_erf,
            [CPU_UNARY_FLOOR] = unary_floor,
            [CPU_UNARY_CEIL] = unary_ceil,
            [CPU_UNARY_ROUND] = unary_round,
        },
        .binary = {
            [CPU_BINARY_ADD] = binary_add,
            [CPU_BINARY_SUB] = binary_sub,
            [CPU_BINARY_MUL] = binary_mul,
            [CPU_BINARY_DIV] = binary_div,
            [CPU_BINARY_MAX] = binary_max,
            [CPU_BINARY_MIN] = binary_min,
            [CPU_BINARY_POW] = binary_pow,
        },
        .binary_period = {
            [CPU_BINARY_ADD] = period_add,
            [CPU_BINARY_SUB] = period_sub,
            [CPU_BINARY_MUL] = period_mul,
            [CPU_BINARY_DIV] = period_div,
            [CPU_BINARY_MAX] = period_max,
            [CPU_BINARY_MIN] = period_min,
            [CPU_BINARY_POW] = period_pow,
        },
        .half_to_float = half_to_float,
        .float_to_half = float_to_half,
        .quantize_u8 = quantize_u8,
        .quantize_s8 = quantize_s8,
        .dequantize_u8 = dequantize_u8,
        .dequantize_s8 = dequantize_s8,
    };
}
