/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Depthwise convolution on blocked data: every channel block for itself, by rows or pairs of rows, borders by leaving
 * taps out. */
#include <string.h>

#include "cpu/conv_private.h"

/* Of a kernel; one more for a pair. */
enum { MOST_ROWS = 256 };

typedef struct depthwise_run {
    const conv_plan *plan;
    const conv_arguments *arguments;
    conv_depthwise_f32 *row, *pair;
    conv_depthwise_row job;
    eltwise_act_f32 *act;
    float *post;
    ptrdiff_t src_plane, dst_plane, dst_row, src_skip, dst_skip; /* in pixels, see geometry of conv_direct.c */
    int src_cycle, dst_cycle; /* row y stands at place y % cycle, where that is not 0 */
} depthwise_run;

static conv_depthwise_f32 *row_kernel(const conv_units *units, const conv_shape *s)
{
    bool known = s->dilation_w == 1 && s->stride_w <= 2 && s->kernel_w >= 3 && s->kernel_w <= 7 && s->kernel_w % 2;
    conv_depthwise_f32 *kernel = known ? units->depthwise[s->kernel_w / 2 - 1][s->stride_w - 1] : NULL;
    return kernel ? kernel : units->depthwise_any;
}

static conv_depthwise_f32 *pair_kernel(const conv_units *units, const conv_shape *s)
{
    const bool known = s->kernel_w == 3 && s->kernel_h < MOST_ROWS && s->stride_h == 1 && s->stride_w == 1 &&
                       s->dilation_h == 1 && s->dilation_w == 1;
    return known ? units->depthwise_pair : NULL;
}

static int floor_div(int a, int b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

/* The taps of output row y that lie inside the input. */
static conv_range taps_of(const conv_shape *s, int y)
{
    const int top = y * s->stride_h - s->pad_top;
    return (conv_range){ top >= 0 ? 0 : conv_min(s->kernel_h, conv_ceil_div(-top, s->dilation_h)),
                         conv_min(s->kernel_h, floor_div(s->h_in - 1 - top, s->dilation_h) + 1) };
}

static bool all_inside(const conv_shape *s, int y)
{
    const conv_range taps = taps_of(s, y);
    return taps.begin == 0 && taps.end == s->kernel_h;
}

/* What registers cannot do of a row that stands in post: the activation, and the residual behind it. */
static void finish(const depthwise_run *r, float *post, const float *residual, float *dst)
{
    const cpu_activation *activation = &r->arguments->activation;
    const size_t floats = (size_t)r->plan->shape.w_out * (size_t)r->plan->block;
    r->act(post, residual ? post : dst, floats, activation->a, activation->b);
    if (residual)
        r->plan->kernels->eltwise.binary[CPU_BINARY_ADD](post, 1, residual, 1, dst, floats);
}

/* Pixels from the first plane's start to row y of the output. */
static ptrdiff_t output_row(const depthwise_run *r, int y)
{
    return (r->dst_cycle ? y % r->dst_cycle : y) * r->dst_row - r->dst_skip;
}

/* Taps [first, first + rows) of row y by `kernel`, and of the row below where it does pairs. */
static void run_taps(depthwise_run *r, conv_depthwise_f32 *kernel, int block, int y, int first, int rows, int outputs)
{
    const conv_shape *s = &r->plan->shape;
    const conv_arguments *a = r->arguments;
    const ptrdiff_t lanes = r->plan->block, row = s->w_in * lanes;
    const float *plane = a->src + (block * r->src_plane - r->src_skip) * lanes - s->pad_left * lanes;
    const float *weights = (const float *)a->packed + ((ptrdiff_t)block * s->kernel_h + first) * s->kernel_w * lanes;
    const ptrdiff_t at = (block * r->dst_plane + output_row(r, y)) * lanes, post_row = s->w_out * lanes;
    const ptrdiff_t next = (output_row(r, y + 1) - output_row(r, y)) * lanes;
    const float *residual = a->residual ? a->residual + at : NULL;
    const float *src[MOST_ROWS];
    const int top = y * s->stride_h - s->pad_top + first * s->dilation_h;
    for (int i = 0; i < rows; i++) {
        const int from = top + i * s->dilation_h;
        src[i] = plane + (r->src_cycle ? from % r->src_cycle : from) * row;
    }
    const bool after = r->act && !a->residual_before;
    r->job.next_row = r->act ? post_row : next;
    kernel(&r->job, src, weights, a->bias + block * lanes, after ? NULL : residual, r->act ? r->post : a->dst + at,
           s->w_out, s->pad_left, s->w_in + s->pad_left);
    for (int i = 0; i < outputs && r->act; i++)
        finish(r, r->post + i * post_row, after && residual ? residual + i * next : NULL, a->dst + at + i * next);
}

/* Rows [begin, end) of the output of one block. */
static void run_rows(depthwise_run *r, int block, int begin, int end)
{
    const conv_shape *s = &r->plan->shape;
    for (int y = begin; y < end; y++) {
        if (r->pair && y + 1 < end && all_inside(s, y) && all_inside(s, y + 1)) {
            r->job.kernel_h = s->kernel_h;
            run_taps(r, r->pair, block, y, 0, s->kernel_h + 1, 2);
            y++;
            continue;
        }
        const conv_range taps = taps_of(s, y);
        r->job.kernel_h = conv_max(taps.end - taps.begin, 0);
        run_taps(r, r->row, block, y, taps.begin, r->job.kernel_h, 1);
    }
}

static depthwise_run start(const conv_plan *plan, const conv_arguments *arguments, void *scratch)
{
    const conv_shape *s = &plan->shape;
    depthwise_run r = { .plan = plan, .arguments = arguments, .post = scratch };
    r.row = row_kernel(plan->kernels->conv.units, s);
    r.pair = pair_kernel(plan->kernels->conv.units, s);
    r.job = (conv_depthwise_row){ .kernel_w = s->kernel_w, .stride = s->stride_w, .dilation = s->dilation_w };
    r.act = conv_split_activation(plan->kernels, arguments, &r.job.epilogue);
    r.src_plane = (ptrdiff_t)s->h_in * s->w_in;
    r.dst_plane = (ptrdiff_t)s->h_out * s->w_out;
    r.dst_row = s->w_out;
    return r;
}

static void depthwise_run_rows(const conv_plan *plan, const conv_arguments *arguments, int begin, int end,
                               void *scratch)
{
    const conv_shape *s = &plan->shape;
    const conv_band *from = &arguments->src_band, *to = &arguments->dst_band;
    depthwise_run r = start(plan, arguments, scratch);
    if (from->rows > 0) {
        r.src_plane = conv_band_plane(from, s->w_in);
        r.src_skip = from->cyclic ? 0 : (ptrdiff_t)from->first * s->w_in;
        r.src_cycle = from->cyclic ? from->rows : 0;
    }
    if (to->pitch > 0)
        r.dst_row = to->pitch;
    if (arguments->residual && (to->pitch > 0 || to->cyclic))
        r.pair = NULL; /* rows of the residual and of post would not be as far apart */
    if (to->rows > 0) {
        r.dst_plane = conv_band_plane(to, (int)r.dst_row);
        r.dst_skip = to->cyclic ? 0 : to->first * r.dst_row - to->left;
        r.dst_cycle = to->cyclic ? to->rows : 0;
    }
    for (int block = 0; block < conv_ceil_div(s->c_in, plan->block); block++)
        run_rows(&r, block, begin, end);
}

static void depthwise_run_part(const conv_plan *plan, const conv_arguments *arguments, int part, void *scratch)
{
    const conv_shape *s = &plan->shape;
    depthwise_run r = start(plan, arguments, scratch);
    const int64_t rows = (int64_t)conv_ceil_div(s->c_in, plan->block) * s->h_out;
    const int64_t end = rows * (part + 1) / plan->parts;
    for (int64_t row = rows * part / plan->parts; row < end;) {
        const int block = (int)(row / s->h_out), y = (int)(row % s->h_out);
        const int last = end - row < s->h_out - y ? y + (int)(end - row) : s->h_out;
        run_rows(&r, block, y, last);
        row += last - y;
    }
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
    if (s->groups != s->c_in || s->c_in != s->c_out || s->c_in == 1 || s->src_plain || s->kernel_h >= MOST_ROWS)
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
    plan->scratch_bytes = 2 * (size_t)s->w_out * lanes * sizeof(float);
    plan->run = depthwise_run_part;
    plan->run_rows = depthwise_run_rows;
    plan->balance = conv_balance((int)rows, plan->parts, 1, 1, s->threads);
    plan->cycles = (s->kernel_h * s->kernel_w + 10.0) * (double)blocks * s->h_out * s->w_out;
    plan->pack = depthwise_pack;
    return true;
}
