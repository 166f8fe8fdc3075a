/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The register tile of convolution in the words of simd_*.h: P outputs x F filter blocks are kept in registers over the
 * whole sum. Per input: F weight vectors and P broadcasts for P * F multiply-adds. P, F and STEP are constants where
 * this is instantiated, so all loops over accumulators vanish. */
#ifndef ONYX_CPU_CONV_TILE_BODY_H
#define ONYX_CPU_CONV_TILE_BODY_H

#include "cpu/conv_tile.h"
#include "cpu/math_linear_body.h"

#define CONV_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define CONV_APART static __attribute__((noinline))
#define CONV_UNROLL _Pragma("clang loop unroll(full)")
#else
#define CONV_APART static __attribute__((noinline, noclone)) /* once, not for every number of filters */
#define CONV_UNROLL _Pragma("GCC unroll 36")
#endif

CONV_INLINE void conv_epilogue_clip(const conv_epilogue *epilogue, vf *acc, const int n)
{
    vf low = vf_set1(epilogue->a), high = vf_set1(epilogue->b);
    CONV_UNROLL
    for (int i = 0; i < n; i++)
        acc[i] = vf_max(low, acc[i]);
    if (epilogue->b == __builtin_inff()) /* ReLU: one instruction less of those that sums take */
        return;
    CONV_UNROLL
    for (int i = 0; i < n; i++)
        acc[i] = vf_min(high, acc[i]);
}

CONV_INLINE void conv_epilogue_apply(const conv_epilogue *epilogue, vf *acc, const int n)
{
    switch (epilogue->act) {
    case CONV_EPILOGUE_NONE:
        break;
    case CONV_EPILOGUE_CLIP:
        conv_epilogue_clip(epilogue, acc, n);
        break;
    case CONV_EPILOGUE_LEAKY: {
        vf slope = vf_set1(epilogue->a);
        CONV_UNROLL
        for (int i = 0; i < n; i++)
            acc[i] = vf_leaky_relu(acc[i], slope);
        break;
    }
    case CONV_EPILOGUE_SILU:
        CONV_UNROLL
        for (int i = 0; i < n; i++)
            acc[i] = vf_silu(acc[i]);
        break;
    case CONV_EPILOGUE_HARD_SIGMOID: {
        const vf a = vf_set1(epilogue->a), b = vf_set1(epilogue->b);
        CONV_UNROLL
        for (int i = 0; i < n; i++)
            acc[i] = vf_hard_sigmoid(acc[i], a, b);
        break;
    }
    case CONV_EPILOGUE_HARD_SWISH:
        CONV_UNROLL
        for (int i = 0; i < n; i++)
            acc[i] = vf_hard_swish(acc[i]);
        break;
    }
}

/* One input of every pixel against one row of weights. With a small step neighbouring pixels share inputs, and the
 * compiler would keep them all, in memory, to save loads that are free: so it must not see how addresses are related.
 */
CONV_INLINE void conv_tile_step(vf *acc, const float *src, ptrdiff_t step, const float *weights, const int F,
                                const int P)
{
    if (step < VF_LANES)
        __asm__("" : "+r"(src));
    vf w[CONV_MAX_FILTERS];
    CONV_UNROLL
    for (int f = 0; f < F; f++)
        w[f] = vf_load(weights + f * VF_LANES);
    CONV_UNROLL
    for (int p = 0; p < P; p++) {
        vf x = vf_set1(src[p * step]);
        CONV_UNROLL
        for (int f = 0; f < F; f++)
            acc[p * F + f] = F == 1 ? vf_fma(x, w[f], acc[p * F + f]) : vf_fma_tied(x, w[f], acc[p * F + f]);
    }
}

#if defined(VF_HAS_LANE_FMA)
/* Four inputs of every pixel by one load each. */
CONV_INLINE void conv_tile_step4(vf *acc, const float *src, ptrdiff_t step, const float *weights, const int F,
                                 const int P)
{
    vf x[CONV_MAX_PIXELS];
    CONV_UNROLL
    for (int p = 0; p < P; p++)
        x[p] = vf_load(src + p * step);
    CONV_UNROLL
    for (int f = 0; f < F; f++) {
        vf w0 = vf_load(weights + f * VF_LANES), w1 = vf_load(weights + (F + f) * VF_LANES);
        CONV_UNROLL
        for (int p = 0; p < P; p++)
            acc[p * F + f] = vf_fma_lane(w1, x[p], 1, vf_fma_lane(w0, x[p], 0, acc[p * F + f]));
        vf w2 = vf_load(weights + (2 * F + f) * VF_LANES), w3 = vf_load(weights + (3 * F + f) * VF_LANES);
        CONV_UNROLL
        for (int p = 0; p < P; p++)
            acc[p * F + f] = vf_fma_lane(w3, x[p], 3, vf_fma_lane(w2, x[p], 2, acc[p * F + f]));
    }
}
#else
CONV_INLINE void conv_tile_step4(vf *acc, const float *src, ptrdiff_t step, const float *weights, const int F,
                                 const int P)
{
    CONV_UNROLL
    for (int i = 0; i < 4; i++)
        conv_tile_step(acc, src + i, step, weights + i * F * VF_LANES, F, P);
}
#endif

/* n < 4 inputs; three, the rows of the usual first layer, without a loop. */
CONV_INLINE const float *conv_tile_rest(vf *acc, const float *src, ptrdiff_t step, const float *weights, int n,
                                        const int F, const int P)
{
    if (n == 3) {
        CONV_UNROLL
        for (int i = 0; i < 3; i++)
            conv_tile_step(acc, src + i, step, weights + i * F * VF_LANES, F, P);
        return weights + 3 * F * VF_LANES;
    }
    for (int i = 0; i < n; i++, weights += F * VF_LANES)
        conv_tile_step(acc, src + i, step, weights, F, P);
    return weights;
}

/* VF_LANES inputs of one tap. Has the inputs of the tile behind this one fetched to the first level; a single filter
 * block has no load to spare for it, and where four pixels share a line it is not measured. */
CONV_INLINE void conv_tile_run(vf *acc, const float *src, ptrdiff_t step, const float *weights, const int F,
                               const int P)
{
    if (F > 1 && VF_LANES > 4) {
        CONV_UNROLL
        for (int p = 0; p < P; p++)
            __builtin_prefetch(src + (P + p) * step, 0, 3);
    }
    for (int i = 0; i < VF_LANES; i += 4)
        conv_tile_step4(acc, src + i, step, weights + i * F * VF_LANES, F, P);
}

/* n inputs of H halves of filter blocks, by two. */
CONV_INLINE void conv_tile_pairs(vf *acc, const float *src, ptrdiff_t step, const float *weights, int n, const int H,
                                 const int P)
{
#if defined(VF_HAS_PAIRS)
    CONV_UNROLL
    for (int p = 0; p < P; p++)
        __builtin_prefetch(src + (P + p) * step, 0, 3);
    for (int i = 0; i < n; i += 2, weights += H * VF_LANES) {
        vf w[CONV_MAX_FILTERS];
        CONV_UNROLL
        for (int h = 0; h < H; h++)
            w[h] = vf_load(weights + h * VF_LANES);
        CONV_UNROLL
        for (int p = 0; p < P; p++) {
            const vf x = vf_set_pair(src + p * step + i);
            CONV_UNROLL
            for (int h = 0; h < H; h++)
                acc[p * H + h] = vf_fma_tied(x, w[h], acc[p * H + h]);
        }
    }
#else
    (void)acc, (void)src, (void)step, (void)weights, (void)n, (void)H, (void)P;
#endif
}

/* What such halves are in the end, on top of what the sums began with: whole blocks, and half a one. */
CONV_INLINE void conv_tile_add_pairs(vf *acc, const vf *halves, const int F, const int P)
{
#if defined(VF_HAS_PAIRS)
    const int H = 2 * F - 1;
    CONV_UNROLL
    for (int f = 0; f < F; f++) {
        CONV_UNROLL
        for (int p = 0; p < P; p++) {
            const vf *half = halves + p * H + 2 * f;
            acc[p * F + f] = vf_add(acc[p * F + f], vf_add_pairs(half[0], f < F - 1 ? half[1] : vf_zero()));
        }
    }
#else
    (void)acc, (void)halves, (void)F, (void)P;
#endif
}

/* Blocked data: whole blocks, then what the last one has (with four lanes all are whole). */
CONV_INLINE void conv_tile_sum_blocked(const conv_tile *t, vf *acc, const float *src, ptrdiff_t step,
                                       const float *weights, const char *ahead, const int F, const int P,
                                       const bool HALF)
{
    const int WIDTH = F * VF_LANES - (HALF ? VF_LANES / 2 : 0);
    const bool whole = t->inner_last == VF_LANES, point = t->taps_h == 1 && t->taps_w == 1;
    const int blocks = t->blocks - !whole;
    /* The innermost loop should be long. */
    const ptrdiff_t taps = point ? blocks : t->taps_w, tap_stride = point ? t->block_stride : t->tap_stride;
    for (int block = 0; block < (point ? blocks > 0 : blocks); block++, src += t->block_stride) {
        const float *row = src;
        for (int y = 0; y < t->taps_h; y++, row += t->row_stride) {
            const float *tap = row;
            for (ptrdiff_t x = taps; x > 0; x--, tap += tap_stride, weights += VF_LANES * WIDTH) {
                if (HALF)
                    conv_tile_pairs(acc, tap, step, weights, VF_LANES, 2 * F - 1, P);
                else
                    conv_tile_run(acc, tap, step, weights, F, P);
                if (F > 1 && ahead) {
                    CONV_UNROLL
                    for (int k = 0; k < VF_LANES; k++, ahead += t->ahead_step)
                        __builtin_prefetch(ahead, 0, 2);
                }
            }
        }
    }
    if (whole)
        return;
    src += point ? (blocks - (blocks > 0)) * t->block_stride : 0;
    for (int y = 0; y < t->taps_h; y++)
        for (int x = 0; x < t->taps_w; x++) {
            const float *last = src + y * t->row_stride + x * t->tap_stride;
            if (HALF)
                conv_tile_pairs(acc, last, step, weights, t->inner_last, 2 * F - 1, P);
            for (int i = 0; i < t->inner_last; i++, weights += WIDTH)
                if (!HALF)
                    conv_tile_step(acc, last + i, step, weights, F, P);
        }
}

/* What the tile has fetched of n floats; perhaps not the last line of them, which is the first of the tile behind. */
CONV_INLINE void conv_tile_fetch(const conv_tile *t, const float *src, int row, const int n)
{
    enum { LINE = 64 / sizeof(float) };
    if (row < t->fetch_from)
        return;
    CONV_UNROLL
    for (int i = 0; i < n; i += LINE)
        __builtin_prefetch(src + t->fetch + i, 0, 2);
}

CONV_INLINE void conv_tile_sum(const conv_tile *t, vf *acc, const float *src, ptrdiff_t step, const float *weights,
                               const int F, const int P, const ptrdiff_t STEP)
{
    for (int block = 0; block < t->blocks; block++, src += t->block_stride) {
        int inner = block == t->blocks - 1 ? t->inner_last : t->inner;
        const float *row = src;
        for (int y = 0; y < t->taps_h; y++, row += t->row_stride) {
            const float *tap = row;
            if (STEP == 2)
                conv_tile_fetch(t, row, y, 2 * P);
            for (int x = 0; x < t->taps_w; x++, tap += t->tap_stride) {
                int i = 0;
                for (; i + 4 <= inner; i += 4, weights += 4 * F * VF_LANES)
                    conv_tile_step4(acc, tap + i, step, weights, F, P);
                weights = conv_tile_rest(acc, tap + i, step, weights, inner - i, F, P);
            }
        }
    }
}

CONV_INLINE void conv_tile_add(vf *acc, const float *residual, ptrdiff_t block_stride, const int F, const int P)
{
    CONV_UNROLL
    for (int f = 0; f < F; f++) {
        CONV_UNROLL
        for (int p = 0; p < P; p++)
            acc[p * F + f] = vf_add(acc[p * F + f], vf_load(residual + f * block_stride + p * VF_LANES));
    }
}

CONV_INLINE void conv_tile_finish_by(const conv_epilogue_act act, const conv_tile *t, const float *sums,
                                     const float *residual, float *dst, int filters, int pixels)
{
    const conv_epilogue epilogue = { act, t->epilogue.a, t->epilogue.b, false };
    for (int f = 0; f < filters; f++, dst += t->dst_block_stride, sums += pixels * VF_LANES) {
        for (int p = 0; p < pixels * VF_LANES; p += VF_LANES) {
            vf v = vf_load(sums + p);
            conv_epilogue_apply(&epilogue, &v, 1);
            vf_store(dst + p, residual ? vf_add(v, vf_load(residual + p)) : v);
        }
        residual = residual ? residual + t->residual_block_stride : NULL;
    }
}

/* Activations that need registers of a tile's sums, and what is added after them, from memory: where a tile leaves too
 * few for SiLU's constants, too, which compilers keep over the sum, they would put accumulators in memory instead
 * (2 x 12: 88 % of peak, so 97). A loop for each. */
CONV_APART void conv_tile_finish(const conv_tile *t, const float *sums, const float *residual, float *dst, int filters,
                                 int pixels)
{
    switch (t->epilogue.act) {
    case CONV_EPILOGUE_SILU:
        conv_tile_finish_by(CONV_EPILOGUE_SILU, t, sums, residual, dst, filters, pixels);
        break;
    case CONV_EPILOGUE_LEAKY:
        conv_tile_finish_by(CONV_EPILOGUE_LEAKY, t, sums, residual, dst, filters, pixels);
        break;
    case CONV_EPILOGUE_HARD_SWISH:
        conv_tile_finish_by(CONV_EPILOGUE_HARD_SWISH, t, sums, residual, dst, filters, pixels);
        break;
    default:
        conv_tile_finish_by(CONV_EPILOGUE_HARD_SIGMOID, t, sums, residual, dst, filters, pixels);
        break;
    }
}

/* The same behind a mapped residual, for all activations: gathering pixels inline would make every tile larger. */
CONV_APART void conv_tile_finish_mapped(const conv_tile *t, const float *sums, const float *residual, const int *map,
                                        float *dst, int filters, int pixels)
{
    for (int f = 0; f < filters; f++, dst += t->dst_block_stride, residual += t->residual_block_stride)
        for (int p = 0; p < pixels; p++, sums += VF_LANES) {
            vf v = vf_add(vf_load(sums), vf_load(residual + map[p]));
            conv_epilogue_apply(&t->epilogue, &v, 1);
            vf_store(dst + p * VF_LANES, v);
        }
}

/* STEP 0: the tile's own step. Tiles for a constant step of whole pixels are for blocked data alone, where inputs come
 * in fours. */
CONV_INLINE void conv_tile_body(const conv_tile *t, const float *src, const float *weights, const float *bias,
                                const float *residual, float *dst, int count, const int F, const int P,
                                const ptrdiff_t STEP, const bool HALF)
{
    const ptrdiff_t step = STEP ? STEP : t->step;
    enum { SILU_CONSTANTS = 12 };
    const bool apart = F > 1 || P + 2 + SILU_CONSTANTS > VF_REGISTERS;
    const conv_epilogue_act act = t->epilogue.act;
    const int *map = STEP == VF_LANES || STEP == 0 ? t->map : NULL;
    const bool later = map || (apart && act != CONV_EPILOGUE_NONE && act != CONV_EPILOGUE_CLIP);
    const char *ahead = t->ahead;
    const float *from = STEP == 0 || STEP >= VF_LANES ? t->sums : NULL;
    for (; count > 0; count--) {
        vf acc[CONV_MAX_FILTERS * CONV_MAX_PIXELS];
        CONV_UNROLL
        for (int f = 0; f < F; f++) {
            vf start = bias ? vf_load(bias + f * VF_LANES) : vf_zero();
            CONV_UNROLL
            for (int p = 0; p < P; p++)
                acc[p * F + f] = start;
        }
        if (from) {
            CONV_UNROLL
            for (int f = 0; f < F; f++) {
                CONV_UNROLL
                for (int p = 0; p < P; p++)
                    acc[p * F + f] = vf_load(from + f * t->sums_block_stride + p * VF_LANES);
            }
            from += P * VF_LANES;
        }
        if (STEP >= VF_LANES && t->cold) {
            CONV_UNROLL
            for (int f = 0; f < F; f++) {
                CONV_UNROLL
                for (int p = 0; p < P; p++)
                    __builtin_prefetch(dst + f * t->dst_block_stride + p * VF_LANES, 1, 3);
            }
        }
        if (HALF) {
            vf halves[CONV_MAX_FILTERS * CONV_MAX_PIXELS];
            CONV_UNROLL
            for (int i = 0; i < (2 * F - 1) * P; i++)
                halves[i] = vf_zero();
            conv_tile_sum_blocked(t, halves, src, step, weights, ahead, F, P, true);
            conv_tile_add_pairs(acc, halves, F, P);
        } else if (STEP >= VF_LANES)
            conv_tile_sum_blocked(t, acc, src, step, weights, ahead, F, P, false);
        else
            conv_tile_sum(t, acc, src, step, weights, F, P, STEP);
        if (residual && !map && t->epilogue.residual_before)
            conv_tile_add(acc, residual, t->residual_block_stride, F, P);
        if (!apart && !map)
            conv_epilogue_apply(&t->epilogue, acc, F * P);
        else if (act == CONV_EPILOGUE_CLIP && !map)
            conv_epilogue_clip(&t->epilogue, acc, F * P);
        const float *after = t->epilogue.residual_before ? NULL : residual;
        if (after && !later)
            conv_tile_add(acc, after, t->residual_block_stride, F, P);
        float sums[CONV_MAX_FILTERS * CONV_MAX_PIXELS * VF_LANES] __attribute__((aligned(4 * VF_LANES)));
        float *to = later ? sums : dst;
        const ptrdiff_t to_stride = later ? P * VF_LANES : t->dst_block_stride;
        CONV_UNROLL
        for (int f = 0; f < F; f++) {
            CONV_UNROLL
            for (int p = 0; p < P; p++)
                vf_store(to + f * to_stride + p * VF_LANES, acc[p * F + f]);
        }
        if (map)
            conv_tile_finish_mapped(t, sums, residual, map, dst, F, P);
        else if (later)
            conv_tile_finish(t, sums, after, dst, F, P);
        ahead = ahead ? ahead + t->ahead_share : NULL;
        src += P * step;
        dst += P * VF_LANES;
        residual = residual && !map ? residual + P * VF_LANES : residual;
        map = map ? map + P : NULL;
    }
}

/* Defines one tile function: P first, for the lists below. */
#define CONV_TILE(pixels, filters, kind, step)                                                                         \
    static void tile_##filters##x##pixels##_##kind(const conv_tile *t, const float *src, const float *weights,         \
                                                   const float *bias, const float *residual, float *dst, int count)    \
    {                                                                                                                  \
        conv_tile_body(t, src, weights, bias, residual, dst, count, filters, pixels, step, false);                     \
    }
#define CONV_HALVED_TILE(pixels, filters, kind, step)                                                                  \
    static void tile_##filters##x##pixels##_##kind(const conv_tile *t, const float *src, const float *weights,         \
                                                   const float *bias, const float *residual, float *dst, int count)    \
    {                                                                                                                  \
        conv_tile_body(t, src, weights, bias, residual, dst, count, filters, pixels, step, true);                      \
    }
#define CONV_TILE_NAME(pixels, filters, kind, step) tile_##filters##x##pixels##_##kind,

/* X(1, ...) X(2, ...) .. X(n, ...) */
#define CONV_PIXELS_1(X, ...) X(1, __VA_ARGS__)
#define CONV_PIXELS_2(X, ...) CONV_PIXELS_1(X, __VA_ARGS__) X(2, __VA_ARGS__)
#define CONV_PIXELS_3(X, ...) CONV_PIXELS_2(X, __VA_ARGS__) X(3, __VA_ARGS__)
#define CONV_PIXELS_4(X, ...) CONV_PIXELS_3(X, __VA_ARGS__) X(4, __VA_ARGS__)
#define CONV_PIXELS_5(X, ...) CONV_PIXELS_4(X, __VA_ARGS__) X(5, __VA_ARGS__)
#define CONV_PIXELS_6(X, ...) CONV_PIXELS_5(X, __VA_ARGS__) X(6, __VA_ARGS__)
#define CONV_PIXELS_7(X, ...) CONV_PIXELS_6(X, __VA_ARGS__) X(7, __VA_ARGS__)
#define CONV_PIXELS_8(X, ...) CONV_PIXELS_7(X, __VA_ARGS__) X(8, __VA_ARGS__)
#define CONV_PIXELS_9(X, ...) CONV_PIXELS_8(X, __VA_ARGS__) X(9, __VA_ARGS__)
#define CONV_PIXELS_10(X, ...) CONV_PIXELS_9(X, __VA_ARGS__) X(10, __VA_ARGS__)
#define CONV_PIXELS_11(X, ...) CONV_PIXELS_10(X, __VA_ARGS__) X(11, __VA_ARGS__)
#define CONV_PIXELS_12(X, ...) CONV_PIXELS_11(X, __VA_ARGS__) X(12, __VA_ARGS__)
#define CONV_PIXELS_13(X, ...) CONV_PIXELS_12(X, __VA_ARGS__) X(13, __VA_ARGS__)
#define CONV_PIXELS_14(X, ...) CONV_PIXELS_13(X, __VA_ARGS__) X(14, __VA_ARGS__)
#define CONV_PIXELS_15(X, ...) CONV_PIXELS_14(X, __VA_ARGS__) X(15, __VA_ARGS__)
#define CONV_PIXELS_16(X, ...) CONV_PIXELS_15(X, __VA_ARGS__) X(16, __VA_ARGS__)

#endif
