/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Reorders, AVX2: 8 x 8 tiles in 24 shuffles. */
#include <stdbool.h>

#include "cpu/x86/simd_avx2.h"

static inline __attribute__((always_inline)) void layout_tile(__m256 *r)
{
    __m256 t[8];
#pragma GCC unroll 16
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    /* r[4g + k]: columns k and k + 4 of rows 4g .. 4g + 3, one per 128-bit lane */
#pragma GCC unroll 16
    for (int i = 0; i < 8; i += 4) {
        for (int k = 0; k < 2; k++) {
            __m256d low = _mm256_castps_pd(t[i + k]), high = _mm256_castps_pd(t[i + k + 2]);
            r[i + 2 * k] = _mm256_castpd_ps(_mm256_unpacklo_pd(low, high));
            r[i + 2 * k + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low, high));
        }
    }
#pragma GCC unroll 16
    for (int k = 0; k < 4; k++) {
        __m256 upper = r[k], lower = r[k + 4];
        r[k] = _mm256_permute2f128_ps(upper, lower, 0x20);
        r[k + 4] = _mm256_permute2f128_ps(upper, lower, 0x31);
    }
}

#include "cpu/layout_body.h"

/* Up to two sources at a time; `more` adds to what dst holds. */
LAYOUT_INLINE void layout_gather_few(const float *const *src, const layout_pick *picks, const int count, size_t hw,
                                     float *dst, bool more)
{
    const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    __m256i index[2];
    __m256 mask[2];
#pragma GCC unroll 2
    for (int k = 0; k < count; k++) {
        index[k] = _mm256_loadu_si256((const __m256i *)picks[k].index);
        const __m256i of = _mm256_and_si256(_mm256_set1_epi32((int)picks[k].mask), bits);
        mask[k] = _mm256_castsi256_ps(_mm256_cmpeq_epi32(of, bits));
    }
    for (size_t i = 0; i < hw * 8; i += 8) {
        __m256 x = more ? _mm256_loadu_ps(dst + i) : _mm256_setzero_ps();
#pragma GCC unroll 2
        for (int k = 0; k < count; k++)
            x = _mm256_blendv_ps(x, _mm256_permutevar8x32_ps(_mm256_loadu_ps(src[k] + i), index[k]), mask[k]);
        _mm256_storeu_ps(dst + i, x);
    }
}

static void layout_gather(const float *const *src, const layout_pick *picks, int count, size_t hw, int block,
                          float *dst)
{
    assert(block == 8);
    for (int k = 0; k < count; k += 2) {
        if (count - k == 1)
            layout_gather_few(src + k, picks + k, 1, hw, dst, k > 0);
        else
            layout_gather_few(src + k, picks + k, 2, hw, dst, k > 0);
    }
}

/* 16 pixels from three vectors: byte 3 i + k of 48 is that of place 3 i + k - 16 m in vector m. */
static void layout_split3_8_avx2(const uint8_t *src, size_t count, uint8_t *dst, size_t plane)
{
    const __m128i places = _mm_setr_epi8(0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36, 39, 42, 45);
    __m128i pick[3][3];
    size_t i = 0;
    for (int m = 0; m < 3; m++)
        for (int k = 0; k < 3; k++) { /* with the highest bit set nothing is picked */
            const __m128i at = _mm_add_epi8(places, _mm_set1_epi8((char)(k - 16 * m)));
            pick[m][k] = _mm_or_si128(at, _mm_cmpgt_epi8(at, _mm_set1_epi8(15)));
        }
    for (; i + 16 <= count; i += 16) {
        __m128i in[3];
        for (int m = 0; m < 3; m++)
            in[m] = _mm_loadu_si128((const __m128i *)(src + 3 * i + 16 * (size_t)m));
#pragma GCC unroll 3
        for (size_t k = 0; k < 3; k++) {
            const __m128i low = _mm_or_si128(_mm_shuffle_epi8(in[0], pick[0][k]), _mm_shuffle_epi8(in[1], pick[1][k]));
            _mm_storeu_si128((__m128i *)(dst + k * plane + i), _mm_or_si128(low, _mm_shuffle_epi8(in[2], pick[2][k])));
        }
    }
    layout_split3_8_c(src + 3 * i, count - i, dst + i, plane);
}

/* 8 pixels from three vectors: what a plane takes of each lies in different lanes, because 3 and 8 have no divisor. */
static void layout_split3_32_avx2(const uint32_t *src, size_t count, uint32_t *dst, size_t plane)
{
    const __m256i first = _mm256_setr_epi32(0, 3, 6, 1, 4, 7, 2, 5), second = _mm256_setr_epi32(1, 4, 7, 2, 5, 0, 3, 6),
                  third = _mm256_setr_epi32(2, 5, 0, 3, 6, 1, 4, 7);
    size_t i = 0;
    for (; i + 8 <= count; i += 8, src += 24) {
        const __m256i a = _mm256_loadu_si256((const __m256i *)src), b = _mm256_loadu_si256((const __m256i *)(src + 8)),
                      c = _mm256_loadu_si256((const __m256i *)(src + 16));
        const __m256i x = _mm256_blend_epi32(_mm256_blend_epi32(a, b, 0x92), c, 0x24);
        const __m256i y = _mm256_blend_epi32(_mm256_blend_epi32(a, b, 0x24), c, 0x49);
        const __m256i z = _mm256_blend_epi32(_mm256_blend_epi32(a, b, 0x49), c, 0x92);
        _mm256_storeu_si256((__m256i *)(dst + i), _mm256_permutevar8x32_epi32(x, first));
        _mm256_storeu_si256((__m256i *)(dst + plane + i), _mm256_permutevar8x32_epi32(y, second));
        _mm256_storeu_si256((__m256i *)(dst + 2 * plane + i), _mm256_permutevar8x32_epi32(z, third));
    }
    layout_split3_32_c(src, count - i, dst + i, plane);
}

void layout_fill_avx2(layout_kernels *kernels)
{
    layout_body_fill(kernels);
    kernels->split3_8 = layout_split3_8_avx2;
    kernels->split3_32 = layout_split3_32_avx2;
    kernels->gather = layout_gather;
}
