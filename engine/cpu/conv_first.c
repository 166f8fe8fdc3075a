/* SPDX-License-Identifier: BSD-2-Clause
 *
 * First layers: convolution of plain data with few channels, any kernel, stride, dilation and padding. The output is
 * cut in units, which are rows or pieces of long rows. Tiles whose taps lie inside the image read it where it is; the
 * few others, at its borders, read a patch: a copy with zeros around. */
#include <string.h>

#include "cpu/conv_private.h"

enum { TILE_FILTERS, TILE_UNIT_PIXELS };

enum { UNIT_MOST = 512 };

typedef struct geometry {
    const conv_shape *shape;
    const conv_tile_set *set;
    int lanes, blocks_out, filter_groups;
    int reach_h, reach_w;    /* from the first to the last tap */
    int unit_pixels, pieces; /* of a row */
    int patch_width;
    size_t sum;                  /* inputs of one output */
    int inner_least, inner_most; /* outputs whose taps lie inside the image's columns: [least, most) */
    int tile_pixels;
    ptrdiff_t dst_plane, dst_row, dst_skip; /* in pixels, see conv_band */
} geometry;

static const conv_tile_set *tiles_for(const conv_units *units, const conv_shape *s)
{
    return s->stride_w == 2 ? &units->plain_two : &units->any;
}

static geometry geometry_of(const cpu_kernels *kernels, const conv_shape *s, int filters, int unit_pixels)
{
    const conv_units *units = kernels->conv.units;
    geometry g = { .shape = s, .set = tiles_for(units, s), .lanes = units->lanes, .unit_pixels = unit_pixels };
    g.blocks_out = conv_ceil_div(s->c_out, g.lanes);
    g.filter_groups = conv_ceil_div(g.blocks_out, filters);
    g.reach_h = (s->kernel_h - 1) * s->dilation_h;
    g.reach_w = (s->kernel_w - 1) * s->dilation_w;
    g.pieces = conv_ceil_div(s->w_out, unit_pixels);
    g.patch_width = (unit_pixels - 1) * s->stride_w + g.reach_w + 1;
    g.sum = (size_t)s->c_in * (size_t)s->kernel_h * (size_t)s->kernel_w;
    g.tile_pixels = g.set->pixels[filters - 1];
    g.inner_least = conv_min(s->w_out, s->pad_left > 0 ? conv_ceil_div(s->pad_left, s->stride_w) : 0);
    int last = s->w_in - 1 - g.reach_w + s->pad_left; /* the last tap of the last one meets the last column */
    g.inner_most = conv_max(g.inner_least, last < 0 ? 0 : conv_min(s->w_out, last / s->stride_w + 1));
    g.dst_plane = (ptrdiff_t)s->h_out * s->w_out;
    g.dst_row = s->w_out;
    return g;
}

static size_t patch_bytes(const geometry *g)
{
    const conv_shape *s = g->shape;
    return conv_round_bytes(sizeof(float) * (size_t)g->patch_width * (size_t)s->kernel_h * (size_t)s->c_in);
}

/* For data whose rows of taps and channels are so far apart. */
static conv_tile tile_of(const geometry *g, ptrdiff_t row_stride, ptrdiff_t channel_stride)
{
    const conv_shape *s = g->shape;
    const bool adjacent = s->dilation_w == 1; /* neighbouring taps are neighbouring floats */
    return (conv_tile){ .blocks = s->c_in,
                        .taps_h = s->kernel_h,
                        .taps_w = adjacent ? 1 : s->kernel_w,
                        .inner = adjacent ? s->kernel_w : 1,
                        .inner_last = adjacent ? s->kernel_w : 1,
                        .block_stride = channel_stride,
                        .row_stride = row_stride,
                        .tap_stride = s->dilation_w,
                        .step = s->stride_w,
                        .dst_block_stride = g->dst_plane * g->lanes,
                        .residual_block_stride = g->dst_plane * g->lanes };
}

/* What stays the same over one part. */
typedef struct first_run {
    const geometry *g;
    const cpu_kernels *kernels;
    const conv_arguments *arguments;
    conv_tile image, patched; /* tiles on the image, on the patch */
    eltwise_act_f32 *act;     /* the part of the activation that registers cannot do, or NULL */
    float *patch, *post;
    int cleared_x, cleared_n; /* columns whose zeros the patch has, in all rows; n 0: none */
} first_run;

/* The taps' rows of n outputs from (y, x) on, all channels: [channel][row][patch_width]. Zeros beside the image stay
 * from row to row. */
static void fill_patch(first_run *r, int y, int x, int n)
{
    const geometry *g = r->g;
    const conv_shape *s = g->shape;
    const int top = y * s->stride_h - s->pad_top, first = x * s->stride_w - s->pad_left;
    const int width = (n - 1) * s->stride_w + g->reach_w + 1;
    const int low = conv_min(conv_max(-first, 0), width), high = conv_max(low, conv_min(s->w_in - first, width));
    const bool clear = r->cleared_n != n || r->cleared_x != x;
    float *to = r->patch;
    for (int c = 0; c < s->c_in; c++)
        for (int i = 0; i < s->kernel_h; i++, to += g->patch_width) {
            const int row = top + i * s->dilation_h;
            const bool inside = row >= 0 && row < s->h_in && low < high;
            const int begin = inside ? low : width, end = inside ? high : width;
            if (clear || !inside) {
                memset(to, 0, sizeof(float) * (size_t)begin);
                memset(to + end, 0, sizeof(float) * (size_t)(width - end));
            }
            if (inside)
                memcpy(to + begin, r->arguments->src + ((ptrdiff_t)c * s->h_in + row) * s->w_in + first + begin,
                       sizeof(float) * (size_t)(end - begin));
        }
    r->cleared_x = x;
    r->cleared_n = n;
}

/* All filters of n outputs from (y, x) on, by way of the patch or not. */
static void run_segment(first_run *r, int y, int x, int n, bool patched)
{
    const geometry *g = r->g;
    const conv_shape *s = g->shape;
    const conv_arguments *a = r->arguments;
    const float *src = r->patch;
    if (n <= 0)
        return;
    if (patched)
        fill_patch(r, y, x, n);
    else
        src = a->src + ((ptrdiff_t)y * s->stride_h - s->pad_top) * s->w_in + (ptrdiff_t)x * s->stride_w - s->pad_left;
    for (int q = 0; q < g->filter_groups; q++) {
        const conv_range filters = conv_group(g->blocks_out, g->filter_groups, q);
        const ptrdiff_t at = (filters.begin * g->dst_plane + y * g->dst_row + x - g->dst_skip) * g->lanes;
        const conv_line line = { .src = src,
                                 .weights = (const float *)a->packed + (size_t)(filters.begin * g->lanes) * g->sum,
                                 .bias = a->bias + filters.begin * g->lanes,
                                 .residual = a->residual ? a->residual + at : NULL,
                                 .dst = a->dst + at,
                                 .n = n };
        conv_run_line_act(r->kernels, a, g->set, filters.end - filters.begin, patched ? &r->patched : &r->image, &line,
                          r->act, r->post);
    }
}

/* Whole tiles that reach n outputs, of at most `most`. */
static int whole_tiles(const geometry *g, int n, int most)
{
    return conv_min(most, conv_ceil_div(n, g->tile_pixels) * g->tile_pixels);
}

static void run_unit(first_run *r, int y, int piece)
{
    const geometry *g = r->g;
    const conv_shape *s = g->shape;
    const int top = y * s->stride_h - s->pad_top, x = piece * g->unit_pixels;
    const int n = conv_min(g->unit_pixels, s->w_out - x);
    if (top < 0 || top + g->reach_h >= s->h_in) {
        run_segment(r, y, x, n, true);
        return;
    }
    const int left = whole_tiles(g, conv_max(0, conv_min(n, g->inner_least - x)), n);
    const int right = whole_tiles(g, conv_max(0, conv_min(n, x + n - g->inner_most)), n - left);
    run_segment(r, y, x, left, true);
    run_segment(r, y, x + left, n - left - right, false);
    run_segment(r, y, x + n - right, right, true);
}

static first_run start(const geometry *g, const cpu_kernels *kernels, const conv_arguments *arguments, void *scratch)
{
    const conv_shape *s = g->shape;
    first_run r = { .g = g, .kernels = kernels, .arguments = arguments, .patch = scratch };
    r.image = tile_of(g, (ptrdiff_t)s->w_in * s->dilation_h, (ptrdiff_t)s->h_in * s->w_in);
    r.patched = tile_of(g, g->patch_width, (ptrdiff_t)s->kernel_h * g->patch_width);
    r.image.fetch = (ptrdiff_t)s->stride_h * s->w_in;
    r.image.fetch_from = conv_max(0, s->kernel_h - s->stride_h);
    r.patched.fetch_from = s->kernel_h; /* these few do without */
    r.act = conv_split_activation(kernels, arguments, &r.image.epilogue);
    r.patched.epilogue = r.image.epilogue;
    r.post = (float *)((char *)scratch + patch_bytes(g));
    return r;
}

static void first_run_rows(const conv_plan *plan, const conv_arguments *arguments, int begin, int end, void *scratch)
{
    const conv_band *to = &arguments->dst_band;
    geometry g = geometry_of(plan->kernels, &plan->shape, plan->tile[TILE_FILTERS], plan->tile[TILE_UNIT_PIXELS]);
    assert(arguments->src_band.rows == 0);
    if (to->pitch > 0)
        g.dst_row = to->pitch;
    if (to->rows > 0) {
        g.dst_plane = conv_band_plane(to, (int)g.dst_row);
        g.dst_skip = to->first * g.dst_row - to->left;
    }
    first_run r = start(&g, plan->kernels, arguments, scratch);
    for (int y = begin; y < end; y++)
        for (int piece = 0; piece < g.pieces; piece++)
            run_unit(&r, y, piece);
}

static void first_run_part(const conv_plan *plan, const conv_arguments *arguments, int part, void *scratch)
{
    const geometry g = geometry_of(plan->kernels, &plan->shape, plan->tile[TILE_FILTERS], plan->tile[TILE_UNIT_PIXELS]);
    first_run r = start(&g, plan->kernels, arguments, scratch);
    const conv_range units = conv_cut(plan->shape.h_out * g.pieces, plan->parts, part);
    for (int unit = units.begin; unit < units.end; unit++)
        run_unit(&r, unit / g.pieces, unit % g.pieces);
}

/* [filter group][channel][tap][filter block][lane]; lanes behind the last filter are zero. */
static void first_pack(const conv_plan *plan, const float *weights, void *packed)
{
    const conv_shape *s = &plan->shape;
    const geometry g = geometry_of(plan->kernels, s, plan->tile[TILE_FILTERS], plan->tile[TILE_UNIT_PIXELS]);
    float *to = packed;
    for (int q = 0; q < g.filter_groups; q++) {
        const conv_range filters = conv_group(g.blocks_out, g.filter_groups, q);
        for (size_t i = 0; i < g.sum; i++)
            for (int o = filters.begin * g.lanes; o < filters.end * g.lanes; o++, to++) {
                *to = 0;
                if (o < s->c_out) /* weights may lie anywhere in a file: no plain load */
                    memcpy(to, weights + (size_t)o * g.sum + i, sizeof(*to));
            }
    }
}

bool conv_choose_first(const cpu_kernels *kernels, const conv_shape *s, conv_plan *plan)
{
    const conv_units *units = kernels->conv.units;
    if (!s->src_plain || s->groups != 1)
        return false;
    const conv_tile_set *set = tiles_for(units, s);
    const int blocks = conv_ceil_div(s->c_out, units->lanes), filters = conv_best_filters(set, blocks, s->w_out);
    const int pixels = set->pixels[filters - 1];
    const int piece = conv_ceil_div(s->w_out, conv_ceil_div(s->w_out, UNIT_MOST));
    plan->tile[TILE_FILTERS] = filters;
    plan->tile[TILE_UNIT_PIXELS] = s->w_out <= UNIT_MOST ? s->w_out : conv_ceil_div(piece, pixels) * pixels;
    const geometry g = geometry_of(kernels, s, filters, plan->tile[TILE_UNIT_PIXELS]);

    plan->name = units->plain_name;
    plan->packed_bytes = g.sum * (size_t)blocks * (size_t)g.lanes * sizeof(float);
    plan->scratch_bytes = patch_bytes(&g) + sizeof(float) * (size_t)(filters * g.unit_pixels * g.lanes);
    plan->run = first_run_part;
    plan->run_rows = first_run_rows;
    plan->cycles = conv_tile_cost(set, filters, blocks, s->w_out) * (double)g.sum * s->h_out * s->w_out;
    plan->pack = first_pack;
    const int threads = conv_max(1, s->threads), units_in_all = s->h_out * g.pieces;
    plan->parts = conv_parts_for((double)g.sum * s->c_out * s->h_out * s->w_out);
    plan->parts = conv_min(units_in_all, conv_ceil_div(plan->parts, threads) * threads);
    plan->balance = conv_balance(units_in_all, plan->parts, 1, 1, threads);
    return true;
}
