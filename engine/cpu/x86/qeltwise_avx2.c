/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Elementwise work on bytes, AVX2. A table of 256 is 16 shuffles of 16 entries each and a tree of blends. */
#include "cpu/x86/simd_avx2.h"

#define VB_BYTES 32
typedef __m256i vb;

static inline vb vb_load(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}
static inline void vb_store(uint8_t *p, vb v)
{
    _mm256_storeu_si256((__m256i *)p, v);
}
static inline vb vb_max_u8(vb a, vb b)
{
    return _mm256_max_epu8(a, b);
}
static inline vb vb_max_s8(vb a, vb b)
{
    return _mm256_max_epi8(a, b);
}

#include "cpu/qeltwise_body.h"

/* Every row of 16 entries is looked up by the low 4 bits, then bits 4 to 7 choose between pairs of rows; the blend
 * tests a byte's uppermost bit. 31 instructions on vectors against 64 for one compare and merge per row. */
static inline __m256i lookup_vector(__m256i x, const __m256i rows[16])
{
    __m256i low = _mm256_and_si256(x, _mm256_set1_epi8(15)), r[8];
    __m256i bit4 = _mm256_slli_epi16(x, 3), bit5 = _mm256_slli_epi16(x, 2), bit6 = _mm256_slli_epi16(x, 1);
#pragma GCC unroll 8
    for (int h = 0; h < 8; h++)
        r[h] =
            _mm256_blendv_epi8(_mm256_shuffle_epi8(rows[2 * h], low), _mm256_shuffle_epi8(rows[2 * h + 1], low), bit4);
#pragma GCC unroll 4
    for (int h = 0; h < 4; h++)
        r[h] = _mm256_blendv_epi8(r[2 * h], r[2 * h + 1], bit5);
    r[0] = _mm256_blendv_epi8(r[0], r[1], bit6);
    r[1] = _mm256_blendv_epi8(r[2], r[3], bit6);
    return _mm256_blendv_epi8(r[0], r[1], x);
}

static void lookup(const uint8_t *src, uint8_t *dst, size_t n, const uint8_t table[256])
{
    __m256i rows[16];
    size_t i = 0;
    if (n >= 32)
        for (int h = 0; h < 16; h++)
            rows[h] = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(table + 16 * h)));
    for (; i + 32 <= n; i += 32)
        vb_store(dst + i, lookup_vector(vb_load(src + i), rows));
    for (; i < n; i++)
        dst[i] = table[src[i]];
}

void qeltwise_fill_avx2(qeltwise_kernels *kernels)
{
    qeltwise_body_fill(kernels);
    kernels->lookup = lookup;
}
