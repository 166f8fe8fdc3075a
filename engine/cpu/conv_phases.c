/* SPDX-License-Identifier: BSD-2-Clause
 *
 * First layers of stride 2 and a kernel of 4 to 8 by Winograd. The even and the odd rows and columns of a plain image
 * are four images, on each of which the layer is a 3x3 or, from 7 taps on, a 4x4 of stride 1: so c channels are 4 c,
 * and the 36 products of F(4, 3) serve 16 outputs: 27 multiply-adds an output for three channels, where 6x6 taps take
 * 108. The 49 of F(4, 4) are 37, where 7x7 taps take 147. The transform of the inputs is shared by all filters; its
 * lanes are neighbouring tiles.
 *
 * Chunks of a row of tiles are transformed down the columns, as they lie, and then along the rows, where columns are
 * split by their number modulo 8: lanes are tiles.
 *
 * One core of an Emerald Rapids Xeon, with SiLU, GFLOP/s counted as direct convolution, 2026-11-21 (test-kernels
 * --bench conv 6x6): 320x320 3-32 AVX-512 230 (direct 144), AVX2 135 (direct 74). 7x7 112x112 3-64, ReLU, AVX-512 293
 * (direct 165). */
#include <string.h>

#include "cpu/conv_private.h"

enum { TILE_FILTERS, TILE_CHUNK };

enum { SIDE_MOST = WINOGRAD_SIDE_SEVEN, COLUMNS = 8, OUTPUTS = 16, REACH = 6 };

/* Of V; what is left of a first-level cache's 48 K then holds the weights of the points to come. */
enum { CHUNK_BYTES = 28 * 1024 };

typedef struct geometry {
    const conv_shape *shape;
    const conv_units *units;
    int side, points; /* of a tile in one direction, and in both */
    int lanes, channels, blocks_out, filter_groups;
    int tiles_x, tiles_y, chunks;
    int columns;                                    /* of a chunk */
    ptrdiff_t v_channel, v_point, m_block, m_point; /* floats */
    ptrdiff_t dst_plane, dst_row, dst_skip;         /* in pixels, see conv_band */
} geometry;

static int round_up(int n, int to)
{
    return conv_ceil_div(n, to) * to;
}

/* Whole vectors of tiles, and what the last one reads behind them. */
static int columns_of(const geometry *g, int tiles)
{
    return COLUMNS * round_up(tiles, g->lanes) + round_up(REACH, g->lanes);
}

/* Points of a tile in one direction: four outputs of three taps, or of four. */
static int side_of(const conv_shape *s)
{
    return conv_max(s->kernel_h, s->kernel_w) > 6 ? WINOGRAD_SIDE_SEVEN : WINOGRAD_SIDE_UNIT;
}

static geometry geometry_of(const conv_plan *plan)
{
    const conv_shape *s = &plan->shape;
    geometry g = { .shape = s, .units = plan->kernels->conv.units };
    const int chunk = plan->tile[TILE_CHUNK];
    g.side = side_of(s);
    g.points = g.side * g.side;
    g.lanes = g.units->lanes;
    g.channels = 4 * s->c_in;
    g.blocks_out = conv_ceil_div(s->c_out, g.lanes);
    g.filter_groups = conv_ceil_div(g.blocks_out, plan->tile[TILE_FILTERS]);
    g.tiles_x = conv_ceil_div(s->w_out, 4);
    g.tiles_y = conv_ceil_div(s->h_out, 4);
    g.chunks = conv_ceil_div(g.tiles_x, chunk);
    g.columns = columns_of(&g, chunk);
    g.v_channel = round_up(chunk, g.lanes);
    g.v_point = g.channels * g.v_channel;
    /* One vector more, so that the points do not meet in the same cache set. */
    g.m_block = (ptrdiff_t)chunk * g.lanes;
    g.m_point = plan->tile[TILE_FILTERS] * g.m_block + g.lanes;
    g.dst_plane = (ptrdiff_t)s->h_out * s->w_out;
    g.dst_row = s->w_out;
    return g;
}

/* Scratch, in floats: zeros, copies of rows, vertical results of one channel and phase, V, M, tiles apart. */
static size_t line_floats(const geometry *g)
{
    return (size_t)(1 + 2 * g->side) * (size_t)g->columns;
}
static size_t v_floats(const geometry *g)
{
    return (size_t)g->points * (size_t)g->v_point;
}
static size_t m_floats(const geometry *g)
{
    return (size_t)g->points * (size_t)g->m_point;
}

/* What stays the same over one part. */
typedef struct phases_run {
    const geometry *g;
    const cpu_kernels *kernels;
    const conv_arguments *arguments;
    conv_epilogue epilogue;
    eltwise_act_f32 *act; /* the part of the activation that registers cannot do, or NULL */
    conv_range rows;      /* of the output, that are wanted */
    float *zeros, *copies, *lines, *v, *m, *apart;
} phases_run;

/* Down the columns from x on, as many as tiles need: even or odd rows of a channel. Those that reach over the image's
 * border are copied, with zeros around. */
static void transform_down(const phases_run *r, int c, int phase, int tile_y, int x, int tiles)
{
    const geometry *g = r->g;
    const conv_shape *s = g->shape;
    const int width = columns_of(g, tiles);
    const int low = conv_min(conv_max(-x, 0), width), high = conv_max(low, conv_min(s->w_in - x, width));
    const float *rows[SIDE_MOST];
    for (int i = 0; i < g->side; i++) {
        const int y = 2 * (4 * tile_y + i) + phase - s->pad_top;
        rows[i] = r->zeros;
        if (y < 0 || y >= s->h_in || low == high)
            continue;
        rows[i] = r->arguments->src + ((ptrdiff_t)c * s->h_in + y) * s->w_in + x + low;
        if (high - low < width) {
            float *copy = r->copies + i * g->columns;
            memset(copy, 0, sizeof(float) * (size_t)width);
            memcpy(copy + low, rows[i], sizeof(float) * (size_t)(high - low));
            rows[i] = copy;
        }
    }
    g->units->phases_down[g->side - WINOGRAD_SIDE_UNIT](rows, width, r->lines);
}

/* V of tiles [begin, end) of a row. */
static void transform(const phases_run *r, int tile_y, conv_range tiles)
{
    const geometry *g = r->g;
    const int x = COLUMNS * tiles.begin - g->shape->pad_left, count = tiles.end - tiles.begin;
    conv_phases_along_f32 *along = g->units->phases_along[g->side - WINOGRAD_SIDE_UNIT];
    for (int i = 0; i < 2 * g->shape->c_in; i++) {
        transform_down(r, i / 2, i % 2, tile_y, x, count);
        for (int row = 0; row < g->side; row++)
            along(r->lines + row * g->lanes, r->v + 2 * i * g->v_channel + row * g->side * g->v_point, g->v_channel,
                  g->v_point, count);
    }
}

/* M of one filter group. */
static void multiply(const phases_run *r, int filters, const float *u, int tiles)
{
    const geometry *g = r->g;
    const conv_tile t = { .blocks = g->channels,
                          .taps_h = 1,
                          .taps_w = 1,
                          .inner = 1,
                          .inner_last = 1,
                          .block_stride = g->v_channel,
                          .step = 1,
                          .dst_block_stride = g->m_block };
    for (int point = 0; point < g->points; point++, u += (ptrdiff_t)g->channels * filters * g->lanes)
        conv_run_line(&g->units->products, filters, &t, r->v + point * g->v_point, u, NULL, NULL,
                      r->m + point * g->m_point, tiles, g->lanes);
}

/* A tile that is not wanted as a whole, or whose activation is not done in registers; dst and residual: of the tile's
 * first row, whether it is there or not. */
static void output_apart(const phases_run *r, const float *m, const float *bias, const float *residual, float *dst,
                         conv_range rows, int cols)
{
    const geometry *g = r->g;
    const cpu_activation *activation = &r->arguments->activation;
    const ptrdiff_t lanes = g->lanes, row = g->dst_row * lanes;
    const bool after = r->act && residual && !r->epilogue.residual_before;
    const size_t floats = (size_t)(cols * lanes);
    float *tile = r->apart, *add = tile + OUTPUTS * lanes;
    for (int i = rows.begin; i < rows.end && residual; i++)
        memcpy(add + 4 * i * lanes, residual + i * row, floats * sizeof(float));
    g->units->phases_output[g->side - WINOGRAD_SIDE_UNIT](
        m, g->m_point, &r->epilogue, bias, residual && !after ? add : NULL, 4 * lanes, tile, 4 * lanes, 4, 4);
    if (r->act)
        r->act(tile, tile, (size_t)(OUTPUTS * lanes), activation->a, activation->b);
    if (after)
        r->kernels->eltwise.binary[CPU_BINARY_ADD](tile, 1, add, 1, tile, (size_t)(OUTPUTS * lanes));
    for (int i = rows.begin; i < rows.end; i++)
        memcpy(dst + i * row, tile + 4 * i * lanes, floats * sizeof(float));
}

/* M of filter blocks [begin, end) to dst. */
static void output(const phases_run *r, conv_range blocks, int tile_y, conv_range tiles)
{
    const geometry *g = r->g;
    const conv_arguments *a = r->arguments;
    conv_winograd_output_f32 *to_rows = g->units->phases_output[g->side - WINOGRAD_SIDE_UNIT];
    const int y = 4 * tile_y;
    const conv_range rows = { conv_max(r->rows.begin - y, 0), conv_min(r->rows.end - y, 4) };
    for (int block = blocks.begin; block < blocks.end; block++) {
        const float *bias = a->bias + block * g->lanes, *m = r->m + (block - blocks.begin) * g->m_block;
        for (int t = tiles.begin; t < tiles.end; t++, m += g->lanes) {
            const int cols = conv_min(4, g->shape->w_out - 4 * t);
            const ptrdiff_t at = (block * g->dst_plane + y * g->dst_row + 4 * t - g->dst_skip) * g->lanes;
            const float *residual = a->residual ? a->residual + at : NULL;
            if (r->act || rows.begin > 0 || rows.end < 4 || cols < 4)
                output_apart(r, m, bias, residual, a->dst + at, rows, cols);
            else
                to_rows(m, g->m_point, &r->epilogue, bias, residual, g->dst_row * g->lanes, a->dst + at,
                        g->dst_row * g->lanes, 4, 4);
        }
    }
}

static phases_run start(const geometry *g, const conv_plan *plan, const conv_arguments *arguments, void *scratch)
{
    phases_run r = { .g = g, .kernels = plan->kernels, .arguments = arguments, .zeros = scratch };
    r.act = conv_split_activation(plan->kernels, arguments, &r.epilogue);
    r.copies = r.zeros + g->columns;
    r.lines = r.copies + g->side * g->columns;
    r.v = r.zeros + line_floats(g);
    r.m = r.v + v_floats(g);
    r.apart = r.m + m_floats(g);
    memset(r.zeros, 0, (size_t)g->columns * sizeof(float));
    memset(r.apart, 0, 2 * OUTPUTS * (size_t)g->lanes * sizeof(float));
    return r;
}

static void run_rows(phases_run *r, conv_range rows)
{
    const geometry *g = r->g;
    r->rows = rows;
    for (int y = rows.begin / 4; 4 * y < rows.end; y++) {
        for (int i = 0; i < g->chunks; i++) {
            const conv_range tiles = conv_cut(g->tiles_x, g->chunks, i);
            transform(r, y, tiles);
            const float *u = r->arguments->packed;
            for (int q = 0; q < g->filter_groups; q++) {
                const conv_range blocks = conv_group(g->blocks_out, g->filter_groups, q);
                multiply(r, blocks.end - blocks.begin, u, tiles.end - tiles.begin);
                output(r, blocks, y, tiles);
                u += (ptrdiff_t)g->points * g->channels * (blocks.end - blocks.begin) * g->lanes;
            }
        }
    }
}

static void phases_run_rows(const conv_plan *plan, const conv_arguments *arguments, int begin, int end, void *scratch)
{
    const conv_band *to = &arguments->dst_band;
    geometry g = geometry_of(plan);
    assert(arguments->src_band.rows == 0);
    if (to->pitch > 0)
        g.dst_row = to->pitch;
    if (to->rows > 0) {
        g.dst_plane = conv_band_plane(to, (int)g.dst_row);
        g.dst_skip = to->first * g.dst_row - to->left;
    }
    phases_run r = start(&g, plan, arguments, scratch);
    run_rows(&r, (conv_range){ begin, end });
}

static void phases_run_part(const conv_plan *plan, const conv_arguments *arguments, int part, void *scratch)
{
    const geometry g = geometry_of(plan);
    const conv_range tiles = conv_cut(g.tiles_y, plan->parts, part);
    phases_run r = start(&g, plan, arguments, scratch);
    run_rows(&r, (conv_range){ 4 * tiles.begin, conv_min(4 * tiles.end, plan->shape.h_out) });
}

/* The 3x3 or 4x4 weights of V filters from o on for channel c and phases (i, j) as [tap][V]; what does not exist is 0.
 */
static void gather_weights(const conv_shape *s, const float *weights, int o, int c, int i, int j, int lanes, float *w)
{
    const int taps = side_of(s) - 3;
    memset(w, 0, sizeof(*w) * (size_t)(taps * taps * lanes));
    for (int lane = 0; lane < lanes && o + lane < s->c_out; lane++)
        for (int tap = 0; tap < taps * taps; tap++) {
            const int y = tap / taps * 2 + i, x = tap % taps * 2 + j;
            if (y < s->kernel_h && x < s->kernel_w) /* weights may lie anywhere in a file: no plain load */
                memcpy(w + tap * lanes + lane,
                       weights +
                           (((size_t)(o + lane) * (size_t)s->c_in + (size_t)c) * (size_t)s->kernel_h + (size_t)y) *
                               (size_t)s->kernel_w +
                           (size_t)x,
                       sizeof(*w));
        }
}

/* U = G w G^T of F(4, 4) for V filters, w [16][V]. */
static void transform_four(const float *w, int lanes, float *u, ptrdiff_t point_stride)
{
    static const double G[7][4] = {
        { -1.0 / 2, 0, 0, 0 },
        { -1.0 / 3, -1.0 / 3, -1.0 / 3, -1.0 / 3 },
        { 1.0 / 9, -1.0 / 9, 1.0 / 9, -1.0 / 9 },
        { 1.0 / 36, 1.0 / 18, 1.0 / 9, 2.0 / 9 },
        { -1.0 / 60, 1.0 / 30, -1.0 / 15, 2.0 / 15 },
        { 32.0 / 45, 16.0 / 45, 8.0 / 45, 4.0 / 45 },
        { 0, 0, 0, 1 },
    };
    for (int point = 0; point < 7 * 7; point++, u += point_stride)
        for (int lane = 0; lane < lanes; lane++) {
            double sum = 0;
            for (int tap = 0; tap < 16; tap++)
                sum += G[point / 7][tap / 4] * G[point % 7][tap % 4] * w[tap * lanes + lane];
            u[lane] = (float)sum;
        }
}

/* U [filter group][point][channel][phase][filter block of the group][lane] */
static void phases_pack(const conv_plan *plan, const float *weights, void *packed)
{
    const conv_shape *s = &plan->shape;
    const conv_units *units = plan->kernels->conv.units;
    const int lanes = units->lanes, blocks_out = conv_ceil_div(s->c_out, lanes), channels = 4 * s->c_in;
    const int groups = conv_ceil_div(blocks_out, plan->tile[TILE_FILTERS]);
    const int side = side_of(s);
    _Alignas(64) float w[16 * CONV_MAX_LANES];
    float *to = packed;
    for (int q = 0; q < groups; q++) {
        const conv_range blocks = conv_group(blocks_out, groups, q);
        const ptrdiff_t width = (ptrdiff_t)(blocks.end - blocks.begin) * lanes, point = width * channels;
        for (int k = 0; k < channels; k++)
            for (int block = blocks.begin; block < blocks.end; block++) {
                gather_weights(s, weights, block * lanes, k / 4, k / 2 % 2, k % 2, lanes, w);
                float *u = to + k * width + (block - blocks.begin) * lanes;
                if (side == WINOGRAD_SIDE_SEVEN)
                    transform_four(w, lanes, u, point);
                else
                    units->winograd_weights(w, conv_winograd_form, side, u, point);
            }
        to += side * side * point;
    }
}

/* Cycles of one core, see conv_private.h. Measured (Emerald Rapids) for six points: the input's transform of a tile
 * takes 37 cycles a channel with 16 lanes, the output's 110 a filter block. */
static double cycles_of(const conv_units *units, const conv_shape *s, int filters)
{
    const int blocks = conv_ceil_div(s->c_out, units->lanes), line = units->products.pixels[filters - 1] * 8;
    const double tiles = (double)conv_ceil_div(s->w_out, 4) * conv_ceil_div(s->h_out, 4);
    const double points = side_of(s) * side_of(s), more = points / 36;
    const double input = 37.0 * 16 / units->lanes * s->c_in, products = points * 4.0 * s->c_in;
    return tiles *
           (more * (input + 110.0 * blocks) + products * conv_tile_cost(&units->products, filters, blocks, line));
}

bool conv_choose_phases(const cpu_kernels *kernels, const conv_shape *s, conv_plan *plan)
{
    const conv_units *units = kernels->conv.units;
    conv_plan direct = *plan;
    if (s->exact || !s->src_plain || s->groups != 1 || s->stride_h != 2 || s->stride_w != 2 || s->dilation_h != 1 ||
        s->dilation_w != 1 || s->kernel_h < 4 || s->kernel_w < 4 || s->kernel_h > 8 || s->kernel_w > 8 ||
        !conv_choose_first(kernels, s, &direct))
        return false;
    const conv_tile_set *set = &units->products;
    const int blocks = conv_ceil_div(s->c_out, units->lanes), tiles_x = conv_ceil_div(s->w_out, 4);
    const int filters = conv_best_filters(set, blocks, set->pixels[0] * 4), pixels = set->pixels[filters - 1];
    plan->cycles = cycles_of(units, s, filters);
    if (plan->cycles > 0.9 * direct.cycles)
        return false;
    const int points = side_of(s) * side_of(s), tile_bytes = points * 4 * s->c_in * (int)sizeof(float);
    plan->tile[TILE_FILTERS] = filters;
    plan->tile[TILE_CHUNK] = conv_min(tiles_x, conv_max(CHUNK_BYTES / tile_bytes / pixels, 1) * pixels);
    const geometry g = geometry_of(plan);
    plan->tile[TILE_CHUNK] = conv_ceil_div(tiles_x, g.chunks);
    const int threads = conv_max(1, s->threads);
    plan->name = points == WINOGRAD_SIDE_SEVEN * WINOGRAD_SIDE_SEVEN ? units->phases_name : units->winograd_name[0];
    plan->parts = conv_parts_for(2 * plan->cycles * units->lanes);
    plan->parts = conv_min(g.tiles_y, conv_ceil_div(plan->parts, threads) * threads);
    plan->balance = conv_balance(g.tiles_y, plan->parts, 1, 1, threads);
    plan->packed_bytes = (size_t)points * (size_t)g.channels * (size_t)blocks * (size_t)g.lanes * sizeof(float);
    plan->scratch_bytes =
        (line_floats(&g) + v_floats(&g) + m_floats(&g) + 2 * OUTPUTS * (size_t)g.lanes) * sizeof(float);
    plan->run = phases_run_part;
    plan->run_rows = phases_run_rows;
    plan->grain = 4;
    plan->pack = phases_pack;
    return true;
}
