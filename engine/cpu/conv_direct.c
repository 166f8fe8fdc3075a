/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Direct convolution on blocked or plain data, any kernel, stride, dilation and padding. The output is cut in units
 * (rows; or pieces of one line where a 1x1 kernel lets h * w be one), units in strips whose input stays in the cache,
 * and within a strip one filter group after the other runs over all units. Where taps would read outside, the strip is
 * first copied into scratch with a zero border, which costs little beside the arithmetic. */
#include <string.h>

#include "cpu/conv_private.h"

enum { TILE_FILTERS, TILE_UNIT_CUTS, TILE_FILTER_CUTS, TILE_STRIP, TILE_UNIT_PIXELS };

enum { STRIP_BYTES = 384 * 1024, WEIGHT_BYTES = 640 * 1024, LINE_STRIP_BYTES = 256 * 1024 };

/* Everything that follows from shape and cuts. */
typedef struct geometry {
    const conv_shape *shape;
    const conv_tile_set *set;
    int lanes;
    int pixel;         /* floats per pixel of src: lanes, or 1 where plain */
    int blocks_in;     /* input blocks (plain: channels) of a convolution group */
    int blocks_out;    /* filter blocks of a convolution group */
    int filter_groups; /* of a convolution group */
    int channels;      /* of a convolution group, that are summed over */
    size_t sum;        /* inputs of one output */
    bool line, padded;
    int units, unit_pixels, pixels;
    int strip_rows, strip_width; /* of the padded copy, in pixels */
} geometry;

static bool needs_padding(const conv_shape *s)
{
    int bottom = (s->h_out - 1) * s->stride_h + (s->kernel_h - 1) * s->dilation_h - s->pad_top;
    int right = (s->w_out - 1) * s->stride_w + (s->kernel_w - 1) * s->dilation_w - s->pad_left;
    return s->pad_top > 0 || s->pad_left > 0 || bottom >= s->h_in || right >= s->w_in;
}

/* 1x1 over whole rows: pixels may be taken as one line. */
static bool is_line(const conv_shape *s)
{
    return s->kernel_h == 1 && s->kernel_w == 1 && s->stride_h == 1 && s->stride_w == 1 && s->pad_top == 0 &&
           s->pad_left == 0 && s->h_out == s->h_in && s->w_out == s->w_in;
}

static const conv_tile_set *tiles_for(const conv_units *units, const conv_shape *s)
{
    if (s->src_plain)
        return s->stride_w == 2 ? &units->plain_two : &units->any;
    return s->stride_w == 1 ? &units->unit : s->stride_w == 2 ? &units->two : &units->any;
}

static geometry geometry_of(const cpu_kernels *kernels, const conv_shape *s, int filters, int unit_pixels, int strip)
{
    const conv_units *units = kernels->conv.units;
    geometry g = { .shape = s, .set = tiles_for(units, s), .lanes = units->lanes };
    int channels = s->c_in / s->groups;
    g.pixel = s->src_plain ? 1 : g.lanes;
    g.blocks_in = s->src_plain ? channels : conv_ceil_div(channels, g.lanes);
    g.blocks_out = conv_ceil_div(s->c_out / s->groups, g.lanes);
    g.filter_groups = conv_ceil_div(g.blocks_out, filters);
    g.channels = s->src_plain ? channels : conv_summed_channels(channels);
    g.sum = (size_t)g.channels * (size_t)s->kernel_h * (size_t)s->kernel_w;
    g.line = is_line(s);
    g.padded = needs_padding(s);
    g.unit_pixels = unit_pixels;
    g.pixels = g.line ? s->h_out * s->w_out : s->w_out;
    g.units = g.line ? conv_ceil_div(g.pixels, unit_pixels) : s->h_out;
    g.strip_rows = (strip - 1) * s->stride_h + (s->kernel_h - 1) * s->dilation_h + 1;
    g.strip_width = (s->w_out - 1) * s->stride_w + (s->kernel_w - 1) * s->dilation_w + 1;
    return g;
}

static size_t strip_bytes(const geometry *g)
{
    return g->padded ? conv_round_bytes(sizeof(float) * (size_t)g->pixel * (size_t)g->blocks_in *
                                        (size_t)g->strip_rows * (size_t)g->strip_width)
                     : 0;
}

static conv_tile tile_of(const geometry *g)
{
    const conv_shape *s = g->shape;
    int width = g->padded ? g->strip_width : s->w_in, height = g->padded ? g->strip_rows : s->h_in;
    conv_tile t = {
        .blocks = g->blocks_in,
        .taps_h = s->kernel_h,
        .taps_w = s->kernel_w,
        .inner = g->lanes,
        .inner_last = conv_last_block(g->channels, g->lanes),
        .block_stride = (ptrdiff_t)width * height * g->pixel,
        .row_stride = (ptrdiff_t)width * s->dilation_h * g->pixel,
        .tap_stride = (ptrdiff_t)s->dilation_w * g->pixel,
        .step = (ptrdiff_t)s->stride_w * g->pixel,
        .residual_block_stride = (ptrdiff_t)s->h_out * s->w_out * g->lanes,
    };
    if (s->src_plain) {
        /* Neighbouring taps are neighbouring floats where there is no dilation. */
        t.inner = t.inner_last = s->dilation_w == 1 ? s->kernel_w : 1;
        t.taps_w = s->dilation_w == 1 ? 1 : s->kernel_w;
    }
    return t;
}

/* Copies what output rows [y, y + rows) need of one convolution group into scratch, zero where it is outside. */
static void copy_strip(const geometry *g, const float *src, int y, int rows, float *scratch)
{
    const conv_shape *s = g->shape;
    int first = y * s->stride_h - s->pad_top;
    int height = (rows - 1) * s->stride_h + (s->kernel_h - 1) * s->dilation_h + 1;
    int left = conv_min(conv_max(s->pad_left, 0), g->strip_width);
    int x = conv_max(-s->pad_left, 0);
    int inside = conv_max(0, conv_min(g->strip_width - left, s->w_in - x));
    int right = g->strip_width - left - inside;
    size_t pixel = (size_t)g->pixel * sizeof(float), row_bytes = (size_t)g->strip_width * pixel;
    for (int block = 0; block < g->blocks_in; block++) {
        const char *plane = (const char *)src + (size_t)block * (size_t)s->h_in * (size_t)s->w_in * pixel;
        char *to = (char *)scratch + (size_t)block * (size_t)g->strip_rows * row_bytes;
        for (int row = 0; row < height; row++, to += row_bytes) {
            int from = first + row;
            if (from < 0 || from >= s->h_in) {
                memset(to, 0, row_bytes);
                continue;
            }
            memset(to, 0, (size_t)left * pixel);
            if (inside > 0)
                memcpy(to + (size_t)left * pixel, plane + ((size_t)from * (size_t)s->w_in + (size_t)x) * pixel,
                       (size_t)inside * pixel);
            memset(to + (size_t)(left + inside) * pixel, 0, (size_t)right * pixel);
        }
    }
}

/* What stays the same over one part. */
typedef struct direct_run {
    const geometry *g;
    const cpu_kernels *kernels;
    const conv_arguments *arguments;
    conv_tile tile;
    eltwise_act_f32 *act; /* the part of the activation that registers cannot do, or NULL */
    float *post;          /* one unit of one filter group in front of act */
} direct_run;

/* n outputs of a filter group whose activation is not done in registers: through post. */
static void run_line_post(direct_run *r, int filters, const float *src, const float *weights, const float *bias,
                          const float *residual, float *dst, int n)
{
    const cpu_activation *activation = &r->arguments->activation;
    size_t floats = (size_t)n * (size_t)r->g->lanes;
    ptrdiff_t plane = r->tile.residual_block_stride;
    bool after = residual && !r->arguments->residual_before;
    r->tile.dst_block_stride = (ptrdiff_t)floats;
    conv_run_line(r->g->set, filters, &r->tile, src, weights, bias, after ? NULL : residual, r->post, n, r->g->lanes);
    for (int f = 0; f < filters; f++) {
        float *from = r->post + (size_t)f * floats, *to = dst + f * plane;
        r->act(from, after ? from : to, floats, activation->a, activation->b);
        if (after)
            r->kernels->eltwise.binary[CPU_BINARY_ADD](from, 1, residual + f * plane, 1, to, floats);
    }
}

/* Filter group q (over all convolution groups) for units [begin, end). base: input of unit `first`. */
static void run_filter_group(direct_run *r, int q, conv_range units, const float *base, ptrdiff_t unit_stride)
{
    const geometry *g = r->g;
    const conv_arguments *a = r->arguments;
    conv_range filters = conv_group(g->blocks_out, g->filter_groups, q % g->filter_groups);
    int count = filters.end - filters.begin;
    size_t block = (size_t)(q / g->filter_groups) * (size_t)g->blocks_out + (size_t)filters.begin;
    const float *weights = (const float *)a->packed + block * g->sum * (size_t)g->lanes;
    const float *bias = a->bias + block * (size_t)g->lanes;
    size_t plane = (size_t)r->tile.residual_block_stride;
    for (int unit = units.begin; unit < units.end; unit++, base += unit_stride) {
        size_t at = block * plane + (size_t)unit * (size_t)g->unit_pixels * (size_t)g->lanes;
        int n = g->line ? conv_min(g->unit_pixels, g->pixels - unit * g->unit_pixels) : g->pixels;
        const float *residual = a->residual ? a->residual + at : NULL;
        if (r->act)
            run_line_post(r, count, base, weights, bias, residual, a->dst + at, n);
        else
            conv_run_line(g->set, count, &r->tile, base, weights, bias, residual, a->dst + at, n, g->lanes);
    }
}

static void direct_run_part(const conv_plan *plan, const conv_arguments *arguments, int part, void *scratch)
{
    const conv_shape *s = &plan->shape;
    const int *tile = plan->tile;
    const geometry g = geometry_of(plan->kernels, s, tile[TILE_FILTERS], tile[TILE_UNIT_PIXELS], tile[TILE_STRIP]);
    direct_run r = { .g = &g, .kernels = plan->kernels, .arguments = arguments, .tile = tile_of(&g) };
    r.tile.dst_block_stride = r.tile.residual_block_stride;
    r.act = conv_split_activation(plan->kernels, arguments, &r.tile.epilogue);
    r.post = (float *)((char *)scratch + strip_bytes(&g));
    conv_range groups = conv_cut(s->groups * g.filter_groups, tile[TILE_FILTER_CUTS], part / tile[TILE_UNIT_CUTS]);
    conv_range units = conv_cut(g.units, tile[TILE_UNIT_CUTS], part % tile[TILE_UNIT_CUTS]);
    ptrdiff_t row = (ptrdiff_t)(g.padded ? g.strip_width : s->w_in) * s->stride_h * g.pixel;
    ptrdiff_t unit_stride = g.line ? (ptrdiff_t)g.unit_pixels * g.pixel : row;
    ptrdiff_t outside = ((ptrdiff_t)s->pad_top * s->w_in + s->pad_left) * g.pixel; /* 0 or negative when not padded */
    for (int unit = units.begin; unit < units.end; unit += tile[TILE_STRIP]) {
        conv_range strip = { unit, conv_min(unit + tile[TILE_STRIP], units.end) };
        int copied = -1;
        for (int q = groups.begin; q < groups.end; q++) {
            int group = q / g.filter_groups;
            const float *src = arguments->src + (size_t)group * (size_t)g.blocks_in * (size_t)s->h_in *
                                                    (size_t)s->w_in * (size_t)g.pixel;
            if (!g.padded) {
                run_filter_group(&r, q, strip, src + unit * unit_stride - outside, unit_stride);
                continue;
            }
            if (group != copied)
                copy_strip(&g, src, strip.begin, strip.end - strip.begin, scratch);
            copied = group;
            run_filter_group(&r, q, strip, scratch, unit_stride);
        }
    }
}

/* [filter group][input block][tap][input][filter block][lane]; lanes behind the last filter are zero. */
static void direct_pack(const conv_plan *plan, const float *weights, void *packed)
{
    const conv_shape *s = &plan->shape;
    const geometry g = geometry_of(plan->kernels, s, plan->tile[TILE_FILTERS], plan->tile[TILE_UNIT_PIXELS], 1);
    int taps = s->kernel_h * s->kernel_w, channels = s->c_in / s->groups, filters_out = s->c_out / s->groups;
    int inner = s->src_plain ? 1 : g.lanes;
    float *to = packed;
    for (int q = 0; q < s->groups * g.filter_groups; q++) {
        conv_range filters = conv_group(g.blocks_out, g.filter_groups, q % g.filter_groups);
        const float *group = weights + (size_t)(q / g.filter_groups) * (size_t)filters_out * (size_t)(channels * taps);
        for (int c0 = 0; c0 < g.channels; c0 += inner)
            for (int tap = 0; tap < taps; tap++)
                for (int c = c0; c < conv_min(c0 + inner, g.channels); c++)
                    for (int o = filters.begin * g.lanes; o < filters.end * g.lanes; o++)
                        *to++ = o < filters_out && c < channels
                                    ? group[((size_t)o * (size_t)channels + (size_t)c) * (size_t)taps + (size_t)tap]
                                    : 0;
    }
}

/* Rows (or pieces of the line) whose input fits the part of the second-level cache that it may take. */
static int strip_units(const geometry *g)
{
    const conv_shape *s = g->shape;
    double pixel_bytes = (double)g->blocks_in * g->pixel * sizeof(float);
    double strip;
    if (g->line)
        strip = LINE_STRIP_BYTES / (pixel_bytes * g->unit_pixels);
    else
        strip =
            (STRIP_BYTES / (pixel_bytes * g->strip_width) - (s->kernel_h - 1) * s->dilation_h - 1) / s->stride_h + 1;
    return strip < 1 ? 1 : strip > g->units ? g->units : (int)strip;
}

/* Cuts so that a part's weights stay in the cache, and that there are about `parts` parts. */
static void cut(const geometry *g, int parts, int *tile)
{
    int groups = g->shape->groups * g->filter_groups;
    double weights = (double)g->sum * g->blocks_out * g->shape->groups * g->lanes * sizeof(float);
    int by_weights = conv_min(groups, (int)(weights / WEIGHT_BYTES) + 1);
    int filter_cuts = conv_min(by_weights, conv_max(parts, 1));
    int unit_cuts = conv_min(g->units, conv_ceil_div(parts, filter_cuts));
    if (filter_cuts * unit_cuts < parts)
        filter_cuts = conv_min(groups, conv_ceil_div(parts, unit_cuts));
    tile[TILE_UNIT_CUTS] = unit_cuts;
    tile[TILE_FILTER_CUTS] = filter_cuts;
}

/* Line pieces of about 60 pixels, a multiple of the tile. */
static int piece_of_line(int pixels, int tile_pixels)
{
    int pieces = conv_ceil_div(pixels, 60);
    return conv_ceil_div(conv_ceil_div(pixels, pieces), tile_pixels) * tile_pixels;
}

bool conv_choose_direct(const cpu_kernels *kernels, const conv_shape *s, conv_plan *plan)
{
    const conv_units *units = kernels->conv.units;
    if (s->groups > 1 &&
        (s->src_plain || s->c_in % (s->groups * units->lanes) || s->c_out % (s->groups * units->lanes)))
        return false;
    const conv_tile_set *set = tiles_for(units, s);
    bool line = is_line(s);
    int blocks = conv_ceil_div(s->c_out / s->groups, units->lanes);
    int filters = conv_best_filters(set, blocks, line ? conv_min(60, s->h_out * s->w_out) : s->w_out);
    int unit_pixels = line ? piece_of_line(s->h_out * s->w_out, set->pixels[filters - 1]) : s->w_out;
    plan->tile[TILE_FILTERS] = filters;
    plan->tile[TILE_UNIT_PIXELS] = unit_pixels;
    geometry g = geometry_of(kernels, s, filters, unit_pixels, 1);
    plan->tile[TILE_STRIP] = strip_units(&g);
    cut(&g, conv_parts_for((double)g.sum * s->c_out * s->h_out * s->w_out), plan->tile);
    plan->tile[TILE_STRIP] = conv_min(plan->tile[TILE_STRIP], conv_ceil_div(g.units, plan->tile[TILE_UNIT_CUTS]));
    g = geometry_of(kernels, s, filters, unit_pixels, plan->tile[TILE_STRIP]);

    plan->name = s->src_plain ? units->plain_name : units->direct_name;
    plan->parts = plan->tile[TILE_UNIT_CUTS] * plan->tile[TILE_FILTER_CUTS];
    plan->packed_bytes = g.sum * (size_t)g.blocks_out * (size_t)s->groups * (size_t)g.lanes * sizeof(float);
    plan->scratch_bytes = strip_bytes(&g) + sizeof(float) * (size_t)filters * (size_t)unit_pixels * (size_t)g.lanes;
    plan->run = direct_run_part;
    plan->pack = direct_pack;
    return true;
}
