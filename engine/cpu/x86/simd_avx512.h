/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The vector words that the shared bodies (cpu/math_body.h, cpu/eltwise_body.h ...) are written in, for AVX-512
 * F/BW/DQ/VL: 16 floats. One of simd_avx512.h, simd_avx2.h, simd_neon.h is included per source file; all three offer
 * the same words with the same rules:
 *   vf_max(a, b), vf_min(a, b): b where either is NaN.  vf_max_nan, vf_min_nan: NaN where either is NaN.
 *   vf_load_part / vf_store_part touch only the first n < VF_LANES elements; lanes behind are 0. */
#ifndef ONYX_CPU_SIMD_AVX512_H
#define ONYX_CPU_SIMD_AVX512_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define VF_LANES 16
#define VF_REGISTERS 32
typedef __m512 vf;
typedef __m512i vi;
typedef __mmask16 vm;

static inline vf vf_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
static inline void vf_store(float *p, vf v)
{
    _mm512_storeu_ps(p, v);
}
static inline vf vf_load_part(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}
static inline void vf_store_part(float *p, vf v, size_t n)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), v);
}
static inline vf vf_set1(float x)
{
    return _mm512_set1_ps(x);
}
static inline vf vf_zero(void)
{
    return _mm512_setzero_ps();
}
static inline vf vf_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}
static inline vf vf_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}
static inline vf vf_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}
static inline vf vf_div(vf a, vf b)
{
    return _mm512_div_ps(a, b);
}
/* a * b + c */
static inline vf vf_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}
/* The same in c's register. gcc chooses among the forms of the instruction by what is free, not by what follows, and so
 * moves and spills the accumulators of a full tile (4 x 6 with 512 inputs: 91 % of peak; so 98). */
static inline vf vf_fma_tied(vf a, vf b, vf c)
{
    __asm__("vfmadd231ps %2, %1, %0" : "+v"(c) : "v"(a), "v"(b));
    return c;
}
/* c - a * b */
static inline vf vf_fnma(vf a, vf b, vf c)
{
    return _mm512_fnmadd_ps(a, b, c);
}
static inline vf vf_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}
static inline vf vf_min(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}
static inline vf vf_sqrt(vf a)
{
    return _mm512_sqrt_ps(a);
}
static inline vf vf_floor(vf a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
static inline vf vf_ceil(vf a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
}
/* half to even */
static inline vf vf_round(vf a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline vf vf_abs(vf a)
{
    return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a);
}
static inline vf vf_neg(vf a)
{
    return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f));
}
/* |a| with the sign of b; a >= 0 */
static inline vf vf_copysign(vf a, vf b)
{
    return _mm512_or_ps(a, _mm512_and_ps(b, _mm512_set1_ps(-0.0f)));
}
static inline vm vf_lt(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}
static inline vm vf_eq(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}
static inline vm vf_is_nan(vf a)
{
    return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
}
/* m ? a : b */
static inline vf vf_select(vm m, vf a, vf b)
{
    return _mm512_mask_blend_ps(m, b, a);
}
static inline vf vf_max_nan(vf a, vf b)
{
    return vf_select(vf_is_nan(a), a, _mm512_max_ps(a, b));
}
static inline vf vf_min_nan(vf a, vf b)
{
    return vf_select(vf_is_nan(a), a, _mm512_min_ps(a, b));
}
/* 1 / d for normal d in [1, 2^126] */
static inline vf vf_reciprocal(vf d)
{
    vf r = _mm512_rcp14_ps(d);
    return _mm512_fmadd_ps(r, _mm512_fnmadd_ps(d, r, _mm512_set1_ps(1.0f)), r);
}
/* t - floor(t) */
static inline vf vf_fraction(vf t)
{
    return _mm512_reduce_ps(t, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
/* min(|a|, limit); limit where a is NaN */
static inline vf vf_min_abs(vf a, vf limit)
{
    return _mm512_range_ps(limit, a, 0xA);
}
#define VF_HAS_PAIRS
/* Two floats in turns: p[0], p[1], p[0] ... */
static inline vf vf_set_pair(const float *p)
{
    return _mm512_castsi512_ps(_mm512_broadcastq_epi64(_mm_loadl_epi64((const __m128i *)p)));
}
/* The sums of lanes 2 * i and 2 * i + 1: of a, then of b. */
static inline vf vf_add_pairs(vf a, vf b)
{
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_or_si512(even, _mm512_set1_epi32(1));
    return _mm512_add_ps(_mm512_permutex2var_ps(a, even, b), _mm512_permutex2var_ps(a, odd, b));
}
#define VF_HAS_LOOKUP32
/* For vf_lookup32: floor(a * scale), for 0 <= a * scale < 32; further bits stand above. */
static inline vi vf_index(vf a, vf scale)
{
    const vf shift = _mm512_set1_ps(8388608.0f); /* 2^23 */
    return _mm512_castps_si512(_mm512_fmadd_round_ps(a, scale, shift, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC));
}
/* t[index]; t is aligned to 64 bytes */
static inline vf vf_lookup32(const float t[32], vi index)
{
    return _mm512_permutex2var_ps(_mm512_load_ps(t), index, _mm512_load_ps(t + 16));
}
/* p * 2^floor(t) for p in [1, 2], where the result is normal; 0 or nearly where it would be smaller */
static inline vf vf_scale_floor(vf p, vf t)
{
    return _mm512_scalef_ps(p, t);
}
/* p * 2^n over the whole range, n integral in [-300, 300] */
static inline vf vf_scale(vf p, vf n)
{
    return _mm512_scalef_ps(p, n);
}
/* x = m * 2^e with m in [1, 2), for x > 0 finite, denormals too */
static inline vf vf_split(vf x, vf *e)
{
    *e = _mm512_getexp_ps(x);
    return _mm512_getmant_ps(x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src);
}
/* Eight vectors, 8 * VF_LANES floats in a row, so that lane t of v[k] is what was float 8 * t + k. */
static inline void vf_split_8(vf *v)
{
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_or_si512(even, _mm512_set1_epi32(1));
    __m512 t[8], u[8];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_permutex2var_ps(v[2 * i], even, v[2 * i + 1]);
        t[i + 4] = _mm512_permutex2var_ps(v[2 * i], odd, v[2 * i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) { /* u[4 * a + 2 * b]: of (a, b) modulo 2 and then 4, the first half */
        const int at = i / 2 * 4 + i % 2;
        u[at] = _mm512_permutex2var_ps(t[2 * i], even, t[2 * i + 1]);
        u[at + 2] = _mm512_permutex2var_ps(t[2 * i], odd, t[2 * i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        const int k = i / 2 + i % 2 * 2;
        v[k] = _mm512_permutex2var_ps(u[2 * i], even, u[2 * i + 1]);
        v[k + 4] = _mm512_permutex2var_ps(u[2 * i], odd, u[2 * i + 1]);
    }
}
/* Lane i is what was lane i + 1, the last one next. */
static inline vf vf_move_down(vf v, float next)
{
    return _mm512_castsi512_ps(
        _mm512_alignr_epi32(_mm512_castps_si512(_mm512_set1_ps(next)), _mm512_castps_si512(v), 1));
}
static inline float vf_sum(vf a)
{
    return _mm512_reduce_add_ps(a);
}
/* the largest lane; no NaN among them */
static inline float vf_largest(vf a)
{
    return _mm512_reduce_max_ps(a);
}
static inline int vm_any(vm m)
{
    return m != 0;
}
static inline vm vm_or(vm a, vm b)
{
    return a | b;
}

/* int32 lanes */
static inline vi vi_load(const int32_t *p)
{
    return _mm512_loadu_si512(p);
}
static inline void vi_store(int32_t *p, vi v)
{
    _mm512_storeu_si512(p, v);
}
static inline vi vi_set1(int32_t x)
{
    return _mm512_set1_epi32(x);
}
static inline vi vi_add(vi a, vi b)
{
    return _mm512_add_epi32(a, b);
}
static inline vi vi_sub(vi a, vi b)
{
    return _mm512_sub_epi32(a, b);
}
static inline vi vi_shift_left(vi a, int bits)
{
    return _mm512_slli_epi32(a, bits);
}
static inline vi vi_mul(vi a, vi b)
{
    return _mm512_mullo_epi32(a, b);
}
static inline vf vf_from_vi(vi a)
{
    return _mm512_cvtepi32_ps(a);
}
/* half to even; |a| < 2^31 */
static inline vi vi_from_vf(vf a)
{
    return _mm512_cvtps_epi32(a);
}
static inline vi vi_load_u8(const uint8_t *p)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
}
static inline vi vi_load_s8(const uint8_t *p)
{
    return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p));
}
/* The low byte of each lane: VF_LANES bytes. */
static inline void vi_store_bytes(uint8_t *p, vi v)
{
    _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(v));
}

/* Four vectors plus zero (of 8 bits), clamped to uint8 or int8: 4 * VF_LANES bytes. Lanes may be as low as INT32_MIN.
 */
static inline void vi_store_bytes_4(uint8_t *p, vi a, vi b, vi c, vi d, int zero, int is_signed)
{
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512i offset = _mm512_set1_epi16((short)zero);
    __m512i ab = _mm512_adds_epi16(_mm512_packs_epi32(a, b), offset);
    __m512i cd = _mm512_adds_epi16(_mm512_packs_epi32(c, d), offset);
    __m512i bytes = is_signed ? _mm512_packs_epi16(ab, cd) : _mm512_packus_epi16(ab, cd);
    _mm512_storeu_si512(p, _mm512_permutexvar_epi32(order, bytes));
}

#endif
