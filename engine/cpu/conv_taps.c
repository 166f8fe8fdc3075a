/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Dilated convolution of stride 1 on blocked data, tap by tap: each adds its inputs to those outputs that it reaches
 * inside the image, straight from where they lie. Nothing is copied and no border is multiplied, which are most of it
 * where taps are far apart (the pyramids of DeepLab). The sums of a strip of rows for a filter group stay in the
 * second-level cache; the tap that reaches all outputs comes last and brings them to their place. */
#include <string.h>

#include "cpu/conv_private.h"

enum { TILE_FILTERS, TILE_STRIP, TILE_STRIP_CUTS, TILE_FILTER_CUTS, TILE_LAST };

enum { SUM_BYTES = 192 * 1024 };

/* Cycles for a vector of sums to be read and written once more, as by every tap. */
#define SUM_CYCLES 2.0

typedef struct taps_geometry {
    const conv_shape *shape;
    const conv_tile_set *set;
    int lanes, taps;
    int channels;                             /* of a convolution group, that are summed over */
    int blocks_in, blocks_out, filter_groups; /* of a convolution group */
} taps_geometry;

static taps_geometry geometry_of(const cpu_kernels *kernels, const conv_shape *s, int filters)
{
    const int lanes = kernels->conv.units->lanes, channels = s->c_in / s->groups;
    const int blocks_out = conv_ceil_div(s->c_out / s->groups, lanes);
    return (taps_geometry){ s,
                            &kernels->conv.units->unit,
                            lanes,
                            s->kernel_h * s->kernel_w,
                            conv_summed_channels(channels),
                            conv_ceil_div(channels, lanes),
                            blocks_out,
                            conv_ceil_div(blocks_out, filters) };
}

/* Outputs that tap k of an axis reaches inside the image. */
static conv_range reached(int k, int dilation, int pad, int in, int out)
{
    const int at = k * dilation - pad; /* that output 0 reads */
    const int begin = conv_max(0, -at), end = conv_min(out, in - at);
    return (conv_range){ begin, conv_max(begin, end) };
}

static conv_range reached_rows(const conv_shape *s, int tap)
{
    return reached(tap / s->kernel_w, s->dilation_h, s->pad_top, s->h_in, s->h_out);
}

static conv_range reached_columns(const conv_shape *s, int tap)
{
    return reached(tap % s->kernel_w, s->dilation_w, s->pad_left, s->w_in, s->w_out);
}

/* The tap that reaches all outputs, or -1. */
static int tap_of_all(const conv_shape *s)
{
    for (int tap = 0; tap < s->kernel_h * s->kernel_w; tap++) {
        const conv_range rows = reached_rows(s, tap), columns = reached_columns(s, tap);
        if (rows.begin == 0 && rows.end == s->h_out && columns.begin == 0 && columns.end == s->w_out)
            return tap;
    }
    return -1;
}

/* ---- the run ---- */

typedef struct taps_run {
    const taps_geometry *g;
    const conv_plan *plan;
    const conv_arguments *arguments;
    conv_tile tile;
    eltwise_act_f32 *act;
    float *sums; /* [filter block][row of the strip][column] */
    float *post; /* a row for act */
} taps_run;

/* Where output (y, x) reads by way of a tap. */
static const float *input_of(const taps_run *r, int group, int tap, int y, int x)
{
    const conv_shape *s = r->g->shape;
    const int row = y + tap / s->kernel_w * s->dilation_h - s->pad_top;
    const int column = x + tap % s->kernel_w * s->dilation_w - s->pad_left;
    const ptrdiff_t plane = (ptrdiff_t)s->h_in * s->w_in;
    return r->arguments->src + (group * r->g->blocks_in * plane + (ptrdiff_t)row * s->w_in + column) * r->g->lanes;
}

static void begin_sums(const taps_run *r, const float *bias, int filters, int rows)
{
    const size_t lanes = (size_t)r->g->lanes, pixels = (size_t)rows * (size_t)r->g->shape->w_out;
    for (int f = 0; f < filters; f++)
        for (size_t i = 0; i < pixels; i++)
            for (size_t k = 0; k < lanes; k++)
                r->sums[((size_t)f * pixels + i) * lanes + k] = bias[(size_t)f * lanes + k];
}

/* Filter group q (over all convolution groups) of rows [begin, end). */
static void run_filter_group(const taps_run *r, int q, int begin, int end)
{
    const taps_geometry *g = r->g;
    const conv_shape *s = g->shape;
    const conv_arguments *a = r->arguments;
    const int group = q / g->filter_groups, last = r->plan->tile[TILE_LAST];
    const conv_range filters = conv_group(g->blocks_out, g->filter_groups, q % g->filter_groups);
    const int count = filters.end - filters.begin;
    const size_t block = (size_t)group * (size_t)g->blocks_out + (size_t)filters.begin;
    const size_t tap_floats = (size_t)g->channels * (size_t)(count * g->lanes);
    const float *weights = (const float *)a->packed + block * (size_t)(g->channels * g->taps) * (size_t)g->lanes;
    const ptrdiff_t row = (ptrdiff_t)s->w_out * g->lanes;
    conv_tile tile = r->tile;
    begin_sums(r, a->bias + block * (size_t)g->lanes, count, end - begin);
    tile.epilogue.act = CONV_EPILOGUE_NONE;
    tile.dst_block_stride = tile.sums_block_stride = (end - begin) * row;
    for (int tap = 0; tap < g->taps; tap++) {
        const conv_range rows = reached_rows(s, tap), columns = reached_columns(s, tap);
        if (tap == last || columns.begin == columns.end)
            continue;
        for (int y = conv_max(begin, rows.begin); y < conv_min(end, rows.end); y++) {
            float *sums = r->sums + (y - begin) * row + (ptrdiff_t)columns.begin * g->lanes;
            tile.sums = sums;
            conv_run_line(g->set, count, &tile, input_of(r, group, tap, y, columns.begin),
                          weights + (size_t)tap * tap_floats, NULL, NULL, sums, columns.end - columns.begin, g->lanes);
        }
    }
    tile = r->tile;
    tile.sums_block_stride = (end - begin) * row;
    for (int y = begin; y < end; y++) {
        const ptrdiff_t at = (ptrdiff_t)block * tile.dst_block_stride + y * row;
        const conv_line line = { .src = input_of(r, group, last, y, 0),
                                 .weights = weights + (size_t)last * tap_floats,
                                 .residual = a->residual ? a->residual + at : NULL,
                                 .dst = a->dst + at,
                                 .n = s->w_out };
        tile.sums = r->sums + (y - begin) * row;
        conv_run_line_act(r->plan->kernels, a, g->set, count, &tile, &line, r->act, r->post);
    }
}

static size_t sum_bytes(const taps_geometry *g, int filters, int rows)
{
    return (size_t)filters * (size_t)rows * (size_t)g->shape->w_out * (size_t)g->lanes * sizeof(float);
}

static void taps_run_part(const conv_plan *plan, const conv_arguments *arguments, int part, void *scratch)
{
    const int *cuts = plan->tile;
    const conv_shape *s = &plan->shape;
    const taps_geometry g = geometry_of(plan->kernels, s, cuts[TILE_FILTERS]);
    taps_run r = { .g = &g, .plan = plan, .arguments = arguments, .sums = scratch };
    r.post = (float *)((char *)scratch + sum_bytes(&g, cuts[TILE_FILTERS], cuts[TILE_STRIP]));
    r.tile = (conv_tile){ .blocks = g.blocks_in,
                          .taps_h = 1,
                          .taps_w = 1,
                          .inner = g.lanes,
                          .inner_last = conv_last_block(g.channels, g.lanes),
                          .block_stride = (ptrdiff_t)s->h_in * s->w_in * g.lanes,
                          .step = g.lanes,
                          .dst_block_stride = (ptrdiff_t)s->h_out * s->w_out * g.lanes,
                          .residual_block_stride = (ptrdiff_t)s->h_out * s->w_out * g.lanes };
    r.act = conv_split_activation(plan->kernels, arguments, &r.tile.epilogue);
    const conv_range groups =
        conv_cut(s->groups * g.filter_groups, cuts[TILE_FILTER_CUTS], part / cuts[TILE_STRIP_CUTS]);
    const conv_range rows = conv_cut(s->h_out, cuts[TILE_STRIP_CUTS], part % cuts[TILE_STRIP_CUTS]);
    for (int q = groups.begin; q < groups.end; q++)
        for (int y = rows.begin; y < rows.end; y += cuts[TILE_STRIP])
            run_filter_group(&r, q, y, conv_min(y + cuts[TILE_STRIP], rows.end));
}

/* [filter group][tap][input][filter block][lane]; lanes behind the last filter are zero. */
static void taps_pack(const conv_plan *plan, const float *weights, void *packed)
{
    const conv_shape *s = &plan->shape;
    const taps_geometry g = geometry_of(plan->kernels, s, plan->tile[TILE_FILTERS]);
    const conv_file file = conv_file_of(s, weights);
    float *to = packed;
    for (int q = 0; q < s->groups * g.filter_groups; q++) {
        const conv_range filters = conv_group(g.blocks_out, g.filter_groups, q % g.filter_groups);
        for (int tap = 0; tap < g.taps; tap++)
            for (int c = 0; c < g.channels; c++)
                for (int o = filters.begin * g.lanes; o < filters.end * g.lanes; o++, to++) {
                    const float *taps = conv_file_taps(&file, q / g.filter_groups, o, c);
                    *to = 0;
                    if (taps) /* weights may lie anywhere in a file: no plain load */
                        memcpy(to, taps + tap, sizeof(*to));
                }
    }
}

/* ---- the choice ---- */

static double cycles_of(const taps_geometry *g, int filters)
{
    double cycles = 0;
    for (int tap = 0; tap < g->taps; tap++) {
        const conv_range rows = reached_rows(g->shape, tap), columns = reached_columns(g->shape, tap);
        const int n = columns.end - columns.begin;
        if (n > 0)
            cycles += (double)(rows.end - rows.begin) * n *
                      (conv_tile_cost(g->set, filters, g->blocks_out, n) * g->channels + SUM_CYCLES * g->blocks_out);
    }
    return cycles * g->shape->groups;
}

bool conv_choose_taps(const cpu_kernels *kernels, const conv_shape *s, conv_plan *plan)
{
    const conv_units *units = kernels->conv.units;
    conv_plan direct = *plan;
    if (s->src_plain || s->stride_h != 1 || s->stride_w != 1 || (s->dilation_h == 1 && s->dilation_w == 1) ||
        s->kernel_h * s->kernel_w == 1 || tap_of_all(s) < 0 || !conv_choose_direct(kernels, s, &direct))
        return false;
    const int blocks = conv_ceil_div(s->c_out / s->groups, units->lanes);
    const int filters = conv_best_filters(&units->unit, blocks, s->w_out);
    const taps_geometry g = geometry_of(kernels, s, filters);
    plan->cycles = cycles_of(&g, filters);
    if (sum_bytes(&g, filters, 1) > SUM_BYTES || plan->cycles > direct.cycles)
        return false;
    const int parts = conv_parts_for((double)g.channels * g.taps * s->c_out * s->h_out * s->w_out);
    const int all = s->groups * g.filter_groups;
    plan->balance = 0;
    for (int n = parts; n <= (s->threads > 1 ? parts + 4 * s->threads : parts) && plan->balance < 0.96; n++) {
        const int filter_cuts = conv_min(n, all), strip_cuts = conv_min(s->h_out, conv_ceil_div(n, filter_cuts));
        const double balance = conv_balance(s->h_out, strip_cuts, all, filter_cuts, s->threads);
        if (balance <= plan->balance)
            continue;
        plan->balance = balance;
        plan->tile[TILE_STRIP_CUTS] = strip_cuts;
        plan->tile[TILE_FILTER_CUTS] = filter_cuts;
    }
    const int fit = (int)(SUM_BYTES / sum_bytes(&g, filters, 1));
    plan->tile[TILE_FILTERS] = filters;
    plan->tile[TILE_STRIP] = conv_min(fit, conv_ceil_div(s->h_out, plan->tile[TILE_STRIP_CUTS]));
    plan->tile[TILE_LAST] = tap_of_all(s);
    plan->name = units->taps_name;
    plan->parts = plan->tile[TILE_STRIP_CUTS] * plan->tile[TILE_FILTER_CUTS];
    plan->packed_bytes =
        (size_t)(g.channels * g.taps) * (size_t)g.blocks_out * (size_t)s->groups * (size_t)g.lanes * sizeof(float);
    plan->scratch_bytes = sum_bytes(&g, filters, plan->tile[TILE_STRIP]) + sum_bytes(&g, filters, 1);
    plan->run = taps_run_part;
    plan->pack = taps_pack;
    return true;
}
