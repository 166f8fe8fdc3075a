/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Resize in plain C, for any block. */
#include "cpu/resize.h"

#include <string.h>

static void resize_nearest(const resize_shape *s, const float *src, float *dst, const int *y_index, const int *x_index,
                           int channel_block, int y_begin, int y_end)
{
    size_t block = (size_t)s->block, in_row = (size_t)s->w_in * block, out_row = (size_t)s->w_out * block;
    src += (size_t)channel_block * (size_t)s->h_in * in_row;
    dst += (size_t)channel_block * (size_t)s->h_out * out_row;
    for (int y = y_begin; y < y_end; y++) {
        const float *row = src + (size_t)y_index[y] * in_row;
        for (size_t x = 0; x < (size_t)s->w_out; x++)
            memcpy(dst + (size_t)y * out_row + x * block, row + (size_t)x_index[x] * block, block * sizeof(float));
    }
}

static void resize_linear(const resize_shape *s, const float *src, float *dst, const resize_taps *y_taps,
                          const resize_taps *x_taps, int channel_block, int y_begin, int y_end)
{
    size_t block = (size_t)s->block, in_row = (size_t)s->w_in * block, out_row = (size_t)s->w_out * block;
    src += (size_t)channel_block * (size_t)s->h_in * in_row;
    dst += (size_t)channel_block * (size_t)s->h_out * out_row;
    for (int y = y_begin; y < y_end; y++) {
        const float *upper = src + (size_t)y_taps->index[y] * in_row, *lower = src + (size_t)y_taps->next[y] * in_row;
        float below = y_taps->weight[y], above = 1.0f - below;
        float *out = dst + (size_t)y * out_row;
        for (size_t x = 0; x < (size_t)s->w_out; x++) {
            size_t left = (size_t)x_taps->index[x] * block, right = (size_t)x_taps->next[x] * block;
            float after = x_taps->weight[x], before = 1.0f - after;
            for (size_t lane = 0; lane < block; lane++) {
                float a = upper[left + lane] * before + upper[right + lane] * after;
                float b = lower[left + lane] * before + lower[right + lane] * after;
                out[x * block + lane] = a * above + b * below;
            }
        }
    }
}

void resize_fill_c(resize_kernels *kernels)
{
    kernels->nearest = resize_nearest;
    kernels->linear = resize_linear;
}
