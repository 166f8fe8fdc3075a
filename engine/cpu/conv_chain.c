/* SPDX-License-Identifier: BSD-2-Clause
 *
 * 1x1, then depthwise. A part is a range of output rows; a worker keeps the rows between that both strips need, and
 * computes the others line by line, several rows at once. */
#include <string.h>

#include "cpu/conv_chain.h"
#include "cpu/conv_private.h"

/* Of the rows between; the 1x1's input of a line, and its pixels where the weights stay in the first-level cache
 * (64 -> 64 channels at 160x160: 1.48 ms for both layers, 1.85 with long lines, 1.74 one after the other); rows of a
 * part, so that few are computed twice; pixels between blocks, against equal places in the caches. */
enum { BETWEEN_BYTES = 512 * 1024, LINE_BYTES = 128 * 1024, SHORT_LINE = 24, NEAR_WEIGHTS = 24 * 1024, PART_ROWS = 40,
       MOST_PARTS = 8, PLANE_GAP = 20 };

static bool is_point(const conv_shape *s)
{
    return s->kernel_h == 1 && s->kernel_w == 1 && s->stride_h == 1 && s->stride_w == 1 && s->pad_top == 0 &&
           s->pad_left == 0 && s->h_out == s->h_in && s->w_out == s->w_in && s->groups == 1 && !s->src_plain;
}

static int rows_between(const conv_shape *depth, int strip)
{
    return (strip - 1) * depth->stride_h + depth->kernel_h;
}

bool conv_chain_choose(const cpu_kernels *kernels, const conv_shape *point, const conv_shape *depth, conv_chain *chain)
{
    const conv_units *units = kernels->conv.units;
    const int lanes = units->lanes, blocks = conv_ceil_div(point->c_out, lanes);
    const bool known = (depth->kernel_w == 3 || depth->kernel_w == 5) && depth->stride_w <= 2;
    *chain = (conv_chain){ .point = *point, .kernels = kernels };
    if (!is_point(point) || !known || depth->groups != depth->c_in || depth->c_in != point->c_out || depth->c_in < 2 ||
        depth->dilation_h != 1 || depth->dilation_w != 1 || depth->stride_h > depth->kernel_h ||
        depth->h_in != point->h_out || depth->w_in != point->w_out || !conv_choose(kernels, depth, &chain->depth))
        return false;
    const size_t row = (size_t)blocks * (size_t)lanes * (size_t)point->w_out * sizeof(float);
    int strip = ((int)(BETWEEN_BYTES / row) - depth->kernel_h) / depth->stride_h + 1;
    chain->strip = conv_max(1, conv_min(strip, depth->h_out));
    chain->parts = conv_max(1, conv_min(depth->h_out / PART_ROWS, MOST_PARTS));
    chain->filters = conv_best_filters(&units->unit, blocks, conv_min(60, point->w_out * 4));
    chain->point_bytes = (size_t)conv_summed_channels(point->c_in) * (size_t)(blocks * lanes) * sizeof(float);
    chain->scratch_bytes = row * (size_t)rows_between(depth, chain->strip) +
                           (size_t)(blocks * lanes) * PLANE_GAP * sizeof(float) +
                           conv_round_bytes(chain->depth.scratch_bytes);
    return true;
}

void conv_chain_pack_form(const conv_chain *chain, conv_chain *form)
{
    memset(form, 0, sizeof(*form));
    form->point.c_in = chain->point.c_in;
    form->point.c_out = chain->point.c_out;
    form->filters = chain->filters;
    form->kernels = chain->kernels;
}

/* [filter group][input][filter block][lane] */
void conv_chain_pack(const conv_chain *chain, const float *weights, void *packed)
{
    const int lanes = chain->kernels->block, inputs = chain->point.c_in, outputs = chain->point.c_out;
    const int blocks = conv_ceil_div(outputs, lanes), groups = conv_ceil_div(blocks, chain->filters);
    float *to = packed;
    for (int q = 0; q < groups; q++) {
        const conv_range filters = conv_group(blocks, groups, q);
        for (int c = 0; c < conv_summed_channels(inputs); c++)
            for (int o = filters.begin * lanes; o < filters.end * lanes; o++)
                *to++ = o < outputs && c < inputs ? weights[(size_t)o * (size_t)inputs + (size_t)c] : 0;
    }
}

typedef struct chain_run {
    const conv_chain *chain;
    const conv_arguments *point, *depth;
    int blocks, rows; /* between: channel blocks, and the rows that there is room for */
    ptrdiff_t lanes, row, plane; /* floats: of a vector; of a row and of a block between */
    float *between, *post;
    conv_tile tile;
    eltwise_act_f32 *point_act;
} chain_run;

/* n pixels of the input from src on go to `dst` in every block between. */
static void run_line(const chain_run *r, const float *src, float *dst, int n)
{
    const conv_units *units = r->chain->kernels->conv.units;
    const int groups = conv_ceil_div(r->blocks, r->chain->filters);
    const float *weights = r->point->packed;
    for (int q = 0; q < groups; q++) {
        const conv_range filters = conv_group(r->blocks, groups, q);
        const int count = filters.end - filters.begin;
        conv_run_line(&units->unit, count, &r->tile, src, weights, r->point->bias + filters.begin * r->lanes, NULL,
                      dst + filters.begin * r->plane, n, (int)r->lanes);
        weights += (ptrdiff_t)conv_summed_channels(r->chain->point.c_in) * count * r->lanes;
    }
    if (r->point_act)
        for (int block = 0; block < r->blocks; block++)
            r->point_act(dst + block * r->plane, dst + block * r->plane, (size_t)(n * r->lanes), r->point->activation.a,
                         r->point->activation.b);
}

/* Rows [begin, end) of the 1x1's output, to row `at` between. */
static void run_point(const chain_run *r, int begin, int end, int at)
{
    const conv_shape *s = &r->chain->point;
    const int summed = conv_summed_channels(s->c_in), pixels = (end - begin) * s->w_in;
    const int line =
        r->chain->point_bytes <= NEAR_WEIGHTS ? SHORT_LINE : conv_max(48, LINE_BYTES / (int)sizeof(float) / summed);
    const int lines = conv_ceil_div(pixels, line);
    for (int i = 0; i < lines; i++) {
        const conv_range cut = conv_cut(pixels, lines, i);
        run_line(r, r->point->src + ((ptrdiff_t)begin * s->w_in + cut.begin) * r->lanes,
                 r->between + at * r->row + cut.begin * r->lanes, cut.end - cut.begin);
    }
}

/* Rows [begin, end) of the output; `first` is the row that stands first between. */
static void run_depth(const chain_run *r, int begin, int end, int first)
{
    const conv_plan *plan = &r->chain->depth;
    conv_arguments a = *r->depth;
    a.src = r->between;
    a.src_band = (conv_band){ .first = first, .rows = r->rows, .gap = PLANE_GAP };
    plan->run_rows(plan, &a, begin, end, r->post);
}

static chain_run start(const conv_chain *chain, const conv_arguments *point, const conv_arguments *depth, void *scratch)
{
    const conv_shape *d = &chain->depth.shape, *s = &chain->point;
    const int lanes = chain->kernels->block;
    chain_run r = { .chain = chain, .point = point, .depth = depth, .lanes = lanes, .between = scratch };
    r.blocks = conv_ceil_div(s->c_out, lanes);
    r.rows = rows_between(d, chain->strip);
    r.row = (ptrdiff_t)s->w_out * lanes;
    r.plane = r.row * r.rows + PLANE_GAP * lanes;
    r.post = r.between + r.plane * r.blocks;
    r.tile = (conv_tile){ .blocks = conv_ceil_div(s->c_in, lanes),
                          .taps_h = 1,
                          .taps_w = 1,
                          .inner = lanes,
                          .inner_last = conv_last_block(conv_summed_channels(s->c_in), lanes),
                          .block_stride = (ptrdiff_t)s->h_in * s->w_in * lanes,
                          .row_stride = r.row,
                          .tap_stride = lanes,
                          .step = lanes,
                          .dst_block_stride = r.plane,
                          .residual_block_stride = r.plane };
    r.point_act = conv_split_activation(chain->kernels, point, &r.tile.epilogue);
    return r;
}

void conv_chain_run(const conv_chain *chain, const conv_arguments *point, const conv_arguments *depth, int part,
                    void *scratch)
{
    const conv_shape *d = &chain->depth.shape;
    const conv_range out = conv_cut(d->h_out, chain->parts, part);
    chain_run r = start(chain, point, depth, scratch);
    int first = 0, end = 0; /* rows [first, end) stand between, the first of them in front */
    for (int y = out.begin; y < out.end; y += chain->strip) {
        const int rows = conv_min(chain->strip, out.end - y);
        const int top = conv_min(d->h_in, conv_max(0, y * d->stride_h - d->pad_top));
        const int bottom = conv_max(top, conv_min(d->h_in, (y + rows - 1) * d->stride_h - d->pad_top + d->kernel_h));
        const int kept = conv_max(0, end - top);
        for (int block = 0; block < r.blocks && kept; block++)
            memmove(r.between + block * r.plane, r.between + block * r.plane + (top - first) * r.row,
                    (size_t)(kept * r.row) * sizeof(float));
        first = top;
        if (bottom > top + kept)
            run_point(&r, top + kept, bottom, kept);
        end = conv_max(bottom, top + kept);
        run_depth(&r, y, y + rows, first);
    }
}
