/* SPDX-License-Identifier: BSD-2-Clause
 *
 * 1x1 convolution with stride 1 by one step of Strassen's algorithm (strassen.h): halves of a strip of pixels x halves
 * of the input channels, times halves of the inputs x halves of the filters. The weights' sums are packed. Register
 * tiles add up products as the direct algorithm does, and end with the epilogue. What the halves leave over (channels
 * behind two halves of whole blocks, an odd filter block, an odd pixel) is summed directly. Strips never depend on the
 * number of threads: the bits would. */
#include <string.h>

#include "cpu/conv_private.h"
#include "cpu/strassen.h"

enum { TILE_FILTERS, TILE_STRIPS, TILE_STRIP_CUTS, TILE_FILTER_CUTS };

enum { PARTS = 3 };

/* Everything that follows from shape and filters of a group. */
typedef struct geometry {
    const conv_tile_set *set;
    int lanes, pixels;
    int half_in;                /* input blocks of a half */
    int rest_in, rest_channels; /* blocks behind them, and what is summed of these */
    int half_out;               /* filter blocks of a half */
    int groups;                 /* filter groups of a half */
    int rest_out;               /* filter blocks behind the halves: 0 or 1 */
} geometry;

static geometry geometry_of(const cpu_kernels *kernels, const conv_shape *s, int filters)
{
    const int lanes = kernels->conv.units->lanes, blocks_in = conv_ceil_div(s->c_in, lanes);
    const int blocks_out = conv_ceil_div(s->c_out, lanes);
    geometry g = { .set = &kernels->conv.units->unit, .lanes = lanes, .pixels = s->h_out * s->w_out };
    g.half_in = s->c_in / lanes / 2;
    g.rest_in = blocks_in - 2 * g.half_in;
    g.rest_channels = conv_summed_channels(s->c_in) - 2 * g.half_in * lanes;
    g.half_out = blocks_out / 2;
    g.rest_out = blocks_out % 2;
    g.groups = conv_ceil_div(g.half_out, filters);
    return g;
}

static int panel_inputs(const geometry *g, int panel)
{
    return panel == PANEL_FIRST || panel == PANEL_SECOND ? g->rest_channels : g->half_in * g->lanes;
}

/* Inputs of all panels of a group. */
static size_t all_inputs(const geometry *g)
{
    return (size_t)((PANELS - 2) * g->half_in * g->lanes + 2 * g->rest_channels);
}

/* Pixels of the first half of the largest strip. */
static int most_pixels(const geometry *g, int strips)
{
    return conv_ceil_div(conv_ceil_div(g->pixels, strips), 2);
}

static size_t sum_floats(const geometry *g, int strips)
{
    return (size_t)(g->half_in * most_pixels(g, strips) * g->lanes);
}

static size_t part_floats(const geometry *g, int filters, int strips)
{
    return (size_t)(filters * most_pixels(g, strips) * g->lanes);
}

typedef struct strassen_run {
    geometry g;
    const conv_plan *plan;
    const conv_arguments *arguments;
    conv_epilogue epilogue;
    eltwise_act_f32 *act; /* the part of the activation that registers cannot do, or NULL */
    float *sums[SUMS];    /* [half_in][first][lane], sum_floats apart */
    float *parts[PARTS];  /* sums of products: [filters][first][lane] */
    float *post;          /* the same, in front of act, or one filter block of the strip */
    int begin;            /* first pixel of the strip */
    int first, second;    /* pixels of its halves: equal, or one more */
} strassen_run;

/* S1 to S4 of a strip; an odd pixel has nothing in its second half. */
static void add_inputs(const strassen_run *r)
{
    const geometry *g = &r->g;
    const size_t lanes = (size_t)g->lanes, both = (size_t)r->second * lanes, first = (size_t)r->first * lanes;
    const ptrdiff_t plane = (ptrdiff_t)g->pixels * g->lanes, right = g->half_in * plane;
    const ptrdiff_t apart = r->sums[S2] - r->sums[S1];
    const float *a = r->arguments->src + (ptrdiff_t)r->begin * g->lanes;
    r->plan->kernels->gemm.strassen_sums(a, plane, (ptrdiff_t)first, right, both, r->sums[S1], (ptrdiff_t)first, apart,
                                         (size_t)g->half_in);
    if (both == first)
        return;
    for (int block = 0; block < g->half_in; block++) {
        const float *a1 = a + block * plane + both;
        strassen_lone_sums(a1, a1 + right, lanes, r->sums[S1] + (size_t)block * first + both, (size_t)apart);
    }
}

/* One filter group of both halves. */
typedef struct strassen_group {
    int filters, begin; /* begin: its first block in the first half */
    const float *panels[PANELS];
    const void *next; /* what is read behind them, or NULL */
    size_t next_bytes;
} strassen_group;

/* What is read behind a panel, by the next product or the next group's first. */
static void fetch_next(const geometry *g, const strassen_group *group, int panel, int n, conv_tile *tile)
{
    const int inputs = panel_inputs(g, panel);
    int next = panel + 1;
    while (next < PANELS && panel_inputs(g, next) == 0)
        next++;
    const void *from = next < PANELS ? group->panels[next] : group->next;
    const size_t floats = (size_t)(group->filters * g->lanes);
    const size_t bytes = next < PANELS ? (size_t)panel_inputs(g, next) * floats * sizeof(float) : group->next_bytes;
    if (from && inputs > 0)
        conv_fetch_ahead(tile, from, bytes, conv_ceil_div(n, g->set->pixels[group->filters - 1]), (size_t)inputs);
}

/* Of n pixels against a panel; sums, or NULL, and dst are parts. */
static conv_tile tile_of(const strassen_run *r, const strassen_group *group, int panel, ptrdiff_t block_stride,
                         const float *sums, int n)
{
    const geometry *g = &r->g;
    const int inputs = panel_inputs(g, panel);
    conv_tile tile = {
        .blocks = conv_ceil_div(inputs, g->lanes),
        .taps_h = 1,
        .taps_w = 1,
        .inner = g->lanes,
        .inner_last = inputs > 0 ? conv_last_block(inputs, g->lanes) : g->lanes,
        .block_stride = block_stride,
        .step = g->lanes,
        .dst_block_stride = (ptrdiff_t)r->first * g->lanes,
        .sums = sums,
        .sums_block_stride = (ptrdiff_t)r->first * g->lanes,
    };
    fetch_next(g, group, panel, n, &tile);
    return tile;
}

/* to = sums, or the bias, + n pixels of src times a panel. */
static void add_product(const strassen_run *r, const strassen_group *group, int panel, const float *src,
                        ptrdiff_t block_stride, const float *bias, const float *sums, float *to, int n)
{
    const conv_tile tile = tile_of(r, group, panel, block_stride, sums, n);
    conv_run_line(r->g.set, group->filters, &tile, src, group->panels[panel], bias, NULL, to, n, r->g.lanes);
}

/* A tile whose outputs, from `pixel` on, are those of the convolution. */
static conv_tile outward(const strassen_run *r, conv_tile tile, int pixel)
{
    const conv_residual_map *map = &r->arguments->map;
    tile.dst_block_stride = (ptrdiff_t)r->g.pixels * r->g.lanes;
    tile.residual_block_stride = map->offsets ? map->plane : tile.dst_block_stride;
    tile.map = map->offsets ? map->offsets + pixel : NULL;
    tile.epilogue = r->epilogue;
    return tile;
}

static conv_line line_of(const strassen_run *r, const float *src, const float *weights, int block, int pixel, int n)
{
    const conv_arguments *a = r->arguments;
    const ptrdiff_t at = ((ptrdiff_t)block * r->g.pixels + pixel) * r->g.lanes;
    conv_line line = { .src = src, .weights = weights, .dst = a->dst + at, .n = n };
    if (a->residual)
        line.residual = a->residual + (a->map.offsets ? block * a->map.plane : at);
    return line;
}

/* A quarter of the output: which half of the filters, n pixels from `pixel` on. */
typedef struct quarter {
    bool second_filters;
    int pixel, n;
} quarter;

/* Its last product, or PANELS for none, behind that the channels that are left over, and the epilogue. */
static void finish(const strassen_run *r, const strassen_group *group, quarter q, int panel, const float *src,
                   ptrdiff_t block_stride, const float *sums)
{
    const geometry *g = &r->g;
    const ptrdiff_t plane = (ptrdiff_t)g->pixels * g->lanes;
    const int block = group->begin + (q.second_filters ? g->half_out : 0);
    if (panel < PANELS && g->rest_in > 0) {
        add_product(r, group, panel, src, block_stride, NULL, sums, r->parts[2], q.n);
        sums = r->parts[2];
    }
    if (panel == PANELS || g->rest_in > 0) {
        panel = q.second_filters ? PANEL_SECOND : PANEL_FIRST;
        src = r->arguments->src + 2 * g->half_in * plane + (ptrdiff_t)q.pixel * g->lanes;
        block_stride = plane;
    }
    const conv_tile tile = outward(r, tile_of(r, group, panel, block_stride, sums, q.n), q.pixel);
    const conv_line line = line_of(r, src, group->panels[panel], block, q.pixel, q.n);
    conv_run_line_act(r->plan->kernels, r->arguments, g->set, group->filters, &tile, &line, r->act, r->post);
}

static void run_group(const strassen_run *r, const strassen_group *group)
{
    const geometry *g = &r->g;
    const conv_arguments *a = r->arguments;
    const eltwise_kernels *e = &r->plan->kernels->eltwise;
    const ptrdiff_t plane = (ptrdiff_t)g->pixels * g->lanes, sum = (ptrdiff_t)r->first * g->lanes;
    const float *a1 = a->src + (ptrdiff_t)r->begin * g->lanes, *a3 = a1 + g->half_in * plane, *a4 = a3 + sum;
    const quarter upper = { false, r->begin, r->first }, lower = { false, r->begin + r->first, r->second };
    const quarter upper_second = { true, upper.pixel, upper.n }, lower_second = { true, lower.pixel, lower.n };
    const float *bias = a->bias + group->begin * g->lanes;
    float *const u = r->parts[0], *const u3 = r->parts[1], *const p = r->parts[2];
    const size_t width = (size_t)(group->filters * g->lanes), floats = width * (size_t)r->first;
    float more[CONV_MAX_FILTERS * CONV_MAX_LANES]; /* that the second half's bias is */
    e->binary[CPU_BINARY_SUB](bias + (ptrdiff_t)g->half_out * g->lanes, 1, bias, 1, more, width);

    add_product(r, group, PANEL_B1, a1, plane, bias, NULL, u, r->first);
    finish(r, group, upper, PANEL_B2, a3, plane, u);
    add_product(r, group, PANEL_T2, r->sums[S2], sum, NULL, u, u, r->first);
    add_product(r, group, PANEL_T3, r->sums[S3], sum, NULL, u, u3, r->first);
    finish(r, group, lower, PANEL_T4, a4, plane, u3);
    add_product(r, group, PANEL_T1, r->sums[S1], sum, more, NULL, p, r->first);
    e->binary[CPU_BINARY_ADD](u, 1, p, 1, u, floats);
    e->binary[CPU_BINARY_ADD](u3, 1, p, 1, u3, floats);
    finish(r, group, upper_second, PANEL_B4, r->sums[S4], sum, u);
    finish(r, group, lower_second, PANELS, NULL, 0, u3);
}

/* The filter block behind both halves. */
static void run_rest(const strassen_run *r, const float *weights)
{
    const geometry *g = &r->g;
    const conv_arguments *a = r->arguments;
    const conv_tile tile = {
        .blocks = 2 * g->half_in + g->rest_in,
        .taps_h = 1,
        .taps_w = 1,
        .inner = g->lanes,
        .inner_last = conv_last_block(r->plan->shape.c_in, g->lanes),
        .block_stride = (ptrdiff_t)g->pixels * g->lanes,
        .step = g->lanes,
    }, to = outward(r, tile, r->begin);
    conv_line line =
        line_of(r, a->src + (ptrdiff_t)r->begin * g->lanes, weights, 2 * g->half_out, r->begin, r->first + r->second);
    line.bias = a->bias + 2 * g->half_out * g->lanes;
    conv_run_line_act(r->plan->kernels, a, g->set, 1, &to, &line, r->act, r->post);
}

/* Filter group q of a half; next: what is read behind the last one, or NULL. */
static strassen_group group_of(const strassen_run *r, int q, const void *next)
{
    const geometry *g = &r->g;
    const conv_range blocks = conv_group(g->half_out, g->groups, q);
    strassen_group group = { .filters = blocks.end - blocks.begin, .begin = blocks.begin };
    const float *panel = (const float *)r->arguments->packed + all_inputs(g) * (size_t)(blocks.begin * g->lanes);
    for (int i = 0; i < PANELS; i++) {
        group.panels[i] = panel;
        panel += panel_inputs(g, i) * group.filters * g->lanes;
    }
    group.next = q + 1 < g->groups ? panel : next;
    group.next_bytes = q + 1 < g->groups
                           ? (size_t)(panel_inputs(g, PANEL_B1) * group.filters * g->lanes) * sizeof(float)
                           : r->arguments->next_bytes;
    return group;
}

static void run_strip(const strassen_run *r, conv_range groups, const void *next)
{
    const geometry *g = &r->g;
    add_inputs(r);
    for (int q = groups.begin; q < conv_min(groups.end, g->groups); q++) {
        const strassen_group group = group_of(r, q, next);
        run_group(r, &group);
    }
    if (groups.end > g->groups)
        run_rest(r, (const float *)r->arguments->packed + all_inputs(g) * (size_t)(g->half_out * g->lanes));
}

static void strassen_run_part(const conv_plan *plan, const conv_arguments *arguments, int part, void *scratch)
{
    const int *tile = plan->tile;
    strassen_run r = { .g = geometry_of(plan->kernels, &plan->shape, tile[TILE_FILTERS]),
                       .plan = plan,
                       .arguments = arguments };
    const geometry *g = &r.g;
    float *at = scratch;
    r.act = conv_split_activation(plan->kernels, arguments, &r.epilogue);
    for (int i = 0; i < SUMS; i++, at += sum_floats(g, tile[TILE_STRIPS]))
        r.sums[i] = at;
    for (int i = 0; i < PARTS; i++, at += part_floats(g, tile[TILE_FILTERS], tile[TILE_STRIPS]))
        r.parts[i] = at;
    r.post = at;
    const conv_range strips = conv_cut(tile[TILE_STRIPS], tile[TILE_STRIP_CUTS], part % tile[TILE_STRIP_CUTS]);
    const conv_range groups = conv_cut(g->groups + g->rest_out, tile[TILE_FILTER_CUTS], part / tile[TILE_STRIP_CUTS]);
    for (int i = strips.begin; i < strips.end; i++) {
        const conv_range pixels = conv_cut(g->pixels, tile[TILE_STRIPS], i);
        r.begin = pixels.begin;
        r.second = (pixels.end - pixels.begin) / 2;
        r.first = pixels.end - pixels.begin - r.second;
        run_strip(&r, groups, part == plan->parts - 1 && i == strips.end - 1 ? arguments->next : NULL);
    }
}

static double weight_at(const conv_file *file, int o, int c)
{
    float w = 0;
    const float *from = conv_file_taps(file, 0, o, c);
    if (from) /* weights may lie anywhere in a file: no plain load */
        memcpy(&w, from, sizeof(w));
    return w;
}

/* The panels of input c of a half and filter o of the first one. */
static void panel_weights(const geometry *g, const conv_file *file, int o, int c, double *w)
{
    const int right = o + g->half_out * g->lanes, low = c + g->half_in * g->lanes;
    w[PANEL_B1] = weight_at(file, o, c);
    w[PANEL_B2] = weight_at(file, o, low);
    w[PANEL_B4] = weight_at(file, right, low);
    strassen_weights(weight_at(file, right, c), w);
}

static void pack_group(const geometry *g, const conv_file *file, conv_range blocks, float *to)
{
    const int width = (blocks.end - blocks.begin) * g->lanes, half = g->half_in * g->lanes;
    float *panels[PANELS];
    for (int i = 0; i < PANELS; i++) {
        panels[i] = to;
        to += panel_inputs(g, i) * width;
    }
    for (int c = 0; c < conv_max(half, g->rest_channels); c++)
        for (int i = 0; i < width; i++) {
            const int o = blocks.begin * g->lanes + i;
            double w[PANELS] = { 0 };
            if (c < half)
                panel_weights(g, file, o, c, w);
            if (c < g->rest_channels) {
                w[PANEL_FIRST] = weight_at(file, o, c + 2 * half);
                w[PANEL_SECOND] = weight_at(file, o + g->half_out * g->lanes, c + 2 * half);
            }
            for (int panel = 0; panel < PANELS; panel++)
                if (c < panel_inputs(g, panel))
                    panels[panel][c * width + i] = (float)w[panel];
        }
}

/* [filter group][panel][input][filter block][lane], behind them the left over filter block's [input][lane]. */
static void strassen_pack(const conv_plan *plan, const float *weights, void *packed)
{
    const geometry g = geometry_of(plan->kernels, &plan->shape, plan->tile[TILE_FILTERS]);
    const conv_file file = conv_file_of(&plan->shape, weights);
    float *to = packed;
    for (int q = 0; q < g.groups; q++) {
        const conv_range blocks = conv_group(g.half_out, g.groups, q);
        pack_group(&g, &file, blocks, to);
        to += all_inputs(&g) * (size_t)((blocks.end - blocks.begin) * g.lanes);
    }
    for (int c = 0; g.rest_out && c < conv_summed_channels(plan->shape.c_in); c++)
        for (int lane = 0; lane < g.lanes; lane++)
            *to++ = (float)weight_at(&file, 2 * g.half_out * g.lanes + lane, c);
}

typedef struct cuts {
    int filters, strips;
    double cycles;
} cuts;

/* Cycles of one thread: products, which may wait for weights from afar; ends and beginnings of tiles; sums, twelve
 * vectors moved for each four of the input (measured: 30 cycles with AVX-512), short ones at one in two cycles. */
static double cycles_of(const geometry *g, const cuts *c)
{
    const double vector = g->lanes * (double)sizeof(float);
    const int first = most_pixels(g, c->strips);
    const double inputs = 7.0 * g->half_in * g->lanes + 4.0 * g->rest_channels;
    const double products = inputs * conv_tile_cost(g->set, c->filters, g->half_out, first) * first;
    const double moved = vector / CONV_NEAR_RATE < 2 ? 2 : vector / CONV_NEAR_RATE;
    const double ends = 0.24 * vector * g->half_out * first, sums = 12 * moved * g->half_in * first;
    const double rest =
        2.0 * (2.0 * g->half_in * g->lanes + g->rest_channels) * conv_tile_cost(g->set, 1, 1, 2 * first);
    const double weights = (double)all_inputs(g) * g->half_out * vector;
    const double waited = weights > conv_near_bytes() ? 2 * weights / CONV_FAR_RATE : 0;
    return c->strips * ((products > waited ? products : waited) + ends + sums + (g->rest_out ? rest * first : 0));
}

/* Strips large enough that weights from the second level do not hold tiles up, small enough that sums stay in it. */
static cuts best_cuts(const cpu_kernels *kernels, const conv_shape *s)
{
    enum { LEAST = 24, MOST = 100, OTHERS = 2, STEPS = 16 };
    cuts best = { 0 };
    const int widest = kernels->conv.units->unit.filters;
    for (int filters = widest; filters >= conv_max(1, widest - OTHERS); filters--) {
        const geometry g = geometry_of(kernels, s, filters);
        const double column = SUMS * g.half_in * g.lanes * (double)sizeof(float);
        const int most = conv_max(LEAST, conv_min(MOST, (int)(0.5 * conv_near_bytes() / column)));
        const int fewest = conv_ceil_div(g.pixels, 2 * most), step = 1 + fewest / STEPS;
        for (int strips = fewest; strips <= conv_ceil_div(g.pixels, 2 * LEAST); strips += step) {
            cuts c = { filters, strips, 0 };
            c.cycles = cycles_of(&g, &c);
            if (best.cycles == 0 || c.cycles < 0.99 * best.cycles)
                best = c;
        }
    }
    return best;
}

/* What the direct algorithm takes. */
static double direct_cycles(const cpu_kernels *kernels, const conv_shape *s)
{
    const conv_units *units = kernels->conv.units;
    const int pixels = s->h_out * s->w_out, line = conv_min(60, pixels);
    const conv_filters filters = conv_filters_of(s->c_out, units->lanes, conv_best_halved(units, s, line));
    return conv_halved_cost(units, &filters, line) * conv_summed_channels(s->c_in) * pixels;
}

/* For all threads: strips, and filters as far as that evens parts out, as each cut of those sums the inputs again. */
static void cut(const geometry *g, int threads, conv_plan *plan)
{
    const int groups = g->groups + g->rest_out, strips = plan->tile[TILE_STRIPS];
    int *tile = plan->tile;
    tile[TILE_STRIP_CUTS] = threads > 1 ? strips : 1;
    for (int filter_cuts = 1; filter_cuts <= groups; filter_cuts++) {
        const double balance = conv_balance(strips, tile[TILE_STRIP_CUTS], groups, filter_cuts, threads);
        if (filter_cuts > 1 && balance < 1.03 * plan->balance)
            continue;
        tile[TILE_FILTER_CUTS] = filter_cuts;
        plan->balance = balance;
        if (balance > 0.95)
            break;
    }
    plan->parts = tile[TILE_STRIP_CUTS] * tile[TILE_FILTER_CUTS];
}

bool conv_choose_strassen(const cpu_kernels *kernels, const conv_shape *s, conv_plan *plan)
{
    /* Of more inputs, the sums of the smallest strip are far larger than a cache, and in the end than memory. */
    enum { FEW_BLOCKS = 4, FEW_PIXELS = 16, MOST_INPUTS = 1 << 16 };
    const conv_units *units = kernels->conv.units;
    if (s->exact || s->src_plain || s->groups != 1 || s->joined || !conv_is_line(s) || s->c_in > MOST_INPUTS ||
        conv_min(s->c_in, s->c_out) < FEW_BLOCKS * units->lanes || s->h_out * s->w_out < FEW_PIXELS)
        return false;
    const cuts best = best_cuts(kernels, s);
    if (best.cycles > 0.97 * direct_cycles(kernels, s))
        return false;
    const geometry g = geometry_of(kernels, s, best.filters);
    plan->tile[TILE_FILTERS] = best.filters;
    plan->tile[TILE_STRIPS] = best.strips;
    cut(&g, conv_max(1, s->threads), plan);
    plan->name = units->strassen_name;
    plan->packed_bytes =
        sizeof(float) * (size_t)g.lanes *
        (all_inputs(&g) * (size_t)g.half_out + (size_t)(g.rest_out ? conv_summed_channels(s->c_in) : 0));
    plan->scratch_bytes =
        sizeof(float) * (SUMS * sum_floats(&g, best.strips) + PARTS * part_floats(&g, best.filters, best.strips) +
                         part_floats(&g, conv_max(2, best.filters), best.strips));
    plan->run = strassen_run_part;
    plan->maps_residual = true;
    plan->cycles = best.cycles;
    plan->pack = strassen_pack;
    return true;
}
