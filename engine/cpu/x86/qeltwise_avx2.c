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

/* A shuffle takes an index below 128 by its low 4 bits and gives 0 from 128 on. With x ^ 16h, exactly the bytes of row h
 * are below 16, and a saturating + 112 keeps these below 128 and lifts all others above. */
static inline __m256i lookup_vector(__m256i x, const __m256i rows[16])
{
    const __m256i lift = _mm256_set1_epi8(112);
    __m256i even = _mm256_setzero_si256(), odd = even;
#pragma GCC unroll 8
    for (int h = 0; h < 16; h += 2) {
        __m256i first = _mm256_xor_si256(x, _mm256_set1_epi8((char)(16 * h)));
        __m256i second = _mm256_xor_si256(x, _mm256_set1_epi8((char)(16 * h + 16)));
        even = _mm256_or_si256(even, _mm256_shuffle_epi8(rows[h], _mm256_adds_epu8(first, lift)));
        odd = _mm256_or_si256(odd, _mm256_shuffle_epi8(rows[h + 1], _mm256_adds_epu8(second, lift)));
    }
    return _mm256_or_si256(even, odd);
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
