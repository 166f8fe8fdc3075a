/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Elementwise kernels, AVX2 + FMA + F16C: the shared bodies, and conversions of narrow types. Ends of narrow rows go
 * through a small buffer. */
#include "cpu/x86/math_avx2.h"

#include <string.h>

#include "cpu/eltwise_body.h"
#include "cpu/x86/quantize_body.h"

static void half_to_float(const uint16_t *src, float *dst, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(dst + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(src + i))));
    if (i < n) {
        uint16_t rest[8] = { 0 };
        memcpy(rest, src + i, (n - i) * sizeof(*src));
        vf_store_part(dst + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)rest)), n - i);
    }
}

static void float_to_half(const float *src, uint16_t *dst, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(dst + i), _mm256_cvtps_ph(_mm256_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT));
    if (i < n) {
        uint16_t rest[8];
        _mm_storeu_si128((__m128i *)rest, _mm256_cvtps_ph(vf_load_part(src + i, n - i), _MM_FROUND_TO_NEAREST_INT));
        memcpy(dst + i, rest, (n - i) * sizeof(*dst));
    }
}

static inline void dequantize(const void *src, float *dst, size_t n, float scale, int zero_point, bool is_signed)
{
    const uint8_t *in = src;
    __m256 s = _mm256_set1_ps(scale);
    __m256i zero = _mm256_set1_epi32(zero_point);
    for (size_t i = 0; i < n; i += 8) {
        uint64_t eight = 0;
        size_t m = n - i < 8 ? n - i : 8;
        if (m == 8)
            memcpy(&eight, in + i, 8);
        else
            memcpy(&eight, in + i, m);
        __m128i bytes = _mm_cvtsi64_si128((long long)eight);
        __m256i q = is_signed ? _mm256_cvtepi8_epi32(bytes) : _mm256_cvtepu8_epi32(bytes);
        __m256 x = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_sub_epi32(q, zero)), s);
        if (m == 8)
            _mm256_storeu_ps(dst + i, x);
        else
            vf_store_part(dst + i, x, m);
    }
}

static void dequantize_u8(const uint8_t *src, float *dst, size_t n, float scale, int zero_point)
{
    dequantize(src, dst, n, scale, zero_point, false);
}

static void dequantize_s8(const int8_t *src, float *dst, size_t n, float scale, int zero_point)
{
    dequantize(src, dst, n, scale, zero_point, true);
}

void eltwise_fill_avx2(eltwise_kernels *kernels)
{
    eltwise_body_fill(kernels);
    kernels->half_to_float = half_to_float;
    kernels->float_to_half = float_to_half;
    kernels->quantize_u8 = quantize_u8;
    kernels->quantize_s8 = quantize_s8;
    kernels->dequantize_u8 = dequantize_u8;
    kernels->dequantize_s8 = dequantize_s8;
}
