/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Winograd for kernels of one row or one column of 3 to 7 taps: F(4, 3), F(4, 5) and F(4, 7), with 6, 8 and 10 products
 * for four outputs instead of 12, 20 and 28 (one of 4 or 6 taps has a zero more). Points 0, 1, 2, 1/2, 3/2 and their
 * negatives, infinity: as one direction alone is transformed, even ten of them round no worse than 6x6 in two.
 * AVX-512, one core, GFLOP/s counted as direct convolution, 2026-11-22: 17x17 192-192 1x7 361 (direct 172), 7x1 364
 * (142); 40x40 64-64 1x5 313 (153); 1x1000 64-64 1x3 240 (166). */
#include <string.h>

#include "cpu/conv_private.h"

static const double points[WINOGRAD_LINE_PAIRS] = { 1, 2, 0.5, 1.5 };

/* Of the polynomial whose zeros are the squares of the points but `without`, the highest coefficient, 1, left out where
 * there is no room for it. */
static void even_polynomial(int pairs, int without, float *coefficients, int count)
{
    double c[WINOGRAD_LINE_PAIRS + 1] = { 1 };
    int degree = 0;
    for (int i = 0; i < pairs; i++) {
        if (i == without)
            continue;
        c[degree + 1] = 0;
        for (int k = ++degree; k >= 0; k--)
            c[k] = (k > 0 ? c[k - 1] : 0) - points[i] * points[i] * c[k];
    }
    for (int k = 0; k < count; k++)
        coefficients[k] = k <= degree ? (float)c[k] : 0;
}

int conv_winograd_line_form(const conv_shape *s)
{
    const int taps = conv_max(s->kernel_h, s->kernel_w);
    const bool row = s->kernel_h == 1 && s->pad_top == 0 && s->h_out == s->h_in;
    const bool column = s->kernel_w == 1 && s->pad_left == 0 && s->w_out == s->w_in;
    if ((!row && !column) || taps < 3 || taps > 2 * WINOGRAD_LINE_FORMS + 1)
        return -1;
    return (taps - 2) / 2;
}

conv_winograd_line conv_winograd_line_of(int form)
{
    conv_winograd_line line = { .pairs = form + 2 };
    for (int p = 0; p < line.pairs; p++) {
        line.a[p] = (float)points[p];
        even_polynomial(line.pairs, p, line.q[p], WINOGRAD_LINE_PAIRS);
    }
    even_polynomial(line.pairs, -1, line.f, WINOGRAD_LINE_PAIRS + 1);
    return line;
}

/* Row of G: the powers of point `index` by the product of its distances to the others. */
static void weight_factors(const conv_winograd_line *line, int index, int taps, double *factors)
{
    if (index == 2 * line->pairs + 1) { /* infinity: the last of all taps that the form has */
        for (int k = 0; k < taps; k++)
            factors[k] = k == 2 * line->pairs - 2;
        return;
    }
    const double at = index ? (index % 2 ? 1 : -1) * points[(index - 1) / 2] : 0;
    double product = index ? at : 1, power = 1;
    for (int i = 0; i < 2 * line->pairs; i++)
        if (i != index - 1)
            product *= at - (i % 2 ? -1 : 1) * points[i / 2];
    for (int k = 0; k < taps; k++, power *= at)
        factors[k] = power / product;
}

void conv_winograd_line_weights(const conv_winograd_line *line, int taps, int lanes, const float *w, float *u,
                                ptrdiff_t point_stride)
{
    for (int point = 0; point < 2 * line->pairs + 2; point++, u += point_stride) {
        double factors[2 * WINOGRAD_LINE_FORMS + 1];
        weight_factors(line, point, taps, factors);
        for (int lane = 0; lane < lanes; lane++) {
            double sum = 0;
            for (int k = 0; k < taps; k++)
                sum += factors[k] * w[k * lanes + lane];
            u[lane] = (float)sum;
        }
    }
}

/* A tile of row y whose inputs begin at column x: those outside read zero. */
static void input_tile(const conv_winograd_lines *l, const float *row, int x, float *v)
{
    const float *taps[WINOGRAD_LINE_MOST];
    for (int i = 0; i < l->line.pairs * 2 + 2; i++)
        taps[i] = x + i >= 0 && x + i < l->shape->w_in ? row + (ptrdiff_t)(x + i) * l->lanes : l->zeros;
    l->input(&l->line, taps, 0, v, l->point_stride, 1);
}

static void input_along(const conv_winograd_lines *l, const float *row, int x, int count, float *v)
{
    const int side = l->line.pairs * 2 + 2;
    const float *taps[WINOGRAD_LINE_MOST];
    for (; count > 0 && x < 0; count--, x += 4, v += l->lanes)
        input_tile(l, row, x, v);
    const int whole = conv_min(count, l->shape->w_in >= x + side ? (l->shape->w_in - x - side) / 4 + 1 : 0);
    for (int i = 0; i < side && whole > 0; i++)
        taps[i] = row + (ptrdiff_t)(x + i) * l->lanes;
    if (whole > 0)
        l->input(&l->line, taps, (ptrdiff_t)4 * l->lanes, v, l->point_stride, whole);
    for (int t = conv_max(whole, 0); t < count; t++)
        input_tile(l, row, x + 4 * t, v + (ptrdiff_t)t * l->lanes);
}

void conv_winograd_line_input(const conv_winograd_lines *l, const float *plane, int y, int x, int count, float *v)
{
    const conv_shape *s = l->shape;
    const float *taps[WINOGRAD_LINE_MOST];
    if (s->kernel_h == 1) {
        input_along(l, plane + (ptrdiff_t)y * s->w_in * l->lanes, x - s->pad_left, count, v);
        return;
    }
    y -= s->pad_top;
    for (int i = 0; i < l->line.pairs * 2 + 2; i++)
        taps[i] = y + i >= 0 && y + i < s->h_in ? plane + ((ptrdiff_t)(y + i) * s->w_in + x) * l->lanes : l->zeros;
    l->input(&l->line, taps, l->lanes, v, l->point_stride, count);
}
