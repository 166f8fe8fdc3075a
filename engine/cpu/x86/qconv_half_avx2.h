/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Vectors of 16 int16 for qconv_winograd_body.h, AVX2. */
#ifndef ONYX_CPU_QCONV_HALF_AVX2_H
#define ONYX_CPU_QCONV_HALF_AVX2_H

#include <immintrin.h>
#include <stdint.h>

typedef __m256i vh;

static inline vh vh_load(const int16_t *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}
static inline void vh_store(int16_t *p, vh v)
{
    _mm256_storeu_si256((__m256i *)p, v);
}
static inline vh vh_set1(int16_t x)
{
    return _mm256_set1_epi16(x);
}
static inline vh vh_add(vh a, vh b)
{
    return _mm256_add_epi16(a, b);
}
static inline vh vh_sub(vh a, vh b)
{
    return _mm256_sub_epi16(a, b);
}
static inline vh vh_low(vh a, vh b)
{
    return _mm256_inserti128_si256(a, _mm256_castsi256_si128(b), 1);
}
static inline vh vh_high(vh a, vh b)
{
    return _mm256_permute2x128_si256(a, b, 0x31);
}
static inline vh vh_load_u8(const uint8_t *p)
{
    return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p));
}
static inline vh vh_load_s8(const uint8_t *p)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)p));
}
#define vh_shift_left(v, n) _mm256_slli_epi16(v, n)
#define vi_shift_left(v, n) _mm256_slli_epi32(v, n)
#define vi_shift_right(v, n) _mm256_srai_epi32(v, n)

#endif
