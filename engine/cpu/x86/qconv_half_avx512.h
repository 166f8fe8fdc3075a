/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Vectors of 32 int16 for qconv_winograd_body.h, AVX-512. */
#ifndef ONYX_CPU_QCONV_HALF_AVX512_H
#define ONYX_CPU_QCONV_HALF_AVX512_H

#include <immintrin.h>
#include <stdint.h>

typedef __m512i vh;

static inline vh vh_load(const int16_t *p)
{
    return _mm512_loadu_si512(p);
}
static inline void vh_store(int16_t *p, vh v)
{
    _mm512_storeu_si512(p, v);
}
static inline vh vh_set1(int16_t x)
{
    return _mm512_set1_epi16(x);
}
static inline vh vh_add(vh a, vh b)
{
    return _mm512_add_epi16(a, b);
}
static inline vh vh_sub(vh a, vh b)
{
    return _mm512_sub_epi16(a, b);
}
static inline vh vh_low(vh a, vh b)
{
    return _mm512_inserti64x4(a, _mm512_castsi512_si256(b), 1);
}
static inline vh vh_high(vh a, vh b)
{
    return _mm512_shuffle_i64x2(a, b, 0xee);
}
static inline vh vh_load_u8(const uint8_t *p)
{
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)p));
}
static inline vh vh_load_s8(const uint8_t *p)
{
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)p));
}
#define vh_shift_left(v, n) _mm512_slli_epi16(v, n)
#define vi_shift_left(v, n) _mm512_slli_epi32(v, n)
#define vi_shift_right(v, n) _mm512_srai_epi32(v, n)

#endif
