/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The row kernels for aarch64's NEON. What is left over behind whole vectors goes through plain C. */
#include "vision/rows.h"

#include <arm_neon.h>
#include <stddef.h>
#include <string.h>

/* a * 128 + round((b - a) * 128 * weight / 32768) */
static inline int16x8_t mix(uint8x8_t a, uint8x8_t b, int16_t weight)
{
    int16x8_t difference = vshlq_n_s16(vreinterpretq_s16_u16(vsubl_u8(b, a)), 7);
    return vaddq_s16(vreinterpretq_s16_u16(vshll_n_u8(a, 7)), vqrdmulhq_n_s16(difference, weight));
}

static inline void put_mix(uint8x16_t a, uint8x16_t b, int16_t weight, int16_t *out)
{
    vst1q_s16(out, mix(vget_low_u8(a), vget_low_u8(b), weight));
    vst1q_s16(out + 8, mix(vget_high_u8(a), vget_high_u8(b), weight));
}

static void expand1(const uint8_t *a, const uint8_t *b, int weight, int n, int16_t *out)
{
    int i = 0;
    for (; i + 16 <= n; i += 16)
        put_mix(vld1q_u8(a + i), vld1q_u8(b + i), (int16_t)weight, out + i);
    vision_rows_c.expand1(a + i, b + i, weight, n - i, out + i);
}

static void expand2(const uint8_t *a, const uint8_t *b, int weight, int n, int16_t *const out[2])
{
    int i = 0;
    for (; i + 16 <= n; i += 16) {
        uint8x16x2_t x = vld2q_u8(a + 2 * (size_t)i), y = vld2q_u8(b + 2 * (size_t)i);
        for (int k = 0; k < 2; k++)
            if (out[k])
                put_mix(x.val[k], y.val[k], (int16_t)weight, out[k] + i);
    }
    int16_t *rest[2] = { out[0] ? out[0] + i : NULL, out[1] ? out[1] + i : NULL };
    vision_rows_c.expand2(a + 2 * (size_t)i, b + 2 * (size_t)i, weight, n - i, rest);
}

static void expand3(const uint8_t *a, const uint8_t *b, int weight, int n, int16_t *const out[3])
{
    int i = 0;
    for (; i + 16 <= n; i += 16) {
        uint8x16x3_t x = vld3q_u8(a + 3 * (size_t)i), y = vld3q_u8(b + 3 * (size_t)i);
        for (int k = 0; k < 3; k++)
            put_mix(x.val[k], y.val[k], (int16_t)weight, out[k] + i);
    }
    int16_t *rest[3] = { out[0] + i, out[1] + i, out[2] + i };
    vision_rows_c.expand3(a + 3 * (size_t)i, b + 3 * (size_t)i, weight, n - i, rest);
}

static void expand4(const uint8_t *a, const uint8_t *b, int weight, int n, int16_t *const out[4])
{
    int i = 0;
    int16_t *rest[4];
    for (; i + 16 <= n; i += 16) {
        uint8x16x4_t x = vld4q_u8(a + 4 * (size_t)i), y = vld4q_u8(b + 4 * (size_t)i);
        for (int k = 0; k < 4; k++)
            if (out[k])
                put_mix(x.val[k], y.val[k], (int16_t)weight, out[k] + i);
    }
    for (int k = 0; k < 4; k++)
        rest[k] = out[k] ? out[k] + i : NULL;
    vision_rows_c.expand4(a + 4 * (size_t)i, b + 4 * (size_t)i, weight, n - i, rest);
}

/* Samples of 16 bits -> 1/128 of a step -> mixed. up: of each sample. */
static inline int16x8_t mix_wide(uint16x8_t a, uint16x8_t b, int16_t weight, int16x8_t up)
{
    const int16x8_t most = vdupq_n_s16(VISION_WIDE_MOST);
    int16x8_t x = vminq_s16(vreinterpretq_s16_u16(vshrq_n_u16(vshlq_u16(a, up), 1)), most);
    int16x8_t y = vminq_s16(vreinterpretq_s16_u16(vshrq_n_u16(vshlq_u16(b, up), 1)), most);
    return vaddq_s16(x, vqrdmulhq_n_s16(vsubq_s16(y, x), weight));
}

/* By bytes, for rows may lie at odd addresses. */
static inline uint16x8_t load_wide(const uint8_t *p)
{
    return vreinterpretq_u16_u8(vld1q_u8(p));
}

static void expand1_wide(const uint8_t *a, const uint8_t *b, int weight, int n, int up, int16_t *out)
{
    const int16x8_t by = vdupq_n_s16((int16_t)up);
    int i = 0;
    for (; i + 8 <= n; i += 8)
        vst1q_s16(out + i, mix_wide(load_wide(a + 2 * (size_t)i), load_wide(b + 2 * (size_t)i), (int16_t)weight, by));
    vision_rows_c.expand1_wide(a + 2 * (size_t)i, b + 2 * (size_t)i, weight, n - i, up, out + i);
}

static void expand2_wide(const uint8_t *a, const uint8_t *b, int weight, int n, int up, int16_t *const out[2])
{
    const int16x8_t by = vdupq_n_s16((int16_t)up);
    int i = 0;
    for (; i + 8 <= n; i += 8) {
        const uint8_t *x = a + 4 * (size_t)i, *y = b + 4 * (size_t)i;
        uint16x8x2_t first = vuzpq_u16(load_wide(x), load_wide(x + 16));
        uint16x8x2_t second = vuzpq_u16(load_wide(y), load_wide(y + 16));
        for (int k = 0; k < 2; k++)
            vst1q_s16(out[k] + i, mix_wide(first.val[k], second.val[k], (int16_t)weight, by));
    }
    int16_t *rest[2] = { out[0] + i, out[1] + i };
    vision_rows_c.expand2_wide(a + 4 * (size_t)i, b + 4 * (size_t)i, weight, n - i, up, rest);
}

static inline uint32_t pair_at(const int16_t *p)
{
    uint32_t pair;
    memcpy(&pair, p, sizeof pair);
    return pair;
}

/* Four outputs as int32 from four pairs of neighbours. */
static inline int32x4_t blend4(const int16_t *in, const int32_t *index, const int16_t *weights)
{
    uint32x4_t pairs = vdupq_n_u32(pair_at(in + index[0]));
    pairs = vsetq_lane_u32(pair_at(in + index[1]), pairs, 1);
    pairs = vsetq_lane_u32(pair_at(in + index[2]), pairs, 2);
    pairs = vsetq_lane_u32(pair_at(in + index[3]), pairs, 3);
    int16x4_t second = vld1_s16(weights), first = vsub_s16(vdup_n_s16(16384), second);
    int16x4x2_t both = vzip_s16(first, second);
    int16x8_t values = vreinterpretq_s16_u32(pairs);
    int32x4_t low = vmull_s16(vget_low_s16(values), both.val[0]), high = vmull_s16(vget_high_s16(values), both.val[1]);
    return vrshrq_n_s32(vpaddq_s32(low, high), 15);
}

static void blend(const int16_t *in, const int32_t *index, const int16_t *weights, int n, int16_t *out)
{
    int i = 0;
    for (; i + 8 <= n; i += 8) {
        int16x4_t low = vmovn_s32(blend4(in, index + i, weights + i));
        vst1q_s16(out + i, vcombine_s16(low, vmovn_s32(blend4(in, index + i + 4, weights + i + 4))));
    }
    vision_rows_c.blend(in, index + i, weights + i, n - i, out + i);
}

/* (value + 32) / 64 within 0..255 */
static inline void put_bytes(int16x8_t value, uint8_t *out)
{
    vst1_u8(out, vqrshrun_n_s16(value, 6));
}

static void colour(const int16_t *y, const int16_t *u, const int16_t *v, int n, const vision_colour *c, uint8_t *r,
                   uint8_t *g, uint8_t *b)
{
    const int16x8_t black = vdupq_n_s16(c->black), middle = vdupq_n_s16(128 * 64);
    int i = 0;
    for (; i + 8 <= n; i += 8) {
        int16x8_t light = vsubq_s16(vld1q_s16(y + i), black);
        int16x8_t blue = vshlq_n_s16(vsubq_s16(vld1q_s16(u + i), middle), 2);
        int16x8_t red = vshlq_n_s16(vsubq_s16(vld1q_s16(v + i), middle), 2);
        light = vaddq_s16(light, vqrdmulhq_n_s16(light, c->y_gain));
        put_bytes(vqaddq_s16(light, vqrdmulhq_n_s16(red, c->r_v)), r + i);
        int16x8_t less = vqsubq_s16(light, vqrdmulhq_n_s16(blue, c->g_u));
        put_bytes(vqsubq_s16(less, vqrdmulhq_n_s16(red, c->g_v)), g + i);
        put_bytes(vqaddq_s16(light, vqrdmulhq_n_s16(blue, c->b_u)), b + i);
    }
    vision_rows_c.colour(y + i, u + i, v + i, n - i, c, r + i, g + i, b + i);
}

static void round8(const int16_t *in, int n, uint8_t *out)
{
    int i = 0;
    for (; i + 8 <= n; i += 8)
        put_bytes(vld1q_s16(in + i), out + i);
    vision_rows_c.round8(in + i, n - i, out + i);
}

static int near_half(const int16_t *in, int n, int16_t *indices)
{
    const int16x8_t from = vdupq_n_s16(31), mask = vdupq_n_s16(63), three = vdupq_n_s16(3);
    int count = 0, i = 0;
    for (; i + 8 <= n; i += 8) {
        uint16x8_t near = vcltq_s16(vandq_s16(vsubq_s16(vld1q_s16(in + i), from), mask), three);
        uint64_t bytes = vget_lane_u64(vreinterpret_u64_u8(vmovn_u16(near)), 0) & UINT64_C(0x8080808080808080);
        for (; bytes; bytes &= bytes - 1)
            indices[count++] = (int16_t)(i + __builtin_ctzll(bytes) / 8);
    }
    for (; i < n; i++)
        if (((in[i] - 31) & 63) <= 2)
            indices[count++] = (int16_t)i;
    return count;
}

static inline float32x4_t affine4(uint16x4_t pixels, const vision_affine *map)
{
    float32x4_t x = vcvtq_f32_u32(vmovl_u16(pixels));
    float32x4_t rest = vfmaq_n_f32(vdupq_n_f32(-map->mean), x, map->scale_low);
    return vfmaq_n_f32(rest, x, map->scale_high);
}

static void store_f32(const uint8_t *in, int n, const vision_affine *map, float *out)
{
    int i = 0;
    for (; i + 8 <= n; i += 8) {
        uint16x8_t pixels = vmovl_u8(vld1_u8(in + i));
        vst1q_f32(out + i, affine4(vget_low_u16(pixels), map));
        vst1q_f32(out + i + 4, affine4(vget_high_u16(pixels), map));
    }
    vision_rows_c.store_f32(in + i, n - i, map, out + i);
}

static void fill_f32(float value, int n, float *out)
{
    int i = 0;
    for (; i + 4 <= n; i += 4)
        vst1q_f32(out + i, vdupq_n_f32(value));
    for (; i < n; i++)
        out[i] = value;
}

static void max_f32(const float *in, int n, float *best, float *check)
{
    int i = 0;
    for (; i + 4 <= n; i += 4) {
        float32x4_t x = vld1q_f32(in + i);
        vst1q_f32(best + i, vmaxq_f32(x, vld1q_f32(best + i)));
        vst1q_f32(check + i, vaddq_f32(vld1q_f32(check + i), vsubq_f32(x, x)));
    }
    vision_rows_c.max_f32(in + i, n - i, best + i, check + i);
}

static void half_to_f32(const uint16_t *in, int n, float *out)
{
    int i = 0;
    for (; i + 4 <= n; i += 4)
        vst1q_f32(out + i, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(in + i))));
    vision_rows_c.half_to_f32(in + i, n - i, out + i);
}

static void add_scaled(const float *in, float factor, int n, float *out)
{
    int i = 0;
    for (; i + 4 <= n; i += 4)
        vst1q_f32(out + i, vfmaq_n_f32(vld1q_f32(out + i), vld1q_f32(in + i), factor));
    vision_rows_c.add_scaled(in + i, factor, n - i, out + i);
}

/* Halves come from the map's table: a table look-up costs less than the load and store around it. */
static void store_f16(const uint8_t *in, int n, const vision_affine *map, uint16_t *out)
{
    for (int i = 0; i < n; i++)
        out[i] = map->halves[in[i]];
}

const vision_rows vision_rows_neon = { "neon",       expand1,   expand2,  expand3, expand4,     expand1_wide,
                                       expand2_wide, blend,     NULL,     colour,  round8,      near_half,
                                       store_f32,    store_f16, fill_f32, max_f32, half_to_f32, add_scaled };
