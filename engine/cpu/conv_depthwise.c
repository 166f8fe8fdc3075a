/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Depthwise convolution on blocked data: every channel block for itself, row by row, borders by leaving taps out. */
#include <string.h>

#include "cpu/conv_private.h"

typedef struct depthwise_run {
    const conv_plan *plan;
    const conv_arguments *arguments;
    conv_depthwise_f32 *row;
    conv_depthwise_row job;
    eltwise_act_f32 *act;
    float *post;
    ptrdiff_t src_plane, dst_plane, src_skip, dst_skip; /* in pixels, see geometry of conv_direct.c */
} depthwise_run;

static conv_depthwise_f32 *row_kernel(const conv_units *units, const conv_shape *s)
{
    bool known = s->dilation_w == 1 && s->stride_w <= 2 && s->kernel_w >= 3 && s->kernel_w <= 7 && s->kernel_w % 2;
    conv_depthwise_f32 *kernel = known ? units->depthwise[s->kernel_w / 2 - 1][s->stride_w - 1] : NULL;
    return kernel ? kernel : units->depthwise_any;
}

static int floor_div(int a, int b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

/* Row y of the output of one block. */
static void run_row(depthwise_run *r, int block, int y)
{
    const conv_shape *s = &r->plan->shape;
    const conv_arguments *a = r->arguments;
    ptrdiff_t lanes = r->plan->block;
    int top = y * s->stride_h - s->pad_top, left = -s->pad_left;
    int first = top >= 0 ? 0 : conv_min(s->kernel_h, conv_ceil_div(-top, s->dilation_h));
    int last = conv_min(s->kernel_h, floor_div(s->h_in - 1 - top, s->dilation_h) + 1);
    const float *plane = a->src + (block * r->src_plane - r->src_skip) * lanes;
    const float *weights = (const float *)a->packed + (ptrdiff_t)block * s->kernel_h * s->kernel_w * lanes;
    const float *bias = a->bias + block * lanes;
    ptrdiff_t at = (block * r->dst_plane + (ptrdiff_t)y * s->w_out - r->dst_skip) * lanes;
    const float *residual = a->residual ? a->residual + at : NULL;
    float *dst = a->dst + at;
    bool after = r->act && residual && !a->residual_before;

    r->job.kernel_h = conv_max(last - first, 0);
    const float *src = plane + ((ptrdiff_t)(top + first * s->dilation_h) * s->w_in + left) * lanes;
    r->row(&r->job, src, weights + (ptrdiff_t)first * s->kernel_w * lanes, bias, after ? NULL : residual,
           r->act ? r->post : dst, s->w_out, -left, s->w_in - left);
    if (!r->act)
        return;
    size_t floats = (size_t)s->w_out * (size_t)lanes;
    r->act(r->post, after ? r->post : dst, floats, a->activation.a, a->activation.b);
    if (after)
        r->plan->kernels->eltwise.binary[CPU_BINARY_ADD](r->post, 1, residual, 1, dst, floats);
}

static depthwise_run start(const conv_plan *plan, const conv_arguments *arguments, void *scratch)
{
    const conv_shape *s = &plan->shape;
    depthwise_run r = { .plan = plan, .arguments = arguments, .post = scratch };
    r.row = row_kernel(plan->kernels->conv.units, s);
    r.job = (conv_depthwise_row){ .kernel_w = s->kernel_w,
                                  .stride = s->stride_w,
                                  .dilation = s->dilation_w,
                                  .row_stride = (ptrdiff_t)s->w_in * s->dilation_h * plan->block };
    r.act = conv_split_activation(plan->kernels, arguments, &r.job.epilogue);
    r.src_plane = (ptrdiff_t)s->h_in * s->w_in;
    r.dst_plane = (ptrdiff_t)s->h_out * s->w_out;
    return r;
}

static void depthwise_run_rows(const conv_plan *plan, const conv_arguments *arguments, int begin, int end,
                               void *scratch)
{
    const conv_shape *s = &plan->shape;
    const conv_band *from = &arguments->src_band, *to = &arguments->dst_band;
    depthwise_run r = start(plan, arguments, scratch);
    if (from->rows > 0) {
        r.src_plane = (ptrdiff_t)from->rows * s->w_in;
        r.src_skip = (ptrdiff_t)from->first * s->w_in;
    }
    if (to->rows > 0) {
        r.dst_plane = (ptrdiff_t)to->rows * s->w_out;
        r.dst_skip = (ptrdiff_t)to->first * s->w_out;
    }
    for (int block = 0; block < conv_ceil_div(s->c_in, plan->block); block++)
        for (int y = begin; y < end; y++)
            run_row(&r, block, y);
}

static void depthwise_run_part(const conv_plan *plan, const conv_arguments *arguments, int part, void *scratch)
{
    const conv_shape *s = &plan->shape;
    depthwise_run r = start(plan, arguments, scratch);
    int64_t rows = (int64_t)conv_ceil_div(s->c_in, plan->block) * s->h_out;
    for (int64_t row = rows * part / plan->parts; row < rows * (part + 1) / plan->parts; row++)
        run_row(&r, (int)(row / s->h_out), (int)(row % s->h_out));
}

/* [block][tap][lane]; lanes behind the last channel are zero. */
static void depthwise_pack(const conv_plan *plan, const float *weights, void *packed)
{
    const conv_shape *s = &plan->shape;
    int taps = s->kernel_h * s->kernel_w;
    float *to = packed;
    for (int c0 = 0; c0 < s->c_in; c0 += plan->block)
        for (int tap = 0; tap < taps; tap++)
            for (int c = c0; c < c0 + plan->block; c++, to++) {
                *to = 0;
                if (c < s->c_in) /* weights may lie anywhere in a file: no plain load */
                    memcpy(to, weights + (size_t)c * (size_t)taps + (size_t)tap, sizeof(*to));
            }
}

bool conv_choose_depthwise(const cpu_kernels *kernels, const conv_shape *s, conv_plan *plan)
{
    const conv_units *units = kernels->conv.units;
    if (s->groups != s->c_in || s->c_in != s->c_out || s->c_in == 1 || s->src_plain)
        return false;
    size_t blocks = (size_t)conv_ceil_div(s->c_in, units->lanes), lanes = (size_t)units->lanes;
    double sums = (double)s->kernel_h * s->kernel_w * s->c_out * s->h_out * s->w_out;
    double rows = (double)blocks * s->h_out;
    plan->name = units->depthwise_name;
    /* Bound by loads as much as by arithmetic, so the parts are smaller. */
    plan->parts = conv_parts_for(sums * 3);
    plan->parts = conv_ceil_div(plan->parts, conv_max(1, s->threads)) * conv_max(1, s->threads);
    plan->parts = plan->parts > rows ? (int)rows : plan->parts;
    plan->packed_bytes = blocks * lanes * (size_t)s->kernel_h * (size_t)s->kernel_w * sizeof(float);
    plan->scratch_bytes = (size_t)s->w_out * lanes * sizeof(float);
    plan->run = depthwise_run_part;
    plan->run_rows = depthwise_run_rows;
    plan->balance = conv_balance((int)rows, plan->parts, 1, 1, s->threads);
    plan->cycles = (s->kernel_h * s->kernel_w + 10.0) * (double)blocks * s->h_out * s->w_out;
    plan->pack = depthwise_pack;
    return true;
}
