/* SPDX-License-Identifier: BSD-2-Clause
 *
 * vq_floats of qconv_body.h in the words of simd_avx2.h and simd_avx512.h, where products take unsigned sources. */
#ifndef ONYX_CPU_QCONV_FLOATS_BODY_H
#define ONYX_CPU_QCONV_FLOATS_BODY_H

#define VQ_HAS_FLOATS

typedef struct vq_floats_constants {
    vf scale, inverse, largest, low, high;
} vq_floats_constants;

/* As in quantize_body.h, but clamped, because nothing is packed here; NaN gives the lower bound. */
static inline vi vq_quantize(const float *src, const vq_floats_constants *k)
{
    const vf value = vf_min(k->largest, vf_load(src)), q = vf_mul(value, k->inverse);
    return vi_from_vf(vf_min(k->high, vf_max(vf_fma(vf_fnma(q, k->scale, value), k->inverse, q), k->low)));
}

static inline __attribute__((always_inline)) size_t vq_floats_of(uint8_t *dst, const float *src, size_t plane,
                                                                 const int channels, size_t n, float scale, int zero,
                                                                 int smallest)
{
    const vq_floats_constants k = { vf_set1(scale), vf_set1(1 / scale), vf_set1((float)(smallest + 256 - zero) * scale),
                                    vf_set1((float)(smallest - zero)), vf_set1((float)(smallest + 255 - zero)) };
    const vi offset = vi_set1(zero - smallest); /* makes them unsigned; those of other sign are flipped so */
    size_t i = 0;
    for (; i + VF_LANES <= n; i += VF_LANES, dst += 4 * VF_LANES) {
        vi pixels = vi_add(vq_quantize(src + i, &k), offset);
#pragma GCC unroll 3
        for (int c = 1; c < channels; c++)
            pixels = vi_add(pixels, vi_shift_left(vi_add(vq_quantize(src + (size_t)c * plane + i, &k), offset), 8 * c));
        vi_store((int32_t *)(void *)dst, pixels);
    }
    return i;
}

static inline size_t vq_floats(uint8_t *dst, const float *src, size_t plane, int channels, size_t n, float scale,
                               int zero, int smallest)
{
    if (!(scale > 1e-30f && scale < 1e30f)) /* the inverse leaves the numbers that have all digits */
        return 0;
    switch (channels) {
    case 1:
        return vq_floats_of(dst, src, plane, 1, n, scale, zero, smallest);
    case 2:
        return vq_floats_of(dst, src, plane, 2, n, scale, zero, smallest);
    case 3:
        return vq_floats_of(dst, src, plane, 3, n, scale, zero, smallest);
    case 4:
        return vq_floats_of(dst, src, plane, 4, n, scale, zero, smallest);
    default:
        return 0;
    }
}

#endif
