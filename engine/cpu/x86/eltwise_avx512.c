/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Elementwise kernels, AVX-512: the shared bodies, and conversions of narrow types. */
#include "cpu/x86/math_avx512.h"

#include "cpu/eltwise_body.h"

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

/* x / scale, rounded as a division rounds it, where it lies in low .. high; beyond, something beyond. A product with the
 * inverse, corrected by its remainder (Markstein), takes a third of a division's time. */
static inline __m512 quotient(__m512 x, __m512 scale, __m512 inverse, __m512 low, __m512 high)
{
    const __m512 one = _mm512_set1_ps(1);
    __m512 q = _mm512_max_ps(_mm512_mul_ps(x, inverse), _mm512_sub_ps(low, one));
    q = _mm512_min_ps(q, _mm512_add_ps(high, one));
    return _mm512_fmadd_ps(_mm512_fnmadd_ps(q, scale, x), inverse, q);
}

/* 16 values as int32 in low .. high of the type, plus zero point. NaN: max_ps gives its second operand, the bound. */
static inline __m512i quantized(__m512 x, __m512 scale, __m512 inverse, __m512 low, __m512 high, __m512i zero_point)
{
    __m512 q = _mm512_min_ps(_mm512_max_ps(quotient(x, scale, inverse, low, high), low), high);
    return _mm512_add_epi32(_mm512_cvtps_epi32(q), zero_point);
}

/* Scales whose inverse leaves the numbers that have all digits. */
static void quantize_extreme(const float *src, uint8_t *dst, size_t n, float scale, int zero_point, int smallest)
{
    const float low = (float)(smallest - zero_point), high = low + 255;
    for (size_t i = 0; i < n; i++) {
        float q = src[i] / scale;
        q = q > low ? q : low;
        dst[i] = (uint8_t)(_mm_cvtss_si32(_mm_set_ss(q < high ? q : high)) + zero_point);
    }
}

/* The low bytes of the sums are right for signed and unsigned alike. */
static inline void quantize(const float *src, void *dst, size_t n, float scale, int zero_point, int smallest)
{
    if (!(scale > 1e-30f && scale < 1e30f)) {
        quantize_extreme(src, dst, n, scale, zero_point, smallest);
        return;
    }
    __m512 s = _mm512_set1_ps(scale), inverse = _mm512_set1_ps(1 / scale);
    __m512 low = _mm512_set1_ps((float)(smallest - zero_point)),
           high = _mm512_set1_ps((float)(smallest + 255 - zero_point));
    __m512i zero = _mm512_set1_epi32(zero_point);
    uint8_t *out = dst;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m512i q = quantized(_mm512_loadu_ps(src + i), s, inverse, low, high, zero);
        _mm_storeu_si128((__m128i *)(out + i), _mm512_cvtepi32_epi8(q));
    }
    if (i < n) {
        __mmask16 rest = (__mmask16)((1u << (n - i)) - 1);
        __m512i q = quantized(_mm512_maskz_loadu_ps(rest, src + i), s, inverse, low, high, zero);
        _mm_mask_storeu_epi8(out + i, rest, _mm512_cvtepi32_epi8(q));
    }
}

static void quantize_u8(const float *src, uint8_t *dst, size_t n, float scale, int zero_point)
{
    quantize(src, dst, n, scale, zero_point, 0);
}

static void quantize_s8(const float *src, int8_t *dst, size_t n, float scale, int zero_point)
{
    quantize(src, dst, n, scale, zero_point, -128);
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
