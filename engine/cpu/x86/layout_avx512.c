/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Reorders, AVX-512: 16 x 16 tiles in 64 shuffles. */
#include <stdbool.h>

#include "cpu/x86/simd_avx512.h"

static inline __attribute__((always_inline)) void layout_tile(__m512 *r)
{
    __m512 t[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    /* r[4g + k]: columns k, k + 4, k + 8, k + 12 of rows 4g .. 4g + 3, one per 128-bit lane */
#pragma GCC unroll 16
    for (int i = 0; i < 16; i += 4) {
        for (int k = 0; k < 2; k++) {
            __m512d low = _mm512_castps_pd(t[i + k]), high = _mm512_castps_pd(t[i + k + 2]);
            r[i + 2 * k] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
            r[i + 2 * k + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
        }
    }
#pragma GCC unroll 16
    for (int k = 0; k < 4; k++) {
        t[k] = _mm512_shuffle_f32x4(r[k], r[k + 4], 0x88); /* lanes 0 and 2 of both */
        t[k + 4] = _mm512_shuffle_f32x4(r[k], r[k + 4], 0xdd);
        t[k + 8] = _mm512_shuffle_f32x4(r[k + 8], r[k + 12], 0x88);
        t[k + 12] = _mm512_shuffle_f32x4(r[k + 8], r[k + 12], 0xdd);
    }
#pragma GCC unroll 16
    for (int k = 0; k < 4; k++) {
        r[k] = _mm512_shuffle_f32x4(t[k], t[k + 8], 0x88);
        r[k + 8] = _mm512_shuffle_f32x4(t[k], t[k + 8], 0xdd);
        r[k + 4] = _mm512_shuffle_f32x4(t[k + 4], t[k + 12], 0x88);
        r[k + 12] = _mm512_shuffle_f32x4(t[k + 4], t[k + 12], 0xdd);
    }
}

#include "cpu/layout_body.h"

/* Up to four sources at a time; `more` adds to what dst holds. */
LAYOUT_INLINE void layout_gather_few(const float *const *src, const layout_pick *picks, const int count, size_t hw,
                                     float *dst, bool more)
{
    __m512i index[4];
    __mmask16 mask[4];
#pragma GCC unroll 4
    for (int k = 0; k < count; k++) {
        index[k] = _mm512_loadu_si512(picks[k].index);
        mask[k] = (__mmask16)picks[k].mask;
    }
    for (size_t i = 0; i < hw * 16; i += 16) {
        __m512 x = more ? _mm512_loadu_ps(dst + i) : _mm512_setzero_ps();
#pragma GCC unroll 4
        for (int k = 0; k < count; k++)
            x = _mm512_mask_permutexvar_ps(x, mask[k], index[k], _mm512_loadu_ps(src[k] + i));
        _mm512_storeu_ps(dst + i, x);
    }
}

static void layout_gather(const float *const *src, const layout_pick *picks, int count, size_t hw, int block,
                          float *dst)
{
    assert(block == 16);
    for (int k = 0; k < count; k += 4) {
        switch (count - k) {
        case 1:
            layout_gather_few(src + k, picks + k, 1, hw, dst, k > 0);
            break;
        case 2:
            layout_gather_few(src + k, picks + k, 2, hw, dst, k > 0);
            break;
        case 3:
            layout_gather_few(src + k, picks + k, 3, hw, dst, k > 0);
            break;
        default:
            layout_gather_few(src + k, picks + k, 4, hw, dst, k > 0);
        }
    }
}

void layout_fill_avx512(layout_kernels *kernels)
{
    layout_body_fill(kernels);
    kernels->gather = layout_gather;
}
