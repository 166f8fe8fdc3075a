/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Direct convolution on blocked data, any kernel, stride, dilation and padding. The output is cut in units
 * (rows, or pieces of long rows; a 1x1 kernel makes h * w one row), units in strips whose input stays in the cache, and
 * within a strip one filter group after the other runs over all units. Where taps would read outside, the strip is
 * first copied into scratch with a zero border, which costs little beside the arithmetic. Rows that are too short for
 * register tiles are joined: the inputs of every tap are gathered in scratch, tap by tap, and all pixels are one line.
 */
#include <string.h>

#include "cpu/conv_private.h"

enum { TILE_FILTERS, TILE_UNIT_CUTS, TILE_FILTER_CUTS, TILE_STRIP, TILE_UNIT_PIXELS, TILE_GATHERED, TILE_COUNT };

enum { STRIP_BYTES = 384 * 1024, WEIGHT_BYTES = 640 * 1024, LINE_BYTES = 256 * 1024, LINE_LEAST = 48, ROW_MOST = 512 };

/* An image of 1x1 that is sliced, see run_slices; measured: 14x14 gains, 20x20 does not. */
enum { FEW_PIXELS = 256 };

/* With so few inputs the stores of a tile come faster than lines arrive: 3 to 12 % measured at 32 to 128 channels. */
enum { COLD_SUM = 144 };

/* Everything that follows from shape and cuts. */
typedef struct geometry {
    conv_shape shape; /* h * w in one row where it may be */
    const conv_tile_set *set;
    int lanes;
    int blocks_in;     /* input blocks of a convolution group */
    int blocks_out;    /* filter blocks of a convolution group */
    int filter_groups; /* of a convolution group */
    conv_filters filters;
    int channels; /* of a convolution group, that are summed over */
    size_t sum;   /* inputs of one output */
    bool padded;
    bool sliced; /* see run_slices */
    /* Sliced, and shape is a line over all taps of `window`, whose blocks are those of one channel block in turn. */
    bool gathered;
    conv_shape window;
    int unit_pixels, units;      /* unit: piece of a row; first all rows of piece 0, then piece 1 ... */
    int strip_rows, strip_width; /* of the padded copy, in pixels */
    /* pixels between planes and rows, and of an image in front of what the buffer holds */
    ptrdiff_t src_plane, dst_plane, src_row, dst_row, src_skip, dst_skip;
} geometry;

static const conv_tile_set *tiles_for(const conv_units *units, const conv_shape *s)
{
    return s->stride_w == 1 ? &units->unit : s->stride_w == 2 ? &units->two : &units->any;
}

static geometry geometry_of(const cpu_kernels *kernels, const conv_shape *s, int filters, int unit_pixels, int strip)
{
    const conv_units *units = kernels->conv.units;
    geometry g = { .shape = *s, .set = tiles_for(units, s), .lanes = units->lanes, .unit_pixels = unit_pixels };
    int channels = s->c_in / s->groups;
    g.blocks_in = conv_ceil_div(channels, g.lanes);
    g.filters = conv_filters_of(s->c_out / s->groups, g.lanes, filters);
    g.blocks_out = g.filters.blocks;
    g.filter_groups = g.filters.groups;
    g.channels = conv_summed_channels(channels);
    g.sum = (size_t)g.channels * (size_t)s->kernel_h * (size_t)s->kernel_w;
    if (conv_is_line(s)) {
        g.shape.w_in = g.shape.w_out = s->h_out * s->w_out;
        g.shape.h_in = g.shape.h_out = 1;
        g.sliced = g.shape.w_out <= FEW_PIXELS &&
                   g.sum * (size_t)(g.filters.most * g.lanes) * sizeof(float) > CONV_NEAREST_BYTES;
    }
    g.src_plane = (ptrdiff_t)s->h_in * s->w_in;
    g.dst_plane = (ptrdiff_t)s->h_out * s->w_out;
    g.src_row = g.shape.w_in;
    g.dst_row = g.shape.w_out;
    g.padded = conv_needs_padding(s);
    g.units = g.shape.h_out * conv_ceil_div(g.shape.w_out, unit_pixels);
    g.strip_rows = (strip - 1) * s->stride_h + (s->kernel_h - 1) * s->dilation_h + 1;
    g.strip_width = (unit_pixels - 1) * s->stride_w + (s->kernel_w - 1) * s->dilation_w + 1;
    return g;
}

/* The same as 1x1 over blocks_in * taps blocks in scratch. */
static void gather_rows(geometry *g, const cpu_kernels *kernels)
{
    const int taps = g->shape.kernel_h * g->shape.kernel_w, pixels = g->shape.h_out * g->shape.w_out;
    g->window = g->shape;
    g->gathered = g->sliced = g->padded = true;
    g->set = &kernels->conv.units->unit;
    g->blocks_in *= taps;
    g->channels *= taps;
    g->shape.h_in = g->shape.h_out = g->strip_rows = 1;
    g->shape.w_in = g->shape.w_out = g->strip_width = g->unit_pixels = pixels;
    g->shape.kernel_h = g->shape.kernel_w = g->shape.stride_h = g->shape.stride_w = 1;
    g->shape.pad_top = g->shape.pad_left = 0;
    g->units = 1;
    g->src_row = g->dst_row = pixels;
}

static int source_blocks(const geometry *g)
{
    return g->gathered ? g->blocks_in / (g->window.kernel_h * g->window.kernel_w) : g->blocks_in;
}

static size_t strip_bytes(const geometry *g)
{
    return g->padded ? conv_round_bytes(sizeof(float) * (size_t)g->lanes * (size_t)g->blocks_in *
                                        (size_t)g->strip_rows * (size_t)g->strip_width)
                     : 0;
}

static conv_tile tile_of(const geometry *g)
{
    const conv_shape *s = &g->shape;
    ptrdiff_t width = g->padded ? g->strip_width : g->src_row;
    return (conv_tile){
        .blocks = g->blocks_in,
        .taps_h = s->kernel_h,
        .taps_w = s->kernel_w,
        .inner = g->lanes,
        .inner_last = conv_last_block(g->channels, g->lanes),
        .block_stride = (g->padded ? (ptrdiff_t)g->strip_width * g->strip_rows : g->src_plane) * g->lanes,
        .row_stride = width * s->dilation_h * g->lanes,
        .tap_stride = (ptrdiff_t)s->dilation_w * g->lanes,
        .step = (ptrdiff_t)s->stride_w * g->lanes,
        .residual_block_stride = g->dst_plane * g->lanes,
        .cold = g->sum <= COLD_SUM,
    };
}

static size_t scratch_bytes(const geometry *g)
{
    return strip_bytes(g) + sizeof(float) * (size_t)g->filters.most * (size_t)g->unit_pixels * (size_t)g->lanes;
}

/* Copies what outputs from (y, x) on, `rows` of a unit's width, need of one convolution group into scratch, zero where
 * it is outside. */
static void copy_strip(const geometry *g, const float *src, int y, int x, int rows, float *scratch)
{
    const conv_shape *s = &g->shape;
    int first_row = y * s->stride_h - s->pad_top, first = x * s->stride_w - s->pad_left;
    int height = (rows - 1) * s->stride_h + (s->kernel_h - 1) * s->dilation_h + 1;
    int left = conv_min(conv_max(-first, 0), g->strip_width), from_x = conv_max(first, 0);
    int inside = conv_max(0, conv_min(g->strip_width - left, s->w_in - from_x));
    int right = g->strip_width - left - inside;
    size_t pixel = (size_t)g->lanes * sizeof(float), row_bytes = (size_t)g->strip_width * pixel;
    for (int block = 0; block < g->blocks_in; block++) {
        const char *plane = (const char *)src + (block * g->src_plane - g->src_skip) * (ptrdiff_t)pixel;
        char *to = (char *)scratch + (size_t)block * (size_t)g->strip_rows * row_bytes;
        for (int row = 0; row < height; row++, to += row_bytes) {
            int from = first_row + row;
            if (from < 0 || from >= s->h_in) {
                memset(to, 0, row_bytes);
                continue;
            }
            memset(to, 0, (size_t)left * pixel);
            if (inside > 0)
                memcpy(to + (size_t)left * pixel, plane + (from * g->src_row + from_x) * (ptrdiff_t)pixel,
                       (size_t)inside * pixel);
            memset(to + (size_t)(left + inside) * pixel, 0, (size_t)right * pixel);
        }
    }
}

/* One convolution group: [block][tap][pixel][lane]. */
static void gather_taps(const geometry *g, const cpu_kernels *kernels, const float *src, float *scratch)
{
    const conv_shape *s = &g->window;
    const size_t lanes = (size_t)g->lanes;
    const int taps = s->kernel_h * s->kernel_w;
    for (int i = 0; i < g->blocks_in * s->h_out; i++) {
        const int y_out = i % s->h_out, tap = i / s->h_out % taps;
        const float *plane = src + (ptrdiff_t)(i / s->h_out / taps) * g->src_plane * g->lanes;
        const int y = y_out * s->stride_h - s->pad_top + tap / s->kernel_w * s->dilation_h;
        const int x = tap % s->kernel_w * s->dilation_w - s->pad_left; /* that output 0 reads */
        const int before = x < 0 ? conv_min(s->w_out, conv_ceil_div(-x, s->stride_w)) : 0;
        const int inside = y < 0 || y >= s->h_in || x >= s->w_in ? 0 : (s->w_in - 1 - x) / s->stride_w + 1;
        const int end = conv_max(before, conv_min(s->w_out, inside));
        float *to = scratch + (size_t)i * (size_t)s->w_out * lanes;
        memset(to, 0, (size_t)before * lanes * sizeof(float));
        memset(to + (size_t)end * lanes, 0, (size_t)(s->w_out - end) * lanes * sizeof(float));
        if (end > before)
            kernels->gemm.copy(plane + ((ptrdiff_t)y * s->w_in + x + before * s->stride_w) * g->lanes,
                               (size_t)s->stride_w * lanes, lanes, to + (size_t)before * lanes, lanes, lanes,
                               (size_t)(end - before));
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
    bool ends;            /* it is the last unit of all */
} direct_run;

/* A filter group. */
typedef struct direct_group {
    const conv_tile_set *set;
    int count;    /* filter blocks */
    size_t width; /* floats of weights for an input */
} direct_group;

/* A line of a filter group in slices of the sum whose weights stay in the first-level cache while all tiles use them,
 * and the next slice's come to the second: no sooner, for a whole group's would drive out what is summed (3x3/2,
 * 512-512 to 7x7: 1.51 ms, 1.78 with the next group's). Where pixels are few, so many lines come from afar at once that
 * they leave few buffers for those of the second level: sliced 1x1 layers make ResNet-50 0.8 % faster, MobileNetV2 0.5.
 * Not with half a block, whose pairs of sums meet at a slice's end: its bits would depend on the slices. */
static void run_slices(const direct_run *r, const direct_group *group, int tiles, const conv_line *whole)
{
    const geometry *g = r->g;
    const size_t block_floats = (size_t)g->lanes * group->width;
    const int fit = conv_max(1, CONV_NEAREST_BYTES * 3 / 4 / (int)(block_floats * sizeof(float)));
    const int slices = conv_ceil_div(g->blocks_in, fit);
    for (int i = 0; i < slices; i++) {
        const conv_range blocks = conv_cut(g->blocks_in, slices, i);
        conv_tile tile = r->tile;
        conv_line line = *whole;
        tile.blocks = blocks.end - blocks.begin;
        tile.sums = i > 0 ? r->post : NULL;
        tile.sums_block_stride = (ptrdiff_t)whole->n * g->lanes;
        line.src += blocks.begin * tile.block_stride;
        line.weights += (size_t)blocks.begin * block_floats;
        const size_t floats = (size_t)tile.blocks * block_floats;
        const void *next = i < slices - 1 ? line.weights + floats : (const void *)tile.ahead;
        if (next)
            conv_fetch_ahead(&tile, next, floats * sizeof(float), tiles, (size_t)(tile.blocks * g->lanes));
        if (i == slices - 1) {
            conv_run_line_act(r->kernels, r->arguments, group->set, group->count, &tile, &line, r->act, r->post);
            break;
        }
        tile.epilogue.act = CONV_EPILOGUE_NONE;
        tile.inner_last = g->lanes;
        tile.map = NULL;
        tile.dst_block_stride = tile.sums_block_stride;
        conv_run_line(group->set, group->count, &tile, line.src, line.weights, line.bias, NULL, r->post, line.n,
                      g->lanes);
    }
}

/* The input blocks that filter blocks [begin, end) of a convolution group read: of joined groups, those that they have
 * a part in; what the others have is multiplied by zeros. */
static conv_range read_blocks(const geometry *g, conv_range filters)
{
    const conv_shape *s = &g->shape;
    if (s->joined < 2 || g->gathered)
        return (conv_range){ 0, g->blocks_in };
    const int in = s->c_in / s->groups / s->joined, out = s->c_out / s->groups / s->joined;
    const int first = filters.begin * g->lanes / out;
    const int end = conv_min(s->joined, (filters.end * g->lanes - 1) / out + 1);
    return (conv_range){ first * in / g->lanes, conv_ceil_div(end * in, g->lanes) };
}

/* Filter group q (over all convolution groups) for outputs from (y, x) on, `rows` of a unit's width. base: the input of
 * the first one's first tap. */
static void run_filter_group(direct_run *r, int q, int y, int x, int rows, const float *base)
{
    const geometry *g = r->g;
    const conv_shape *s = &g->shape;
    const conv_arguments *a = r->arguments;
    const int own = q % g->filter_groups, convolution = q / g->filter_groups;
    const conv_range filters = conv_filter_group(&g->filters, own);
    const bool halved = conv_filter_halved(&g->filters, own);
    const direct_group group = { halved ? &r->kernels->conv.units->halved : g->set, filters.end - filters.begin,
                                 (size_t)conv_filter_floats(&g->filters, own, g->lanes) };
    const int n = conv_min(g->unit_pixels, s->w_out - x);
    const size_t block = (size_t)convolution * (size_t)g->blocks_out + (size_t)filters.begin;
    const conv_range inputs = read_blocks(g, filters);
    const size_t weight_floats = g->sum * group.width;
    const size_t input_floats = (size_t)(s->kernel_h * s->kernel_w * g->lanes) * group.width;
    const int place =
        convolution * conv_filter_all(&g->filters, g->lanes) + conv_filter_place(&g->filters, own, g->lanes);
    const float *weights = (const float *)a->packed + (size_t)place * g->sum;
    const float *bias = a->bias + block * (size_t)g->lanes;
    ptrdiff_t down = (g->padded ? g->strip_width : g->src_row) * s->stride_h * g->lanes;
    ptrdiff_t at = (ptrdiff_t)block * r->tile.dst_block_stride + (y * g->dst_row + x - g->dst_skip) * g->lanes;
    const float *mapped = a->map.offsets ? a->residual + (ptrdiff_t)block * a->map.plane : NULL;
    /* The next group's weights come in meanwhile. */
    const int tiles = conv_ceil_div(n, group.set->pixels[group.count - 1]);
    r->tile.ahead = NULL;
    if (q + 1 < s->groups * g->filter_groups)
        conv_fetch_ahead(&r->tile, weights + weight_floats, weight_floats * sizeof(float), tiles * rows, g->sum);
    else if (r->ends && a->next)
        conv_fetch_ahead(&r->tile, a->next, a->next_bytes, tiles * rows, g->sum);
    r->tile.blocks = inputs.end - inputs.begin;
    r->tile.inner_last = inputs.end < g->blocks_in ? g->lanes : conv_last_block(g->channels, g->lanes);
    base += inputs.begin * r->tile.block_stride;
    weights += (size_t)inputs.begin * input_floats;
    for (int row = 0; row < rows; row++, base += down, at += g->dst_row * g->lanes) {
        if (row > 0 && r->tile.ahead)
            r->tile.ahead += tiles * r->tile.ahead_share;
        r->tile.map = mapped ? a->map.offsets + (ptrdiff_t)(y + row) * s->w_out + x : NULL;
        const conv_line line = { .src = base,
                                 .weights = weights,
                                 .bias = bias,
                                 .residual = mapped        ? mapped
                                             : a->residual ? a->residual + at
                                                           : NULL,
                                 .dst = a->dst + at,
                                 .n = n };
        if (g->sliced && !halved && tiles > 1 && r->tile.blocks == g->blocks_in)
            run_slices(r, &group, tiles, &line);
        else
            conv_run_line_act(r->kernels, a, group.set, group.count, &r->tile, &line, r->act, r->post);
    }
}

/* All filter groups of this part for one strip. */
static void run_strip(direct_run *r, conv_range groups, int y, int x, int rows, float *scratch)
{
    const geometry *g = r->g;
    const conv_shape *s = &g->shape;
    ptrdiff_t first = ((ptrdiff_t)y * s->stride_h - s->pad_top) * g->src_row + (ptrdiff_t)x * s->stride_w - s->pad_left;
    first = (first - g->src_skip) * g->lanes;
    int copied = -1;
    for (int q = groups.begin; q < groups.end; q++) {
        int group = q / g->filter_groups;
        const float *src = r->arguments->src + (ptrdiff_t)group * source_blocks(g) * g->src_plane * g->lanes;
        if (g->gathered && group != copied)
            gather_taps(g, r->kernels, src, scratch);
        else if (g->padded && group != copied)
            copy_strip(g, src, y, x, rows, scratch);
        copied = group;
        run_filter_group(r, q, y, x, rows, g->padded ? scratch : src + first);
    }
}

/* Without regard to TILE_GATHERED: that is for whole images alone. */
static geometry planned_geometry(const conv_plan *plan)
{
    const int *tile = plan->tile;
    return geometry_of(plan->kernels, &plan->shape, tile[TILE_FILTERS], tile[TILE_UNIT_PIXELS], tile[TILE_STRIP]);
}

static direct_run start(const geometry *g, const cpu_kernels *kernels, const conv_arguments *arguments, void *scratch)
{
    direct_run r = { .g = g, .kernels = kernels, .arguments = arguments, .tile = tile_of(g) };
    r.tile.dst_block_stride = r.tile.residual_block_stride;
    assert(!arguments->map.offsets || (arguments->residual && arguments->residual_before));
    if (arguments->map.offsets)
        r.tile.residual_block_stride = arguments->map.plane;
    r.act = conv_split_activation(kernels, arguments, &r.tile.epilogue);
    r.post = (float *)((char *)scratch + strip_bytes(g));
    return r;
}

static void direct_run_rows(const conv_plan *plan, const conv_arguments *arguments, int begin, int end, void *scratch)
{
    const conv_shape *s = &plan->shape;
    const conv_band *from = &arguments->src_band, *to = &arguments->dst_band;
    geometry g = planned_geometry(plan);
    bool line = conv_is_line(s) && !from->pitch && !to->pitch;
    if (!line) {
        g.shape = *s;
        g.src_row = s->w_in;
        g.dst_row = s->w_out;
    }
    if (from->pitch > 0) {
        g.src_row = from->pitch;
        g.padded = false;
    }
    if (to->pitch > 0)
        g.dst_row = to->pitch;
    if (from->rows > 0) {
        const int row = line ? s->w_in : (int)g.src_row;
        g.src_plane = conv_band_plane(from, row);
        g.src_skip = (ptrdiff_t)from->first * row - from->left;
    }
    if (to->rows > 0) {
        const int row = line ? s->w_out : (int)g.dst_row;
        g.dst_plane = conv_band_plane(to, row);
        g.dst_skip = (ptrdiff_t)to->first * row - to->left;
    }
    if (line) /* a row ends where the rows asked for end */
        g.shape.w_out = end * s->w_out;
    direct_run r = start(&g, plan->kernels, arguments, scratch);
    conv_range groups = { 0, s->groups * g.filter_groups };
    for (int x = line ? begin * s->w_out : 0; x < g.shape.w_out; x += g.unit_pixels)
        for (int y = line ? 0 : begin, last = line ? 1 : end; y < last; y += plan->tile[TILE_STRIP])
            run_strip(&r, groups, y, x, conv_min(plan->tile[TILE_STRIP], last - y), scratch);
}

static void direct_run_part(const conv_plan *plan, const conv_arguments *arguments, int part, void *scratch)
{
    const int *tile = plan->tile;
    geometry g = planned_geometry(plan);
    if (tile[TILE_GATHERED])
        gather_rows(&g, plan->kernels);
    direct_run r = start(&g, plan->kernels, arguments, scratch);
    conv_range groups = conv_cut(g.shape.groups * g.filter_groups, tile[TILE_FILTER_CUTS], part / tile[TILE_UNIT_CUTS]);
    conv_range units = conv_cut(g.units, tile[TILE_UNIT_CUTS], part % tile[TILE_UNIT_CUTS]);
    for (int unit = units.begin; unit < units.end;) {
        int y = unit % g.shape.h_out, piece = unit / g.shape.h_out;
        int rows = conv_min(tile[TILE_STRIP], conv_min(units.end - unit, g.shape.h_out - y));
        r.ends = part == plan->parts - 1 && unit + rows == units.end;
        run_strip(&r, groups, y, piece * g.unit_pixels, rows, scratch);
        unit += rows;
    }
}

/* [filter group][input block][tap], as conv_pack_inputs. */
static void direct_pack(const conv_plan *plan, const float *weights, void *packed)
{
    const conv_shape *s = &plan->shape;
    const geometry g = geometry_of(plan->kernels, s, plan->tile[TILE_FILTERS], plan->tile[TILE_UNIT_PIXELS], 1);
    const int taps = s->kernel_h * s->kernel_w;
    const conv_file file = conv_file_of(s, weights);
    float *to = packed;
    for (int q = 0; q < s->groups * g.filter_groups; q++) {
        const int own = q % g.filter_groups, convolution = q / g.filter_groups;
        for (int c = 0; c < g.channels; c += g.lanes)
            for (int tap = 0; tap < taps; tap++)
                to = conv_pack_inputs(&g.filters, own, g.lanes, file, convolution,
                                      (conv_range){ c, conv_min(c + g.lanes, g.channels) }, tap, to);
    }
}

/* Rows whose input fits the part of the second-level cache that it may take. */
static int strip_units(const geometry *g)
{
    const conv_shape *s = &g->shape;
    double row_bytes = (double)g->blocks_in * g->lanes * sizeof(float) * g->strip_width;
    double strip = (STRIP_BYTES / row_bytes - (s->kernel_h - 1) * s->dilation_h - 1) / s->stride_h + 1;
    return strip < 1 ? 1 : strip > s->h_out ? s->h_out : (int)strip;
}

/* Cuts so that a part's weights stay in the cache, and that there are about `parts` parts. */
static void cut(const geometry *g, int parts, int *tile)
{
    int groups = g->shape.groups * g->filter_groups;
    double weights = (double)g->sum * g->blocks_out * g->shape.groups * g->lanes * sizeof(float);
    int by_weights = conv_min(groups, (int)(weights / WEIGHT_BYTES) + 1);
    int filter_cuts = conv_min(by_weights, conv_max(parts, 1));
    int unit_cuts = conv_min(g->units, conv_ceil_div(parts, filter_cuts));
    if (filter_cuts * unit_cuts < parts)
        filter_cuts = conv_min(groups, conv_ceil_div(parts, unit_cuts));
    tile[TILE_UNIT_CUTS] = unit_cuts;
    tile[TILE_FILTER_CUTS] = filter_cuts;
}

/* Pixels of a unit: whole rows but long ones; a line so that there are units for all parts and its input fits. */
static int unit_size(const conv_shape *s, int tile_pixels, int parts)
{
    int pixels = s->w_out;
    if (conv_is_line(s)) {
        int fit = LINE_BYTES / (int)sizeof(float) / s->c_in;
        const int all = s->h_out * s->w_out;
        pixels = conv_max(LINE_LEAST, conv_min(fit, conv_ceil_div(all, parts)));
        pixels = conv_ceil_div(all, conv_max(1, (all + pixels / 2) / pixels)); /* no last one that is far smaller */
        return conv_ceil_div(pixels, tile_pixels) * tile_pixels;
    }
    if (pixels <= ROW_MOST)
        return pixels;
    pixels = conv_ceil_div(pixels, conv_ceil_div(pixels, ROW_MOST));
    return conv_ceil_div(pixels, tile_pixels) * tile_pixels;
}

/* So few filter blocks in a group that its weights stay in the second-level cache for all rows of a strip. */
static int few_enough(int filters, int blocks, const conv_shape *s, int lanes)
{
    const double bytes = (double)(s->c_in / s->groups) * s->kernel_h * s->kernel_w * lanes * sizeof(float);
    if (s->h_out == 1 || conv_is_line(s))
        return filters;
    while (filters > 1 && filters * bytes > WEIGHT_BYTES)
        filters = conv_ceil_div(blocks, conv_ceil_div(blocks, filters - 1));
    return filters;
}

/* Cycles of a convolution group: register tiles over lines of n pixels, which take the weights from the second level so
 * often, where they are not in the first; six tenths of that are not hidden, as measured. */
static double line_cycles(const geometry *g, const conv_tile_set *set, int filters, int lines, int n, int times)
{
    const double vector = g->lanes * (double)sizeof(float), sum = (double)g->sum;
    const bool far = sum * filters * vector > CONV_NEAREST_BYTES;
    return conv_tile_cost(set, filters, g->blocks_out, n) * sum * lines * n +
           (far ? 0.6 * times * g->blocks_out * sum * vector / CONV_NEAR_RATE : 0);
}

/* Filter blocks of a group when rows are joined, or 0 where that gains nothing. */
static int gathered_filters(const cpu_kernels *kernels, const conv_shape *s, int filters)
{
    enum { GATHERED_BYTES = 1024 * 1024 };
    const conv_tile_set *set = &kernels->conv.units->unit;
    const geometry g = geometry_of(kernels, s, filters, s->w_out, 1);
    const int pixels = s->h_out * s->w_out;
    const double bytes = (double)g.sum * pixels * sizeof(float);
    if (conv_is_line(s) || s->h_out == 1 || g.channels % g.lanes || bytes > GATHERED_BYTES)
        return 0;
    const int tiles = s->h_out * conv_ceil_div(s->w_out, g.set->pixels[filters - 1]);
    double best = 0.95 * line_cycles(&g, g.set, filters, s->h_out, s->w_out, tiles);
    int best_filters = 0;
    for (int f = 1; f <= conv_min(set->filters, g.blocks_out); f++) {
        const double cycles = line_cycles(&g, set, f, 1, pixels, 1) + bytes / CONV_FAR_RATE;
        best_filters = cycles < best ? f : best_filters;
        best = cycles < best ? cycles : best;
    }
    return best_filters ? conv_ceil_div(g.blocks_out, conv_ceil_div(g.blocks_out, best_filters)) : 0;
}

/* Filter blocks of a group where groups are joined: with few, inputs that these filters do not read are left out.
 * *share: the part of all products that is left. */
static int joined_filters(const cpu_kernels *kernels, const conv_shape *s, int line, double *share)
{
    const conv_tile_set *set = tiles_for(kernels->conv.units, s);
    const int blocks = conv_ceil_div(s->c_out / s->groups, kernels->conv.units->lanes);
    double best = 0;
    int best_filters = 1;
    for (int f = 1; f <= conv_min(set->filters, blocks); f++) {
        const geometry g = geometry_of(kernels, s, f, s->w_out, 1);
        double products = 0;
        for (int q = 0; q < g.filter_groups; q++) {
            const conv_range filters = conv_group(g.blocks_out, g.filter_groups, q), inputs = read_blocks(&g, filters);
            products += (double)(filters.end - filters.begin) * (inputs.end - inputs.begin);
        }
        const double part = products / ((double)g.blocks_out * g.blocks_in);
        const double cost = part * conv_tile_cost(set, f, blocks, line);
        if (f == 1 || cost <= best * 1.001) {
            best = cost;
            best_filters = f;
            *share = part;
        }
    }
    return conv_ceil_div(blocks, conv_ceil_div(blocks, best_filters));
}

bool conv_choose_direct(const cpu_kernels *kernels, const conv_shape *s, conv_plan *plan)
{
    const conv_units *units = kernels->conv.units;
    if (s->src_plain || !conv_fills_blocks(s, units->lanes))
        return false;
    const conv_tile_set *set = tiles_for(units, s);
    int blocks = conv_ceil_div(s->c_out / s->groups, units->lanes);
    int line = conv_is_line(s) ? conv_min(60, s->h_out * s->w_out) : s->w_out;
    double share = 1;
    int filters = conv_is_line(s) && s->groups == 1
                      ? conv_best_halved(units, s, line)
                      : few_enough(s->joined > 1 ? joined_filters(kernels, s, line, &share)
                                                 : conv_best_filters(set, blocks, line),
                                   blocks, s, units->lanes);
    const int most = filters % CONV_HALVED;
    int parts =
        conv_parts_for((double)(s->c_in / s->groups) * s->kernel_h * s->kernel_w * s->c_out * s->h_out * s->w_out);
    int unit_pixels = 0;
    plan->balance = 0;
    for (int n = parts; n <= (s->threads > 1 ? parts + 4 * s->threads : parts) && plan->balance < 0.96; n++) {
        int pixels = unit_size(s, set->pixels[most - 1], n), tile[TILE_COUNT];
        geometry g = geometry_of(kernels, s, filters, pixels, 1);
        cut(&g, n, tile);
        double balance = conv_balance(g.units, tile[TILE_UNIT_CUTS], s->groups * g.filter_groups,
                                      tile[TILE_FILTER_CUTS], s->threads);
        if (n > parts && balance <= plan->balance)
            continue;
        plan->balance = balance;
        plan->tile[TILE_UNIT_CUTS] = tile[TILE_UNIT_CUTS];
        plan->tile[TILE_FILTER_CUTS] = tile[TILE_FILTER_CUTS];
        unit_pixels = pixels;
    }
    geometry g = geometry_of(kernels, s, filters, unit_pixels, 1);
    int strip = conv_min(strip_units(&g), conv_ceil_div(g.units, plan->tile[TILE_UNIT_CUTS]));
    plan->tile[TILE_FILTERS] = filters;
    plan->tile[TILE_UNIT_PIXELS] = unit_pixels;
    plan->tile[TILE_STRIP] = strip;
    g = geometry_of(kernels, s, filters, unit_pixels, strip);
    const int joined = share < 1 ? 0 : gathered_filters(kernels, s, filters);
    if (joined > 0) {
        plan->tile[TILE_FILTERS] = joined;
        plan->tile[TILE_UNIT_CUTS] = plan->tile[TILE_GATHERED] = 1;
        g = planned_geometry(plan);
        /* Every part gathers again. */
        plan->tile[TILE_FILTER_CUTS] = s->threads > 1 ? conv_min(s->groups * g.filter_groups, 2 * s->threads) : 1;
        plan->balance = conv_balance(1, 1, s->groups * g.filter_groups, plan->tile[TILE_FILTER_CUTS], s->threads);
    }

    plan->name = units->direct_name;
    plan->parts = plan->tile[TILE_UNIT_CUTS] * plan->tile[TILE_FILTER_CUTS];
    plan->packed_bytes = g.sum * (size_t)conv_filter_all(&g.filters, g.lanes) * (size_t)s->groups * sizeof(float);
    plan->scratch_bytes = scratch_bytes(&g);
    plan->takes_border = g.padded;
    if (joined > 0) {
        gather_rows(&g, kernels);
        const size_t gathered = scratch_bytes(&g);
        plan->scratch_bytes = gathered > plan->scratch_bytes ? gathered : plan->scratch_bytes;
    }
    plan->run = direct_run_part;
    plan->run_rows = direct_run_rows;
    plan->maps_residual = set == &units->unit && joined == 0;
    const double cost =
        g.filters.halved ? conv_halved_cost(units, &g.filters, line) : conv_tile_cost(set, filters, blocks, line);
    plan->cycles = cost * share * (double)g.sum * s->groups * s->h_out * s->w_out;
    plan->pack = direct_pack;
    return true;
}
