/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Winograd convolution for 3x3, stride 1 and 2, tile-fused: a strip of T tiles of 4x4 outputs is transformed (V),
 * multiplied by the transformed weights (U) with the same register tiles as direct convolution into M, and transformed
 * back with bias, activation and residual. V, and M and U of one filter group stay in the second-level cache.
 * Stride 1: 36 products [T, c_in] x [c_in, c_out] instead of 144. Stride 2: 81 instead of 144, as the weights of the
 * odd positions are the same for all four: 36 matrices U in both cases.
 *
 * One core of an Emerald Rapids Xeon, AVX-512, GFLOP/s counted as direct convolution, with SiLU, 2026-11-21
 * (test-kernels --bench --table avx512 conv): 80x80 64-64 602 (direct 205), 80x80 32-32 478 (200), 160x160 16-16 315
 * (174), 20x20 128-128 520 (206); stride 2: 80x80 32-64 244 (184), 40x40 64-128 253 (200), 20x20 128-256 264 (203). */
#include <string.h>

#include "cpu/conv_private.h"

enum { TILE_FILTERS, TILE_STRIP, TILE_STRIP_CUTS, TILE_FILTER_CUTS };

enum { WEIGHT_SIDE = 6, WEIGHT_POINTS = 36 };

/* V and M of a strip should be no larger, but fewer tiles than STRIP_LEAST read U too often, and more than STRIP_MOST
 * gain nothing. Stride 2 reads U for four and sixteen positions at once, so it needs fewer. */
enum { STRIP_BYTES = 450 * 1024, STRIP_LEAST = 25, STRIP_LEAST_TWO = 13, STRIP_MOST = 40 };

typedef struct geometry {
    const conv_shape *shape;
    conv_winograd_input_f32 *input;
    conv_winograd_output_f32 *output;
    const conv_tile_set *set;
    int lanes, channels, blocks_in, blocks_out, filter_groups;
    int side; /* points and inputs of a tile in one direction */
    int span; /* inputs from one tile to the next */
    int tiles_x, tiles, strip, strips;
    ptrdiff_t v_point, m_point; /* floats between points */
} geometry;

static geometry geometry_of(const conv_plan *plan)
{
    const conv_shape *s = &plan->shape;
    const conv_units *units = plan->kernels->conv.units;
    const int *tile = plan->tile;
    int form = s->stride_h - 1;
    geometry g = { .shape = s, .lanes = units->lanes, .set = &units->unit };
    g.input = units->winograd_input[form];
    g.output = units->winograd_output[form];
    g.side = form ? WINOGRAD_SIDE_TWO : WINOGRAD_SIDE_UNIT;
    g.span = 4 * s->stride_h;
    g.channels = conv_summed_channels(s->c_in);
    g.blocks_in = conv_ceil_div(s->c_in, g.lanes);
    g.blocks_out = conv_ceil_div(s->c_out, g.lanes);
    g.filter_groups = conv_ceil_div(g.blocks_out, tile[TILE_FILTERS]);
    g.tiles_x = conv_ceil_div(s->w_out, 4);
    g.tiles = g.tiles_x * conv_ceil_div(s->h_out, 4);
    g.strip = tile[TILE_STRIP];
    g.strips = conv_ceil_div(g.tiles, g.strip);
    /* One vector more, so that the planes of all points do not meet in the same cache set. */
    g.v_point = ((ptrdiff_t)g.blocks_in * g.strip + 1) * g.lanes;
    g.m_point = ((ptrdiff_t)tile[TILE_FILTERS] * g.strip + 1) * g.lanes;
    return g;
}

/* Scratch: V, M, a row of zeros, one tile in front of an activation. */
static size_t v_floats(const geometry *g)
{
    return (size_t)(g->side * g->side) * (size_t)g->v_point;
}
static size_t m_floats(const geometry *g)
{
    return (size_t)(g->side * g->side) * (size_t)g->m_point;
}
static size_t zero_floats(const geometry *g)
{
    return (size_t)(g->span * g->tiles_x + g->side) * (size_t)g->lanes;
}

/* What stays the same over one part. */
typedef struct winograd_run {
    const geometry *g;
    const cpu_kernels *kernels;
    const conv_arguments *arguments;
    conv_epilogue epilogue;
    eltwise_act_f32 *act;
    float *v, *m, *zeros, *post;
} winograd_run;

/* Tiles [begin, begin + count) of one tile row, all input blocks, to V from its tile `at` on. */
static void input_row(const winograd_run *r, int begin, int count, int at)
{
    const geometry *g = r->g;
    const conv_shape *s = g->shape;
    int y = begin / g->tiles_x * g->span - s->pad_top, x = begin % g->tiles_x * g->span - s->pad_left;
    int columns = g->span * (count - 1) + g->side;
    int low = conv_min(conv_max(-x, 0), columns), high = conv_max(low, conv_min(s->w_in - x, columns));
    for (int block = 0; block < g->blocks_in; block++) {
        const float *plane = r->arguments->src + (size_t)block * (size_t)s->h_in * (size_t)s->w_in * (size_t)g->lanes;
        const float *rows[WINOGRAD_SIDE_MOST];
        for (int i = 0; i < g->side; i++) {
            bool inside = y + i >= 0 && y + i < s->h_in && low < high;
            rows[i] = inside ? plane + ((ptrdiff_t)(y + i) * s->w_in + x + low) * g->lanes : r->zeros;
        }
        g->input(rows, low, high, r->v + ((ptrdiff_t)block * g->strip + at) * g->lanes, g->v_point, count);
    }
}

/* Positions of a tile that have weights i in one direction: the odd ones of stride 2 share theirs. */
static conv_range positions(const geometry *g, int i)
{
    return i < 5 ? (conv_range){ i, i + 1 } : (conv_range){ i, g->side };
}

/* M of one filter group for `tiles` tiles. u: its [point][channel][filter block][lane]. */
static void multiply(const winograd_run *r, int filters, const float *u, int tiles)
{
    const geometry *g = r->g;
    conv_tile t = { .blocks = g->blocks_in,
                    .taps_h = 1,
                    .taps_w = 1,
                    .inner = g->lanes,
                    .inner_last = conv_last_block(g->channels, g->lanes),
                    .block_stride = (ptrdiff_t)g->strip * g->lanes,
                    .step = g->lanes,
                    .dst_block_stride = (ptrdiff_t)g->strip * g->lanes,
                    .ahead = (ptrdiff_t)g->channels * filters * g->lanes };
    for (int point = 0; point < WEIGHT_POINTS; point++, u += t.ahead) {
        conv_range rows = positions(g, point / WEIGHT_SIDE), columns = positions(g, point % WEIGHT_SIDE);
        for (int i = rows.begin; i < rows.end; i++)
            for (int j = columns.begin; j < columns.end; j++) {
                ptrdiff_t at = i * g->side + j;
                conv_run_line(g->set, filters, &t, r->v + at * g->v_point, u, NULL, NULL, r->m + at * g->m_point, tiles,
                              g->lanes);
            }
    }
}

/* A tile whose activation is not done in registers: by way of post, pixel rows of 4. */
static void output_post(const winograd_run *r, const float *m, const float *bias, const float *residual, float *dst,
                        ptrdiff_t row, int rows, int cols)
{
    const cpu_activation *activation = &r->arguments->activation;
    const eltwise_kernels *eltwise = &r->kernels->eltwise;
    bool after = residual && !r->epilogue.residual_before;
    size_t lanes = (size_t)r->g->lanes, floats = (size_t)cols * lanes;
    float *from = r->post;
    memset(from, 0, 16 * lanes * sizeof(float));
    r->g->output(m, r->g->m_point, &r->epilogue, bias, after ? NULL : residual, row, from, 4 * (ptrdiff_t)lanes, rows,
                 cols);
    r->act(from, from, 16 * lanes, activation->a, activation->b);
    for (int i = 0; i < rows; i++, from += 4 * lanes, dst += row) {
        if (after)
            eltwise->binary[CPU_BINARY_ADD](from, 1, residual + i * row, 1, dst, floats);
        else
            memcpy(dst, from, floats * sizeof(float));
    }
}

/* M of filter blocks [begin, end) for tiles [first, first + tiles) to dst. */
static void output(const winograd_run *r, conv_range blocks, int first, int tiles)
{
    const geometry *g = r->g;
    const conv_arguments *a = r->arguments;
    const conv_shape *s = g->shape;
    ptrdiff_t row = (ptrdiff_t)s->w_out * g->lanes;
    for (int block = blocks.begin; block < blocks.end; block++) {
        size_t plane = (size_t)block * (size_t)s->h_out * (size_t)s->w_out * (size_t)g->lanes;
        const float *bias = a->bias + block * g->lanes;
        const float *m = r->m + (ptrdiff_t)(block - blocks.begin) * g->strip * g->lanes;
        for (int t = first; t < first + tiles; t++, m += g->lanes) {
            int y = t / g->tiles_x * 4, x = t % g->tiles_x * 4;
            int rows = conv_min(4, s->h_out - y), cols = conv_min(4, s->w_out - x);
            size_t at = plane + ((size_t)y * (size_t)s->w_out + (size_t)x) * (size_t)g->lanes;
            const float *residual = a->residual ? a->residual + at : NULL;
            if (r->act)
                output_post(r, m, bias, residual, a->dst + at, row, rows, cols);
            else
                g->output(m, g->m_point, &r->epilogue, bias, residual, row, a->dst + at, row, rows, cols);
        }
    }
}

static void winograd_run_part(const conv_plan *plan, const conv_arguments *arguments, int part, void *scratch)
{
    const geometry g = geometry_of(plan);
    const int *tile = plan->tile;
    winograd_run r = { .g = &g, .kernels = plan->kernels, .arguments = arguments };
    r.act = conv_split_activation(plan->kernels, arguments, &r.epilogue);
    r.v = scratch;
    r.m = r.v + v_floats(&g);
    r.zeros = r.m + m_floats(&g);
    r.post = r.zeros + zero_floats(&g);
    memset(r.zeros, 0, zero_floats(&g) * sizeof(float));
    conv_range groups = conv_cut(g.filter_groups, tile[TILE_FILTER_CUTS], part / tile[TILE_STRIP_CUTS]);
    conv_range strips = conv_cut(g.strips, tile[TILE_STRIP_CUTS], part % tile[TILE_STRIP_CUTS]);
    for (int strip = strips.begin; strip < strips.end; strip++) {
        conv_range tiles = { strip * g.strip, conv_min((strip + 1) * g.strip, g.tiles) };
        int count = tiles.end - tiles.begin;
        for (int t = tiles.begin; t < tiles.end;) {
            int n = conv_min(tiles.end - t, g.tiles_x - t % g.tiles_x);
            input_row(&r, t, n, t - tiles.begin);
            t += n;
        }
        for (int q = groups.begin; q < groups.end; q++) {
            conv_range blocks = conv_group(g.blocks_out, g.filter_groups, q);
            size_t u = (size_t)blocks.begin * (size_t)g.lanes * WEIGHT_POINTS * (size_t)g.channels;
            multiply(&r, blocks.end - blocks.begin, (const float *)arguments->packed + u, count);
            output(&r, blocks, tiles.begin, count);
        }
    }
}

/* Channel c of V filters from o on as [9][V]; what does not exist is 0. */
static void gather_weights(const conv_shape *s, const float *weights, int o, int c, int lanes, float *w)
{
    memset(w, 0, sizeof(*w) * 9 * (size_t)lanes);
    for (int lane = 0; lane < lanes && o + lane < s->c_out; lane++) {
        float taps[9]; /* weights may lie anywhere in a file */
        memcpy(taps, weights + ((size_t)(o + lane) * (size_t)s->c_in + (size_t)c) * 9, sizeof(taps));
        for (int tap = 0; tap < 9; tap++)
            w[tap * lanes + lane] = taps[tap];
    }
}

/* U [filter group][point][channel][filter block of the group][lane] */
static void winograd_pack(const conv_plan *plan, const float *weights, void *packed)
{
    static const float forms[2][WEIGHT_SIDE][3] = {
        { { 1.0f / 4, 0, 0 },
          { -1.0f / 6, -1.0f / 6, -1.0f / 6 },
          { -1.0f / 6, 1.0f / 6, -1.0f / 6 },
          { 1.0f / 24, 1.0f / 12, 1.0f / 6 },
          { 1.0f / 24, -1.0f / 12, 1.0f / 6 },
          { 0, 0, 1 } },
        { { 1.0f / 2, 0, 0 },
          { -1.0f / 2, 0, -1.0f / 2 },
          { -1.0f / 6, 0, 1.0f / 6 },
          { 1.0f / 6, 0, 1.0f / 3 },
          { 0, 0, 1 },
          { 0, 1, 0 } },
    };
    const geometry g = geometry_of(plan);
    const conv_shape *s = &plan->shape;
    conv_winograd_weights_f32 *transform = plan->kernels->conv.units->winograd_weights;
    _Alignas(64) float w[9 * 16], zero[9 * 16] = { 0 };
    float *to = packed;
    assert(g.lanes <= 16);
    for (int q = 0; q < g.filter_groups; q++) {
        conv_range blocks = conv_group(g.blocks_out, g.filter_groups, q);
        size_t width = (size_t)(blocks.end - blocks.begin) * (size_t)g.lanes, point_floats = width * (size_t)g.channels;
        for (int c = 0; c < g.channels; c++)
            for (int block = blocks.begin; block < blocks.end; block++) {
                if (c < s->c_in)
                    gather_weights(s, weights, block * g.lanes, c, g.lanes, w);
                transform(c < s->c_in ? w : zero, forms[s->stride_h - 1],
                          to + (size_t)c * width + (size_t)(block - blocks.begin) * (size_t)g.lanes,
                          (ptrdiff_t)point_floats);
            }
        to += WEIGHT_POINTS * point_floats;
    }
}

/* Cycles of the whole layer both ways; transforms of a tile and block measured: 80 in, 110 out, for stride 2 more. */
static bool pays(const conv_units *units, const conv_shape *s, int filters, int strip)
{
    int lanes = units->lanes, blocks_in = conv_ceil_div(s->c_in, lanes), blocks_out = conv_ceil_div(s->c_out, lanes);
    double tiles = (double)conv_ceil_div(s->w_out, 4) * conv_ceil_div(s->h_out, 4);
    double points = s->stride_h == 1 ? 36 : 81, input = s->stride_h == 1 ? 80 : 250, output = input + 30;
    double product = points * s->c_in * conv_tile_cost(&units->unit, filters, blocks_out, strip);
    double winograd = tiles * (product + input * blocks_in + output * blocks_out);
    const conv_tile_set *set = s->stride_w == 1 ? &units->unit : &units->two;
    double cost = conv_tile_cost(set, conv_best_filters(set, blocks_out, s->w_out), blocks_out, s->w_out);
    return winograd < 0.85 * 9 * cost * s->c_in * s->h_out * s->w_out;
}

/* Cycles of the products, with tiles cut in strips of `strip`; U is read once for each, from the last cache when large.
 */
static double strip_cost(const conv_units *units, const conv_shape *s, int filters, int tiles, int strip)
{
    int blocks = conv_ceil_div(s->c_out, units->lanes), rest = tiles % strip, strips = conv_ceil_div(tiles, strip);
    double points = s->stride_h == 1 ? 36 : 81, u_bytes = 4.0 * WEIGHT_POINTS * s->c_in * blocks * units->lanes;
    double cycles = (tiles - rest) * conv_tile_cost(&units->unit, filters, blocks, strip);
    if (rest)
        cycles += rest * conv_tile_cost(&units->unit, filters, blocks, rest);
    return cycles * points * s->c_in + strips * u_bytes / (u_bytes > 1e6 ? 10 : 60);
}

static int strip_tiles(const conv_units *units, const conv_shape *s, int filters, int tiles)
{
    int side = s->stride_h == 1 ? WINOGRAD_SIDE_UNIT : WINOGRAD_SIDE_TWO, vector = units->lanes * (int)sizeof(float);
    int fit = STRIP_BYTES / (side * side * vector) / (conv_ceil_div(s->c_in, units->lanes) + filters);
    int least = s->stride_h == 1 ? STRIP_LEAST : STRIP_LEAST_TWO;
    int most = conv_min(tiles, conv_min(STRIP_MOST, conv_max(least, fit))), best = most;
    for (int strip = most; strip > most * 2 / 3; strip--)
        if (strip_cost(units, s, filters, tiles, strip) < 0.995 * strip_cost(units, s, filters, tiles, best))
            best = strip;
    return best;
}

bool conv_choose_winograd(const cpu_kernels *kernels, const conv_shape *s, conv_plan *plan)
{
    const conv_units *units = kernels->conv.units;
    if (s->exact || s->src_plain || s->groups != 1 || s->kernel_h != 3 || s->kernel_w != 3 ||
        s->stride_h != s->stride_w || s->stride_h > 2 || s->dilation_h != 1 || s->dilation_w != 1)
        return false;
    int lanes = units->lanes, blocks_out = conv_ceil_div(s->c_out, lanes);
    int tiles = conv_ceil_div(s->w_out, 4) * conv_ceil_div(s->h_out, 4);
    int parts = conv_parts_for(9.0 / 2 * s->c_in * s->c_out * s->h_out * s->w_out);
    int filters = conv_best_filters(&units->unit, blocks_out, conv_min(tiles, 20));
    int strip = strip_tiles(units, s, filters, tiles);
    if (!pays(units, s, filters, strip))
        return false;
    int strips = conv_ceil_div(tiles, strip), filter_groups = conv_ceil_div(blocks_out, filters);
    plan->tile[TILE_FILTERS] = filters;
    plan->tile[TILE_STRIP] = strip;
    plan->tile[TILE_STRIP_CUTS] = conv_min(strips, parts);
    /* Every cut of the filters transforms the input again: only where there would be too few parts for any threads. */
    plan->tile[TILE_FILTER_CUTS] = conv_min(filter_groups, conv_max(1, conv_min(parts, 4) / 2 / strips));

    geometry g = geometry_of(plan);
    plan->name = units->winograd_name[s->stride_h - 1];
    plan->parts = plan->tile[TILE_STRIP_CUTS] * plan->tile[TILE_FILTER_CUTS];
    plan->packed_bytes = WEIGHT_POINTS * (size_t)g.channels * (size_t)blocks_out * (size_t)lanes * sizeof(float);
    plan->scratch_bytes = (v_floats(&g) + m_floats(&g) + zero_floats(&g) + 16 * (size_t)lanes) * sizeof(float);
    plan->run = winograd_run_part;
    plan->pack = winograd_pack;
    return true;
}
