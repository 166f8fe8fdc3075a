/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Vector math for kernels' epilogues, 8 floats of AVX2 + FMA. See cpu/math_body.h for accuracy and special values. */
#ifndef ONYX_CPU_MATH_AVX2_H
#define ONYX_CPU_MATH_AVX2_H

#include "cpu/x86/simd_avx2.h"
#include "cpu/math_body.h"

static inline __m256 math_avx2_exp(__m256 x)
{
    return vf_exp(x);
}
static inline __m256 math_avx2_log(__m256 x)
{
    return vf_log(x);
}
static inline __m256 math_avx2_sigmoid(__m256 x)
{
    return vf_sigmoid(x);
}
static inline __m256 math_avx2_silu(__m256 x)
{
    return vf_silu(x);
}
static inline __m256 math_avx2_tanh(__m256 x)
{
    return vf_tanh(x);
}
static inline __m256 math_avx2_erf(__m256 x)
{
    return vf_erf(x);
}
/* Any activation of eltwise.h; a constant act folds to its code alone. */
static inline __m256 math_avx2_act(cpu_act act, __m256 x, float a, float b)
{
    return vf_act(act, x, a, b);
}

#endif
