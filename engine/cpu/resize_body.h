/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Resize of one channel block (= one vector per pixel), in the words of simd_*.h. */
#ifndef ONYX_CPU_RESIZE_BODY_H
#define ONYX_CPU_RESIZE_BODY_H

#include <assert.h>

#include "cpu/resize.h"

/* Every source pixel twice, in rows that repeat too: upsampling by two. */
static inline int resize_doubles(const resize_shape *s, const int *x_index)
{
    if (s->w_out != 2 * s->w_in)
        return 0;
    for (int x = 0; x < s->w_out; x++)
        if (x_index[x] != x / 2)
            return 0;
    return 1;
}

static void resize_nearest(const resize_shape *s, const float *src, float *dst, const int *y_index, const int *x_index,
                           int channel_block, int y_begin, int y_end)
{
    assert(s->block == VF_LANES);
    size_t in_row = (size_t)s->w_in * VF_LANES, out_row = (size_t)s->w_out * VF_LANES;
    src += (size_t)channel_block * (size_t)s->h_in * in_row;
    dst += (size_t)channel_block * (size_t)s->h_out * out_row;
    int doubles = resize_doubles(s, x_index);
    for (int y = y_begin; y < y_end; y++) {
        const float *row = src + (size_t)y_index[y] * in_row;
        float *out = dst + (size_t)y * out_row;
        if (doubles && y + 1 < y_end && y_index[y + 1] == y_index[y]) {
            float *second = out + out_row;
            for (size_t x = 0; x < in_row; x += VF_LANES) {
                vf v = vf_load(row + x);
                vf_store(out + 2 * x, v);
                vf_store(out + 2 * x + VF_LANES, v);
                vf_store(second + 2 * x, v);
                vf_store(second + 2 * x + VF_LANES, v);
            }
            y++;
            continue;
        }
        for (int x = 0; x < s->w_out; x++)
            vf_store(out + (size_t)x * VF_LANES, vf_load(row + (size_t)x_index[x] * VF_LANES));
    }
}

static void resize_linear(const resize_shape *s, const float *src, float *dst, const resize_taps *y_taps,
                          const resize_taps *x_taps, int channel_block, int y_begin, int y_end)
{
    assert(s->block == VF_LANES);
    size_t in_row = (size_t)s->w_in * VF_LANES, out_row = (size_t)s->w_out * VF_LANES;
    src += (size_t)channel_block * (size_t)s->h_in * in_row;
    dst += (size_t)channel_block * (size_t)s->h_out * out_row;
    for (int y = y_begin; y < y_end; y++) {
        const float *upper = src + (size_t)y_taps->index[y] * in_row, *lower = src + (size_t)y_taps->next[y] * in_row;
        vf below = vf_set1(y_taps->weight[y]), above = vf_set1(1.0f - y_taps->weight[y]);
        float *out = dst + (size_t)y * out_row;
        for (int x = 0; x < s->w_out; x++) {
            size_t left = (size_t)x_taps->index[x] * VF_LANES, right = (size_t)x_taps->next[x] * VF_LANES;
            vf after = vf_set1(x_taps->weight[x]), before = vf_set1(1.0f - x_taps->weight[x]);
            vf a = vf_fma(vf_load(upper + right), after, vf_mul(vf_load(upper + left), before));
            vf b = vf_fma(vf_load(lower + right), after, vf_mul(vf_load(lower + left), before));
            vf_store(out + (size_t)x * VF_LANES, vf_fma(b, below, vf_mul(a, above)));
        }
    }
}

static void resize_body_fill(resize_kernels *kernels)
{
    kernels->nearest = resize_nearest;
    kernels->linear = resize_linear;
}

#endif
