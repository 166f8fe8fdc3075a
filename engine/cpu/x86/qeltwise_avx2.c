/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Elementwise work on bytes, AVX2. A table of 256 is 16 shuffles of 16 entries each. */
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

/* A shuffle gives 0 where the index is negative, and else looks at its low 4 bits alone. So with row h holding table
 * row h xor row h - 1, and 16 taken from the index before each next row, what is not 0 of them makes up the index' own
 * row; subtraction with saturation keeps what is negative so. The upper half of the table has the indices' other sign.
 */
static inline __m256i lookup_vector(__m256i x, const __m256i rows[16])
{
    const __m256i row = _mm256_set1_epi8(16);
    __m256i upper = _mm256_xor_si256(x, _mm256_set1_epi8(-128));
    __m256i found = _mm256_xor_si256(_mm256_shuffle_epi8(rows[0], x), _mm256_shuffle_epi8(rows[8], upper));
#pragma GCC unroll 7
    for (int h = 1; h < 8; h++) {
        x = _mm256_subs_epi8(x, row);
        upper = _mm256_subs_epi8(upper, row);
        found = _mm256_xor_si256(found, _mm256_shuffle_epi8(rows[h], x));
        found = _mm256_xor_si256(found, _mm256_shuffle_epi8(rows[8 + h], upper));
    }
    return found;
}

static void lookup(const uint8_t *src, uint8_t *dst, size_t n, const uint8_t table[256])
{
    __m256i rows[16];
    size_t i = 0;
    if (n >= 32) {
        for (int h = 0; h < 16; h++)
            rows[h] = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(table + 16 * h)));
        for (int h = 15; h > 0; h--)
            rows[h] = h == 8 ? rows[h] : _mm256_xor_si256(rows[h], rows[h - 1]);
    }
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
