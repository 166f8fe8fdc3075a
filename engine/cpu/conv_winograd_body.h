/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The transforms of Winograd F(4x4, 3x3) with points 0, 1, -1, 2, -2, inf (Lavin and Gray, "Fast algorithms for
 * convolutional neural networks", 2015), in the words of simd_*.h. Included after conv_tile_body.h. */
#ifndef ONYX_CPU_CONV_WINOGRAD_BODY_H
#define ONYX_CPU_CONV_WINOGRAD_BODY_H

#include "cpu/conv_tile_body.h"

/* B^T d for six values `step` apart. */
CONV_INLINE void winograd_input_6(const vf *d, const int step, vf *out)
{
    const vf two = vf_set1(2), four = vf_set1(4), five = vf_set1(5);
    vf d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
    vf even = vf_fnma(four, d2, d4), odd = vf_fnma(four, d1, d3);
    vf far = vf_sub(d4, d2), near = vf_sub(d3, d1);
    out[0] = vf_fma(four, d0, vf_fnma(five, d2, d4));
    out[1] = vf_add(even, odd);
    out[2] = vf_sub(even, odd);
    out[3] = vf_fma(two, near, far);
    out[4] = vf_fnma(two, near, far);
    out[5] = vf_fma(four, d1, vf_fnma(five, d3, d5));
}

/* A^T m for six values `step` apart: four results out_step apart. */
CONV_INLINE void winograd_output_6(const vf *m, const int step, vf *out, const int out_step)
{
    vf s1 = vf_add(m[step], m[2 * step]), d1 = vf_sub(m[step], m[2 * step]);
    vf s2 = vf_add(m[3 * step], m[4 * step]), d2 = vf_sub(m[3 * step], m[4 * step]);
    out[0] = vf_add(vf_add(m[0], s1), s2);
    out[out_step] = vf_fma(vf_set1(2), d2, d1);
    out[2 * out_step] = vf_fma(vf_set1(4), s2, s1);
    out[3 * out_step] = vf_fma(vf_set1(8), d2, vf_add(d1, m[5 * step]));
}

enum { WINOGRAD_RUN = 4 }; /* tiles whose columns are transformed at once: neighbours share two of six */

CONV_INLINE void winograd_input_run(const float *const rows[6], ptrdiff_t at, int low, int high, float *v,
                                    ptrdiff_t point_stride, int count)
{
    vf columns[4 * WINOGRAD_RUN + 2][6];
    for (int c = 0; c < 4 * count + 2; c++) {
        vf d[6];
        if (c < low || c >= high) {
            CONV_UNROLL
            for (int i = 0; i < 6; i++)
                columns[c][i] = vf_zero();
            continue;
        }
        CONV_UNROLL
        for (int i = 0; i < 6; i++)
            d[i] = vf_load(rows[i] + (at + c) * VF_LANES);
        winograd_input_6(d, 1, columns[c]);
    }
    for (int t = 0; t < count; t++, v += VF_LANES) {
        CONV_UNROLL
        for (int i = 0; i < 6; i++) {
            vf out[6];
            winograd_input_6(&columns[4 * t][i], 6, out);
            CONV_UNROLL
            for (int j = 0; j < 6; j++)
                vf_store(v + (i * 6 + j) * point_stride, out[j]);
        }
    }
}

static void winograd_input(const float *const rows[6], int low, int high, float *v, ptrdiff_t point_stride, int count)
{
    for (int t = 0; t < count; t += WINOGRAD_RUN) {
        int n = count - t < WINOGRAD_RUN ? count - t : WINOGRAD_RUN;
        winograd_input_run(rows, 4 * t - low, low - 4 * t, high - 4 * t, v + (ptrdiff_t)t * VF_LANES, point_stride, n);
    }
}

/* The 16 results of a tile: transform and bias, residual of the rows x cols that exist, activation. */
CONV_INLINE void winograd_finish(const float *m, ptrdiff_t point_stride, const conv_epilogue *epilogue,
                                 const float *bias, const float *residual, ptrdiff_t residual_row_stride, vf *out,
                                 const int rows, const int cols)
{
    vf columns[24];
    CONV_UNROLL
    for (int j = 0; j < 6; j++) {
        vf d[6];
        CONV_UNROLL
        for (int i = 0; i < 6; i++)
            d[i] = vf_load(m + (i * 6 + j) * point_stride);
        winograd_output_6(d, 1, columns + j, 6);
    }
    vf add = vf_load(bias);
    CONV_UNROLL
    for (int i = 0; i < 4; i++) {
        winograd_output_6(columns + 6 * i, 1, out + 4 * i, 1);
        CONV_UNROLL
        for (int j = 0; j < 4; j++) {
            out[4 * i + j] = vf_add(out[4 * i + j], add);
            if (residual && epilogue->residual_before && i < rows && j < cols)
                out[4 * i + j] = vf_add(out[4 * i + j], vf_load(residual + i * residual_row_stride + j * VF_LANES));
        }
    }
    conv_epilogue_apply(epilogue, out, 16);
    CONV_UNROLL
    for (int i = 0; i < 16; i++)
        if (residual && !epilogue->residual_before && i / 4 < rows && i % 4 < cols)
            out[i] = vf_add(out[i], vf_load(residual + i / 4 * residual_row_stride + i % 4 * VF_LANES));
}

static void winograd_output(const float *m, ptrdiff_t point_stride, const conv_epilogue *epilogue, const float *bias,
                            const float *residual, ptrdiff_t residual_row_stride, float *dst, ptrdiff_t row_stride,
                            int rows, int cols)
{
    vf out[16];
    if (rows == 4 && cols == 4) {
        winograd_finish(m, point_stride, epilogue, bias, residual, residual_row_stride, out, 4, 4);
        CONV_UNROLL
        for (int i = 0; i < 16; i++)
            vf_store(dst + i / 4 * row_stride + i % 4 * VF_LANES, out[i]);
        return;
    }
    winograd_finish(m, point_stride, epilogue, bias, residual, residual_row_stride, out, rows, cols);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < cols; j++)
            vf_store(dst + i * row_stride + j * VF_LANES, out[4 * i + j]);
}

#endif
