/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Depthwise rows in the words of simd_*.h: P neighbouring outputs in registers; every input vector of a tap row is
 * loaded once and serves all taps that it meets. */
#ifndef ONYX_CPU_CONV_DEPTHWISE_BODY_H
#define ONYX_CPU_CONV_DEPTHWISE_BODY_H

#include "cpu/conv_tile_body.h"

enum { DEPTHWISE_PIXELS = 8 };

CONV_INLINE void depthwise_finish(const conv_epilogue *epilogue, vf *acc, const float *residual, float *dst,
                                  const int P)
{
    if (residual && epilogue->residual_before)
        conv_tile_add(acc, residual, 0, 1, P);
    conv_epilogue_apply(epilogue, acc, P);
    if (residual && !epilogue->residual_before)
        conv_tile_add(acc, residual, 0, 1, P);
    CONV_UNROLL
    for (int p = 0; p < P; p++)
        vf_store(dst + p * VF_LANES, acc[p]);
}

/* EDGE: columns outside [low, high), counted from src, read 0. */
CONV_INLINE void depthwise_chunk(const conv_depthwise_row *row, const float *src, const float *weights,
                                 const float *bias, const float *residual, float *dst, int low, int high, const int KW,
                                 const int STRIDE, const int P, const bool EDGE)
{
    vf acc[DEPTHWISE_PIXELS];
    vf start = vf_load(bias);
    CONV_UNROLL
    for (int p = 0; p < P; p++)
        acc[p] = start;
    for (int ky = 0; ky < row->kernel_h; ky++, src += row->row_stride, weights += KW * VF_LANES) {
        vf w[7];
        CONV_UNROLL
        for (int kx = 0; kx < KW; kx++)
            w[kx] = vf_load(weights + kx * VF_LANES);
        CONV_UNROLL
        for (int i = 0; i < (P - 1) * STRIDE + KW; i++) {
            if (EDGE && (i < low || i >= high))
                continue;
            vf x = vf_load(src + i * VF_LANES);
            CONV_UNROLL
            for (int kx = 0; kx < KW; kx++)
                if (i >= kx && (i - kx) % STRIDE == 0 && (i - kx) / STRIDE < P)
                    acc[(i - kx) / STRIDE] = vf_fma(x, w[kx], acc[(i - kx) / STRIDE]);
        }
    }
    depthwise_finish(&row->epilogue, acc, residual, dst, P);
}

CONV_INLINE int depthwise_chunks(const conv_depthwise_row *row, const float *src, const float *weights,
                                 const float *bias, const float *residual, float *dst, int p, int count, int low,
                                 int high, const int KW, const int STRIDE, const int P)
{
    for (; p + P <= count; p += P) {
        int first = p * STRIDE, last = (p + P - 1) * STRIDE + KW;
        const float *at = src + (ptrdiff_t)first * VF_LANES,
                    *add = residual ? residual + (ptrdiff_t)p * VF_LANES : NULL;
        float *to = dst + (ptrdiff_t)p * VF_LANES;
        if (first >= low && last <= high)
            depthwise_chunk(row, at, weights, bias, add, to, 0, 0, KW, STRIDE, P, false);
        else
            depthwise_chunk(row, at, weights, bias, add, to, low - first, high - first, KW, STRIDE, P, true);
    }
    return p;
}

CONV_INLINE void depthwise_row(const conv_depthwise_row *row, const float *src, const float *weights, const float *bias,
                               const float *residual, float *dst, int count, int low, int high, const int KW,
                               const int STRIDE)
{
    int p = depthwise_chunks(row, src, weights, bias, residual, dst, 0, count, low, high, KW, STRIDE, DEPTHWISE_PIXELS);
    p = depthwise_chunks(row, src, weights, bias, residual, dst, p, count, low, high, KW, STRIDE, 4);
    depthwise_chunks(row, src, weights, bias, residual, dst, p, count, low, high, KW, STRIDE, 1);
}

static void depthwise_3_unit(const conv_depthwise_row *row, const float *src, const float *weights, const float *bias,
                             const float *residual, float *dst, int count, int low, int high)
{
    depthwise_row(row, src, weights, bias, residual, dst, count, low, high, 3, 1);
}
static void depthwise_3_two(const conv_depthwise_row *row, const float *src, const float *weights, const float *bias,
                            const float *residual, float *dst, int count, int low, int high)
{
    depthwise_row(row, src, weights, bias, residual, dst, count, low, high, 3, 2);
}
static void depthwise_5_unit(const conv_depthwise_row *row, const float *src, const float *weights, const float *bias,
                             const float *residual, float *dst, int count, int low, int high)
{
    depthwise_row(row, src, weights, bias, residual, dst, count, low, high, 5, 1);
}
static void depthwise_5_two(const conv_depthwise_row *row, const float *src, const float *weights, const float *bias,
                            const float *residual, float *dst, int count, int low, int high)
{
    depthwise_row(row, src, weights, bias, residual, dst, count, low, high, 5, 2);
}

static void depthwise_7_unit(const conv_depthwise_row *row, const float *src, const float *weights, const float *bias,
                             const float *residual, float *dst, int count, int low, int high)
{
    depthwise_row(row, src, weights, bias, residual, dst, count, low, high, 7, 1);
}
static void depthwise_7_two(const conv_depthwise_row *row, const float *src, const float *weights, const float *bias,
                            const float *residual, float *dst, int count, int low, int high)
{
    depthwise_row(row, src, weights, bias, residual, dst, count, low, high, 7, 2);
}

/* Any kernel width, stride and dilation: four outputs at a time, tap by tap. */
static void depthwise_any(const conv_depthwise_row *row, const float *src, const float *weights, const float *bias,
                          const float *residual, float *dst, int count, int low, int high)
{
    for (int p = 0; p < count; p += 4) {
        int n = count - p < 4 ? count - p : 4;
        vf acc[4];
        for (int i = 0; i < 4; i++)
            acc[i] = vf_load(bias);
        for (int ky = 0; ky < row->kernel_h; ky++)
            for (int kx = 0; kx < row->kernel_w; kx++) {
                vf w = vf_load(weights + ((ptrdiff_t)ky * row->kernel_w + kx) * VF_LANES);
                CONV_UNROLL
                for (int i = 0; i < 4; i++) {
                    int column = (p + i) * row->stride + kx * row->dilation;
                    if (i < n && column >= low && column < high)
                        acc[i] = vf_fma(vf_load(src + ky * row->row_stride + (ptrdiff_t)column * VF_LANES), w, acc[i]);
                }
            }
        for (int i = 0; i < n; i++) {
            ptrdiff_t at = (ptrdiff_t)(p + i) * VF_LANES;
            depthwise_finish(&row->epilogue, acc + i, residual ? residual + at : NULL, dst + at, 1);
        }
    }
}

#endif
