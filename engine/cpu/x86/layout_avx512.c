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

/* 16 pixels from three vectors, as with AVX2: lane l of vector m is of plane (l + m) % 3. */
static void layout_split3_32_avx512(const uint32_t *src, size_t count, uint32_t *dst, size_t plane)
{
    const __mmask16 by_rest[3] = { 0x9249, 0x2492, 0x4924 };
    const __m512i places = _mm512_setr_epi32(0, 3, 6, 9, 12, 15, 2, 5, 8, 11, 14, 1, 4, 7, 10, 13);
    size_t i = 0;
    for (; i < count; i += 16, src += 48) {
        const size_t left = count - i < 16 ? count - i : 16;
        const __mmask16 wanted = (__mmask16)((1u << left) - 1);
        __m512i in[3];
#pragma GCC unroll 3
        for (size_t m = 0; m < 3; m++) {
            const size_t there = 3 * left > 16 * m ? 3 * left - 16 * m : 0;
            const __mmask16 some = there >= 16 ? 0xffff : (__mmask16)((1u << there) - 1);
            in[m] = _mm512_maskz_loadu_epi32(some, src + (there ? 16 * m : 0));
        }
#pragma GCC unroll 3
        for (size_t k = 0; k < 3; k++) {
            const __m512i low = _mm512_mask_blend_epi32(by_rest[(k + 2) % 3], in[0], in[1]);
            const __m512i all = _mm512_mask_blend_epi32(by_rest[(k + 1) % 3], low, in[2]);
            const __m512i at = _mm512_add_epi32(places, _mm512_set1_epi32((int)k)); /* its lowest four bits count */
            _mm512_mask_storeu_epi32(dst + k * plane + i, wanted, _mm512_permutexvar_epi32(at, all));
        }
    }
}

void layout_fill_avx512(layout_kernels *kernels)
{
    layout_body_fill(kernels);
    kernels->split3_32 = layout_split3_32_avx512;
    kernels->gather = layout_gather;
}
