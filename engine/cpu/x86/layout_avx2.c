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

void layout_fill_avx2(layout_kernels *kernels)
{
    layout_body_fill(kernels);
    kernels->gather = layout_gather;
}
