/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Elementwise work on bytes, NEON. A table of 256 is four look-ups of 64 entries. */
#include "cpu/arm/simd_neon.h"

#define VB_BYTES 16
typedef uint8x16_t vb;

static inline vb vb_load(const uint8_t *p)
{
    return vld1q_u8(p);
}
static inline void vb_store(uint8_t *p, vb v)
{
    vst1q_u8(p, v);
}
static inline vb vb_max_u8(vb a, vb b)
{
    return vmaxq_u8(a, b);
}
static inline vb vb_max_s8(vb a, vb b)
{
    return vreinterpretq_u8_s8(vmaxq_s8(vreinterpretq_s8_u8(a), vreinterpretq_s8_u8(b)));
}

#include "cpu/qeltwise_body.h"

static void lookup(const uint8_t *src, uint8_t *dst, size_t n, const uint8_t table[256])
{
    uint8x16x4_t rows[4];
    const uint8x16_t step = vdupq_n_u8(64);
    size_t i = 0;
    for (int r = 0; r < 4; r++)
        for (int k = 0; k < 4; k++)
            rows[r].val[k] = vld1q_u8(table + 64 * r + 16 * k);
    for (; i + 16 <= n; i += 16) {
        uint8x16_t x = vld1q_u8(src + i), y = vqtbl4q_u8(rows[0], x); /* 0 where x is 64 or more */
        x = vsubq_u8(x, step);
        y = vqtbx4q_u8(y, rows[1], x);
        x = vsubq_u8(x, step);
        y = vqtbx4q_u8(y, rows[2], x);
        x = vsubq_u8(x, step);
        vst1q_u8(dst + i, vqtbx4q_u8(y, rows[3], x));
    }
    for (; i < n; i++)
        dst[i] = table[src[i]];
}

void qeltwise_fill_neon(qeltwise_kernels *kernels)
{
    qeltwise_body_fill(kernels);
    kernels->lookup = lookup;
}
