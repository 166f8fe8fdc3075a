/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The vector words of simd_avx512.h (see there for the rules) for AVX2 + FMA + F16C: 8 floats. */
#ifndef ONYX_CPU_SIMD_AVX2_H
#define ONYX_CPU_SIMD_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define VF_LANES 8
#define VF_REGISTERS 16
typedef __m256 vf;
typedef __m256i vi;
typedef __m256 vm; /* all ones or all zeros per lane */

/* Lanes 0 .. n - 1 set. */
static inline __m256i vi_first(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline vf vf_load(const float *p)
{
    return _mm256_loadu_ps(p);
}
static inline void vf_store(float *p, vf v)
{
    _mm256_storeu_ps(p, v);
}
static inline vf vf_load_part(const float *p, size_t n)
{
    return _mm256_maskload_ps(p, vi_first(n));
}
static inline void vf_store_part(float *p, vf v, size_t n)
{
    _mm256_maskstore_ps(p, vi_first(n), v);
}
static inline vf vf_set1(float x)
{
    return _mm256_set1_ps(x);
}
static inline vf vf_zero(void)
{
    return _mm256_setzero_ps();
}
static inline vf vf_add(vf a, vf b)
{
    return _mm256_add_ps(a, b);
}
static inline vf vf_sub(vf a, vf b)
{
    return _mm256_sub_ps(a, b);
}
static inline vf vf_mul(vf a, vf b)
{
    return _mm256_mul_ps(a, b);
}
static inline vf vf_div(vf a, vf b)
{
    return _mm256_div_ps(a, b);
}
static inline vf vf_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}
/* The same in c's register; see simd_avx512.h. */
static inline vf vf_fma_tied(vf a, vf b, vf c)
{
    __asm__("vfmadd231ps %2, %1, %0" : "+x"(c) : "x"(a), "x"(b));
    return c;
}
static inline vf vf_fnma(vf a, vf b, vf c)
{
    return _mm256_fnmadd_ps(a, b, c);
}
static inline vf vf_max(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}
static inline vf vf_min(vf a, vf b)
{
    return _mm256_min_ps(a, b);
}
static inline vf vf_sqrt(vf a)
{
    return _mm256_sqrt_ps(a);
}
static inline vf vf_floor(vf a)
{
    return _mm256_floor_ps(a);
}
static inline vf vf_ceil(vf a)
{
    return _mm256_ceil_ps(a);
}
static inline vf vf_round(vf a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline vf vf_abs(vf a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}
static inline vf vf_neg(vf a)
{
    return _mm256_xor_ps(a, _mm256_set1_ps(-0.0f));
}
static inline vf vf_copysign(vf a, vf b)
{
    return _mm256_or_ps(a, _mm256_and_ps(b, _mm256_set1_ps(-0.0f)));
}
static inline vm vf_lt(vf a, vf b)
{
    return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}
static inline vm vf_eq(vf a, vf b)
{
    return _mm256_cmp_ps(a, b, _CMP_EQ_OQ);
}
static inline vm vf_is_nan(vf a)
{
    return _mm256_cmp_ps(a, a, _CMP_UNORD_Q);
}
static inline vf vf_select(vm m, vf a, vf b)
{
    return _mm256_blendv_ps(b, a, m);
}
static inline vf vf_max_nan(vf a, vf b)
{
    return vf_select(vf_is_nan(a), a, _mm256_max_ps(a, b));
}
static inline vf vf_min_nan(vf a, vf b)
{
    return vf_select(vf_is_nan(a), a, _mm256_min_ps(a, b));
}
/* True division beats rcp + Newton here: 7.8 against 9.5 cycles per SiLU vector. */
static inline vf vf_reciprocal(vf d)
{
    return _mm256_div_ps(_mm256_set1_ps(1.0f), d);
}
static inline vf vf_fraction(vf t)
{
    return _mm256_sub_ps(t, _mm256_floor_ps(t));
}
static inline vf vf_scale_floor(vf p, vf t)
{
    /* Below the normal range the integer addition would borrow from the sign: 0 there. */
    vf in_range = _mm256_cmp_ps(t, _mm256_set1_ps(-126.0f), _CMP_NLT_UQ);
    __m256i n = _mm256_slli_epi32(_mm256_cvtps_epi32(_mm256_floor_ps(t)), 23);
    return _mm256_and_ps(in_range, _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), n)));
}
#define VF_HAS_EIGHTHS
/* With t = x * factor, |t| < 8 * 126, and n = t rounded: 2^(n / 8), and the rest f = t - n. The table has 2^(j / 8), as
 * bits, less what n shifted to the exponent has in its last three bits. */
static inline vf vf_power_of_eighths(vf x, vf factor, vf *f)
{
    const vf shift = _mm256_set1_ps(12582912.0f); /* 1.5 * 2^23 */
    const vi table = _mm256_setr_epi32(0x3f800000, 0x3f7b95c2, 0x3f7837f0, 0x3f75fed7, 0x3f7504f3, 0x3f75672a,
                                       0x3f7744fd, 0x3f7ac0c7);
    const vf sum = _mm256_fmadd_ps(x, factor, shift);
    const vi n = _mm256_castps_si256(sum);
    *f = _mm256_fmsub_ps(x, factor, _mm256_sub_ps(sum, shift));
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_slli_epi32(n, 20), _mm256_permutevar8x32_epi32(table, n)));
}
static inline vf vf_scale(vf p, vf n)
{
    /* In two halves, so that neither power of two leaves the normal range. */
    __m256i i = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(i, 1), one = _mm256_set1_epi32(127);
    __m256i first = _mm256_slli_epi32(_mm256_add_epi32(half, one), 23);
    __m256i second = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(i, half), one), 23);
    return _mm256_mul_ps(_mm256_mul_ps(p, _mm256_castsi256_ps(first)), _mm256_castsi256_ps(second));
}
static inline vf vf_split(vf x, vf *e)
{
    vf small = _mm256_cmp_ps(x, _mm256_set1_ps(0x1p-126f), _CMP_LT_OQ);
    x = vf_select(small, _mm256_mul_ps(x, _mm256_set1_ps(0x1p23f)), x);
    __m256i bits = _mm256_castps_si256(x);
    __m256i exponent = _mm256_sub_epi32(_mm256_srli_epi32(bits, 23), _mm256_set1_epi32(127));
    *e = _mm256_sub_ps(_mm256_cvtepi32_ps(exponent), _mm256_and_ps(small, _mm256_set1_ps(23.0f)));
    bits = _mm256_and_si256(bits, _mm256_set1_epi32(0x007fffff));
    return _mm256_castsi256_ps(_mm256_or_si256(bits, _mm256_set1_epi32(0x3f800000)));
}
/* See simd_avx512.h: with eight lanes it is a transposition. */
static inline void vf_split_8(vf *v)
{
    vf t[8], u[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < 4; i++) { /* u[4 * g + k]: columns k and k + 4 of v[4 * g] .. v[4 * g + 3] */
        const int from = i / 2 * 4 + i % 2;
        const __m256d low = _mm256_castps_pd(t[from]), high = _mm256_castps_pd(t[from + 2]);
        u[i / 2 * 4 + i % 2 * 2] = _mm256_castpd_ps(_mm256_unpacklo_pd(low, high));
        u[i / 2 * 4 + i % 2 * 2 + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low, high));
    }
#pragma GCC unroll 8
    for (int k = 0; k < 4; k++) {
        v[k] = _mm256_permute2f128_ps(u[k], u[k + 4], 0x20);
        v[k + 4] = _mm256_permute2f128_ps(u[k], u[k + 4], 0x31);
    }
}
/* Lane i is what was lane i + 1, the last one next. */
static inline vf vf_move_down(vf v, float next)
{
    return _mm256_permutevar8x32_ps(_mm256_blend_ps(v, _mm256_set1_ps(next), 1),
                                    _mm256_setr_epi32(1, 2, 3, 4, 5, 6, 7, 0));
}
static inline float vf_sum(vf a)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
static inline float vf_largest(vf a)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
static inline int vm_any(vm m)
{
    return _mm256_movemask_ps(m) != 0;
}
static inline vm vm_or(vm a, vm b)
{
    return _mm256_or_ps(a, b);
}

static inline vi vi_load(const int32_t *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}
static inline void vi_store(int32_t *p, vi v)
{
    _mm256_storeu_si256((__m256i *)p, v);
}
static inline vi vi_set1(int32_t x)
{
    return _mm256_set1_epi32(x);
}
static inline vi vi_add(vi a, vi b)
{
    return _mm256_add_epi32(a, b);
}
static inline vi vi_sub(vi a, vi b)
{
    return _mm256_sub_epi32(a, b);
}
static inline vi vi_shift_left(vi a, int bits)
{
    return _mm256_slli_epi32(a, bits);
}
static inline vi vi_mul(vi a, vi b)
{
    return _mm256_mullo_epi32(a, b);
}
static inline vf vf_from_vi(vi a)
{
    return _mm256_cvtepi32_ps(a);
}
static inline vi vi_from_vf(vf a)
{
    return _mm256_cvtps_epi32(a);
}
static inline vi vi_load_u8(const uint8_t *p)
{
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
}
static inline vi vi_load_s8(const uint8_t *p)
{
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p));
}
static inline void vi_store_bytes(uint8_t *p, vi v)
{
    const __m256i low_bytes = _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, /**/
                                               0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    v = _mm256_shuffle_epi8(v, low_bytes);
    _mm_storel_epi64((__m128i *)p, _mm_unpacklo_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)));
}

static inline void vi_store_bytes_4(uint8_t *p, vi a, vi b, vi c, vi d, int zero, int is_signed)
{
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i offset = _mm256_set1_epi16((short)zero);
    __m256i ab = _mm256_adds_epi16(_mm256_packs_epi32(a, b), offset);
    __m256i cd = _mm256_adds_epi16(_mm256_packs_epi32(c, d), offset);
    __m256i bytes = is_signed ? _mm256_packs_epi16(ab, cd) : _mm256_packus_epi16(ab, cd);
    _mm256_storeu_si256((__m256i *)p, _mm256_permutevar8x32_epi32(bytes, order));
}

#endif
