/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The activations of eltwise.h for one float: the plain C meaning, with the same special values as math_body.h. */
#ifndef ONYX_CPU_MATH_C_H
#define ONYX_CPU_MATH_C_H

#include <math.h>

#include "cpu/eltwise.h"

/* min and max keep a NaN of x. */
static inline float math_c_at_least(float x, float low)
{
    return x < low ? low : x;
}
static inline float math_c_at_most(float x, float high)
{
    return x > high ? high : x;
}
static inline float math_c_clip(float x, float low, float high)
{
    return math_c_at_most(math_c_at_least(x, low), high);
}
static inline float math_c_sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}
static inline float math_c_silu(float x)
{
    float c = math_c_at_least(x, -87.0f);
    return c / (1.0f + expf(-c));
}
static inline float math_c_hard_swish(float x)
{
    float c = math_c_at_least(x, -3.0f);
    return c * math_c_clip(c * (1.0f / 6) + 0.5f, 0, 1);
}
static inline float math_c_gelu(float x)
{
    float c = math_c_at_least(x, -10.0f);
    return 0.5f * c * (1.0f + erff(c * 0.707106781f));
}
static inline float math_c_mish(float x)
{
    float c = math_c_at_least(x, -87.0f);
    float e = expf(math_c_at_most(c, 20.0f)), w = e * (e + 2.0f);
    return c * (w / (w + 2.0f));
}

static inline float math_c_swish(float x, float a, float b)
{
    const float c = math_c_clip(x, -200.0f, 200.0f);
    return math_c_at_least(x, -200.0f) * math_c_sigmoid(c * (a + b * c * c));
}

static inline float math_c_act(cpu_act act, float x, float a, float b)
{
    switch (act) {
    case CPU_ACT_RELU:
        return math_c_at_least(x, 0);
    case CPU_ACT_LEAKY_RELU:
        return x < 0 ? a * x : x;
    case CPU_ACT_CLIP:
        return math_c_clip(x, a, b);
    case CPU_ACT_SIGMOID:
        return math_c_sigmoid(x);
    case CPU_ACT_SILU:
        return math_c_silu(x);
    case CPU_ACT_HARD_SIGMOID:
        return math_c_clip(a * x + b, 0, 1);
    case CPU_ACT_HARD_SWISH:
        return math_c_hard_swish(x);
    case CPU_ACT_TANH:
        return tanhf(x);
    case CPU_ACT_GELU:
        return math_c_gelu(x);
    case CPU_ACT_MISH:
        return math_c_mish(x);
    case CPU_ACT_SWISH:
        return math_c_swish(x, a, b);
    case CPU_ACT_ELU:
        return x < 0 ? a * (expf(x) - 1) : x;
    case CPU_ACT_NONE:
    case CPU_ACT_COUNT:
        break;
    }
    return x;
}

#endif
