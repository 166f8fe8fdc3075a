/* SPDX-License-Identifier: BSD-2-Clause
 *
 * QuantizeLinear with one scale, in the words of simd_avx2.h and simd_avx512.h: what does not fit int32 becomes
 * INT32_MIN there, NaN too, which is what makes both clamps superfluous. */
#ifndef ONYX_CPU_QUANTIZE_BODY_H
#define ONYX_CPU_QUANTIZE_BODY_H

#include <string.h>

enum { QUANTIZE_AHEAD = 1024 }; /* floats: a page */

/* round(x / scale), the quotient rounded as a division rounds it: a product with the inverse, corrected by its
 * remainder (Markstein), takes a third of a division's time. largest: beyond it all are the same, and x infinite would
 * give NaN. */
static inline vi quantize_vector(const float *x, vf scale, vf inverse, vf largest)
{
    const vf value = vf_min(largest, vf_load(x)), q = vf_mul(value, inverse);
    return vi_from_vf(vf_fma(vf_fnma(q, scale, value), inverse, q));
}

static inline void quantize_four(const float *src, uint8_t *dst, vf scale, vf inverse, vf largest, int zero,
                                 const bool is_signed)
{
    vi q[4];
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++)
        q[k] = quantize_vector(src + k * VF_LANES, scale, inverse, largest);
    vi_store_bytes_4(dst, q[0], q[1], q[2], q[3], zero, is_signed);
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

static inline __attribute__((always_inline)) void quantize(const float *src, uint8_t *dst, size_t n, float scale,
                                                           int zero_point, const bool is_signed)
{
    const int smallest = is_signed ? -128 : 0;
    if (!(scale > 1e-30f && scale < 1e30f)) {
        quantize_extreme(src, dst, n, scale, zero_point, smallest);
        return;
    }
    const vf s = vf_set1(scale), inverse = vf_set1(1 / scale);
    const vf largest = vf_set1((float)(smallest + 256 - zero_point) * scale);
    size_t i = 0;
    for (; i + 4 * VF_LANES <= n; i += 4 * VF_LANES) {
#pragma GCC unroll 4
        for (int k = 0; k < 4 * VF_LANES; k += 16)
            _mm_prefetch((const char *)(src + i + k + QUANTIZE_AHEAD), _MM_HINT_T0);
        quantize_four(src + i, dst + i, s, inverse, largest, zero_point, is_signed);
    }
    if (i < n) {
        float rest[4 * VF_LANES] = { 0 };
        uint8_t bytes[4 * VF_LANES];
        memcpy(rest, src + i, (n - i) * sizeof(float));
        quantize_four(rest, bytes, s, inverse, largest, zero_point, is_signed);
        memcpy(dst + i, bytes, n - i);
    }
}

static void quantize_u8(const float *src, uint8_t *dst, size_t n, float scale, int zero_point)
{
    quantize(src, dst, n, scale, zero_point, false);
}

static void quantize_s8(const float *src, int8_t *dst, size_t n, float scale, int zero_point)
{
    quantize(src, (uint8_t *)dst, n, scale, zero_point, true);
}

#endif
