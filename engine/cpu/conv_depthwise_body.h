/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Depthwise rows in the words of simd_*.h: P neighbouring outputs of one row or two in registers; every input vector of
 * a tap row is loaded once and serves all taps that it meets. */
#ifndef ONYX_CPU_CONV_DEPTHWISE_BODY_H
#define ONYX_CPU_CONV_DEPTHWISE_BODY_H

#include "cpu/conv_tile_body.h"

/* Outputs of a row in registers; and of each of two rows, by the number of registers. */
enum { DEPTHWISE_PIXELS = 8, DEPTHWISE_PAIR = VF_REGISTERS >= 32 ? 8 : 4, DEPTHWISE_BORDERS = VF_REGISTERS > 0 };

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

/* What a row of the input adds to P outputs by the weights w, and to P outputs of the next row, acc[P ...], by those of
 * `above`. EDGE: columns outside [low, high), counted from src, read 0; so do the first LEFT and the last RIGHT of
 * those that the taps reach. */
CONV_INLINE void depthwise_taps(vf *acc, const float *src, const vf *w, const vf *above, int low, int high,
                                const int KW, const int STRIDE, const int P, const bool EDGE, const int LEFT,
                                const int RIGHT)
{
    CONV_UNROLL
    for (int i = LEFT; i < (P - 1) * STRIDE + KW - RIGHT; i++) {
        if (EDGE && (i < low || i >= high))
            continue;
        vf x = vf_load(src + i * VF_LANES);
        CONV_UNROLL
        for (int kx = 0; kx < KW; kx++)
            if (i >= kx && (i - kx) % STRIDE == 0 && (i - kx) / STRIDE < P) {
                const int p = (i - kx) / STRIDE;
                if (w)
                    acc[p] = vf_fma(x, w[kx], acc[p]);
                if (above)
                    acc[P + p] = vf_fma(x, above[kx], acc[P + p]);
            }
    }
}

CONV_INLINE void depthwise_weights(vf *w, const float *weights, const int KW)
{
    CONV_UNROLL
    for (int kx = 0; kx < KW; kx++)
        w[kx] = vf_load(weights + kx * VF_LANES);
}

/* `at`: floats from the rows' starts to the first tap. */
CONV_INLINE void depthwise_chunk(const conv_depthwise_row *row, const float *const *src, ptrdiff_t at,
                                 const float *weights, const float *bias, const float *residual, float *dst, int low,
                                 int high, const int KW, const int STRIDE, const int P, const int ROWS, const bool EDGE,
                                 const int LEFT, const int RIGHT)
{
    vf acc[2 * DEPTHWISE_PIXELS];
    vf start = vf_load(bias);
    CONV_UNROLL
    for (int p = 0; p < ROWS * P; p++)
        acc[p] = start;
    if (row->kernel_h > 0) {
        vf above[7];
        depthwise_weights(above, weights, KW);
        depthwise_taps(acc, src[0] + at, above, NULL, low, high, KW, STRIDE, P, EDGE, LEFT, RIGHT);
        for (int ky = 1; ky < row->kernel_h; ky++) {
            vf w[7];
            depthwise_weights(w, weights + ky * KW * VF_LANES, KW);
            depthwise_taps(acc, src[ky] + at, w, ROWS > 1 ? above : NULL, low, high, KW, STRIDE, P, EDGE, LEFT, RIGHT);
            CONV_UNROLL
            for (int kx = 0; kx < KW; kx++)
                above[kx] = w[kx];
        }
        if (ROWS > 1)
            depthwise_taps(acc, src[row->kernel_h] + at, NULL, above, low, high, KW, STRIDE, P, EDGE, LEFT, RIGHT);
    }
    depthwise_finish(&row->epilogue, acc, residual, dst, P);
    if (ROWS > 1)
        depthwise_finish(&row->epilogue, acc + P, residual ? residual + row->next_row : NULL, dst + row->next_row, P);
}

/* How many columns of P outputs from output p on lie outside, at either end. */
typedef struct depthwise_border {
    int left, right;
} depthwise_border;

CONV_INLINE depthwise_border depthwise_border_of(int p, int low, int high, const int KW, const int STRIDE, const int P)
{
    const int first = p * STRIDE, last = first + (P - 1) * STRIDE + KW;
    return (depthwise_border){ low > first ? low - first : 0, last > high ? last - high : 0 };
}

/* Whether a border is a constant of depthwise_outputs: none, or at one end the half of a usual kernel. */
CONV_INLINE bool depthwise_usual(depthwise_border b, const int KW)
{
    return (!b.left && !b.right) ||
           (DEPTHWISE_BORDERS && KW < 7 && ((b.left == KW / 2 && !b.right) || (b.right == KW / 2 && !b.left)));
}

/* P outputs from output p on. The usual borders are constants: a test for each column takes as long as the sums. ANY:
 * others may come, too. */
CONV_INLINE void depthwise_outputs(const conv_depthwise_row *row, const float *const *src, const float *weights,
                                   const float *bias, const float *residual, float *dst, int p, depthwise_border b,
                                   const int KW, const int STRIDE, const int P, const int ROWS, const bool ANY)
{
    const ptrdiff_t at = (ptrdiff_t)p * STRIDE * VF_LANES;
    const float *add = residual ? residual + (ptrdiff_t)p * VF_LANES : NULL;
    float *to = dst + (ptrdiff_t)p * VF_LANES;
    if (!b.left && !b.right)
        depthwise_chunk(row, src, at, weights, bias, add, to, 0, 0, KW, STRIDE, P, ROWS, false, 0, 0);
    else if (ANY && (P == 1 || !depthwise_usual(b, KW)))
        depthwise_chunk(row, src, at, weights, bias, add, to, b.left, (P - 1) * STRIDE + KW - b.right, KW, STRIDE, P,
                        ROWS, true, 0, 0);
    else if (DEPTHWISE_BORDERS && KW < 7 && P > 1 && b.left)
        depthwise_chunk(row, src, at, weights, bias, add, to, 0, 0, KW, STRIDE, P, ROWS, false, KW / 2, 0);
    else if (DEPTHWISE_BORDERS && KW < 7 && P > 1)
        depthwise_chunk(row, src, at, weights, bias, add, to, 0, 0, KW, STRIDE, P, ROWS, false, 0, KW / 2);
}

/* The end of a row by a chunk that does some outputs again: single ones would wait for their own sums. Not where a
 * residual is being overwritten. */
CONV_INLINE void depthwise_row(const conv_depthwise_row *row, const float *const *src, const float *weights,
                               const float *bias, const float *residual, float *dst, int count, int low, int high,
                               const int KW, const int STRIDE, const int P, const int ROWS)
{
    const bool again = residual != dst;
    for (int p = 0; p < count;) {
        const int left = count - p, whole = left >= P ? p : count - P, half = left >= P / 2 ? p : count - P / 2;
        const depthwise_border b = depthwise_border_of(whole, low, high, KW, STRIDE, P);
        if ((left >= P || (again && left > P / 2 && count >= P)) && depthwise_usual(b, KW)) {
            depthwise_outputs(row, src, weights, bias, residual, dst, whole, b, KW, STRIDE, P, ROWS, false);
            p = whole + P;
        } else if (left >= P / 2 || (again && count >= P / 2)) {
            depthwise_outputs(row, src, weights, bias, residual, dst, half,
                              depthwise_border_of(half, low, high, KW, STRIDE, P / 2), KW, STRIDE, P / 2, ROWS, true);
            p = half + P / 2;
        } else {
            depthwise_outputs(row, src, weights, bias, residual, dst, p,
                              depthwise_border_of(p, low, high, KW, STRIDE, 1), KW, STRIDE, 1, ROWS, true);
            p++;
        }
    }
}

/* Two rows: each input vector serves six taps, where one row would have it loaded for three and again for the next. */
__attribute__((unused)) static void depthwise_3_pair(const conv_depthwise_row *row, const float *const *src,
                                                     const float *weights, const float *bias, const float *residual,
                                                     float *dst, int count, int low, int high)
{
    depthwise_row(row, src, weights, bias, residual, dst, count, low, high, 3, 1, DEPTHWISE_PAIR, 2);
}

static void depthwise_3_unit(const conv_depthwise_row *row, const float *const *src, const float *weights,
                             const float *bias, const float *residual, float *dst, int count, int low, int high)
{
    depthwise_row(row, src, weights, bias, residual, dst, count, low, high, 3, 1, DEPTHWISE_PIXELS, 1);
}
static void depthwise_3_two(const conv_depthwise_row *row, const float *const *src, const float *weights,
                            const float *bias, const float *residual, float *dst, int count, int low, int high)
{
    depthwise_row(row, src, weights, bias, residual, dst, count, low, high, 3, 2, DEPTHWISE_PIXELS, 1);
}
static void depthwise_5_unit(const conv_depthwise_row *row, const float *const *src, const float *weights,
                             const float *bias, const float *residual, float *dst, int count, int low, int high)
{
    depthwise_row(row, src, weights, bias, residual, dst, count, low, high, 5, 1, DEPTHWISE_PIXELS, 1);
}
static void depthwise_5_two(const conv_depthwise_row *row, const float *const *src, const float *weights,
                            const float *bias, const float *residual, float *dst, int count, int low, int high)
{
    depthwise_row(row, src, weights, bias, residual, dst, count, low, high, 5, 2, DEPTHWISE_PIXELS, 1);
}

static void depthwise_7_unit(const conv_depthwise_row *row, const float *const *src, const float *weights,
                             const float *bias, const float *residual, float *dst, int count, int low, int high)
{
    depthwise_row(row, src, weights, bias, residual, dst, count, low, high, 7, 1, DEPTHWISE_PIXELS, 1);
}
static void depthwise_7_two(const conv_depthwise_row *row, const float *const *src, const float *weights,
                            const float *bias, const float *residual, float *dst, int count, int low, int high)
{
    depthwise_row(row, src, weights, bias, residual, dst, count, low, high, 7, 2, DEPTHWISE_PIXELS, 1);
}

/* Any kernel width, stride and dilation: four outputs at a time, tap by tap. */
static void depthwise_any(const conv_depthwise_row *row, const float *const *src, const float *weights,
                          const float *bias, const float *residual, float *dst, int count, int low, int high)
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
                        acc[i] = vf_fma(vf_load(src[ky] + (ptrdiff_t)column * VF_LANES), w, acc[i]);
                }
            }
        for (int i = 0; i < n; i++) {
            ptrdiff_t at = (ptrdiff_t)(p + i) * VF_LANES;
            depthwise_finish(&row->epilogue, acc + i, residual ? residual + at : NULL, dst + at, 1);
        }
    }
}

#endif
