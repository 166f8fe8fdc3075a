/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Reorders, NEON: 4 x 4 tiles. */
#include "cpu/arm/simd_neon.h"

static inline __attribute__((always_inline)) void layout_tile(float32x4_t *r)
{
    float32x4x2_t upper = vtrnq_f32(r[0], r[1]), lower = vtrnq_f32(r[2], r[3]);
    r[0] = vcombine_f32(vget_low_f32(upper.val[0]), vget_low_f32(lower.val[0]));
    r[1] = vcombine_f32(vget_low_f32(upper.val[1]), vget_low_f32(lower.val[1]));
    r[2] = vcombine_f32(vget_high_f32(upper.val[0]), vget_high_f32(lower.val[0]));
    r[3] = vcombine_f32(vget_high_f32(upper.val[1]), vget_high_f32(lower.val[1]));
}

#include "cpu/layout_body.h"

static void layout_split3_8_neon(const uint8_t *src, size_t count, uint8_t *dst, size_t plane)
{
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        const uint8x16x3_t pixels = vld3q_u8(src + 3 * i);
        vst1q_u8(dst + i, pixels.val[0]);
        vst1q_u8(dst + plane + i, pixels.val[1]);
        vst1q_u8(dst + 2 * plane + i, pixels.val[2]);
    }
    layout_split3_8_c(src + 3 * i, count - i, dst + i, plane);
}

static void layout_split3_32_neon(const uint32_t *src, size_t count, uint32_t *dst, size_t plane)
{
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        const uint32x4x3_t pixels = vld3q_u32(src + 3 * i);
        vst1q_u32(dst + i, pixels.val[0]);
        vst1q_u32(dst + plane + i, pixels.val[1]);
        vst1q_u32(dst + 2 * plane + i, pixels.val[2]);
    }
    layout_split3_32_c(src + 3 * i, count - i, dst + i, plane);
}

void layout_fill_neon(layout_kernels *kernels)
{
    layout_body_fill(kernels);
    kernels->split3_8 = layout_split3_8_neon;
    kernels->split3_32 = layout_split3_32_neon;
}
