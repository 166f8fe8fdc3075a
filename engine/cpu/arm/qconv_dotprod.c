/* SPDX-License-Identifier: BSD-2-Clause
 *
 * 8-bit convolution, NEON with the dot product (sdot), on signed sources. */
#include "cpu/arm/math_neon.h"

#define VQ_GROUP 4
#define VQ_SIGNED 1
#define VQ_BYTES 1
#define QCONV_FILTERS 4
#define QCONV_TILES(X) X(1, 1) X(1, 4) X(1, 8) X(1, 12) X(2, 1) X(2, 4) X(2, 8) X(3, 1) X(3, 4) X(4, 1) X(4, 4)

typedef int8x16_t vq_x;
typedef int8x16_t vq_w;

static inline vq_x vq_load_x(const uint8_t *p)
{
    int32_t four;
    __builtin_memcpy(&four, p, 4);
    return vreinterpretq_s8_s32(vdupq_n_s32(four));
}
static inline vq_w vq_load_w(const uint8_t *p)
{
    return vreinterpretq_s8_u8(vld1q_u8(p));
}
static inline vi vq_dot(vi acc, vq_x x, vq_w w)
{
    return vdotq_s32(acc, x, w);
}
static inline vi vq_mac(vi acc, const uint8_t *p, vi w)
{
    return vmlal_s16(acc, vmovn_s32(vi_load_s8(p)), vmovn_s32(w));
}
static inline void vq_expand(uint8_t *dst, const uint8_t *src, size_t n, uint8_t flip)
{
    uint8x16_t f = vdupq_n_u8(flip);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        vst1q_u8(dst + i, veorq_u8(vld1q_u8(src + i), f));
    for (; i < n; i++)
        dst[i] = src[i] ^ flip;
}
static inline int vq_sum(const uint8_t *p)
{
    return vaddvq_s32(vi_load_s8(p));
}

#include "cpu/qconv_body.h"

static const qconv_units units = { .name = "qconv_dotprod",
                                   .lanes = 4,
                                   .group = 4,
                                   .src_signed = true,
                                   .filter_blocks = QCONV_FILTERS,
                                   .deep_blocks = 4,
                                   .dense = qconv_dense,
                                   .depthwise = qconv_depthwise };

void qconv_fill_dotprod(qconv_kernels *kernels)
{
    kernels->units = &units;
}
