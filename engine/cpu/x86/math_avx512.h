/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Vector math for kernels' epilogues, 16 floats of AVX-512. See cpu/math_body.h for accuracy and special values. */
#ifndef ONYX_CPU_MATH_AVX512_H
#define ONYX_CPU_MATH_AVX512_H

#include "cpu/x86/simd_avx512.h"
#include "cpu/math_body.h"

static inline __m512 math_avx512_exp(__m512 x)
{
    return vf_exp(x);
}
static inline __m512 math_avx512_log(__m512 x)
{
    return vf_log(x);
}
static inline __m512 math_avx512_sigmoid(__m512 x)
{
    return vf_sigmoid(x);
}
static inline __m512 math_avx512_silu(__m512 x)
{
    return vf_silu(x);
}
static inline __m512 math_avx512_tanh(__m512 x)
{
    return vf_tanh(x);
}
static inline __m512 math_avx512_erf(__m512 x)
{
    return vf_erf(x);
}
/* Any activation of eltwise.h; a constant act folds to its code alone. */
static inline __m512 math_avx512_act(cpu_act act, __m512 x, float a, float b)
{
    return vf_act(act, x, a, b);
}

#endif
