/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The activations made of straight lines, over one vector, in the words of simd_*.h; with the special values that
 * math_body.h names. */
#ifndef ONYX_CPU_MATH_LINEAR_BODY_H
#define ONYX_CPU_MATH_LINEAR_BODY_H

static inline vf vf_clip(vf x, vf low, vf high)
{
    return vf_min(high, vf_max(low, x));
}

static inline vf vf_leaky_relu(vf x, vf slope)
{
    return vf_fma(slope, vf_min(vf_zero(), x), vf_max(vf_zero(), x));
}

static inline vf vf_hard_sigmoid(vf x, vf a, vf b)
{
    return vf_clip(vf_fma(x, a, b), vf_zero(), vf_set1(1.0f));
}

/* A sixth is rounded down, so that the factor of -3 is not below 0. */
static inline vf vf_hard_swish(vf x)
{
    const vf c = vf_max(vf_set1(-3.0f), x);
    return vf_mul(c, vf_min(vf_set1(1.0f), vf_fma(c, vf_set1(0x1.555554p-3f), vf_set1(0.5f))));
}

#endif
