/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Convolution of images of 16 bits in float16, around the tiles of half.h. (With sums of float32: half_tiles.c,
 * half_depthwise.c.) As in conv_direct.c the output is cut in units (rows, or pieces of the one line that a 1x1 kernel
 * makes), units in strips whose input stays in the cache; where taps would read outside, and where the source is plain,
 * the strip is first copied into scratch. */
#include <assert.h>
#include <string.h>

#include "cpu/conv_private.h"
#include "cpu/half.h"

enum { STRIP_BYTES = 192 * 1024, LINE_BYTES = 128 * 1024, LINE_LEAST = 48, ROW_MOST = 512, PLAIN_LANES = 4 };
enum { SCRATCH_MOST = 64 << 20 }; /* of a strip of one row, where inputs are many beyond reason */

/* What follows from a plan. */
typedef struct geometry {
    conv_shape shape; /* h * w in one row where it may be */
    const half_tile_set *set;
    int lanes;                         /* elements of a source pixel */
    int blocks_in, blocks_out, groups; /* of a convolution group: blocks, and groups of filter blocks */
    size_t sum;                        /* inputs of one output */
    int units, pieces;
    int strip_rows, strip_width; /* of the copy, in pixels */
} geometry;

static const half_tile_set *tiles_for(const half_kernels *half, const conv_shape *s)
{
    if (s->src_plain)
        return &half->plain;
    return s->stride_w == 1 ? &half->unit : s->stride_w == 2 ? &half->two : &half->any;
}

static geometry geometry_of(const half_conv_plan *plan)
{
    const conv_shape *s = &plan->shape;
    geometry g = { .shape = *s, .set = tiles_for(&plan->kernels->half, s) };
    g.lanes = s->src_plain ? PLAIN_LANES : HALF_LANES;
    g.blocks_in = s->src_plain ? 1 : conv_ceil_div(s->c_in / s->groups, HALF_LANES);
    g.blocks_out = conv_ceil_div(s->c_out / s->groups, HALF_LANES);
    g.groups = conv_ceil_div(g.blocks_out, plan->filters);
    g.sum = (size_t)g.blocks_in * (size_t)g.lanes * (size_t)s->kernel_h * (size_t)s->kernel_w;
    if (plan->line) {
        g.shape.w_in = g.shape.w_out = s->h_out * s->w_out;
        g.shape.h_in = g.shape.h_out = 1;
    }
    g.pieces = conv_ceil_div(g.shape.w_out, plan->unit);
    g.units = g.shape.h_out * g.pieces;
    g.strip_rows = (plan->strip - 1) * s->stride_h + (s->kernel_h - 1) * s->dilation_h + 1;
    g.strip_width = (plan->unit - 1) * s->stride_w + (s->kernel_w - 1) * s->dilation_w + 1;
    return g;
}

static size_t strip_elements(const half_conv_plan *plan, const geometry *g)
{
    return plan->padded ? (size_t)g->blocks_in * (size_t)g->strip_rows * (size_t)g->strip_width * (size_t)g->lanes : 0;
}

/* ---- strips ---- */

/* One row of the copy: source columns from `first` on, zero where there are none. src: the row's column 0, or NULL. */
static void copy_row(const half_conv_plan *plan, const geometry *g, const void *src, int first, uint16_t *to)
{
    const conv_shape *s = &g->shape;
    int left = conv_min(conv_max(-first, 0), g->strip_width), from = conv_max(first, 0);
    int inside = src ? conv_max(0, conv_min(g->strip_width - left, s->w_in - from)) : 0;
    size_t pixel = (size_t)g->lanes * sizeof(uint16_t);
    if (inside == 0)
        left = 0;
    memset(to, 0, (size_t)left * pixel);
    uint16_t *at = to + (size_t)left * (size_t)g->lanes;
    if (inside > 0 && s->src_plain)
        plan->kernels->half.interleave((const float *)src + from, (size_t)s->h_in * (size_t)s->w_in, s->c_in,
                                       (size_t)inside, at);
    else if (inside > 0)
        memcpy(at, (const uint16_t *)src + (size_t)from * (size_t)g->lanes, (size_t)inside * pixel);
    memset(at + (size_t)inside * (size_t)g->lanes, 0, (size_t)(g->strip_width - left - inside) * pixel);
}

/* What outputs from (y, x) on, `rows` of a unit's width, need of one convolution group. */
static void copy_strip(const half_conv_plan *plan, const geometry *g, const void *src, int y, int x, int rows,
                       uint16_t *to)
{
    const conv_shape *s = &g->shape;
    int first_row = y * s->stride_h - s->pad_top, first = x * s->stride_w - s->pad_left;
    int height = (rows - 1) * s->stride_h + (s->kernel_h - 1) * s->dilation_h + 1;
    size_t row_elements = (size_t)g->strip_width * (size_t)g->lanes, row_in = (size_t)s->w_in;
    for (int block = 0; block < g->blocks_in; block++)
        for (int row = 0; row < height; row++) {
            int from = first_row + row;
            size_t at = ((size_t)block * (size_t)s->h_in + (size_t)conv_max(from, 0)) * row_in;
            const void *line = s->src_plain ? (const void *)((const float *)src + at)
                                            : (const void *)((const uint16_t *)src + at * HALF_LANES);
            copy_row(plan, g, from < 0 || from >= s->h_in ? NULL : line, first,
                     to + ((size_t)block * (size_t)g->strip_rows + (size_t)row) * row_elements);
        }
}

/* ---- dense ---- */

static half_tile tile_of(const half_conv_plan *plan, const geometry *g, const half_conv_arguments *a)
{
    const conv_shape *s = &g->shape;
    ptrdiff_t width = plan->padded ? g->strip_width : s->w_in, height = plan->padded ? g->strip_rows : s->h_in;
    int taps = s->kernel_h * s->kernel_w;
    return (half_tile){
        .blocks = g->blocks_in,
        .taps_h = s->kernel_h,
        .taps_w = s->kernel_w,
        .chunk = conv_max(1, HALF_CHUNK / (taps * HALF_LANES)),
        .block_stride = width * height * g->lanes,
        .row_stride = width * s->dilation_h * g->lanes,
        .tap_stride = (ptrdiff_t)s->dilation_w * g->lanes,
        .step = (ptrdiff_t)s->stride_w * g->lanes,
        .block_out = (ptrdiff_t)s->h_out * s->w_out * HALF_LANES,
        .activation = a->activation,
        .residual_before = a->residual_before,
    };
}

/* n outputs in a line, in tiles of nearly equal size. */
static void run_line(const half_tile_set *set, int filters, const half_tile *tile, const uint16_t *src,
                     const uint16_t *weights, const uint16_t *bias, const uint16_t *residual, uint16_t *dst, int n)
{
    int tiles = conv_ceil_div(n, set->pixels[filters - 1]), size = n / tiles, larger = n % tiles;
    if (larger > 0) {
        set->run[filters - 1][size](tile, src, weights, bias, residual, dst, larger);
        ptrdiff_t done = (ptrdiff_t)larger * (size + 1);
        src += done * tile->step;
        dst += done * HALF_LANES;
        residual = residual ? residual + done * HALF_LANES : NULL;
    }
    set->run[filters - 1][size - 1](tile, src, weights, bias, residual, dst, tiles - larger);
}

/* Filter group q for outputs from (y, x) on. base: the first input of the first output. */
static void run_group(const half_conv_plan *plan, const geometry *g, const half_tile *tile,
                      const half_conv_arguments *a, int q, int y, int x, int rows, const uint16_t *base)
{
    const conv_shape *s = &g->shape;
    conv_range filters = conv_group(g->blocks_out, g->groups, q % g->groups);
    size_t block = (size_t)(q / g->groups) * (size_t)g->blocks_out + (size_t)filters.begin;
    const uint16_t *weights = (const uint16_t *)a->packed + block * g->sum * HALF_LANES;
    ptrdiff_t down = (ptrdiff_t)(plan->padded ? g->strip_width : s->w_in) * s->stride_h * g->lanes;
    size_t at = block * (size_t)tile->block_out + ((size_t)y * (size_t)s->w_out + (size_t)x) * HALF_LANES;
    int n = conv_min(plan->unit, s->w_out - x);
    for (int row = 0; row < rows; row++, base += down, at += (size_t)s->w_out * HALF_LANES)
        run_line(g->set, filters.end - filters.begin, tile, base, weights,
                 (const uint16_t *)a->bias + block * HALF_LANES, a->residual ? a->residual + at : NULL,
                 (uint16_t *)a->dst + at, n);
}

static void run_strip(const half_conv_plan *plan, const geometry *g, const half_tile *tile,
                      const half_conv_arguments *a, conv_range groups, int y, int x, int rows, uint16_t *scratch)
{
    const conv_shape *s = &g->shape;
    ptrdiff_t first =
        (((ptrdiff_t)y * s->stride_h - s->pad_top) * s->w_in + (ptrdiff_t)x * s->stride_w - s->pad_left) * g->lanes;
    int copied = -1;
    for (int q = groups.begin; q < groups.end; q++) {
        int group = q / g->groups;
        const uint16_t *src =
            (const uint16_t *)a->src + (ptrdiff_t)group * g->blocks_in * s->h_in * s->w_in * HALF_LANES;
        if (plan->padded && group != copied)
            copy_strip(plan, g, s->src_plain ? a->src : src, y, x, rows, scratch);
        copied = group;
        run_group(plan, g, tile, a, q, y, x, rows, plan->padded ? scratch : src + first);
    }
}

static void run_dense(const half_conv_plan *plan, const half_conv_arguments *a, int part, void *scratch)
{
    const geometry g = geometry_of(plan);
    const half_tile tile = tile_of(plan, &g, a);
    conv_range groups = conv_cut(g.shape.groups * g.groups, plan->filter_cuts, part / plan->cuts);
    conv_range units = conv_cut(g.units, plan->cuts, part % plan->cuts);
    for (int unit = units.begin; unit < units.end;) {
        int y = unit % g.shape.h_out, piece = unit / g.shape.h_out;
        int rows = conv_min(plan->strip, conv_min(units.end - unit, g.shape.h_out - y));
        run_strip(plan, &g, &tile, a, groups, y, piece * plan->unit, rows, scratch);
        unit += rows;
    }
}

/* ---- depthwise ---- */

static int floor_div(int a, int b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

static void run_depthwise(const half_conv_plan *plan, const half_conv_arguments *a, int part)
{
    const conv_shape *s = &plan->shape;
    const half_kernels *half = &plan->kernels->half;
    const ptrdiff_t lanes = half->lanes;
    bool known = s->dilation_w == 1 && s->stride_w <= 2 && (s->kernel_w == 3 || s->kernel_w == 5);
    half_depthwise *run = known ? half->depthwise[s->kernel_w / 2 - 1][s->stride_w - 1] : half->depthwise_any;
    half_row job = { 0,
                     s->kernel_w,
                     s->stride_w,
                     s->dilation_w,
                     (ptrdiff_t)s->w_in * s->dilation_h * lanes,
                     a->activation,
                     a->residual_before };
    int64_t rows = (int64_t)conv_ceil_div(s->c_in, half->lanes) * s->h_out;
    for (int64_t row = rows * part / plan->parts; row < rows * (part + 1) / plan->parts; row++) {
        int block = (int)(row / s->h_out), y = (int)(row % s->h_out);
        int top = y * s->stride_h - s->pad_top;
        int first = top >= 0 ? 0 : conv_min(s->kernel_h, conv_ceil_div(-top, s->dilation_h));
        int last = conv_min(s->kernel_h, floor_div(s->h_in - 1 - top, s->dilation_h) + 1);
        ptrdiff_t plane = (ptrdiff_t)block * s->h_in * s->w_in;
        ptrdiff_t from = plane + (ptrdiff_t)(top + first * s->dilation_h) * s->w_in - s->pad_left;
        ptrdiff_t weight = ((ptrdiff_t)block * s->kernel_h + first) * s->kernel_w * lanes;
        ptrdiff_t at = (ptrdiff_t)row * s->w_out * lanes, sum_bytes = (ptrdiff_t)half->sum_bytes;
        job.kernel_h = conv_max(last - first, 0);
        run(&job, (const uint16_t *)a->src + from * lanes, (const char *)a->packed + weight * sum_bytes,
            (const char *)a->bias + block * lanes * sum_bytes, a->residual ? a->residual + at : NULL,
            (uint16_t *)a->dst + at, s->w_out, s->pad_left, s->w_in + s->pad_left);
    }
}

void half_conv_run(const half_conv_plan *plan, const half_conv_arguments *arguments, int part, void *scratch)
{
    if (plan->depthwise && plan->kernels->half.finish)
        half_depthwise_run(plan, arguments, part, scratch);
    else if (plan->depthwise)
        run_depthwise(plan, arguments, part);
    else if (plan->tiles)
        half_tiles_run(plan, arguments, part, scratch);
    else
        run_dense(plan, arguments, part, scratch);
}

/* ---- packing: rows of a block's floats, rounded by the table's own conversion ---- */

static void pack_lanes(const half_conv_plan *plan, const float *row, uint16_t *to)
{
    plan->kernels->half.from_float(row, to, HALF_LANES);
}

static void pack_depthwise(const half_conv_plan *plan, const float *weights, char *to)
{
    const half_kernels *half = &plan->kernels->half;
    const conv_shape *s = &plan->shape;
    const int taps = s->kernel_h * s->kernel_w, lanes = half->lanes;
    const size_t bytes = (size_t)lanes * half->sum_bytes;
    for (int c0 = 0; c0 < s->c_in; c0 += lanes)
        for (int tap = 0; tap < taps; tap++, to += bytes) {
            float row[HALF_MOST_LANES] = { 0 };
            for (int c = c0; c < conv_min(c0 + lanes, s->c_in); c++)
                memcpy(&row[c - c0], weights + (size_t)c * (size_t)taps + (size_t)tap, sizeof(float));
            if (half->sum_bytes == sizeof(float))
                memcpy(to, row, bytes);
            else
                half->from_float(row, (uint16_t *)to, (size_t)lanes);
        }
}

/* [filter group][input block][tap][input][filter block][lane] */
static void pack_dense(const half_conv_plan *plan, const float *weights, uint16_t *to)
{
    const conv_shape *s = &plan->shape;
    const geometry g = geometry_of(plan);
    int taps = s->kernel_h * s->kernel_w, channels = s->c_in / s->groups, filters_out = s->c_out / s->groups;
    for (int q = 0; q < s->groups * g.groups; q++) {
        conv_range filters = conv_group(g.blocks_out, g.groups, q % g.groups);
        const float *group = weights + (size_t)(q / g.groups) * (size_t)filters_out * (size_t)channels * (size_t)taps;
        for (int c0 = 0; c0 < g.blocks_in * g.lanes; c0 += g.lanes)
            for (int tap = 0; tap < taps; tap++)
                for (int c = c0; c < c0 + g.lanes; c++)
                    for (int block = filters.begin; block < filters.end; block++, to += HALF_LANES) {
                        float row[HALF_LANES] = { 0 };
                        for (int i = 0; i < HALF_LANES && c < channels && block * HALF_LANES + i < filters_out; i++) {
                            size_t o = (size_t)block * HALF_LANES + (size_t)i;
                            memcpy(&row[i], group + (o * (size_t)channels + (size_t)c) * (size_t)taps + (size_t)tap,
                                   sizeof(float));
                        }
                        pack_lanes(plan, row, to);
                    }
    }
}

void half_conv_pack_form(const half_conv_plan *plan, half_conv_plan *form)
{
    memset(form, 0, sizeof(*form));
    form->shape.c_in = plan->shape.c_in;
    form->shape.c_out = plan->shape.c_out;
    form->shape.groups = plan->shape.groups;
    form->shape.kernel_h = plan->shape.kernel_h;
    form->shape.kernel_w = plan->shape.kernel_w;
    form->shape.src_plain = plan->shape.src_plain;
    form->shape.h_in = form->shape.w_in = form->shape.h_out = form->shape.w_out = 1;
    form->shape.stride_h = form->shape.stride_w = form->shape.dilation_h = form->shape.dilation_w = 1;
    if (plan->tiles && plan->shape.dilation_w > 1)
        form->shape.dilation_w = 2; /* taps that are no neighbours */
    form->unit = form->strip = 1;
    form->filters = plan->filters;
    form->depthwise = plan->depthwise;
    form->tiles = plan->tiles;
    form->packed_bytes = plan->packed_bytes;
    form->kernels = plan->kernels;
}

void half_conv_pack(const half_conv_plan *plan, const float *weights, void *packed)
{
    if (plan->depthwise)
        pack_depthwise(plan, weights, packed);
    else if (plan->tiles)
        half_tiles_pack(plan, weights, packed);
    else
        pack_dense(plan, weights, packed);
}

/* ---- choice ---- */

static bool choose_depthwise(const conv_shape *s, half_conv_plan *plan)
{
    if (s->groups != s->c_in || s->c_in != s->c_out || s->c_in == 1 || s->src_plain)
        return false;
    const half_kernels *half = &plan->kernels->half;
    int blocks = conv_ceil_div(s->c_in, half->lanes);
    double sums = (double)s->kernel_h * s->kernel_w * s->c_out * s->h_out * s->w_out, rows = (double)blocks * s->h_out;
    plan->depthwise = true;
    plan->parts = conv_parts_for(sums * 2); /* bound by loads too */
    plan->parts = plan->parts > rows ? (int)rows : plan->parts;
    plan->packed_bytes = (size_t)blocks * (size_t)(s->kernel_h * s->kernel_w) * (size_t)half->lanes * half->sum_bytes;
    return !half->finish || half_depthwise_choose(plan);
}

/* Pixels of a unit: whole rows but long ones; pieces of a line so that there are enough and their input fits. */
static int unit_size(const half_conv_plan *plan, int tile_pixels, int parts)
{
    const conv_shape *s = &plan->shape;
    int pixels = s->w_out;
    if (plan->line) {
        int fit = LINE_BYTES / (int)sizeof(uint16_t) / s->c_in;
        pixels = conv_max(LINE_LEAST, conv_min(fit, conv_ceil_div(s->h_out * s->w_out, parts)));
        return conv_ceil_div(pixels, tile_pixels) * tile_pixels;
    }
    if (pixels <= ROW_MOST)
        return pixels;
    pixels = conv_ceil_div(pixels, conv_ceil_div(pixels, ROW_MOST));
    return conv_ceil_div(pixels, tile_pixels) * tile_pixels;
}

static int strip_units(const geometry *g)
{
    const conv_shape *s = &g->shape;
    double row = (double)g->blocks_in * g->lanes * sizeof(uint16_t) * g->strip_width;
    double strip = (STRIP_BYTES / row - (s->kernel_h - 1) * s->dilation_h - 1) / s->stride_h + 1;
    return strip < 1 ? 1 : strip > s->h_out ? s->h_out : (int)strip;
}

static bool choose_dense(const cpu_kernels *kernels, const conv_shape *s, half_conv_plan *plan)
{
    if (s->src_plain ? s->groups > 1 || s->c_in > PLAIN_LANES
                     : s->groups > 1 && (s->c_in % (s->groups * HALF_LANES) || s->c_out % (s->groups * HALF_LANES)))
        return false;
    int blocks = conv_ceil_div(s->c_out / s->groups, HALF_LANES);
    int channels = s->src_plain ? PLAIN_LANES : conv_ceil_div(s->c_in / s->groups, HALF_LANES) * HALF_LANES;
    int parts = conv_parts_for((double)channels * s->kernel_h * s->kernel_w * s->c_out * s->h_out * s->w_out / 2);
    /* Groups of nearly equal size, the largest as given. */
    plan->filters = conv_ceil_div(blocks, conv_ceil_div(blocks, HALF_MAX_FILTERS));
    plan->line = conv_is_line(s) && !s->src_plain;
    plan->padded = s->src_plain || conv_needs_padding(s);
    plan->unit = unit_size(plan, tiles_for(&kernels->half, s)->pixels[plan->filters - 1], parts);
    plan->strip = 1;
    geometry g = geometry_of(plan);
    int groups = s->groups * g.groups;
    plan->cuts = conv_min(g.units, parts);
    plan->filter_cuts = conv_min(groups, conv_max(1, parts / plan->cuts));
    plan->strip = plan->line ? 1 : conv_min(strip_units(&g), conv_ceil_div(g.units, plan->cuts));
    g = geometry_of(plan);
    plan->parts = plan->cuts * plan->filter_cuts;
    plan->packed_bytes = g.sum * (size_t)g.blocks_out * (size_t)s->groups * HALF_LANES * sizeof(uint16_t);
    plan->scratch_bytes = conv_round_bytes(strip_elements(plan, &g) * sizeof(uint16_t));
    return true;
}

bool half_conv_choose(const cpu_kernels *kernels, const conv_shape *shape, half_conv_plan *plan)
{
    const half_kernels *half = &kernels->half;
    if (half->format == HALF_NONE || !conv_is_reasonable(shape))
        return false;
    *plan = (half_conv_plan){ .shape = *shape, .kernels = kernels, .name = half->direct_name };
    if (choose_depthwise(shape, plan))
        plan->name = half->depthwise_name;
    else if (!(half->tiles.run ? half_tiles_choose(shape, plan) : choose_dense(kernels, shape, plan)))
        return false;
    return plan->scratch_bytes <= SCRATCH_MOST;
}

/* ---- reorders ---- */

enum { REORDER_PIXELS = 64 };

void half_block(const cpu_kernels *kernels, const float *src, size_t stride, int lanes, size_t hw, uint16_t *dst)
{
    const half_kernels *half = &kernels->half;
    float wide[REORDER_PIXELS * HALF_MOST_LANES] __attribute__((aligned(64)));
    if (half->block) {
        half->block(src, stride, lanes, hw, dst);
        return;
    }
    assert(kernels->block == half->lanes);
    for (size_t i = 0, n; i < hw; i += n) {
        n = hw - i < REORDER_PIXELS ? hw - i : REORDER_PIXELS;
        kernels->layout.block(src + i, stride, lanes, n, wide);
        half->from_float(wide, dst + i * (size_t)half->lanes, n * (size_t)half->lanes);
    }
}

void half_unblock(const cpu_kernels *kernels, const uint16_t *src, int lanes, size_t hw, float *dst, size_t stride)
{
    const half_kernels *half = &kernels->half;
    float wide[REORDER_PIXELS * HALF_MOST_LANES] __attribute__((aligned(64)));
    if (half->unblock) {
        half->unblock(src, lanes, hw, dst, stride);
        return;
    }
    assert(kernels->block == half->lanes);
    for (size_t i = 0, n; i < hw; i += n) {
        n = hw - i < REORDER_PIXELS ? hw - i : REORDER_PIXELS;
        half->to_float(src + i * (size_t)half->lanes, wide, n * (size_t)half->lanes);
        kernels->layout.unblock(wide, lanes, n, dst + i, stride);
    }
}
