/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Float16 kernels for ARMv8.2 with FEAT_FP16: 8 lanes. A pixel's eight inputs are one load, used lane by lane: 4 filter
 * blocks x 6 pixels need 38 loads for 192 multiply-adds. By-element products take their lane from v0..v15 only, which
 * bounds the pixels. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "cpu/arm/math_neon.h"

#include "cpu/half.h"
#include "cpu/kernels.h"

typedef float16x8_t vh;

#define HALF_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define HALF_UNROLL _Pragma("clang loop unroll(full)")
#else
#define HALF_UNROLL _Pragma("GCC unroll 24")
#endif

HALF_INLINE vh vh_load(const uint16_t *p)
{
    return vreinterpretq_f16_u16(vld1q_u16(p));
}
HALF_INLINE void vh_store(uint16_t *p, vh v)
{
    vst1q_u16(p, vreinterpretq_u16_f16(v));
}
HALF_INLINE vh vh_set1(float x)
{
    return vdupq_n_f16((float16_t)x);
}

/* ---- activations ---- */

/* 1 / (1 + e^-x) for x from -11 on. e^-x is 2^t with t in [-14, 15.9], which float16 holds: beyond, the
 * sum is 1. Adding 1536, from where on float16 has no fractions, rounds t to n and leaves n in the low bits: rounding
 * and conversion proper take four cycles each. 2^f on [-0.5, 0.5] is a minimax cubic, error 1e-4. The reciprocal: an
 * estimate of 8 bits and a step of Newton's. */
HALF_INLINE vh vh_sigmoid(vh x)
{
    vh magic = vh_set1(1536.0f), t = vmaxq_f16(vmulq_f16(x, vh_set1(-1.44269504f)), vh_set1(-14.0f));
    vh m = vaddq_f16(t, magic), f = vsubq_f16(t, vsubq_f16(m, magic));
    vh p = vfmaq_f16(vh_set1(0.2426112f), f, vh_set1(0.0551717f));
    p = vfmaq_f16(vh_set1(0.6932610f), f, p);
    p = vfmaq_f16(vh_set1(0.9999281f), f, p);
    int16x8_t n = vshlq_n_s16(vreinterpretq_s16_f16(m), 10);
    p = vreinterpretq_f16_s16(vaddq_s16(vreinterpretq_s16_f16(p), n));
    vh d = vaddq_f16(p, vh_set1(1.0f)), r = vrecpeq_f16(d);
    return vmulq_f16(r, vrecpsq_f16(d, r));
}

HALF_INLINE vh vh_clamped(vh x) /* below, both functions are within 2e-4 of 0 */
{
    return vmaxq_f16(x, vh_set1(-11.0f));
}

HALF_INLINE vh vh_silu(vh x)
{
    x = vh_clamped(x);
    return vmulq_f16(x, vh_sigmoid(x));
}

/* Any other activation: in float32. */
static __attribute__((noinline)) vh act_wide(vh x, cpu_activation a)
{
    vf low = vf_act(a.act, vcvt_f32_f16(vget_low_f16(x)), a.a, a.b);
    vf high = vf_act(a.act, vcvt_high_f32_f16(x), a.a, a.b);
    return vcvt_high_f16_f32(vcvt_f16_f32(low), high);
}

HALF_INLINE void apply(const cpu_activation *a, vh *acc, const int n)
{
    switch (a->act) {
    case CPU_ACT_NONE:
        break;
    case CPU_ACT_SILU:
        HALF_UNROLL
        for (int i = 0; i < n; i++)
            acc[i] = vh_silu(acc[i]);
        break;
    case CPU_ACT_SIGMOID:
        HALF_UNROLL
        for (int i = 0; i < n; i++)
            acc[i] = vh_sigmoid(vh_clamped(acc[i]));
        break;
    case CPU_ACT_RELU:
        HALF_UNROLL
        for (int i = 0; i < n; i++)
            acc[i] = vmaxq_f16(acc[i], vh_set1(0));
        break;
    case CPU_ACT_CLIP: {
        vh low = vh_set1(a->a), high = vh_set1(a->b);
        HALF_UNROLL
        for (int i = 0; i < n; i++)
            acc[i] = vminq_f16(vmaxq_f16(acc[i], low), high);
        break;
    }
    default:
        for (int i = 0; i < n; i++)
            acc[i] = act_wide(acc[i], *a);
    }
}

/* n outputs that lie in dst: residual and activation. Not in the tiles, whose code would be four times as long. */
static __attribute__((noinline)) void finish(const cpu_activation *activation, bool residual_before,
                                             const uint16_t *residual, uint16_t *dst, size_t n)
{
    const bool before = residual && residual_before, after = residual && !residual_before;
    size_t i = 0;
    for (; i + 2 * HALF_LANES <= n; i += 2 * HALF_LANES) {
        vh v[2] = { vh_load(dst + i), vh_load(dst + i + HALF_LANES) };
        HALF_UNROLL
        for (int k = 0; k < 2 && before; k++)
            v[k] = vaddq_f16(v[k], vh_load(residual + i + k * HALF_LANES));
        apply(activation, v, 2);
        HALF_UNROLL
        for (int k = 0; k < 2 && after; k++)
            v[k] = vaddq_f16(v[k], vh_load(residual + i + k * HALF_LANES));
        vh_store(dst + i, v[0]);
        vh_store(dst + i + HALF_LANES, v[1]);
    }
    if (i < n) {
        vh v = vh_load(dst + i);
        v = before ? vaddq_f16(v, vh_load(residual + i)) : v;
        apply(activation, &v, 1);
        vh_store(dst + i, after ? vaddq_f16(v, vh_load(residual + i)) : v);
    }
}

/* ---- convolution tiles: acc[p * F + f] ---- */

/* acc + w * x[k]. As assembly: gcc 12 would broadcast the lane first, and spill sums for it (47 % of peak by mca). */
#define FMA_LANE(acc, w, x, k) __asm__("fmla %0.8h, %1.8h, %2.h[" #k "]" : "+w"(acc) : "w"(w), "x"(x))

#define LANE(k)                                                                                                        \
    HALF_UNROLL                                                                                                        \
    for (int f = 0; f < F; f++) {                                                                                      \
        vh w = vh_load(weights + ((k) * F + f) * HALF_LANES);                                                          \
        HALF_UNROLL                                                                                                    \
        for (int p = 0; p < P; p++)                                                                                    \
            FMA_LANE(acc[p * F + f], w, x[p], k);                                                                      \
    }

HALF_INLINE void tile_step_8(vh *acc, const uint16_t *src, ptrdiff_t step, const uint16_t *weights, const int F,
                             const int P)
{
    vh x[HALF_MAX_PIXELS];
    HALF_UNROLL
    for (int p = 0; p < P; p++)
        x[p] = vh_load(src + p * step);
    LANE(0)
    LANE(1)
    LANE(2)
    LANE(3)
    LANE(4)
    LANE(5)
    LANE(6)
    LANE(7)
}

HALF_INLINE void tile_step_4(vh *acc, const uint16_t *src, ptrdiff_t step, const uint16_t *weights, const int F,
                             const int P)
{
    float16x4_t x[HALF_MAX_PIXELS];
    HALF_UNROLL
    for (int p = 0; p < P; p++)
        x[p] = vreinterpret_f16_u16(vld1_u16(src + p * step));
    LANE(0)
    LANE(1)
    LANE(2)
    LANE(3)
}

/* Blocks [0, blocks) into acc; the weights behind them. */
HALF_INLINE const uint16_t *tile_sum(const half_tile *t, int blocks, vh *acc, const uint16_t *src, ptrdiff_t step,
                                     const uint16_t *weights, const int F, const int P, const int INNER)
{
    for (int block = 0; block < blocks; block++, src += t->block_stride) {
        const uint16_t *row = src;
        for (int y = 0; y < t->taps_h; y++, row += t->row_stride) {
            const uint16_t *tap = row;
            for (int x = 0; x < t->taps_w; x++, tap += t->tap_stride, weights += INNER * F * HALF_LANES) {
                if (INNER == 8)
                    tile_step_8(acc, tap, step, weights, F, P);
                else
                    tile_step_4(acc, tap, step, weights, F, P);
            }
        }
    }
    return weights;
}

HALF_INLINE void tile_body(const half_tile *t, const uint16_t *src, const uint16_t *weights, const uint16_t *bias,
                           const uint16_t *residual, uint16_t *dst, int count, const int F, const int P,
                           const ptrdiff_t STEP, const int INNER)
{
    const ptrdiff_t step = STEP ? STEP : t->step;
    const bool finished = t->activation.act == CPU_ACT_NONE && !residual;
    for (; count > 0; count--) {
        vh acc[HALF_MAX_FILTERS * HALF_MAX_PIXELS];
        uint16_t aside[HALF_MAX_FILTERS * HALF_MAX_PIXELS * HALF_LANES]; /* sum of the pieces so far */
        const uint16_t *from = src, *w = weights;
        HALF_UNROLL
        for (int i = 0; i < F * P; i++)
            vh_store(aside + i * HALF_LANES, vh_load(bias + i % F * HALF_LANES));
        for (int left = t->blocks;; from += t->chunk * t->block_stride) {
            HALF_UNROLL
            for (int i = 0; i < F * P; i++)
                acc[i] = vh_set1(0);
            w = tile_sum(t, left < t->chunk ? left : t->chunk, acc, from, step, w, F, P, INNER);
            HALF_UNROLL
            for (int i = 0; i < F * P; i++)
                acc[i] = vaddq_f16(acc[i], vh_load(aside + i * HALF_LANES));
            left -= t->chunk;
            if (left <= 0)
                break;
            HALF_UNROLL
            for (int i = 0; i < F * P; i++)
                vh_store(aside + i * HALF_LANES, acc[i]);
        }
        HALF_UNROLL
        for (int i = 0; i < F * P; i++)
            vh_store(dst + i % F * t->block_out + i / F * HALF_LANES, acc[i]);
        for (int f = 0; f < F && !finished; f++)
            finish(&t->activation, t->residual_before, residual ? residual + f * t->block_out : NULL,
                   dst + f * t->block_out, (size_t)P * HALF_LANES);
        src += P * step;
        dst += P * HALF_LANES;
        residual = residual ? residual + P * HALF_LANES : NULL;
    }
}

#define TILE(pixels, filters, kind, step, inner)                                                                       \
    static void tile_##filters##x##pixels##_##kind(const half_tile *t, const uint16_t *src, const uint16_t *weights,   \
                                                   const uint16_t *bias, const uint16_t *residual, uint16_t *dst,      \
                                                   int count)                                                          \
    {                                                                                                                  \
        tile_body(t, src, weights, bias, residual, dst, count, filters, pixels, step, inner);                          \
    }
#define NAME(pixels, filters, kind, step, inner) tile_##filters##x##pixels##_##kind,

#define PIXELS_4(X, ...) X(1, __VA_ARGS__) X(2, __VA_ARGS__) X(3, __VA_ARGS__) X(4, __VA_ARGS__)
#define PIXELS_6(X, ...) PIXELS_4(X, __VA_ARGS__) X(5, __VA_ARGS__) X(6, __VA_ARGS__)
#define PIXELS_7(X, ...) PIXELS_6(X, __VA_ARGS__) X(7, __VA_ARGS__)
#define PIXELS_10(X, ...) PIXELS_7(X, __VA_ARGS__) X(8, __VA_ARGS__) X(9, __VA_ARGS__) X(10, __VA_ARGS__)
#define PIXELS_12(X, ...) PIXELS_10(X, __VA_ARGS__) X(11, __VA_ARGS__) X(12, __VA_ARGS__)

#define TILES(X, kind, step, inner)                                                                                    \
    PIXELS_12(X, 1, kind, step, inner)                                                                                 \
    PIXELS_10(X, 2, kind, step, inner)                                                                                 \
    PIXELS_7(X, 3, kind, step, inner)                                                                                  \
    PIXELS_6(X, 4, kind, step, inner)
#define FEW_TILES(X, kind)                                                                                             \
    PIXELS_4(X, 1, kind, 0, 8) PIXELS_4(X, 2, kind, 0, 8) PIXELS_4(X, 3, kind, 0, 8) PIXELS_4(X, 4, kind, 0, 8)

TILES(TILE, unit, HALF_LANES, 8)
TILES(TILE, two, 2 * HALF_LANES, 8)
TILES(TILE, plain, 0, 4)
FEW_TILES(TILE, any)

#define TILE_SET(kind, step, inner)                                                                                    \
    {                                                                                                                  \
        .pixels = { 12, 10, 7, 6 }, .run = {                                                                           \
            { PIXELS_12(NAME, 1, kind, step, inner) },                                                                 \
            { PIXELS_10(NAME, 2, kind, step, inner) },                                                                 \
            { PIXELS_7(NAME, 3, kind, step, inner) },                                                                  \
            { PIXELS_6(NAME, 4, kind, step, inner) },                                                                  \
        }                                                                                                              \
    }

/* ---- depthwise ---- */

/* P neighbouring outputs; every input vector of a tap row is loaded once. EDGE: columns outside [low, high) read 0. */
HALF_INLINE void depthwise_chunk(const half_row *row, const uint16_t *src, const uint16_t *weights,
                                 const uint16_t *bias, const uint16_t *residual, uint16_t *dst, int low, int high,
                                 const int KW, const int STRIDE, const int P, const bool EDGE)
{
    vh acc[8];
    HALF_UNROLL
    for (int p = 0; p < P; p++)
        acc[p] = vh_load(bias);
    for (int ky = 0; ky < row->kernel_h; ky++, src += row->row_stride, weights += KW * HALF_LANES) {
        vh w[5];
        HALF_UNROLL
        for (int kx = 0; kx < KW; kx++)
            w[kx] = vh_load(weights + kx * HALF_LANES);
        HALF_UNROLL
        for (int i = 0; i < (P - 1) * STRIDE + KW; i++) {
            if (EDGE && (i < low || i >= high))
                continue;
            vh x = vh_load(src + i * HALF_LANES);
            HALF_UNROLL
            for (int kx = 0; kx < KW; kx++)
                if (i >= kx && (i - kx) % STRIDE == 0 && (i - kx) / STRIDE < P)
                    acc[(i - kx) / STRIDE] = vfmaq_f16(acc[(i - kx) / STRIDE], x, w[kx]);
        }
    }
    HALF_UNROLL
    for (int p = 0; p < P; p++)
        vh_store(dst + p * HALF_LANES, acc[p]);
    finish(&row->activation, row->residual_before, residual, dst, (size_t)P * HALF_LANES);
}

HALF_INLINE int depthwise_chunks(const half_row *row, const uint16_t *src, const uint16_t *weights,
                                 const uint16_t *bias, const uint16_t *residual, uint16_t *dst, int p, int count,
                                 int low, int high, const int KW, const int STRIDE, const int P)
{
    for (; p + P <= count; p += P) {
        int first = p * STRIDE, last = (p + P - 1) * STRIDE + KW;
        const uint16_t *at = src + (ptrdiff_t)first * HALF_LANES;
        const uint16_t *add = residual ? residual + (ptrdiff_t)p * HALF_LANES : NULL;
        uint16_t *to = dst + (ptrdiff_t)p * HALF_LANES;
        if (first >= low && last <= high)
            depthwise_chunk(row, at, weights, bias, add, to, 0, 0, KW, STRIDE, P, false);
        else
            depthwise_chunk(row, at, weights, bias, add, to, low - first, high - first, KW, STRIDE, P, true);
    }
    return p;
}

#define DEPTHWISE(name, kw, stride)                                                                                    \
    static void name(const half_row *row, const uint16_t *src, const void *weights, const void *bias,                  \
                     const uint16_t *residual, uint16_t *dst, int count, int low, int high)                            \
    {                                                                                                                  \
        int p = depthwise_chunks(row, src, weights, bias, residual, dst, 0, count, low, high, kw, stride, 8);          \
        p = depthwise_chunks(row, src, weights, bias, residual, dst, p, count, low, high, kw, stride, 4);              \
        depthwise_chunks(row, src, weights, bias, residual, dst, p, count, low, high, kw, stride, 1);                  \
    }

DEPTHWISE(depthwise_3_unit, 3, 1)
DEPTHWISE(depthwise_3_two, 3, 2)
DEPTHWISE(depthwise_5_unit, 5, 1)
DEPTHWISE(depthwise_5_two, 5, 2)

/* Any kernel width, stride and dilation: one output at a time. */
static void depthwise_any(const half_row *row, const uint16_t *src, const void *all_weights, const void *bias,
                          const uint16_t *residual, uint16_t *dst, int count, int low, int high)
{
    const uint16_t *weights = all_weights;
    for (int p = 0; p < count; p++) {
        vh acc = vh_load(bias);
        for (int ky = 0; ky < row->kernel_h; ky++)
            for (int kx = 0; kx < row->kernel_w; kx++) {
                int column = p * row->stride + kx * row->dilation;
                if (column >= low && column < high)
                    acc = vfmaq_f16(acc, vh_load(src + ky * row->row_stride + (ptrdiff_t)column * HALF_LANES),
                                    vh_load(weights + ((ptrdiff_t)ky * row->kernel_w + kx) * HALF_LANES));
            }
        ptrdiff_t at = (ptrdiff_t)p * HALF_LANES;
        vh_store(dst + at, acc);
        finish(&row->activation, row->residual_before, residual ? residual + at : NULL, dst + at, HALF_LANES);
    }
}

/* ---- elementwise; n of any size, ends by way of a small buffer ---- */

static __attribute__((noinline)) void act_silu(const uint16_t *src, uint16_t *dst, size_t n)
{
    for (size_t i = 0; i + HALF_LANES <= n; i += HALF_LANES)
        vh_store(dst + i, vh_silu(vh_load(src + i)));
}

static void act(const uint16_t *src, uint16_t *dst, size_t n, cpu_activation activation)
{
    size_t whole = n / HALF_LANES * HALF_LANES;
    uint16_t rest[HALF_LANES] = { 0 };
    if (activation.act == CPU_ACT_SILU) {
        act_silu(src, dst, whole);
    } else {
        for (size_t i = 0; i < whole; i += HALF_LANES) {
            vh x = vh_load(src + i);
            apply(&activation, &x, 1);
            vh_store(dst + i, x);
        }
    }
    if (whole == n)
        return;
    memcpy(rest, src + whole, (n - whole) * sizeof(*src));
    vh x = vh_load(rest);
    apply(&activation, &x, 1);
    vh_store(rest, x);
    memcpy(dst + whole, rest, (n - whole) * sizeof(*dst));
}

HALF_INLINE vh vh_binary(cpu_binary op, vh a, vh b)
{
    return op == CPU_BINARY_ADD ? vaddq_f16(a, b) : op == CPU_BINARY_SUB ? vsubq_f16(a, b) : vmulq_f16(a, b);
}

HALF_INLINE void binary_loop(const cpu_binary OP, const uint16_t *a, const uint16_t *b, uint16_t *dst, size_t n)
{
    size_t i = 0;
    for (; i + 2 * HALF_LANES <= n; i += 2 * HALF_LANES) {
        vh x = vh_binary(OP, vh_load(a + i), vh_load(b + i));
        vh y = vh_binary(OP, vh_load(a + i + HALF_LANES), vh_load(b + i + HALF_LANES));
        vh_store(dst + i, x);
        vh_store(dst + i + HALF_LANES, y);
    }
    for (; i < n; i += HALF_LANES) {
        size_t m = n - i < HALF_LANES ? n - i : HALF_LANES;
        uint16_t x[HALF_LANES] = { 0 }, y[HALF_LANES] = { 0 };
        memcpy(x, a + i, m * sizeof(*a));
        memcpy(y, b + i, m * sizeof(*b));
        vh_store(x, vh_binary(OP, vh_load(x), vh_load(y)));
        memcpy(dst + i, x, m * sizeof(*dst));
    }
}

static void binary(cpu_binary op, const uint16_t *a, const uint16_t *b, uint16_t *dst, size_t n)
{
    assert(op == CPU_BINARY_ADD || op == CPU_BINARY_SUB || op == CPU_BINARY_MUL);
    if (op == CPU_BINARY_ADD)
        binary_loop(CPU_BINARY_ADD, a, b, dst, n);
    else if (op == CPU_BINARY_SUB)
        binary_loop(CPU_BINARY_SUB, a, b, dst, n);
    else
        binary_loop(CPU_BINARY_MUL, a, b, dst, n);
}

/* ---- pool ---- */

static void max_pool(const half_pool *s, const uint16_t *src, uint16_t *dst, int row_begin, int row_end)
{
    const vh empty = vreinterpretq_f16_u16(vdupq_n_u16(0xfc00)); /* -inf */
    for (int y = row_begin; y < row_end; y++)
        for (int x = 0; x < s->w_out; x++) {
            vh r = empty;
            for (int i = 0; i < s->kernel_h; i++) {
                int row = y * s->stride_h - s->pad_top + i * s->dilation_h;
                if (row < 0 || row >= s->h_in)
                    continue;
                const uint16_t *line = src + (ptrdiff_t)row * s->w_in * HALF_LANES;
                for (int j = 0; j < s->kernel_w; j++) {
                    int column = x * s->stride_w - s->pad_left + j * s->dilation_w;
                    if (column >= 0 && column < s->w_in)
                        r = vmaxq_f16(r, vh_load(line + (ptrdiff_t)column * HALF_LANES));
                }
            }
            vh_store(dst + ((ptrdiff_t)y * s->w_out + x) * HALF_LANES, r);
        }
}

/* ---- reorders ---- */

HALF_INLINE void transpose_4(float32x4_t *r)
{
    float32x4x2_t upper = vtrnq_f32(r[0], r[1]), lower = vtrnq_f32(r[2], r[3]);
    r[0] = vcombine_f32(vget_low_f32(upper.val[0]), vget_low_f32(lower.val[0]));
    r[1] = vcombine_f32(vget_low_f32(upper.val[1]), vget_low_f32(lower.val[1]));
    r[2] = vcombine_f32(vget_high_f32(upper.val[0]), vget_high_f32(lower.val[0]));
    r[3] = vcombine_f32(vget_high_f32(upper.val[1]), vget_high_f32(lower.val[1]));
}

/* Four channels from `first` on, of which `lanes` exist; n pixels of `width` elements. */
HALF_INLINE void block_4(const float *src, size_t stride, int lanes, size_t n, uint16_t *dst, const int width)
{
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        float32x4_t r[4];
        HALF_UNROLL
        for (int c = 0; c < 4; c++)
            r[c] = c < lanes ? vld1q_f32(src + (size_t)c * stride + i) : vdupq_n_f32(0);
        transpose_4(r);
        HALF_UNROLL
        for (int p = 0; p < 4; p++)
            vst1_u16(dst + (i + (size_t)p) * (size_t)width, vreinterpret_u16_f16(vcvt_f16_f32(r[p])));
    }
    for (; i < n; i++) {
        float pixel[4] = { 0 };
        for (int c = 0; c < lanes && c < 4; c++)
            pixel[c] = src[(size_t)c * stride + i];
        vst1_u16(dst + i * (size_t)width, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(pixel))));
    }
}

static void block(const float *src, size_t stride, int lanes, size_t hw, uint16_t *dst)
{
    block_4(src, stride, lanes, hw, dst, HALF_LANES);
    block_4(lanes > 4 ? src + 4 * stride : src, stride, lanes - 4, hw, dst + 4, HALF_LANES);
}

static void interleave(const float *src, size_t stride, int channels, size_t n, uint16_t *dst)
{
    block_4(src, stride, channels, n, dst, 4);
}

static void unblock_4(const uint16_t *src, int lanes, size_t hw, float *dst, size_t stride)
{
    size_t i = 0;
    for (; i + 4 <= hw; i += 4) {
        float32x4_t r[4];
        HALF_UNROLL
        for (int p = 0; p < 4; p++)
            r[p] = vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(src + (i + (size_t)p) * HALF_LANES)));
        transpose_4(r);
        for (int c = 0; c < lanes && c < 4; c++)
            vst1q_f32(dst + (size_t)c * stride + i, r[c]);
    }
    for (; i < hw; i++) {
        float pixel[4];
        vst1q_f32(pixel, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(src + i * HALF_LANES))));
        for (int c = 0; c < lanes && c < 4; c++)
            dst[(size_t)c * stride + i] = pixel[c];
    }
}

static void unblock(const uint16_t *src, int lanes, size_t hw, float *dst, size_t stride)
{
    unblock_4(src, lanes, hw, dst, stride);
    if (lanes > 4)
        unblock_4(src + 4, lanes - 4, hw, dst + 4 * stride, stride);
}

void half_fill_fp16(half_kernels *kernels)
{
    *kernels = (half_kernels){
        .format = HALF_FLOAT16,
        .lanes = HALF_LANES,
        .sum_bytes = sizeof(uint16_t),
        .direct_name = "conv_direct_f16_fp16",
        .depthwise_name = "conv_depthwise_f16_fp16",
        .unit = TILE_SET(unit, HALF_LANES, 8),
        .two = TILE_SET(two, 2 * HALF_LANES, 8),
        .plain = TILE_SET(plain, 0, 4),
        .any = { .pixels = { 4, 4, 4, 4 }, .run = {
            { PIXELS_4(NAME, 1, any, 0, 8) },
            { PIXELS_4(NAME, 2, any, 0, 8) },
            { PIXELS_4(NAME, 3, any, 0, 8) },
            { PIXELS_4(NAME, 4, any, 0, 8) },
        } },
        .depthwise = { { depthwise_3_unit, depthwise_3_two }, { depthwise_5_unit, depthwise_5_two } },
        .depthwise_any = depthwise_any,
        .act = act,
        .binary = binary,
        .max_pool = max_pool,
        .block = block,
        .unblock = unblock,
        .interleave = interleave,
    };
}
