/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Winograd for first layers of stride 2 (conv_phases.c), in the words of simd_*.h: the input's transform, whose lanes
 * are tiles, and the products, which are register tiles without anything behind them. */
#ifndef ONYX_CPU_CONV_PHASES_BODY_H
#define ONYX_CPU_CONV_PHASES_BODY_H

#include "cpu/conv_winograd_body.h"

enum { PHASES_COLUMNS = 2 * 4 }; /* from a tile to the next */

static void phases_down(const float *const *rows, int n, float *lines)
{
    enum { SIDE = WINOGRAD_SIDE_UNIT };
    for (int x = 0; x < n; x += VF_LANES, lines += SIDE * VF_LANES) {
        vf d[SIDE], out[SIDE];
        CONV_UNROLL
        for (int i = 0; i < SIDE; i++)
            d[i] = vf_load(rows[i] + x);
        winograd_input_6(d, 1, out);
        CONV_UNROLL
        for (int i = 0; i < SIDE; i++)
            vf_store(lines + i * VF_LANES, out[i]);
    }
}

static void phases_along(const float *line, float *v, ptrdiff_t phase_stride, ptrdiff_t point_stride, int tiles)
{
    enum { SIDE = WINOGRAD_SIDE_UNIT, STEP = SIDE * VF_LANES, HALO = 4 };
    for (int t = 0; t < tiles; t += VF_LANES, line += PHASES_COLUMNS * STEP, v += VF_LANES) {
        vf d[PHASES_COLUMNS + HALO], out[SIDE];
        CONV_UNROLL
        for (int i = 0; i < PHASES_COLUMNS; i++)
            d[i] = vf_load(line + i * STEP);
        vf_split_8(d);
        CONV_UNROLL
        for (int i = 0; i < HALO; i++)
            d[PHASES_COLUMNS + i] = vf_move_down(d[i], line[PHASES_COLUMNS * STEP + i]);
        CONV_UNROLL
        for (int phase = 0; phase < 2; phase++) {
            winograd_input_6(d + phase, 2, out);
            CONV_UNROLL
            for (int j = 0; j < SIDE; j++)
                vf_store(v + phase * phase_stride + j * point_stride, out[j]);
        }
    }
}

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
