/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Elementwise work on bytes, AVX-512 BW. A table of 256 is 16 shuffles of 16 entries each. */
#include "cpu/x86/simd_avx512.h"

#define VB_BYTES 64
typedef __m512i vb;

static inline vb vb_load(const uint8_t *p)
{
    return _mm512_loadu_si512(p);
}
static inline void vb_store(uint8_t *p, vb v)
{
    _mm512_storeu_si512(p, v);
}
static inline vb vb_max_u8(vb a, vb b)
{
    return _mm512_max_epu8(a, b);
}
static inline vb vb_max_s8(vb a, vb b)
{
    return _mm512_max_epi8(a, b);
}

#include "cpu/qeltwise_body.h"

/* A shuffle takes an index below 128 by its low 4 bits and gives 0 from 128 on. With x ^ 16h, exactly the bytes of row
 * h are below 16, and a saturating + 112 keeps these below 128 and lifts all others above. */
static inline __m512i lookup_vector(__m512i x, const __m512i rows[16])
{
    const __m512i lift = _mm512_set1_epi8(112);
    __m512i even = _mm512_setzero_si512(), odd = even;
#pragma GCC unroll 8
    for (int h = 0; h < 16; h += 2) {
        __m512i first = _mm512_xor_si512(x, _mm512_set1_epi8((char)(16 * h)));
        __m512i second = _mm512_xor_si512(x, _mm512_set1_epi8((char)(16 * h + 16)));
        even = _mm512_or_si512(even, _mm512_shuffle_epi8(rows[h], _mm512_adds_epu8(first, lift)));
        odd = _mm512_or_si512(odd, _mm512_shuffle_epi8(rows[h + 1], _mm512_adds_epu8(second, lift)));
    }
    return _mm512_or_si512(even, odd);
}

static void lookup(const uint8_t *src, uint8_t *dst, size_t n, const uint8_t table[256])
{
    __m512i rows[16];
    size_t i = 0;
    if (n >= 64)
        for (int h = 0; h < 16; h++)
            rows[h] = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(table + 16 * h)));
    for (; i + 64 <= n; i += 64)
        vb_store(dst + i, lookup_vector(vb_load(src + i), rows));
    for (; i < n; i++)
        dst[i] = table[src[i]];
}

void qeltwise_fill_avx512(qeltwise_kernels *kernels)
{
    qeltwise_body_fill(kernels);
    kernels->lookup = lookup;
}
