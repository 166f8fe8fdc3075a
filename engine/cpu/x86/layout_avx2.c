/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Reorders, AVX2: 8 x 8 tiles in 24 shuffles. */
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

void layout_fill_avx2(layout_kernels *kernels)
{
    layout_body_fill(kernels);
}
