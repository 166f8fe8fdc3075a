/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A table of 256 bytes by VBMI: two permutations of 128 entries and a blend. */
#include <immintrin.h>

#include "cpu/qeltwise.h"

static inline __m512i lookup_vector(__m512i x, const __m512i rows[4])
{
    __m512i low = _mm512_permutex2var_epi8(rows[0], x, rows[1]), high = _mm512_permutex2var_epi8(rows[2], x, rows[3]);
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(x), low, high);
}

static void lookup(const uint8_t *src, uint8_t *dst, size_t n, const uint8_t table[256])
{
    const __m512i rows[4] = { _mm512_loadu_si512(table), _mm512_loadu_si512(table + 64),
                              _mm512_loadu_si512(table + 128), _mm512_loadu_si512(table + 192) };
    size_t i = 0;
    for (; i + 64 <= n; i += 64)
        _mm512_storeu_si512(dst + i, lookup_vector(_mm512_loadu_si512(src + i), rows));
    if (i < n) {
        __mmask64 rest = (UINT64_C(1) << (n - i)) - 1;
        _mm512_mask_storeu_epi8(dst + i, rest, lookup_vector(_mm512_maskz_loadu_epi8(rest, src + i), rows));
    }
}

void qeltwise_fill_avx512_vbmi(qeltwise_kernels *kernels)
{
    kernels->lookup = lookup;
}
