/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Depthwise rows in the words of simd_*.h. The outputs' sums roll over the columns: of R rows at once, those that a
 * column reaches are in registers, so every input vector is loaded once for all taps of all rows that it meets. The
 * order of a sum is column by column, and within it row by row, whatever R is. */
#ifndef ONYX_CPU_CONV_DEPTHWISE_BODY_H
#define ONYX_CPU_CONV_DEPTHWISE_BODY_H

#include "cpu/conv_tile_body.h"

enum { DEPTHWISE_MOST_TAPS = 7, DEPTHWISE_MOST_ROWS = (CONV_DEPTHWISE_ROWS - 1) * 2 + DEPTHWISE_MOST_TAPS };

/* Sums go from register to register with every output, which takes no time where such moves are but renamings. */
#if defined(__aarch64__) && !defined(__clang__)
#define DEPTHWISE_TURNS _Pragma("GCC unroll 3")
#else
#define DEPTHWISE_TURNS
#endif

/* What sums can have done to them without many registers. */
CONV_INLINE void depthwise_apply(const conv_epilogue *epilogue, vf *out, const int n)
{
    const conv_epilogue_act act = epilogue->act;
    if (act == CONV_EPILOGUE_CLIP)
        conv_epilogue_clip(epilogue, out, n);
    else if (act != CONV_EPILOGUE_NONE) {
        const vf a = vf_set1(epilogue->a), b = vf_set1(epilogue->b);
        CONV_UNROLL
        for (int i = 0; i < n; i++)
            out[i] = act == CONV_EPILOGUE_LEAKY        ? vf_leaky_relu(out[i], a)
                     : act == CONV_EPILOGUE_HARD_SWISH ? vf_hard_swish(out[i])
                                                       : vf_hard_sigmoid(out[i], a, b);
    }
}

/* A column of the rows of taps: to the sums acc[r * LIVE + j] of the outputs j that it reaches. It is the last of the
 * first one's but STRIDE - 1 - PHASE. */
CONV_INLINE void depthwise_column(vf *acc, const float *const *src, ptrdiff_t at, const float *weights, const int K,
                                  const int STRIDE, const int R, const int PHASE)
{
    const int LIVE = (K + STRIDE - 1) / STRIDE;
    vf x[DEPTHWISE_MOST_ROWS];
    CONV_UNROLL
    for (int q = 0; q < (R - 1) * STRIDE + K; q++)
        x[q] = vf_load(src[q] + at);
    CONV_UNROLL
    for (int ky = 0; ky < K; ky++) {
        CONV_UNROLL
        for (int kx = K - STRIDE + PHASE, j = 0; kx >= 0; kx -= STRIDE, j++) {
            const vf w = vf_load(weights + (ky * K + kx) * VF_LANES);
            CONV_UNROLL
            for (int r = 0; r < R; r++)
                acc[r * LIVE + j] = vf_fma_tied(x[ky + r * STRIDE], w, acc[r * LIVE + j]);
        }
    }
}

/* The same with all weights of a 3 x 3 kernel in registers, which leaves few: a row of inputs after the other. */
CONV_INLINE void depthwise_column_held(vf *acc, const float *const *src, ptrdiff_t at, const vf *w, const int STRIDE,
                                       const int R, const int PHASE)
{
    const int LIVE = (3 + STRIDE - 1) / STRIDE;
    CONV_UNROLL
    for (int q = 0; q < (R - 1) * STRIDE + 3; q++) {
        const vf x = vf_load(src[q] + at);
        CONV_UNROLL
        for (int r = 0; r < R; r++) {
            const int ky = q - r * STRIDE;
            if (ky < 0 || ky > 2)
                continue;
            CONV_UNROLL
            for (int kx = 3 - STRIDE + PHASE, j = 0; kx >= 0; kx -= STRIDE, j++)
                acc[r * LIVE + j] = vf_fma_tied(x, w[ky * 3 + kx], acc[r * LIVE + j]);
        }
    }
}

/* R rows of a K x K kernel, columns `pitch` floats apart, of both, from `shift` on. */
CONV_INLINE void depthwise_rows(const conv_depthwise_row *row, const float *const *src, const float *weights,
                                const float *bias, float *const *dst, int count, int low, int high, ptrdiff_t pitch,
                                ptrdiff_t shift, const int K, const int STRIDE, const int R)
{
    const int LIVE = (K + STRIDE - 1) / STRIDE;
    const bool HELD = K == 3 && VF_REGISTERS >= 32;
    /* The start of sums: loaded for every output it takes a pointer, of which AVX-512 has too few for the rows' own
     * (four rows of 3 x 3: 5.8 cycles a vector, so 5.2); two rows of 3 x 3 have enough. */
    const bool KEPT = VF_LANES == 16 && (K > 3 || STRIDE > 1 || R > 2);
    const conv_epilogue epilogue = row->epilogue;
    const vf start = vf_load(bias);
    const float *from[DEPTHWISE_MOST_ROWS];
    float *to[CONV_DEPTHWISE_ROWS];
    vf acc[CONV_DEPTHWISE_ROWS * DEPTHWISE_MOST_TAPS], held[9];
    CONV_UNROLL
    for (int q = 0; q < (R - 1) * STRIDE + K; q++)
        from[q] = src[q] + shift;
    CONV_UNROLL
    for (int r = 0; r < R; r++)
        to[r] = dst[r] + shift;
    CONV_UNROLL
    for (int k = 0; k < 9; k++)
        held[k] = vf_load(weights + k * VF_LANES);
    CONV_UNROLL
    for (int i = 0; i < R * LIVE; i++)
        acc[i] = start;
    DEPTHWISE_TURNS
    for (int p = 1 - LIVE; p < count; p++) { /* outputs before the first are left out */
        CONV_UNROLL
        for (int phase = 0; phase < STRIDE; phase++) {
            const int column = p * STRIDE + K - STRIDE + phase;
            const ptrdiff_t at = column * pitch;
            if (column < low || column >= high)
                continue;
            if (HELD)
                depthwise_column_held(acc, from, at, held, STRIDE, R, phase);
            else
                depthwise_column(acc, from, at, weights, K, STRIDE, R, phase);
        }
        if (p >= 0) {
            vf out[CONV_DEPTHWISE_ROWS];
            CONV_UNROLL
            for (int r = 0; r < R; r++)
                out[r] = acc[r * LIVE];
            depthwise_apply(&epilogue, out, R);
            CONV_UNROLL
            for (int r = 0; r < R; r++)
                vf_store(to[r] + p * pitch, out[r]);
        }
        CONV_UNROLL
        for (int r = 0; r < R; r++) {
            CONV_UNROLL
            for (int j = 0; j + 1 < LIVE; j++)
                acc[r * LIVE + j] = acc[r * LIVE + j + 1];
            acc[r * LIVE + LIVE - 1] = KEPT ? start : vf_load(bias);
        }
    }
}

/* Dilated columns are as many images side by side, each of which is done for itself. How far apart they are has to be a
 * constant where there is no register left for it (3 x 3, four rows: 18 % slower). */
CONV_INLINE void depthwise_images(const conv_depthwise_row *row, const float *const *src, const float *weights,
                                  const float *bias, float *const *dst, int count, int low, int high, const int K,
                                  const int STRIDE, const int R)
{
    const int images = row->dilation, more = images - 1;
    if (STRIDE > 1 || (K == 3 && images == 1)) {
        depthwise_rows(row, src, weights, bias, dst, count, low, high, VF_LANES, 0, K, STRIDE, R);
        return;
    }
    for (int i = 0; i < images && i < count; i++)
        depthwise_rows(row, src, weights, bias, dst, (count - i + more) / images, (low - i + more) / images,
                       (high - i + more) / images, images * (ptrdiff_t)VF_LANES, i * (ptrdiff_t)VF_LANES, K, STRIDE, R);
}

#define DEPTHWISE(kernel, step, rows)                                                                                  \
    __attribute__((unused)) static void depthwise_##kernel##_##step##_##rows(                                          \
        const conv_depthwise_row *row, const float *const *src, const float *weights, const float *bias,               \
        float *const *dst, int count, int low, int high)                                                               \
    {                                                                                                                  \
        depthwise_images(row, src, weights, bias, dst, count, low, high, kernel, step, rows);                          \
    }
#define DEPTHWISE_ALL(kernel, step)                                                                                    \
    DEPTHWISE(kernel, step, 1) DEPTHWISE(kernel, step, 2) DEPTHWISE(kernel, step, 3) DEPTHWISE(kernel, step, 4)
DEPTHWISE_ALL(3, 1)
DEPTHWISE_ALL(3, 2)
DEPTHWISE_ALL(5, 1)
DEPTHWISE_ALL(5, 2)
DEPTHWISE_ALL(7, 1)
DEPTHWISE_ALL(7, 2)

/* For conv_depthwise_kernels: by how many rows at once there are registers for. */
#define DEPTHWISE_TO_1(kernel, step) { depthwise_##kernel##_##step##_1 }
#define DEPTHWISE_TO_2(kernel, step) { depthwise_##kernel##_##step##_1, depthwise_##kernel##_##step##_2 }
#define DEPTHWISE_TO_3(kernel, step)                                                                                   \
    { depthwise_##kernel##_##step##_1, depthwise_##kernel##_##step##_2, depthwise_##kernel##_##step##_3 }
#define DEPTHWISE_TO_4(kernel, step)                                                                                   \
    { depthwise_##kernel##_##step##_1, depthwise_##kernel##_##step##_2, depthwise_##kernel##_##step##_3,               \
      depthwise_##kernel##_##step##_4 }

/* n <= 4 outputs from p on of any kernel width, stride and dilation, tap by tap. EDGE: taps may lie outside. */
CONV_INLINE void depthwise_taps(const conv_depthwise_row *row, const float *const *src, const float *weights, vf *acc,
                                int p, int n, int low, int high, const bool EDGE)
{
    for (int ky = 0; ky < row->kernel_h; ky++)
        for (int kx = 0; kx < row->kernel_w; kx++) {
            const vf w = vf_load(weights + ((ptrdiff_t)ky * row->kernel_w + kx) * VF_LANES);
            CONV_UNROLL
            for (int i = 0; i < 4; i++) {
                const int column = (p + i) * row->stride + kx * row->dilation;
                if (!EDGE || (i < n && column >= low && column < high))
                    acc[i] = vf_fma(vf_load(src[ky] + (ptrdiff_t)column * VF_LANES), w, acc[i]);
            }
        }
}

static void depthwise_any(const conv_depthwise_row *row, const float *const *src, const float *weights,
                          const float *bias, float *const *dst, int count, int low, int high)
{
    const int reach = (row->kernel_w - 1) * row->dilation;
    for (int p = 0; p < count; p += 4) {
        const int n = count - p < 4 ? count - p : 4;
        vf acc[4];
        for (int i = 0; i < 4; i++)
            acc[i] = vf_load(bias);
        if (n == 4 && p * row->stride >= low && (p + 3) * row->stride + reach < high)
            depthwise_taps(row, src, weights, acc, p, n, low, high, false);
        else
            depthwise_taps(row, src, weights, acc, p, n, low, high, true);
        depthwise_apply(&row->epilogue, acc, 4);
        for (int i = 0; i < n; i++)
            vf_store(dst[0] + (ptrdiff_t)(p + i) * VF_LANES, acc[i]);
    }
}

#endif
