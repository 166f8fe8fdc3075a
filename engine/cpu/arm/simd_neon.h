/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The vector words of cpu/x86/simd_avx512.h (see there for the rules) for NEON on ARMv8: 4 floats. */
#ifndef ONYX_CPU_SIMD_NEON_H
#define ONYX_CPU_SIMD_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#define VF_LANES 4
#define VF_REGISTERS 32
typedef float32x4_t vf;
typedef int32x4_t vi;
typedef uint32x4_t vm;

static inline vf vf_load(const float *p)
{
    return vld1q_f32(p);
}
static inline void vf_store(float *p, vf v)
{
    vst1q_f32(p, v);
}
static inline vf vf_load_part(const float *p, size_t n)
{
    float32x4_t v = vdupq_n_f32(0);
    if (n > 0)
        v = vld1q_lane_f32(p, v, 0);
    if (n > 1)
        v = vld1q_lane_f32(p + 1, v, 1);
    if (n > 2)
        v = vld1q_lane_f32(p + 2, v, 2);
    return v;
}
static inline void vf_store_part(float *p, vf v, size_t n)
{
    if (n > 0)
        vst1q_lane_f32(p, v, 0);
    if (n > 1)
        vst1q_lane_f32(p + 1, v, 1);
    if (n > 2)
        vst1q_lane_f32(p + 2, v, 2);
}
static inline vf vf_set1(float x)
{
    return vdupq_n_f32(x);
}
static inline vf vf_zero(void)
{
    return vdupq_n_f32(0);
}
static inline vf vf_add(vf a, vf b)
{
    return vaddq_f32(a, b);
}
static inline vf vf_sub(vf a, vf b)
{
    return vsubq_f32(a, b);
}
static inline vf vf_mul(vf a, vf b)
{
    return vmulq_f32(a, b);
}
static inline vf vf_div(vf a, vf b)
{
    return vdivq_f32(a, b);
}
static inline vf vf_fma(vf a, vf b, vf c)
{
    return vfmaq_f32(c, a, b);
}
static inline vf vf_fma_tied(vf a, vf b, vf c)
{
    return vf_fma(a, b, c);
}
static inline vf vf_fnma(vf a, vf b, vf c)
{
    return vfmsq_f32(c, a, b);
}
static inline vm vf_lt(vf a, vf b)
{
    return vcltq_f32(a, b);
}
static inline vm vf_eq(vf a, vf b)
{
    return vceqq_f32(a, b);
}
static inline vm vf_is_nan(vf a)
{
    return vmvnq_u32(vceqq_f32(a, a));
}
static inline vf vf_select(vm m, vf a, vf b)
{
    return vbslq_f32(m, a, b);
}
/* By comparison, as on x86, so that a NaN in a is dropped. */
static inline vf vf_max(vf a, vf b)
{
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}
static inline vf vf_min(vf a, vf b)
{
    return vbslq_f32(vcltq_f32(a, b), a, b);
}
static inline vf vf_max_nan(vf a, vf b)
{
    return vmaxq_f32(a, b);
}
static inline vf vf_min_nan(vf a, vf b)
{
    return vminq_f32(a, b);
}
static inline vf vf_sqrt(vf a)
{
    return vsqrtq_f32(a);
}
static inline vf vf_floor(vf a)
{
    return vrndmq_f32(a);
}
static inline vf vf_ceil(vf a)
{
    return vrndpq_f32(a);
}
static inline vf vf_round(vf a)
{
    return vrndnq_f32(a);
}
static inline vf vf_abs(vf a)
{
    return vabsq_f32(a);
}
static inline vf vf_neg(vf a)
{
    return vnegq_f32(a);
}
static inline vf vf_copysign(vf a, vf b)
{
    return vbslq_f32(vdupq_n_u32(0x80000000u), b, a);
}
/* 1 / d for d in [1, 2^126]: an estimate of 8 bits and two steps of Newton's; 2e-7 relative. Five operations, where a
 * division of four takes 34 cycles on Cortex-A72 and 7 on Cortex-A76. */
static inline vf vf_reciprocal(vf d)
{
    vf r = vrecpeq_f32(d);
    r = vmulq_f32(r, vrecpsq_f32(d, r));
    return vmulq_f32(r, vrecpsq_f32(d, r));
}
static inline vf vf_fraction(vf t)
{
    return vsubq_f32(t, vrndmq_f32(t));
}
static inline vf vf_scale_floor(vf p, vf t)
{
    int32x4_t n = vshlq_n_s32(vcvtmq_s32_f32(t), 23);
    uint32x4_t below = vcltq_f32(t, vdupq_n_f32(-126.0f));
    return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_s32(vaddq_s32(vreinterpretq_s32_f32(p), n)), below));
}
static inline vf vf_scale(vf p, vf n)
{
    int32x4_t i = vcvtq_s32_f32(n), half = vshrq_n_s32(i, 1), one = vdupq_n_s32(127);
    float32x4_t first = vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(half, one), 23));
    float32x4_t second = vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vsubq_s32(i, half), one), 23));
    return vmulq_f32(vmulq_f32(p, first), second);
}
static inline vf vf_split(vf x, vf *e)
{
    uint32x4_t small = vcltq_f32(x, vdupq_n_f32(0x1p-126f));
    x = vbslq_f32(small, vmulq_f32(x, vdupq_n_f32(0x1p23f)), x);
    uint32x4_t bits = vreinterpretq_u32_f32(x);
    int32x4_t exponent = vsubq_s32(vreinterpretq_s32_u32(vshrq_n_u32(bits, 23)), vdupq_n_s32(127));
    exponent = vsubq_s32(exponent, vandq_s32(vreinterpretq_s32_u32(small), vdupq_n_s32(23)));
    *e = vcvtq_f32_s32(exponent);
    return vreinterpretq_f32_u32(vorrq_u32(vandq_u32(bits, vdupq_n_u32(0x007fffff)), vdupq_n_u32(0x3f800000)));
}
/* See simd_avx512.h: the columns of two 4 x 4 tiles. */
static inline void vf_split_8(vf *v)
{
    for (int half = 0; half < 2; half++) {
        const float32x4x2_t upper = vtrnq_f32(v[half], v[2 + half]), lower = vtrnq_f32(v[4 + half], v[6 + half]);
        v[half] = vcombine_f32(vget_low_f32(upper.val[0]), vget_low_f32(lower.val[0]));
        v[2 + half] = vcombine_f32(vget_low_f32(upper.val[1]), vget_low_f32(lower.val[1]));
        v[4 + half] = vcombine_f32(vget_high_f32(upper.val[0]), vget_high_f32(lower.val[0]));
        v[6 + half] = vcombine_f32(vget_high_f32(upper.val[1]), vget_high_f32(lower.val[1]));
    }
    /* columns 0 4 1 5 2 6 3 7 */
    const vf one = v[2], two = v[4], three = v[6], four = v[1], five = v[3], six = v[5];
    v[1] = one;
    v[2] = two;
    v[3] = three;
    v[4] = four;
    v[5] = five;
    v[6] = six;
}
/* Lane i is what was lane i + 1, the last one next. */
static inline vf vf_move_down(vf v, float next)
{
    return vextq_f32(v, vdupq_n_f32(next), 1);
}
static inline float vf_sum(vf a)
{
    return vaddvq_f32(a);
}
static inline float vf_largest(vf a)
{
    return vmaxvq_f32(a);
}
static inline int vm_any(vm m)
{
    return vmaxvq_u32(m) != 0;
}
static inline vm vm_or(vm a, vm b)
{
    return vorrq_u32(a, b);
}

static inline vi vi_load(const int32_t *p)
{
    return vld1q_s32(p);
}
static inline void vi_store(int32_t *p, vi v)
{
    vst1q_s32(p, v);
}
static inline vi vi_set1(int32_t x)
{
    return vdupq_n_s32(x);
}
static inline vi vi_add(vi a, vi b)
{
    return vaddq_s32(a, b);
}
static inline vi vi_sub(vi a, vi b)
{
    return vsubq_s32(a, b);
}
static inline vi vi_mul(vi a, vi b)
{
    return vmulq_s32(a, b);
}
static inline vf vf_from_vi(vi a)
{
    return vcvtq_f32_s32(a);
}
static inline vi vi_from_vf(vf a)
{
    return vcvtnq_s32_f32(a);
}
/* Four bytes in the low half of a vector. */
static inline uint8x8_t vi_four_bytes(const uint8_t *p)
{
    uint32_t four;
    __builtin_memcpy(&four, p, 4);
    return vreinterpret_u8_u32(vdup_n_u32(four));
}
static inline vi vi_load_u8(const uint8_t *p)
{
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vi_four_bytes(p)))));
}
static inline vi vi_load_s8(const uint8_t *p)
{
    return vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u8(vi_four_bytes(p)))));
}
static inline void vi_store_bytes(uint8_t *p, vi v)
{
    int16x4_t half = vmovn_s32(v);
    uint32_t four = vget_lane_u32(vreinterpret_u32_s8(vmovn_s16(vcombine_s16(half, half))), 0);
    __builtin_memcpy(p, &four, 4);
}

static inline void vi_store_bytes_4(uint8_t *p, vi a, vi b, vi c, vi d, int zero, int is_signed)
{
    int16x8_t offset = vdupq_n_s16((int16_t)zero);
    int16x8_t ab = vqaddq_s16(vcombine_s16(vqmovn_s32(a), vqmovn_s32(b)), offset);
    int16x8_t cd = vqaddq_s16(vcombine_s16(vqmovn_s32(c), vqmovn_s32(d)), offset);
    if (is_signed)
        vst1q_u8(p, vreinterpretq_u8_s8(vcombine_s8(vqmovn_s16(ab), vqmovn_s16(cd))));
    else
        vst1q_u8(p, vcombine_u8(vqmovun_s16(ab), vqmovun_s16(cd)));
}

#endif
