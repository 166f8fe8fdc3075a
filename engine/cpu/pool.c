/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Pooling in plain C, for any block: window by window. */
#include "cpu/pool.h"

#include <math.h>
#include <stdint.h>

size_t pool_scratch_bytes(const pool_shape *shape)
{
    int64_t rows = ((int64_t)shape->kernel_h - 1) * shape->dilation_h + 1;
    if (rows > shape->h_in)
        rows = shape->h_in;
    return (size_t)rows * (size_t)shape->w_out * (size_t)shape->block * sizeof(float);
}

static inline float max_nan(float x, float y)
{
    return x > y || x != x ? x : y;
}

/* One pixel of the output from the taps of its window that lie inside the input. */
static void pool_window(const pool_shape *s, const float *src, float *out, int y, int x, bool maximum)
{
    int y_first, y_last, x_first, x_last, top = y * s->stride_h - s->pad_top, left = x * s->stride_w - s->pad_left;
    pool_taps(top, s->kernel_h, s->dilation_h, s->h_in, &y_first, &y_last);
    pool_taps(left, s->kernel_w, s->dilation_w, s->w_in, &x_first, &x_last);
    for (int lane = 0; lane < s->block; lane++)
        out[lane] = maximum ? -INFINITY : 0;
    for (int ky = y_first; ky < y_last; ky++) {
        for (int kx = x_first; kx < x_last; kx++) {
            ptrdiff_t pixel = (ptrdiff_t)(top + ky * s->dilation_h) * s->w_in + left + kx * s->dilation_w;
            const float *in = src + pixel * s->block;
            for (int lane = 0; lane < s->block; lane++)
                out[lane] = maximum ? max_nan(out[lane], in[lane]) : out[lane] + in[lane];
        }
    }
}

static void pool_max(const pool_shape *s, const float *src, float *dst, int channel_block, void *scratch)
{
    size_t block = (size_t)channel_block * (size_t)s->block;
    (void)scratch;
    src += block * (size_t)s->h_in * (size_t)s->w_in;
    dst += block * (size_t)s->h_out * (size_t)s->w_out;
    for (int y = 0; y < s->h_out; y++)
        for (int x = 0; x < s->w_out; x++, dst += s->block)
            pool_window(s, src, dst, y, x, true);
}

static void pool_max_row(const pool_shape *s, const float *const *rows, int count, float *dst)
{
    for (int x = 0; x < s->w_out; x++, dst += s->block) {
        int left = x * s->stride_w - s->pad_left, first, last;
        pool_taps(left, s->kernel_w, s->dilation_w, s->w_in, &first, &last);
        for (int lane = 0; lane < s->block; lane++) {
            float most = -INFINITY;
            for (int row = 0; row < count; row++)
                for (int k = first; k < last; k++)
                    most = max_nan(most, rows[row][(ptrdiff_t)(left + k * s->dilation_w) * s->block + lane]);
            dst[lane] = most;
        }
    }
}

static void pool_average(const pool_shape *s, const float *src, float *dst, int channel_block, void *scratch)
{
    size_t block = (size_t)channel_block * (size_t)s->block;
    (void)scratch;
    src += block * (size_t)s->h_in * (size_t)s->w_in;
    dst += block * (size_t)s->h_out * (size_t)s->w_out;
    for (int y = 0; y < s->h_out; y++) {
        for (int x = 0; x < s->w_out; x++, dst += s->block) {
            int taps = pool_divisor_y(s, y) * pool_divisor_x(s, x);
            pool_window(s, src, dst, y, x, false);
            for (int lane = 0; lane < s->block; lane++)
                dst[lane] = taps ? dst[lane] / (float)taps : 0;
        }
    }
}

/* In double: one running float sum over a large plane would lose digits. */
static void pool_global_average(const pool_shape *s, const float *src, float *dst, int channel_block, void *scratch)
{
    size_t pixels = (size_t)s->h_in * (size_t)s->w_in, block = (size_t)s->block;
    (void)scratch;
    src += (size_t)channel_block * block * pixels;
    for (size_t lane = 0; lane < block; lane++) {
        double sum = 0;
        for (size_t i = 0; i < pixels; i++)
            sum += src[i * block + lane];
        dst[(size_t)channel_block * block + lane] = (float)(sum / (double)pixels);
    }
}

void pool_fill_c(pool_kernels *kernels)
{
    kernels->max = pool_max;
    kernels->max_row = pool_max_row;
    kernels->average = pool_average;
    kernels->global_average = pool_global_average;
}
