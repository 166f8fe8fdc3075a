/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Dense convolution by products of tiles (AMX): a step of a tile takes 32 inputs of each output, 64 bytes in a row. So
 * a strip of source rows is copied into scratch first, two channel blocks side by side, with the zeros around the image
 * in place. There an odd block out has pixels of half a row, and one of up to four plain channels of an eighth: their
 * rows reach over the neighbours, which are the next taps of the kernel (or meet weights of 0).
 *
 * All rows of a strip are one line, of `pitch` outputs each: tiles are never cut short at the ends of rows. What a line
 * has too much between two rows is written where the next row begins, and that overwrites it. With a stride, rows that
 * one tap reads for neighbouring outputs lie together: row r at place r / stride of phase r % stride. Columns
 * that are never read are left out where all blocks are in pairs.
 *
 * While lines run, the source of the next strip is fetched, and weights that come from afar: of the next filter group,
 * spread over all tiles of the line, of which only the first would wait for them. */
#include <assert.h>
#include <string.h>

#include "cpu/conv_private.h"
#include "cpu/half.h"

enum {
    LANES = 16,
    ROW_BYTES = HALF_STEP * sizeof(uint16_t),
    PLAIN_LANES = 4,
    BLOCK_BYTES = LANES * sizeof(uint16_t),
    LINE_BYTES = 16 * 1024,   /* of a 1x1 kernel's strip: in the first-level cache, with weights */
    STRIP_BYTES = 256 * 1024, /* of other strips: within the second */
    WIDTH_MOST = 512,
    FILTERS = 2,                   /* blocks of a group */
    FAR_BYTES = 512 * 1024,        /* of weights: fewer are not worth being fetched */
    KEPT_BYTES = 1024 * 1024,      /* so many are near once they were read */
    FIRST_BYTES = 32 * 1024,       /* of them are fetched before the first line */
    STEP_BYTES = LANES * ROW_BYTES /* of weights of a filter block */
};

/* Where a strip holds pixels of so many bytes. */
typedef struct region {
    size_t at;           /* in scratch */
    size_t pixel, row;   /* bytes of a pixel; from place to place */
    size_t phase, plane; /* bytes from phase to phase, from pair to pair */
} region;

typedef struct geometry {
    conv_shape shape;                         /* h * w in one row where it may be */
    int blocks_in, pairs, blocks_out, groups; /* of a convolution group; groups: of filter blocks */
    bool single;                              /* the blocks are odd in number, or the source is plain */
    int taps, taps_w; /* columns that one step of the single block takes; such steps of a kernel row */
    int steps, wide;  /* wide: those of pairs */
    int units, pieces, pitch, phases;
    int every, stride_w; /* one in so many source columns is copied; columns of the copy from output to output */
    int places;
    region pair, one;
    size_t places_at, scratch;
} geometry;

/* Source rows, or columns, that `n` outputs reach over. */
static int reach(int n, int stride, int kernel, int dilation)
{
    return (n - 1) * stride + (kernel - 1) * dilation + 1;
}

static region region_of(const geometry *g, int strip, size_t at, size_t pixel, int planes)
{
    const conv_shape *s = &g->shape;
    const int slots = conv_ceil_div(reach(strip, s->stride_h, s->kernel_h, s->dilation_h), s->stride_h);
    region r = { .at = at, .pixel = pixel, .row = (size_t)g->pitch * (size_t)g->stride_w * pixel };
    r.phase = (size_t)slots * r.row + ROW_BYTES; /* the last row's reads, and zeros, go beyond it */
    r.plane = planes > 0 ? conv_round_bytes((size_t)g->phases * r.phase) : 0;
    return r;
}

static geometry geometry_of(const half_conv_plan *plan)
{
    const conv_shape *s = &plan->shape;
    geometry g = { .shape = *s };
    if (plan->line) {
        g.shape.w_in = g.shape.w_out = s->h_out * s->w_out;
        g.shape.h_in = g.shape.h_out = 1;
    }
    g.blocks_in = s->src_plain ? 1 : conv_ceil_div(s->c_in / s->groups, LANES);
    g.blocks_out = conv_ceil_div(s->c_out / s->groups, LANES);
    g.groups = conv_ceil_div(g.blocks_out, FILTERS);
    g.pairs = g.blocks_in / 2;
    g.single = g.blocks_in % 2 != 0;
    const size_t pixel = s->src_plain ? PLAIN_LANES * sizeof(uint16_t) : BLOCK_BYTES;
    g.taps = s->dilation_w == 1 ? (int)(ROW_BYTES / pixel) : 1;
    g.taps_w = conv_ceil_div(s->kernel_w, g.taps);
    g.wide = g.pairs * s->kernel_h * s->kernel_w;
    g.steps = g.wide + (g.single ? s->kernel_h * g.taps_w : 0);
    g.pieces = conv_ceil_div(g.shape.w_out, plan->unit);
    g.units = g.shape.h_out * g.pieces;
    g.pitch = conv_ceil_div(reach(plan->unit, s->stride_w, s->kernel_w, s->dilation_w), s->stride_w);
    g.every = s->kernel_w == 1 && !g.single ? s->stride_w : 1;
    g.stride_w = s->stride_w / g.every;
    g.phases = conv_min(s->stride_h, (s->kernel_h - 1) * s->dilation_h + 1);
    g.places = (plan->strip - 1) * g.pitch + plan->unit;
    g.places_at = conv_round_bytes((size_t)g.steps * sizeof(int32_t));
    g.pair = region_of(&g, plan->strip, g.places_at + conv_round_bytes((size_t)g.places * sizeof(int32_t)), ROW_BYTES,
                       g.pairs);
    g.one = region_of(&g, plan->strip, g.pair.at + (size_t)g.pairs * g.pair.plane, pixel, g.single);
    g.scratch = g.one.at + g.one.plane + HALF_TILE_READS * ROW_BYTES * (size_t)g.stride_w + ROW_BYTES;
    return g;
}

/* ---- strips ---- */

/* What outputs from (y, x) on, `rows` of n, need: of a row, `width` columns from `first` on, one in g->every. */
typedef struct window {
    int y, x, rows, n;
    int first_row, first, height, width;
} window;

static window window_of(const geometry *g, int y, int x, int rows, int n)
{
    const conv_shape *s = &g->shape;
    return (window){ .y = y,
                     .x = x,
                     .rows = rows,
                     .n = n,
                     .first_row = y * s->stride_h - s->pad_top,
                     .first = x * s->stride_w - s->pad_left,
                     .height = reach(rows, s->stride_h, s->kernel_h, s->dilation_h),
                     .width = reach(n, g->stride_w, s->kernel_w, s->dilation_w) };
}

/* Place of row `row` of a window in a plane. */
static size_t row_at(const geometry *g, const region *r, int row)
{
    return (size_t)(row % g->shape.stride_h) * r->phase + (size_t)(row / g->shape.stride_h) * r->row;
}

/* One row of one or two blocks, or of the plain channels: src their column 0, or NULL where the row is outside. */
static void copy_row(const half_conv_plan *plan, const geometry *g, const window *w, const region *r, const void *src,
                     char *to)
{
    const conv_shape *s = &g->shape;
    const half_kernels *half = &plan->kernels->half;
    const size_t plane = (size_t)s->h_in * (size_t)s->w_in;
    const int left = conv_min(conv_ceil_div(conv_max(-w->first, 0), g->every), w->width);
    const int from = w->first + left * g->every;
    const int inside = src ? conv_min(w->width - left, conv_ceil_div(conv_max(s->w_in - from, 0), g->every)) : 0;
    const int right = w->width - left - inside;
    memset(to, 0, (size_t)left * r->pixel);
    to += (size_t)left * r->pixel;
    if (inside > 0 && s->src_plain)
        half->interleave((const float *)src + from, plane, s->c_in, (size_t)inside, (uint16_t *)(void *)to);
    else if (inside > 0 && r->pixel == ROW_BYTES)
        half->tiles.pair((const uint16_t *)src + (size_t)from * LANES,
                         (const uint16_t *)src + (plane + (size_t)from) * LANES, (uint16_t *)(void *)to, (size_t)inside,
                         (size_t)g->every);
    else if (inside > 0)
        memcpy(to, (const uint16_t *)src + (size_t)from * LANES, (size_t)inside * r->pixel);
    to += (size_t)inside * r->pixel;
    memset(to, 0, (size_t)right * r->pixel);
    if (r->pixel != ROW_BYTES) /* the last taps reach beyond; the next row, where there is one, is copied later */
        memset(to + (size_t)right * r->pixel, 0, ROW_BYTES);
}

static void copy_plane(const half_conv_plan *plan, const geometry *g, const window *w, const region *r, const char *src,
                       char *to)
{
    const conv_shape *s = &g->shape;
    const size_t row_bytes = (size_t)s->w_in * (s->src_plain ? sizeof(float) : BLOCK_BYTES);
    for (int row = 0; row < w->height; row++) {
        const int from = w->first_row + row;
        if (row % s->stride_h < g->phases)
            copy_row(plan, g, w, r, from < 0 || from >= s->h_in ? NULL : src + (size_t)from * row_bytes,
                     to + row_at(g, r, row));
    }
}

/* src: of the convolution group. */
static void copy_strip(const half_conv_plan *plan, const geometry *g, const window *w, const char *src, char *scratch)
{
    const conv_shape *s = &g->shape;
    const size_t block = (size_t)s->h_in * (size_t)s->w_in * BLOCK_BYTES;
    for (int i = 0; i < g->pairs; i++)
        copy_plane(plan, g, w, &g->pair, src + 2 * (size_t)i * block, scratch + g->pair.at + (size_t)i * g->pair.plane);
    if (g->single)
        copy_plane(plan, g, w, &g->one, src + 2 * (size_t)g->pairs * block, scratch + g->one.at);
}

/* ---- lines ---- */

/* The steps' inputs of output 0: pairs of blocks, then the single one; of each, the taps. */
static void fill_offsets(const geometry *g, int32_t *offsets)
{
    const conv_shape *s = &g->shape;
    for (int i = 0; i < g->pairs + g->single; i++) {
        const bool wide = i < g->pairs;
        const region *r = wide ? &g->pair : &g->one;
        for (int y = 0; y < s->kernel_h; y++)
            for (int x = 0; x < s->kernel_w; x += wide ? 1 : g->taps)
                *offsets++ = (int32_t)(r->at + (wide ? (size_t)i * r->plane : 0) + row_at(g, r, y * s->dilation_h) +
                                       (size_t)(x * s->dilation_w) * r->pixel);
    }
}

static void fill_places(const geometry *g, const half_conv_plan *plan, int32_t *places)
{
    const int w = g->shape.w_out;
    for (int y = 0, i = 0; i < g->places; y++)
        for (int x = 0; x < g->pitch && i < g->places; x++)
            places[i++] = (x < plan->unit ? y * w + x : (y + 1) * w) * LANES;
}

/* The rows that the strip behind this one has and this one has not. */
static void fetch_next(const geometry *g, const window *w, const char *src, int groups, half_products *p)
{
    const conv_shape *s = &g->shape;
    const size_t pixel = s->src_plain ? sizeof(float) : BLOCK_BYTES;
    const bool beside = w->x + w->n < s->w_out;
    int row = conv_max(w->first_row, 0), rows = conv_min(w->height, s->h_in - row);
    int column = w->first + w->width * g->every;
    if (!beside) {
        row = conv_max(w->first_row + w->height, 0);
        rows = conv_min(w->rows * s->stride_h, s->h_in - row);
        column = 0;
    }
    const int columns = conv_min(beside ? w->n * s->stride_w : s->w_in, s->w_in - column);
    p->runs = 0;
    if (rows <= 0 || columns <= 0 || column < 0 || (beside && s->h_in > 1))
        return;
    p->next = src + ((size_t)row * (size_t)s->w_in + (size_t)column) * pixel;
    p->run_bytes = (size_t)rows * (size_t)columns * pixel;
    p->run_stride = (size_t)s->h_in * (size_t)s->w_in * pixel;
    p->run_at = 0;
    p->runs = s->src_plain ? s->c_in : g->blocks_in;
    /* One filter block takes twice as many outputs, so half of its source is fetched: all is 1 % slower. */
    const int blocks = conv_ceil_div((w->rows - 1) * g->pitch + w->n, HALF_TILE_READS / FILTERS);
    const size_t lines = (size_t)p->runs * (p->run_bytes / 64 + 1);
    p->fetch = (int)(lines / ((size_t)blocks * (size_t)groups * (size_t)g->steps)) + 1;
}

/* The weights that a part fetches, if any. */
typedef struct part_weights {
    const char *begin, *end;
    bool first, again; /* no line has run yet; another strip will */
} part_weights;

/* Of filter group q. */
static const char *weights_of(const geometry *g, const half_conv_arguments *a, int q)
{
    const int block = q / g->groups * g->blocks_out + q % g->groups * FILTERS;
    return (const char *)a->packed + (size_t)block * (size_t)g->steps * STEP_BYTES;
}

/* Before the first line. */
static void fetch_first(const part_weights *w)
{
    for (const char *at = w->begin; at < w->end && at < w->begin + FIRST_BYTES; at += 64)
        __builtin_prefetch(at, 0, 2);
}

/* What the line behind this one will want; of the first one itself, too, what is not fetched yet, as fast as it is
 * read. */
static void fetch_weights(const geometry *g, const part_weights *w, const half_line *line, half_products *p)
{
    const ptrdiff_t own = (ptrdiff_t)line->filters * g->steps * STEP_BYTES;
    const ptrdiff_t fetched = w->first && own > FIRST_BYTES ? FIRST_BYTES : own;
    const ptrdiff_t tiles = (ptrdiff_t)conv_ceil_div(line->count, HALF_TILE_READS / line->filters) * g->steps;
    p->ahead = (const char *)line->weights + fetched;
    p->ahead_end = p->ahead + (2 * own - fetched);
    if (p->ahead == w->end && w->again) {
        p->ahead = w->begin;
        p->ahead_end = w->begin + own;
    }
    if (p->ahead_end > w->end)
        p->ahead_end = w->end;
    p->ahead_lines = (int)(((p->ahead_end - p->ahead) / 64 + tiles - 1) / tiles);
    if (w->first)
        p->ahead_lines = conv_max(p->ahead_lines, line->filters * STEP_BYTES / 64);
}

static void run_strip(const half_conv_plan *plan, const geometry *g, const half_conv_arguments *a, conv_range groups,
                      const window *w, half_products *p, part_weights *all, char *scratch)
{
    const conv_shape *s = &g->shape;
    const size_t plane_in = (size_t)g->blocks_in * (size_t)s->h_in * (size_t)s->w_in * BLOCK_BYTES;
    int copied = -1;
    for (int q = groups.begin; q < groups.end; q++) {
        const int group = q / g->groups, first = q % g->groups * FILTERS;
        const size_t block = (size_t)group * (size_t)g->blocks_out + (size_t)first;
        const char *src = (const char *)a->src + (size_t)group * plane_in;
        if (group != copied) {
            copy_strip(plan, g, w, src, scratch);
            fetch_next(g, w, src, conv_min(groups.end - q, g->groups), p);
        }
        copied = group;
        const size_t at = (size_t)w->y * (size_t)s->w_out + (size_t)w->x;
        const size_t to = block * (size_t)p->block_out + at * LANES;
        const half_line line = {
            .src = scratch,
            .weights = (const uint16_t *)(const void *)weights_of(g, a, q),
            .bias = (const float *)a->bias + block * LANES,
            .residual = a->residual ? a->residual + to : NULL,
            .dst = (char *)a->dst + to * (plan->wide_dst ? sizeof(float) : sizeof(uint16_t)),
            .filters = conv_min(FILTERS, g->blocks_out - first),
            .count = (w->rows - 1) * g->pitch + w->n,
        };
        fetch_weights(g, all, &line, p);
        all->first = false;
        plan->kernels->half.tiles.run(p, &line);
    }
}

void half_tiles_run(const half_conv_plan *plan, const half_conv_arguments *a, int part, void *scratch)
{
    const geometry g = geometry_of(plan);
    const conv_shape *s = &g.shape;
    const half_tile_kernels *tiles = &plan->kernels->half.tiles;
    int32_t *offsets = scratch, *places = (int32_t *)(void *)((char *)scratch + g.places_at);
    half_products p;
    conv_range groups = conv_cut(s->groups * g.groups, plan->filter_cuts, part / plan->cuts);
    conv_range units = conv_cut(g.units, plan->cuts, part % plan->cuts);
    fill_offsets(&g, offsets);
    fill_places(&g, plan, places);
    p.offsets = offsets;
    p.steps = g.steps;
    p.wide = g.wide;
    p.strides[0] = (ptrdiff_t)g.pair.pixel * g.stride_w;
    p.strides[1] = (ptrdiff_t)g.one.pixel * g.stride_w;
    p.places = places;
    p.block_out = (ptrdiff_t)s->h_out * s->w_out * LANES;
    p.activation = a->activation;
    p.residual_before = a->residual_before;
    p.wide_dst = plan->wide_dst;
    p.runs = 0;
    part_weights all = { .begin = weights_of(&g, a, groups.begin),
                         .end = weights_of(&g, a, groups.end),
                         .first = true };
    if (all.end - all.begin < FAR_BYTES)
        all.end = all.begin;
    fetch_first(&all);
    tiles->begin(&p);
    for (int unit = units.begin; unit < units.end;) {
        const int y = unit % s->h_out, x = unit / s->h_out * plan->unit;
        const int left = conv_min(units.end - unit, s->h_out - y); /* in strips of nearly equal size */
        const int rows = conv_ceil_div(left, conv_ceil_div(left, plan->strip));
        const window w = window_of(&g, y, x, rows, conv_min(plan->unit, s->w_out - x));
        unit += rows;
        all.again = unit < units.end && all.end - all.begin > KEPT_BYTES;
        run_strip(plan, &g, a, groups, &w, &p, &all, scratch);
        if (!all.again)
            all.end = all.begin;
    }
    tiles->end(&p);
}

/* ---- packing ---- */

/* Input k of 32 of a step that begins with channel c0 and tap x0: its weight for filter o of the group. */
static float weight_of(const geometry *g, const float *weights, int o, int c0, int y, int x0, bool wide, int k)
{
    const conv_shape *s = &g->shape;
    const int lanes = s->src_plain ? PLAIN_LANES : LANES, channels = s->c_in / s->groups;
    const int c = wide ? c0 + k : c0 + k % lanes, x = wide ? x0 : x0 + k / lanes;
    if (o >= s->c_out / s->groups || c >= channels || x >= s->kernel_w || (!wide && k / lanes >= g->taps))
        return 0;
    const size_t tap = (size_t)y * (size_t)s->kernel_w + (size_t)x;
    float value;
    memcpy(&value, weights + ((size_t)o * (size_t)channels + (size_t)c) * (size_t)(s->kernel_h * s->kernel_w) + tap,
           sizeof(value));
    return value;
}

/* [filter group][step][filter block][16][16 filters][2] */
void half_tiles_pack(const half_conv_plan *plan, const float *weights, uint16_t *to)
{
    const geometry g = geometry_of(plan);
    const conv_shape *s = &g.shape;
    const size_t group =
        (size_t)(s->c_out / s->groups) * (size_t)(s->c_in / s->groups) * (size_t)s->kernel_h * (size_t)s->kernel_w;
    for (int q = 0; q < s->groups * g.groups; q++) {
        const float *own = weights + (size_t)(q / g.groups) * group;
        const int first = q % g.groups * FILTERS, filters = conv_min(FILTERS, g.blocks_out - first);
        for (int i = 0; i < g.pairs + g.single; i++)
            for (int y = 0; y < s->kernel_h; y++)
                for (int x = 0; x < s->kernel_w; x += i < g.pairs ? 1 : g.taps)
                    for (int f = first; f < first + filters; f++)
                        for (int k = 0; k < HALF_STEP; k += 2, to += 2 * LANES) {
                            float row[2 * LANES];
                            for (int o = 0; o < 2 * LANES; o++)
                                row[o] =
                                    weight_of(&g, own, f * LANES + o / 2, i * HALF_STEP, y, x, i < g.pairs, k + o % 2);
                            plan->kernels->half.from_float(row, to, 2 * LANES);
                        }
    }
}

/* ---- choice ---- */

/* Outputs of a row that are done at a time, and rows of a strip. */
static void cut_lines(half_conv_plan *plan, int parts)
{
    const conv_shape *s = &plan->shape;
    const int bytes = s->src_plain ? PLAIN_LANES * 2 : conv_ceil_div(s->c_in / s->groups, LANES) * (int)BLOCK_BYTES;
    plan->strip = 1;
    if (plan->line) {
        const int fit = LINE_BYTES / bytes, share = conv_ceil_div(s->h_out * s->w_out, parts);
        plan->unit = conv_ceil_div(conv_max(1, conv_min(fit, share)), HALF_TILE_READS) * HALF_TILE_READS;
        return;
    }
    plan->unit = s->w_out;
    if (plan->unit > WIDTH_MOST) {
        const int width = conv_ceil_div(s->w_out, conv_ceil_div(s->w_out, WIDTH_MOST));
        plan->unit = conv_ceil_div(width, HALF_TILE_READS) * HALF_TILE_READS;
        return; /* what is too much between two rows would be written into the next piece */
    }
    const double row = (double)bytes * reach(plan->unit, s->kernel_w > 1 ? s->stride_w : 1, s->kernel_w, s->dilation_w);
    const double strip = (STRIP_BYTES / row - (s->kernel_h - 1) * s->dilation_h - 1) / s->stride_h + 1;
    plan->strip = strip < 1 ? 1 : strip > s->h_out ? s->h_out : (int)strip;
}

bool half_tiles_choose(const conv_shape *s, half_conv_plan *plan)
{
    if (s->src_plain ? s->groups > 1 || s->c_in > PLAIN_LANES
                     : s->groups > 1 && (s->c_in % (s->groups * LANES) || s->c_out % (s->groups * LANES)))
        return false;
    const double sums = (double)s->c_in / s->groups * s->kernel_h * s->kernel_w * s->c_out * s->h_out * s->w_out;
    const int parts = s->threads > 1 ? conv_min(conv_parts_for(sums / 8), 4 * s->threads) : 1;
    plan->tiles = true;
    plan->line = conv_is_line(s) && !s->src_plain;
    plan->padded = true;
    plan->filters = FILTERS;
    cut_lines(plan, parts);
    geometry g = geometry_of(plan);
    plan->cuts = conv_min(g.units, parts);
    plan->filter_cuts = conv_min(s->groups * g.groups, conv_max(1, parts / plan->cuts));
    plan->strip = conv_min(plan->strip, conv_ceil_div(g.units, plan->cuts));
    g = geometry_of(plan);
    if (g.scratch > INT32_MAX || (int64_t)(plan->strip + 1) * g.shape.w_out > INT32_MAX / LANES)
        return false; /* offsets and places are ints */
    plan->parts = plan->cuts * plan->filter_cuts;
    plan->packed_bytes =
        (size_t)s->groups * (size_t)g.blocks_out * (size_t)g.steps * HALF_STEP * LANES * sizeof(uint16_t);
    plan->scratch_bytes = conv_round_bytes(g.scratch);
    return true;
}
