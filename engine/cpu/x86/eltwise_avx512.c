/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Elementwise kernels, AVX-512: the shared bodies, and conversions of narrow types. */
#include "cpu/x86/math_avx512.h"

#include "cpu/eltwise_body.h"
#include "cpu/x86/quantize_body.h"

static void half_to_float(const uint16_t *src, float *dst, size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm512_storeu_ps(dst + i, _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(src + i))));
    if (i < n) {
        __mmask16 rest = (__mmask16)((1u << (n - i)) - 1);
        _mm512_mask_storeu_ps(dst + i, rest, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(rest, src + i)));
    }
}

static void float_to_half(const float *src, uint16_t *dst, size_t n)
{
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm256_storeu_si256((__m256i *)(dst + i), _mm512_cvtps_ph(_mm512_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT));
    if (i < n) {
        __mmask16 rest = (__mmask16)((1u << (n - i)) - 1);
        __m256i half = _mm512_cvtps_ph(_mm512_maskz_loadu_ps(rest, src + i), _MM_FROUND_TO_NEAREST_INT);
        _mm256_mask_storeu_epi16(dst + i, rest, half);
    }
}

static inline void dequantize(const void *src, float *dst, size_t n, float scale, int zero_point, bool is_signed)
{
    const uint8_t *in = src;
    __m512 s = _mm512_set1_ps(scale);
    __m512i zero = _mm512_set1_epi32(zero_point);
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 lanes = n - i >= 16 ? 0xffff : (__mmask16)((1u << (n - i)) - 1);
        __m128i bytes = _mm_maskz_loadu_epi8(lanes, in + i);
        __m512i q = is_signed ? _mm512_cvtepi8_epi32(bytes) : _mm512_cvtepu8_epi32(bytes);
        __m512 x = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(q, zero)), s);
        _mm512_mask_storeu_ps(dst + i, lanes, x);
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

void eltwise_fill_avx512(eltwise_kernels *kernels)
{
    eltwise_body_fill(kernels);
    kernels->half_to_float = half_to_float;
    kernels->float_to_half = float_to_half;
    kernels->quantize_u8 = quantize_u8;
    kernels->quantize_s8 = quantize_s8;
    kernels->dequantize_u8 = dequantize_u8;
    kernels->dequantize_s8 = dequantize_s8;
}
