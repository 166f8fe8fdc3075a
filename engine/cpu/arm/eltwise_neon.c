/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Elementwise kernels, NEON on ARMv8: the shared bodies, and conversions of narrow types. Ends of narrow rows go
 * through a small buffer. */
#include "cpu/arm/math_neon.h"

#include <string.h>

#include "cpu/eltwise_body.h"

static void half_to_float(const uint16_t *src, float *dst, size_t n)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        vst1q_f32(dst + i, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(src + i))));
    if (i < n) {
        uint16_t rest[4] = { 0 };
        memcpy(rest, src + i, (n - i) * sizeof(*src));
        vf_store_part(dst + i, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(rest))), n - i);
    }
}

static void float_to_half(const float *src, uint16_t *dst, size_t n)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        vst1_u16(dst + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(src + i))));
    if (i < n) {
        uint16_t rest[4];
        vst1_u16(rest, vreinterpret_u16_f16(vcvt_f16_f32(vf_load_part(src + i, n - i))));
        memcpy(dst + i, rest, (n - i) * sizeof(*dst));
    }
}

/* 8 values as bytes. vmaxnm gives the number where the other operand is NaN: the lower bound. */
static inline uint8x8_t quantized(float32x4_t x, float32x4_t y, float32x4_t scale, float32x4_t low, float32x4_t high,
                                  int32x4_t zero_point)
{
    x = vminq_f32(vmaxnmq_f32(vdivq_f32(x, scale), low), high);
    y = vminq_f32(vmaxnmq_f32(vdivq_f32(y, scale), low), high);
    int16x4_t a = vmovn_s32(vaddq_s32(vcvtnq_s32_f32(x), zero_point));
    int16x4_t b = vmovn_s32(vaddq_s32(vcvtnq_s32_f32(y), zero_point));
    return vreinterpret_u8_s8(vmovn_s16(vcombine_s16(a, b)));
}

static inline void quantize(const float *src, void *dst, size_t n, float scale, int zero_point, int smallest)
{
    float32x4_t s = vdupq_n_f32(scale);
    float32x4_t low = vdupq_n_f32((float)(smallest - zero_point)),
                high = vdupq_n_f32((float)(smallest + 255 - zero_point));
    int32x4_t zero = vdupq_n_s32(zero_point);
    uint8_t *out = dst;
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        vst1_u8(out + i, quantized(vld1q_f32(src + i), vld1q_f32(src + i + 4), s, low, high, zero));
    if (i < n) {
        float values[8] = { 0 };
        uint8_t rest[8];
        memcpy(values, src + i, (n - i) * sizeof(*src));
        vst1_u8(rest, quantized(vld1q_f32(values), vld1q_f32(values + 4), s, low, high, zero));
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
    int16x8_t zero = vdupq_n_s16((int16_t)zero_point);
    for (size_t i = 0; i < n; i += 8) {
        size_t m = n - i < 8 ? n - i : 8;
        uint8_t rest[8] = { 0 };
        uint8x8_t bytes;
        if (m == 8) {
            bytes = vld1_u8(in + i);
        } else {
            memcpy(rest, in + i, m);
            bytes = vld1_u8(rest);
        }
        int16x8_t q = is_signed ? vmovl_s8(vreinterpret_s8_u8(bytes)) : vreinterpretq_s16_u16(vmovl_u8(bytes));
        q = vsubq_s16(q, zero);
        float32x4_t x = vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(q))), scale);
        float32x4_t y = vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(vget_high_s16(q))), scale);
        if (m == 8) {
            vst1q_f32(dst + i, x);
            vst1q_f32(dst + i + 4, y);
        } else {
            float values[8];
            vst1q_f32(values, x);
            vst1q_f32(values + 4, y);
            memcpy(dst + i, values, m * sizeof(*dst));
        }
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

void eltwise_fill_neon(eltwise_kernels *kernels)
{
    eltwise_body_fill(kernels);
    kernels->half_to_float = half_to_float;
    kernels->float_to_half = float_to_half;
    kernels->quantize_u8 = quantize_u8;
    kernels->quantize_s8 = quantize_s8;
    kernels->dequantize_u8 = dequantize_u8;
    kernels->dequantize_s8 = dequantize_s8;
}
