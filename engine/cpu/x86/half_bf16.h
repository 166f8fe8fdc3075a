/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Vectors of 16 bfloat16 as float32, and what follows a sum. Needs AVX-512 BF16. */
#ifndef ONYX_CPU_X86_HALF_BF16_H
#define ONYX_CPU_X86_HALF_BF16_H

#include "cpu/x86/math_avx512.h"

#include "cpu/half.h"

enum { BF16_LANES = 16 };

#define BF16_INLINE static inline __attribute__((always_inline))

BF16_INLINE vf bf16_load(const uint16_t *p)
{
    const __m256i bits = _mm256_loadu_si256((const __m256i *)(const void *)p);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

/* To nearest, half to even; denormal numbers become 0. */
BF16_INLINE void bf16_store(uint16_t *p, vf v)
{
    _mm256_storeu_si256((__m256i *)(void *)p, (__m256i)_mm512_cvtneps_pbh(v));
}

/* x * sigmoid(x): 7e-4 relative, and below -10 2e-6 absolute; see math_pieces.h. */
BF16_INLINE vf bf16_silu(vf x)
{
    const math_parabolas *t = &math_parabolas_silu;
    const vf a = vf_min_abs(x, vf_set1(t->limit));
    const vi piece = vf_index(a, vf_set1(t->scale));
    vf q = vf_fma(vf_lookup32(t->c[2], piece), a, vf_lookup32(t->c[1], piece));
    q = vf_fma(q, a, vf_lookup32(t->c[0], piece));
    return vf_fma(q, a, vf_max(vf_zero(), x));
}

BF16_INLINE cpu_activation bf16_activation(cpu_activation a)
{
    return a.act == CPU_ACT_RELU ? (cpu_activation){ CPU_ACT_CLIP, 0, INFINITY } : a;
}

/* Any activation, for those that no loop is compiled for. */
vf bf16_act(vf x, cpu_activation a);

void half_bf16_fill(half_kernels *kernels);

#endif
