/* SPDX-License-Identifier: BSD-2-Clause
 *
 * One part of an 8-bit convolution at work, in the words of simd_*.h, and VQ_SIGNED of qconv_body.h: what products of
 * vectors and of tiles have in common. */
#ifndef ONYX_CPU_QCONV_JOB_BODY_H
#define ONYX_CPU_QCONV_JOB_BODY_H

#include <math.h>
#include <string.h>

#include "cpu/qconv_private.h"

/* One part at work. */
typedef struct qconv_job {
    const qconv_plan *plan;
    const qconv_arguments *arguments;
    const int32_t *bias, *zeros; /* rounded up to the block: bias less src_zero * sum; weight zero points */
    const float *scale, *float_bias;
    float *limits;         /* by block: the lanes' smallest, then their largest */
    const uint8_t *source; /* pixel (0, 0) of the first block in the strip; strides in bytes */
    uint8_t *float_row;    /* room for one of a source of floats as bytes */
    size_t block_stride, row_stride, pixel_stride;
    size_t tap_x, tap_y, step_x; /* dilation and stride in bytes */
    const size_t *taps;          /* dense: those of whole blocks of channels, then those of the last, narrower one */
    int whole_taps, rest_taps, rest_groups, extra_taps;
    int row_begin, row_end;   /* output rows */
    int row_pixels;           /* that are done as one row */
    bool clamp;               /* a sum times its scale may not fit int32 */
    bool bytes, bytes_signed; /* the output */
    bool bytes_blocked;       /* and where it lies: tiles pack it themselves */
    int32_t *pixel_sums, *window_sums;
    const int32_t *sum;         /* of the row's first pixel and channel, or NULL */
    const int32_t *sum_columns; /* from there, to each pixel's */
    size_t sum_plane;           /* from one channel block to the next */
} qconv_job;

static void qconv_start(qconv_job *j, const qconv_plan *plan, const qconv_arguments *a, int part)
{
    const qconv_output output = plan->shape.output;
    int strip = part % plan->strips, end = (strip + 1) * plan->strip_rows;
    *j = (qconv_job){ .plan = plan,
                      .arguments = a,
                      .bytes = output == QCONV_U8 || output == QCONV_S8,
                      .bytes_signed = output == QCONV_S8,
                      .bytes_blocked = (output == QCONV_U8 || output == QCONV_S8) && !plan->shape.rows,
                      .row_pixels = plan->shape.w_out,
                      .row_begin = strip * plan->strip_rows,
                      .row_end = end < plan->shape.h_out ? end : plan->shape.h_out };
}

/* `count` values or none, and zeros up to `padded`. */
static void qconv_pad_values(void *to, const void *from, size_t count, size_t padded)
{
    const size_t bytes = from ? count * sizeof(float) : 0;
    if (bytes)
        memcpy(to, from, bytes);
    memset((char *)to + bytes, 0, padded * sizeof(float) - bytes);
}

static void qconv_prepare_filters(qconv_job *j, void *scratch, bool depthwise)
{
    const qconv_arguments *a = j->arguments;
    size_t c_out = (size_t)j->plan->shape.c_out, padded = (c_out + VF_LANES - 1) / VF_LANES * VF_LANES;
    const int32_t *sums = a->packed, *zeros = sums + padded;
    int32_t *bias = scratch, *zero = bias + padded;
    float *scale = (float *)(void *)(zero + padded), *float_bias = scale + padded;
    int src_zero = a->src_zero + (j->plan->shape.src_signed ? 128 : 0) - (VQ_SIGNED ? 128 : 0);
    int large = 0; /* or no number */
    qconv_pad_values(bias, a->bias, c_out, padded);
    qconv_pad_values(zero, depthwise ? NULL : zeros, padded, padded);
    qconv_pad_values(scale, a->scale, c_out, padded);
    for (size_t c = 0; c < padded; c++) /* sums of 32 bits wrap, as the products' do */
        bias[c] = (int32_t)((uint32_t)bias[c] - (uint32_t)src_zero * (uint32_t)sums[c]);
    for (size_t c = 0; c < padded; c++)
        large |= !(fabsf(scale[c]) <= 0.5f);
    j->clamp = large;
    j->bias = bias;
    j->zeros = zero;
    j->scale = scale;
    j->float_bias = float_bias;
    j->limits = float_bias + padded;
    if (j->plan->shape.output == QCONV_F32) {
        qconv_pad_values(float_bias, a->float_bias, c_out, padded);
        memset(j->limits, 0, 2 * padded * sizeof(float));
    }
}

/* Over the lanes that are channels. */
static void qconv_finish_limits(const qconv_job *j)
{
    int c_out = j->plan->shape.c_out;
    float *out = j->arguments->limits;
    for (int c = 0; out && c < c_out; c += VF_LANES, out += 2) {
        const float *low = j->limits + 2 * c, *high = low + VF_LANES;
        int lanes = c_out - c < VF_LANES ? c_out - c : VF_LANES;
        out[0] = out[1] = 0;
        for (int i = 0; i < lanes; i++) {
            out[0] = low[i] < out[0] ? low[i] : out[0];
            out[1] = high[i] > out[1] ? high[i] : out[1];
        }
    }
}

#endif
