/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Vector math for kernels' epilogues, 4 floats of NEON. See cpu/math_body.h for accuracy and special values. */
#ifndef ONYX_CPU_MATH_NEON_H
#define ONYX_CPU_MATH_NEON_H

#include "cpu/arm/simd_neon.h"
#include "cpu/math_body.h"

static inline float32x4_t math_neon_exp(float32x4_t x)
{
    return vf_exp(x);
}
static inline float32x4_t math_neon_log(float32x4_t x)
{
    return vf_log(x);
}
static inline float32x4_t math_neon_sigmoid(float32x4_t x)
{
    return vf_sigmoid(x);
}
static inline float32x4_t math_neon_silu(float32x4_t x)
{
    return vf_silu(x);
}
static inline float32x4_t math_neon_tanh(float32x4_t x)
{
    return vf_tanh(x);
}
static inline float32x4_t math_neon_erf(float32x4_t x)
{
    return vf_erf(x);
}
/* Any activation of eltwise.h; a constant act folds to its code alone. */
static inline float32x4_t math_neon_act(cpu_act act, float32x4_t x, float a, float b)
{
    return vf_act(act, x, a, b);
}

#endif
