/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Elementwise kernels, AVX2 + FMA + F16C: the shared bodies, and conversions of narrow types. Ends of narrow rows go
 * through a small buffer. */
#include "cpu/x86/math_avx2.h"

#include <string.h>

#include "cpu/eltwise_body.h"

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

/* x / scale, rounded as a division rounds it, where it lies in low .. high; beyond, something beyond. A product with the
 * inverse, corrected by its remainder (Markstein), takes a third of a division's time. */
static inline __m256 quotient(__m256 x, __m256 scale, __m256 inverse, __m256 low, __m256 high)
{
    const __m256 one = _mm256_set1_ps(1);
    __m256 q = _mm256_max_ps(_mm256_mul_ps(x, inverse), _mm256_sub_ps(low, one));
    q = _mm256_min_ps(q, _mm256_add_ps(high, one));
    return _mm256_fmadd_ps(_mm256_fnmadd_ps(q, scale, x), inverse, q);
}

/* 8 values as bytes in the low 8 of the result. NaN: max_ps gives its second operand, the bound. */
static inline __m128i quantized(__m256 x, __m256 scale, __m256 inverse, __m256 low, __m256 high, __m256i zero_point)
{
    const __m256i low_bytes = _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, /**/
                                               0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    __m256 q = _mm256_min_ps(_mm256_max_ps(quotient(x, scale, inverse, low, high), low), high);
    __m256i bytes = _mm256_shuffle_epi8(_mm256_add_epi32(_mm256_cvtps_epi32(q), zero_point), low_bytes);
    return _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
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

static inline void quantize(const float *src, void *dst, size_t n, float scale, int zero_point, int smallest)
{
    if (!(scale > 1e-30f && scale < 1e30f)) {
        quantize_extreme(src, dst, n, scale, zero_point, smallest);
        return;
    }
    __m256 s = _mm256_set1_ps(scale), inverse = _mm256_set1_ps(1 / scale);
    __m256 low = _mm256_set1_ps((float)(smallest - zero_point)),
           high = _mm256_set1_ps((float)(smallest + 255 - zero_point));
    __m256i zero = _mm256_set1_epi32(zero_point);
    uint8_t *out = dst;
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storel_epi64((__m128i *)(out + i), quantized(_mm256_loadu_ps(src + i), s, inverse, low, high, zero));
    if (i < n) {
        uint8_t rest[16];
        _mm_storeu_si128((__m128i *)rest, quantized(vf_load_part(src + i, n - i), s, inverse, low, high, zero));
        memcpy(out + i, rest, n - i);
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
