/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Register tiles of first layers, in the words of simd_*.h: one filter block over plain data of stride 2. A lone block
 * takes a load for every multiply-add, and as many as the ports can do. But neighbouring pixels share columns: so a row
 * of taps is gone through by columns, each loaded once for all pixels that it reaches (14 % faster, AVX-512, 3x3). */
#ifndef ONYX_CPU_CONV_FIRST_BODY_H
#define ONYX_CPU_CONV_FIRST_BODY_H

#include "cpu/conv_tile_body.h"

/* Column c of pixels [begin, end), if they have so many: of nine pixels the second half, four, has two fewer. */
CONV_INLINE void conv_first_column(vf *acc, const float *src, const vf *w, const int c, const int begin, const int end,
                                   const int N)
{
    if (c >= 2 * (end - begin - 1) + N)
        return;
    vf x = vf_set1(src[2 * begin + c]);
    CONV_UNROLL
    for (int i = c % 2; i < N; i += 2)
        if (i <= c && begin + (c - i) / 2 < end)
            acc[begin + (c - i) / 2] = vf_fma(x, w[i], acc[begin + (c - i) / 2]);
}

/* One row of N taps. */
CONV_INLINE void conv_first_row(vf *acc, const float *src, const float *weights, const int N, const int P)
{
    vf w[7];
    CONV_UNROLL
    for (int i = 0; i < N; i++)
        w[i] = vf_load(weights + i * VF_LANES);
    /* Two halves by turns: the sums of one pixel follow each other at once, and would wait for each other. */
    const int H = P > 8 ? (P + 1) / 2 : P;
    CONV_UNROLL
    for (int c = 0; c < 2 * (H - 1) + N; c++) {
        conv_first_column(acc, src, w, c, 0, H, N);
        if (H < P)
            conv_first_column(acc, src, w, c, H, P, N);
    }
}

CONV_INLINE void conv_first_sum(const conv_tile *t, vf *acc, const float *src, const float *weights, const int N,
                                const int P)
{
    for (int block = 0; block < t->blocks; block++, src += t->block_stride) {
        const float *row = src;
        for (int y = 0; y < t->taps_h; y++, row += t->row_stride, weights += N * VF_LANES) {
            conv_tile_fetch(t, row, y, 2 * P);
            conv_first_row(acc, row, weights, N, P);
        }
    }
}

/* Any other row: tap by tap. */
CONV_INLINE void conv_first_taps(const conv_tile *t, vf *acc, const float *src, const float *weights, const int P)
{
    for (int block = 0; block < t->blocks; block++, src += t->block_stride)
        for (int y = 0; y < t->taps_h; y++)
            for (int x = 0; x < t->taps_w; x++)
                for (int i = 0; i < t->inner; i++, weights += VF_LANES)
                    conv_tile_step(acc, src + y * t->row_stride + x * t->tap_stride + i, 2, weights, 1, P);
}

CONV_INLINE void conv_first_body(const conv_tile *t, const float *src, const float *weights, const float *bias,
                                 const float *residual, float *dst, int count, const int P)
{
    const int adjacent = t->taps_w == 1 ? t->inner : 0; /* the usual widths of a kernel: 3, 6 and 7 */
    const bool wide = P > 8;                            /* others stand in narrow images alone */
    for (; count > 0; count--) {
        vf acc[CONV_MAX_PIXELS];
        vf start = bias ? vf_load(bias) : vf_zero();
        CONV_UNROLL
        for (int p = 0; p < P; p++)
            acc[p] = start;
        CONV_UNROLL
        for (int p = 0; p < P; p++) /* sums are short: stores would come faster than lines do */
            __builtin_prefetch(dst + p * VF_LANES, 1, 3);
        if (adjacent == 3)
            conv_first_sum(t, acc, src, weights, 3, P);
        else if (wide && adjacent == 6)
            conv_first_sum(t, acc, src, weights, 6, P);
        else if (wide && adjacent == 7)
            conv_first_sum(t, acc, src, weights, 7, P);
        else
            conv_first_taps(t, acc, src, weights, P);
        if (residual && t->epilogue.residual_before)
            conv_tile_add(acc, residual, 0, 1, P);
        conv_epilogue_apply(&t->epilogue, acc, P);
        if (residual && !t->epilogue.residual_before)
            conv_tile_add(acc, residual, 0, 1, P);
        CONV_UNROLL
        for (int p = 0; p < P; p++)
            vf_store(dst + p * VF_LANES, acc[p]);
        src += 2 * P;
        dst += P * VF_LANES;
        residual = residual ? residual + P * VF_LANES : NULL;
    }
}

#define CONV_FIRST_TILE(pixels, filters, kind, step)                                                                   \
    static void tile_##filters##x##pixels##_##kind(const conv_tile *t, const float *src, const float *weights,         \
                                                   const float *bias, const float *residual, float *dst, int count)    \
    {                                                                                                                  \
        conv_first_body(t, src, weights, bias, residual, dst, count, pixels);                                          \
    }

#endif
