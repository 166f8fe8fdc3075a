/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The transforms of Winograd convolution (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2015),
 * in the words of simd_*.h. Stride 1: F(4, 3) with points 0, 1, -1, 2, -2, inf. Stride 2: with y[n] = w0 x[2n] + w1
 * x[2n+1] + w2 x[2n+2], the even inputs are F(4, 2) with points 0, 1, -1, 2, inf, the odd ones plain products.
 * Of tiles of 2x2: F(2, 3) with points 0, 1, -1, inf and F(2, 2) with 0, 1, inf. For first layers (conv_phases_body.h)
 * F(4, 4) with 0, 1, -1, 2, -2, 1/2, inf. A form is known by its side. */
#ifndef ONYX_CPU_CONV_WINOGRAD_BODY_H
#define ONYX_CPU_CONV_WINOGRAD_BODY_H

#include "cpu/conv_tile_body.h"

#if VF_REGISTERS == 0 /* plain C: transforms in loops are a quarter of the code, and hardly slower */
#undef CONV_UNROLL
#define CONV_UNROLL
#endif

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

/* F(4, 4): with one point more, all other rows are those of F(4, 3) on differences. */
CONV_INLINE void winograd_input_7(const vf *d, const int step, vf *out)
{
    const vf half = vf_set1(0.5f);
    vf w[6], six[6];
    CONV_UNROLL
    for (int i = 0; i < 6; i++)
        w[i] = vf_fnma(half, d[i * step], d[(i + 1) * step]);
    winograd_input_6(w, 1, six);
    CONV_UNROLL
    for (int i = 0; i < 5; i++)
        out[i] = six[i];
    out[5] = vf_fma(vf_set1(4), d[step], vf_fnma(vf_set1(5), d[3 * step], d[5 * step]));
    out[6] = six[5];
}

/* The same for the five even ones of the nine values of stride 2; the odd ones stay as they are. */
CONV_INLINE void winograd_input_5(const vf *d, const int step, vf *out)
{
    const vf two = vf_set1(2), three = vf_set1(3);
    vf d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step];
    vf near = vf_sub(d3, d1);
    out[0] = vf_fma(two, vf_sub(d0, d2), near);
    out[1] = vf_fnma(two, d1, vf_sub(d3, d2));
    out[2] = vf_fma(two, d1, vf_fnma(three, d2, d3));
    out[3] = near;
    out[4] = vf_fnma(two, near, vf_sub(d4, d2));
}

/* F(2, 3). */
CONV_INLINE void winograd_input_4(const vf *d, const int step, vf *out)
{
    out[0] = vf_sub(d[0], d[2 * step]);
    out[1] = vf_add(d[step], d[2 * step]);
    out[2] = vf_sub(d[2 * step], d[step]);
    out[3] = vf_sub(d[step], d[3 * step]);
}

/* F(2, 2) of the three even ones of five. */
CONV_INLINE void winograd_input_3(const vf *d, const int step, vf *out)
{
    out[0] = vf_sub(d[0], d[step]);
    out[1] = d[step];
    out[2] = vf_sub(d[2 * step], d[step]);
}

CONV_INLINE void winograd_input_even(const vf *d, const int step, vf *out, const int SIDE)
{
    if (SIDE == WINOGRAD_SIDE_TWO)
        winograd_input_5(d, step, out);
    else
        winograd_input_3(d, step, out);
}

/* Outputs of a tile in one direction. */
CONV_INLINE int winograd_outputs(const int SIDE)
{
    return SIDE == WINOGRAD_SIDE_SMALL || SIDE == WINOGRAD_SIDE_SMALL_TWO ? 2 : 4;
}

/* A^T m: results out_step apart. */
CONV_INLINE void winograd_output_side(const vf *m, const int step, vf *out, const int out_step, const int SIDE)
{
    if (SIDE == WINOGRAD_SIDE_SMALL) {
        out[0] = vf_add(vf_add(m[0], m[step]), m[2 * step]);
        out[out_step] = vf_sub(vf_sub(m[step], m[2 * step]), m[3 * step]);
        return;
    }
    if (SIDE == WINOGRAD_SIDE_SMALL_TWO) {
        out[0] = vf_add(vf_add(m[0], m[step]), m[3 * step]);
        out[out_step] = vf_add(vf_add(m[step], m[2 * step]), m[4 * step]);
        return;
    }
    vf sum = vf_add(m[step], m[2 * step]), difference = vf_sub(m[step], m[2 * step]), m3 = m[3 * step];
    if (SIDE == WINOGRAD_SIDE_SEVEN) {
        vf far = vf_add(m3, m[4 * step]), near = vf_sub(m3, m[4 * step]), half = m[5 * step];
        out[0] = vf_add(vf_add(m[0], sum), vf_add(far, half));
        out[out_step] = vf_fma(vf_set1(2), near, vf_fma(vf_set1(0.5f), half, difference));
        out[2 * out_step] = vf_fma(vf_set1(4), far, vf_fma(vf_set1(0.25f), half, sum));
        out[3 * out_step] = vf_fma(vf_set1(8), near, vf_fma(vf_set1(0.125f), half, vf_add(difference, m[6 * step])));
    } else if (SIDE == WINOGRAD_SIDE_UNIT) {
        vf far = vf_add(m3, m[4 * step]), near = vf_sub(m3, m[4 * step]);
        out[0] = vf_add(vf_add(m[0], sum), far);
        out[out_step] = vf_fma(vf_set1(2), near, difference);
        out[2 * out_step] = vf_fma(vf_set1(4), far, sum);
        out[3 * out_step] = vf_fma(vf_set1(8), near, vf_add(difference, m[5 * step]));
    } else {
        out[0] = vf_add(vf_add(m[0], sum), vf_add(m3, m[5 * step]));
        out[out_step] = vf_fma(vf_set1(2), m3, vf_add(difference, m[6 * step]));
        out[2 * out_step] = vf_fma(vf_set1(4), m3, vf_add(sum, m[7 * step]));
        out[3 * out_step] = vf_fma(vf_set1(8), m3, vf_add(vf_add(difference, m[4 * step]), m[8 * step]));
    }
}

/* Tiles whose columns are transformed at once: neighbours share two of six columns. */
enum { WINOGRAD_RUN = 4, WINOGRAD_COLUMNS = 4 * WINOGRAD_RUN + 2 };

CONV_INLINE void winograd_input_run(const float *const *rows, ptrdiff_t at, int low, int high, float *v,
                                    ptrdiff_t point_stride, int count)
{
    enum { SIDE = WINOGRAD_SIDE_UNIT };
    vf columns[WINOGRAD_COLUMNS * SIDE];
    for (int c = 0; c < 4 * (count - 1) + SIDE; c++) {
        vf d[SIDE];
        if (c < low || c >= high) {
            CONV_UNROLL
            for (int i = 0; i < SIDE; i++)
                columns[c * SIDE + i] = vf_zero();
            continue;
        }
        CONV_UNROLL
        for (int i = 0; i < SIDE; i++)
            d[i] = vf_load(rows[i] + (at + c) * VF_LANES);
        winograd_input_6(d, 1, columns + c * SIDE);
    }
    for (int t = 0; t < count; t++, v += VF_LANES) {
        CONV_UNROLL
        for (int i = 0; i < SIDE; i++) {
            vf out[SIDE];
            winograd_input_6(columns + 4 * t * SIDE + i, SIDE, out);
            CONV_UNROLL
            for (int j = 0; j < SIDE; j++)
                vf_store(v + (i * SIDE + j) * point_stride, out[j]);
        }
    }
}

static void winograd_input_unit(const float *const *rows, int low, int high, float *v, ptrdiff_t point_stride,
                                int count)
{
    for (int t = 0; t < count; t += WINOGRAD_RUN) {
        int n = count - t < WINOGRAD_RUN ? count - t : WINOGRAD_RUN, first = 4 * t;
        winograd_input_run(rows, first - low, low - first, high - first, v + (ptrdiff_t)t * VF_LANES, point_stride, n);
    }
}

/* Neighbours share two of four columns. */
static void winograd_input_small(const float *const *rows, int low, int high, float *v, ptrdiff_t point_stride,
                                 int count)
{
    enum { SIDE = WINOGRAD_SIDE_SMALL, SPAN = 2 };
    vf columns[SIDE * SIDE];
    for (int t = -1; t < count; t++) {
        CONV_UNROLL
        for (int c = SPAN; c < SIDE; c++) {
            const int x = SPAN * t + c;
            vf d[SIDE];
            CONV_UNROLL
            for (int i = 0; i < SIDE; i++)
                d[i] = x >= low && x < high ? vf_load(rows[i] + (ptrdiff_t)(x - low) * VF_LANES) : vf_zero();
            winograd_input_4(d, 1, columns + c * SIDE);
        }
        for (int i = 0; i < SIDE && t >= 0; i++) {
            vf out[SIDE];
            winograd_input_4(columns + i, SIDE, out);
            CONV_UNROLL
            for (int j = 0; j < SIDE; j++)
                vf_store(v + (i * SIDE + j) * point_stride + (ptrdiff_t)t * VF_LANES, out[j]);
        }
        CONV_UNROLL
        for (int i = 0; i < SPAN * SIDE; i++)
            columns[i] = columns[SPAN * SIDE + i];
    }
}

/* One tile of stride 2 whose columns begin at `at`: odd rows, odd columns of even rows, and what is even in both. Few
 * values meet more than one of the transforms, so that there are registers for all. */
CONV_INLINE void winograd_input_tile(const float *const *rows, ptrdiff_t at, float *v, ptrdiff_t point_stride,
                                     const int SIDE)
{
    const int ODD = SIDE / 2, EVEN = ODD + 1;
    vf d[5], out[5], even[5 * 5];
    CONV_UNROLL
    for (int i = 0; i < ODD; i++) {
        const float *row = rows[2 * i + 1] + at;
        float *to = v + (EVEN + i) * SIDE * point_stride;
        CONV_UNROLL
        for (int j = 0; j < EVEN; j++)
            d[j] = vf_load(row + 2 * j * VF_LANES);
        winograd_input_even(d, 1, out, SIDE);
        CONV_UNROLL
        for (int j = 0; j < EVEN; j++)
            vf_store(to + j * point_stride, out[j]);
        CONV_UNROLL
        for (int j = 0; j < ODD; j++)
            vf_store(to + (EVEN + j) * point_stride, vf_load(row + (2 * j + 1) * VF_LANES));
    }
    CONV_UNROLL
    for (int j = 0; j < ODD; j++) {
        CONV_UNROLL
        for (int i = 0; i < EVEN; i++)
            d[i] = vf_load(rows[2 * i] + at + (2 * j + 1) * VF_LANES);
        winograd_input_even(d, 1, out, SIDE);
        CONV_UNROLL
        for (int i = 0; i < EVEN; i++)
            vf_store(v + (i * SIDE + EVEN + j) * point_stride, out[i]);
    }
    CONV_UNROLL
    for (int j = 0; j < EVEN; j++) {
        CONV_UNROLL
        for (int i = 0; i < EVEN; i++)
            d[i] = vf_load(rows[2 * i] + at + 2 * j * VF_LANES);
        winograd_input_even(d, 1, even + j * EVEN, SIDE);
    }
    CONV_UNROLL
    for (int i = 0; i < EVEN; i++) {
        winograd_input_even(even + i, EVEN, out, SIDE);
        CONV_UNROLL
        for (int j = 0; j < EVEN; j++)
            vf_store(v + (i * SIDE + j) * point_stride, out[j]);
    }
}

CONV_INLINE void winograd_input_strided(const float *const *rows, int low, int high, float *v, ptrdiff_t point_stride,
                                        int count, const int SIDE)
{
    for (int t = 0; t < count; t++, v += VF_LANES) {
        const int first = (SIDE - 1) * t;
        _Alignas(64) float copy[WINOGRAD_SIDE_MOST * WINOGRAD_SIDE_MOST * VF_LANES];
        const float *copied[WINOGRAD_SIDE_MOST], *const *from = rows;
        if (low > first || high < first + SIDE) {
            for (int i = 0; i < SIDE; i++) {
                copied[i] = copy + i * SIDE * VF_LANES;
                for (int c = 0; c < SIDE; c++) {
                    const bool inside = first + c >= low && first + c < high;
                    vf_store(copy + (i * SIDE + c) * VF_LANES,
                             inside ? vf_load(rows[i] + (ptrdiff_t)(first + c - low) * VF_LANES) : vf_zero());
                }
            }
            from = copied;
        }
        winograd_input_tile(from, from == rows ? (ptrdiff_t)(first - low) * VF_LANES : 0, v, point_stride, SIDE);
    }
}

static void winograd_input_two(const float *const *rows, int low, int high, float *v, ptrdiff_t point_stride, int count)
{
    winograd_input_strided(rows, low, high, v, point_stride, count, WINOGRAD_SIDE_TWO);
}

static void winograd_input_small_two(const float *const *rows, int low, int high, float *v, ptrdiff_t point_stride,
                                     int count)
{
    winograd_input_strided(rows, low, high, v, point_stride, count, WINOGRAD_SIDE_SMALL_TWO);
}

/* The results of a tile: transform and bias, residual of the rows x cols that exist, activation. */
CONV_INLINE void winograd_finish(const float *m, ptrdiff_t point_stride, const conv_epilogue *epilogue,
                                 const float *bias, const float *residual, ptrdiff_t residual_row_stride, vf *out,
                                 const int rows, const int cols, const int SIDE)
{
    const int N = winograd_outputs(SIDE);
    vf columns[4 * WINOGRAD_SIDE_MOST];
    CONV_UNROLL
    for (int j = 0; j < SIDE; j++) {
        vf d[WINOGRAD_SIDE_MOST];
        CONV_UNROLL
        for (int i = 0; i < SIDE; i++)
            d[i] = vf_load(m + (i * SIDE + j) * point_stride);
        winograd_output_side(d, 1, columns + j, SIDE, SIDE);
    }
    vf add = vf_load(bias);
    CONV_UNROLL
    for (int i = 0; i < N; i++) {
        winograd_output_side(columns + SIDE * i, 1, out + N * i, 1, SIDE);
        CONV_UNROLL
        for (int j = 0; j < N; j++) {
            out[N * i + j] = vf_add(out[N * i + j], add);
            if (residual && epilogue->residual_before && i < rows && j < cols)
                out[N * i + j] = vf_add(out[N * i + j], vf_load(residual + i * residual_row_stride + j * VF_LANES));
        }
    }
    conv_epilogue_apply(epilogue, out, N * N);
    CONV_UNROLL
    for (int i = 0; i < N * N; i++)
        if (residual && !epilogue->residual_before && i / N < rows && i % N < cols)
            out[i] = vf_add(out[i], vf_load(residual + i / N * residual_row_stride + i % N * VF_LANES));
}

CONV_INLINE void winograd_output(const float *m, ptrdiff_t point_stride, const conv_epilogue *epilogue,
                                 const float *bias, const float *residual, ptrdiff_t residual_row_stride, float *dst,
                                 ptrdiff_t row_stride, int rows, int cols, const int SIDE)
{
    const int N = winograd_outputs(SIDE);
    vf out[16];
    if (rows == N && cols == N) {
        winograd_finish(m, point_stride, epilogue, bias, residual, residual_row_stride, out, N, N, SIDE);
        CONV_UNROLL
        for (int i = 0; i < N * N; i++)
            vf_store(dst + i / N * row_stride + i % N * VF_LANES, out[i]);
        return;
    }
    winograd_finish(m, point_stride, epilogue, bias, residual, residual_row_stride, out, rows, cols, SIDE);
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < cols; j++)
            vf_store(dst + i * row_stride + j * VF_LANES, out[N * i + j]);
}

#define WINOGRAD_OUTPUT(name, SIDE)                                                                                    \
    static void name(const float *m, ptrdiff_t point_stride, const conv_epilogue *epilogue, const float *bias,         \
                     const float *residual, ptrdiff_t residual_row_stride, float *dst, ptrdiff_t row_stride, int rows, \
                     int cols)                                                                                         \
    {                                                                                                                  \
        winograd_output(m, point_stride, epilogue, bias, residual, residual_row_stride, dst, row_stride, rows, cols,   \
                        SIDE);                                                                                         \
    }
WINOGRAD_OUTPUT(winograd_output_unit, WINOGRAD_SIDE_UNIT)
WINOGRAD_OUTPUT(winograd_output_two, WINOGRAD_SIDE_TWO)
WINOGRAD_OUTPUT(winograd_output_small, WINOGRAD_SIDE_SMALL)
WINOGRAD_OUTPUT(winograd_output_small_two, WINOGRAD_SIDE_SMALL_TWO)

/* Whole tiles alone. */
static void winograd_output_seven(const float *m, ptrdiff_t point_stride, const conv_epilogue *epilogue,
                                  const float *bias, const float *residual, ptrdiff_t residual_row_stride, float *dst,
                                  ptrdiff_t row_stride, int rows, int cols)
{
    vf out[16];
    (void)rows;
    (void)cols;
    winograd_finish(m, point_stride, epilogue, bias, residual, residual_row_stride, out, 4, 4, WINOGRAD_SIDE_SEVEN);
    CONV_UNROLL
    for (int i = 0; i < 16; i++)
        vf_store(dst + i / 4 * row_stride + i % 4 * VF_LANES, out[i]);
}

static void winograd_weights(const float *w, const float (*G)[3], int side, float *u, ptrdiff_t point_stride)
{
    vf half[6][3];
    for (int i = 0; i < side; i++) {
        const vf g0 = vf_set1(G[i][0]), g1 = vf_set1(G[i][1]), g2 = vf_set1(G[i][2]);
        for (int j = 0; j < 3; j++)
            half[i][j] =
                vf_fma(g0, vf_load(w + j * VF_LANES),
                       vf_fma(g1, vf_load(w + (3 + j) * VF_LANES), vf_mul(g2, vf_load(w + (6 + j) * VF_LANES))));
    }
    for (int j = 0; j < side; j++) {
        const vf g0 = vf_set1(G[j][0]), g1 = vf_set1(G[j][1]), g2 = vf_set1(G[j][2]);
        for (int i = 0; i < side; i++)
            vf_store(u + (i * side + j) * point_stride,
                     vf_fma(g0, half[i][0], vf_fma(g1, half[i][1], vf_mul(g2, half[i][2]))));
    }
}

/* ---- one row or column of taps ---- */

CONV_INLINE void winograd_line_input(const conv_winograd_line *line, const float *const *taps, ptrdiff_t step, float *v,
                                     ptrdiff_t point_stride, int count, const int PAIRS)
{
    for (int t = 0; t < count; t++, v += VF_LANES) {
        vf d[WINOGRAD_LINE_MOST];
        CONV_UNROLL
        for (int i = 0; i < 2 * PAIRS + 2; i++)
            d[i] = vf_load(taps[i] + t * step);
        vf zero = d[2 * PAIRS], infinite = d[2 * PAIRS + 1];
        CONV_UNROLL
        for (int k = 0; k < PAIRS; k++) {
            zero = vf_fma(vf_set1(line->f[k]), d[2 * k], zero);
            infinite = vf_fma(vf_set1(line->f[k]), d[2 * k + 1], infinite);
        }
        vf_store(v, zero);
        vf_store(v + (2 * PAIRS + 1) * point_stride, infinite);
        CONV_UNROLL
        for (int p = 0; p < PAIRS; p++) {
            vf even = d[2 * PAIRS], odd = d[2 * PAIRS - 1];
            CONV_UNROLL
            for (int k = 0; k < PAIRS - 1; k++) {
                even = vf_fma(vf_set1(line->q[p][k]), d[2 * k + 2], even);
                odd = vf_fma(vf_set1(line->q[p][k]), d[2 * k + 1], odd);
            }
            vf_store(v + (2 * p + 1) * point_stride, vf_fma(vf_set1(line->a[p]), odd, even));
            vf_store(v + (2 * p + 2) * point_stride, vf_fnma(vf_set1(line->a[p]), odd, even));
        }
    }
}

static void winograd_line_output(const conv_winograd_line *line, const float *m, ptrdiff_t point_stride,
                                 const conv_epilogue *epilogue, const float *bias, const float *residual,
                                 ptrdiff_t residual_step, float *dst, ptrdiff_t dst_step, int count)
{
    vf out[4] = { vf_load(m), vf_zero(), vf_zero(), vf_load(m + (2 * line->pairs + 1) * point_stride) };
    for (int p = 0; p < line->pairs; p++) {
        const vf a = vf_set1(line->a[p]), square = vf_mul(a, a);
        const vf plus = vf_load(m + (2 * p + 1) * point_stride), minus = vf_load(m + (2 * p + 2) * point_stride);
        const vf sum = vf_add(plus, minus), odd = vf_mul(a, vf_sub(plus, minus));
        out[0] = vf_add(out[0], sum);
        out[1] = vf_add(out[1], odd);
        out[2] = vf_fma(square, sum, out[2]);
        out[3] = vf_fma(square, odd, out[3]);
    }
    const vf add = vf_load(bias);
    for (int i = 0; i < 4; i++) {
        out[i] = vf_add(out[i], add);
        if (residual && epilogue->residual_before && i < count)
            out[i] = vf_add(out[i], vf_load(residual + i * residual_step));
    }
    conv_epilogue_apply(epilogue, out, 4);
    for (int i = 0; i < count; i++)
        vf_store(dst + i * dst_step, residual && !epilogue->residual_before
                                         ? vf_add(out[i], vf_load(residual + i * residual_step))
                                         : out[i]);
}

#define WINOGRAD_LINE(PAIRS)                                                                                           \
    static void winograd_line_input_##PAIRS(const conv_winograd_line *line, const float *const *taps, ptrdiff_t step,  \
                                            float *v, ptrdiff_t point_stride, int count)                               \
    {                                                                                                                  \
        winograd_line_input(line, taps, step, v, point_stride, count, PAIRS);                                          \
    }
WINOGRAD_LINE(2)
WINOGRAD_LINE(3)
WINOGRAD_LINE(4)

#endif
