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

void layout_fill_neon(layout_kernels *kernels)
{
    layout_body_fill(kernels);
}
