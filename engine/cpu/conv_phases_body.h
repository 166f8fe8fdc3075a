/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Winograd for first layers of stride 2 (conv_phases.c), in the words of simd_*.h: the input's transform, whose lanes
 * are tiles, and the products, which are register tiles without anything behind them. */
#ifndef ONYX_CPU_CONV_PHASES_BODY_H
#define ONYX_CPU_CONV_PHASES_BODY_H

#include "cpu/conv_winograd_body.h"

enum { PHASES_COLUMNS = 2 * 4 }; /* from a tile to the next */

CONV_INLINE void phases_points(const vf *d, const int step, vf *out, const int SIDE)
{
    if (SIDE == WINOGRAD_SIDE_UNIT)
        winograd_input_6(d, step, out);
    else
        winograd_input_7(d, step, out);
}

CONV_INLINE void phases_down(const float *const *rows, int n, float *lines, const int SIDE)
{
    for (int x = 0; x < n; x += VF_LANES, lines += SIDE * VF_LANES) {
        vf d[WINOGRAD_SIDE_SEVEN], out[WINOGRAD_SIDE_SEVEN];
        CONV_UNROLL
        for (int i = 0; i < SIDE; i++)
            d[i] = vf_load(rows[i] + x);
        phases_points(d, 1, out, SIDE);
        CONV_UNROLL
        for (int i = 0; i < SIDE; i++)
            vf_store(lines + i * VF_LANES, out[i]);
    }
}

CONV_INLINE void phases_along(const float *line, float *v, ptrdiff_t phase_stride, ptrdiff_t point_stride, int tiles,
                              const int SIDE)
{
    const int HALO = 2 * (SIDE - 4), STEP = SIDE * VF_LANES;
    for (int t = 0; t < tiles; t += VF_LANES, line += PHASES_COLUMNS * STEP, v += VF_LANES) {
        vf d[PHASES_COLUMNS + 2 * (WINOGRAD_SIDE_SEVEN - 4)], out[WINOGRAD_SIDE_SEVEN];
        CONV_UNROLL
        for (int i = 0; i < PHASES_COLUMNS; i++)
            d[i] = vf_load(line + i * STEP);
        vf_split_8(d);
        CONV_UNROLL
        for (int i = 0; i < HALO; i++)
            d[PHASES_COLUMNS + i] = vf_move_down(d[i], line[(PHASES_COLUMNS + i / VF_LANES) * STEP + i % VF_LANES]);
        CONV_UNROLL
        for (int phase = 0; phase < 2; phase++) {
            phases_points(d + phase, 2, out, SIDE);
            CONV_UNROLL
            for (int j = 0; j < SIDE; j++)
                vf_store(v + phase * phase_stride + j * point_stride, out[j]);
        }
    }
}

#define PHASES(SIDE)                                                                                                   \
    static void phases_down_##SIDE(const float *const *rows, int n, float *lines)                                      \
    {                                                                                                                  \
        phases_down(rows, n, lines, SIDE);                                                                             \
    }                                                                                                                  \
    static void phases_along_##SIDE(const float *line, float *v, ptrdiff_t phase_stride, ptrdiff_t point_stride,       \
                                    int tiles)                                                                         \
    {                                                                                                                  \
        phases_along(line, v, phase_stride, point_stride, tiles, SIDE);                                                \
    }
PHASES(6)
PHASES(7)

CONV_INLINE void phases_product(const conv_tile *t, const float *src, const float *weights, float *dst, int count,
                                const int F, const int P)
{
    for (; count > 0; count--, src += P, dst += P * VF_LANES) {
        const float *x = src, *w = weights;
        vf acc[CONV_MAX_FILTERS * CONV_MAX_PIXELS];
        CONV_UNROLL
        for (int i = 0; i < F * P; i++)
            acc[i] = vf_zero();
        for (int block = 0; block < t->blocks; block++, x += t->block_stride, w += F * VF_LANES)
            conv_tile_step(acc, x, 1, w, F, P);
        CONV_UNROLL
        for (int f = 0; f < F; f++) {
            CONV_UNROLL
            for (int p = 0; p < P; p++)
                vf_store(dst + f * t->dst_block_stride + p * VF_LANES, acc[p * F + f]);
        }
    }
}

/* A conv_tile_f32 without bias, residual and activation, whose blocks are single floats. */
#define CONV_PRODUCT_TILE(pixels, filters, kind, step)                                                                 \
    static void tile_##filters##x##pixels##_##kind(const conv_tile *t, const float *src, const float *weights,         \
                                                   const float *bias, const float *residual, float *dst, int count)    \
    {                                                                                                                  \
        (void)bias;                                                                                                    \
        (void)residual;                                                                                                \
        phases_product(t, src, weights, dst, count, filters, pixels);                                                  \
    }

#endif
