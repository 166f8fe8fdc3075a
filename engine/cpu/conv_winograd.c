/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Winograd F(4x4, 3x3) for stride 1, tile-fused: a strip of T tiles is transformed (V), multiplied by the transformed
 * weights (U) with the same register tiles as direct convolution, 36 products of [T, c_in] x [c_in, c_out], into M, and
 * transformed back with bias, activation and residual. V, M and what is used of U stay in the second-level cache.
 * U and V are 36 / 16 of the data, the products 36 / 144 of the multiply-adds of direct convolution. */
#include <string.h>

#include "cpu/conv_private.h"

enum { TILE_FILTERS, TILE_STRIP, TILE_STRIP_CUTS, TILE_FILTER_CUTS };

/* V and M of a strip; between 20 and 40 tiles all sizes are within 5 %, fewer read U too often. */
enum { STRIP_BYTES = 450 * 1024, STRIP_LEAST = 25, STRIP_MOST = 40 };

typedef struct geometry {
    const conv_shape *shape;
    const conv_units *units;
    int lanes, blocks_in, blocks_out, filter_groups;
    int tiles_x, tiles, strip, strips;
    int part_blocks;            /* most filter blocks of a part */
    ptrdiff_t v_point, m_point; /* floats between points */
} geometry;

static geometry geometry_of(const conv_plan *plan)
{
    const conv_shape *s = &plan->shape;
    const int *tile = plan->tile;
    geometry g = { .shape = s, .units = plan->kernels->conv.units };
    g.lanes = g.units->lanes;
    g.blocks_in = conv_ceil_div(s->c_in, g.lanes);
    g.blocks_out = conv_ceil_div(s->c_out, g.lanes);
    g.filter_groups = conv_ceil_div(g.blocks_out, tile[TILE_FILTERS]);
    g.tiles_x = conv_ceil_div(s->w_out, 4);
    g.tiles = g.tiles_x * conv_ceil_div(s->h_out, 4);
    g.strip = tile[TILE_STRIP];
    g.strips = conv_ceil_div(g.tiles, g.strip);
    g.part_blocks = conv_min(g.blocks_out, conv_ceil_div(g.filter_groups, tile[TILE_FILTER_CUTS]) * tile[TILE_FILTERS]);
    /* One vector more, so that the 36 planes do not all meet in the same cache set. */
    g.v_point = ((ptrdiff_t)g.blocks_in * g.strip + 1) * g.lanes;
    g.m_point = ((ptrdiff_t)g.part_blocks * g.strip + 1) * g.lanes;
    return g;
}

/* Scratch: V, M, one tile in front of an activation, a row of zeros. */
static size_t v_floats(const geometry *g)
{
    return WINOGRAD_POINTS * (size_t)g->v_point;
}
static size_t m_floats(const geometry *g)
{
    return WINOGRAD_POINTS * (size_t)g->m_point;
}
static size_t zero_floats(const geometry *g)
{
    return (size_t)(4 * g->tiles_x + 2) * (size_t)g->lanes;
}

/* What stays the same over one part. */
typedef struct winograd_run {
    const geometry *g;
    const cpu_kernels *kernels;
    const conv_arguments *arguments;
    conv_epilogue epilogue;
    eltwise_act_f32 *act;
    conv_range groups; /* filter groups of this part */
    int first_block;
    float *v, *m, *post, *zeros;
} winograd_run;

/* Tiles [begin, begin + count) of one tile row, all input blocks, to V from its tile `at` on. */
static void input_row(const winograd_run *r, int begin, int count, int at)
{
    const geometry *g = r->g;
    const conv_shape *s = g->shape;
    int y = begin / g->tiles_x * 4 - s->pad_top, x = begin % g->tiles_x * 4 - s->pad_left;
    int low = conv_min(conv_max(-x, 0), 4 * count + 2), high = conv_max(low, conv_min(s->w_in - x, 4 * count + 2));
    for (int block = 0; block < g->blocks_in; block++) {
        const float *plane = r->arguments->src + (size_t)block * (size_t)s->h_in * (size_t)s->w_in * (size_t)g->lanes;
        const float *rows[6];
        for (int i = 0; i < 6; i++) {
            bool inside = y + i >= 0 && y + i < s->h_in && low < high;
            rows[i] = inside ? plane + ((ptrdiff_t)(y + i) * s->w_in + x + low) * g->lanes : r->zeros;
        }
        g->units->winograd_input(rows, low, high, r->v + ((ptrdiff_t)block * g->strip + at) * g->lanes, g->v_point,
                                 count);
    }
}

static void multiply(const winograd_run *r, int tiles)
{
    const geometry *g = r->g;
    int channels = conv_summed_channels(g->shape->c_in);
    conv_tile t = { .blocks = g->blocks_in,
                    .taps_h = 1,
                    .taps_w = 1,
                    .inner = g->lanes,
                    .inner_last = conv_last_block(channels, g->lanes),
                    .block_stride = (ptrdiff_t)g->strip * g->lanes,
                    .step = g->lanes,
                    .dst_block_stride = (ptrdiff_t)g->strip * g->lanes };
    const float *u = r->arguments->packed;
    for (int point = 0; point < WINOGRAD_POINTS; point++)
        for (int q = r->groups.begin; q < r->groups.end; q++) {
            conv_range filters = conv_group(g->blocks_out, g->filter_groups, q);
            size_t at = ((size_t)point * (size_t)g->blocks_out + (size_t)filters.begin) * (size_t)channels;
            conv_run_line(&g->units->unit, filters.end - filters.begin, &t, r->v + point * g->v_point,
                          u + at * (size_t)g->lanes, NULL, NULL,
                          r->m + point * g->m_point + (ptrdiff_t)(filters.begin - r->first_block) * t.dst_block_stride,
                          tiles, g->lanes);
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
    r->g->units->winograd_output(m, r->g->m_point, &r->epilogue, bias, after ? NULL : residual, row, from,
                                 4 * (ptrdiff_t)lanes, rows, cols);
    r->act(from, from, 16 * lanes, activation->a, activation->b);
    for (int i = 0; i < rows; i++, from += 4 * lanes, dst += row) {
        if (after)
            eltwise->binary[CPU_BINARY_ADD](from, 1, residual + i * row, 1, dst, floats);
        else
            memcpy(dst, from, floats * sizeof(float));
    }
}

static void output(const winograd_run *r, int begin, int tiles)
{
    const geometry *g = r->g;
    const conv_arguments *a = r->arguments;
    const conv_shape *s = g->shape;
    int blocks = conv_group(g->blocks_out, g->filter_groups, r->groups.end - 1).end - r->first_block;
    ptrdiff_t row = (ptrdiff_t)s->w_out * g->lanes;
    for (int block = 0; block < blocks; block++) {
        size_t plane = (size_t)(r->first_block + block) * (size_t)s->h_out * (size_t)s->w_out * (size_t)g->lanes;
        const float *bias = a->bias + (r->first_block + block) * g->lanes;
        const float *m = r->m + (ptrdiff_t)block * g->strip * g->lanes;
        for (int t = begin; t < begin + tiles; t++, m += g->lanes) {
            int y = t / g->tiles_x * 4, x = t % g->tiles_x * 4;
            int rows = conv_min(4, s->h_out - y), cols = conv_min(4, s->w_out - x);
            size_t at = plane + ((size_t)y * (size_t)s->w_out + (size_t)x) * (size_t)g->lanes;
            const float *residual = a->residual ? a->residual + at : NULL;
            if (r->act)
                output_post(r, m, bias, residual, a->dst + at, row, rows, cols);
            else
                g->units->winograd_output(m, g->m_point, &r->epilogue, bias, residual, row, a->dst + at, row, rows,
                                          cols);
        }
    }
}

static void winograd_run_part(const conv_plan *plan, const conv_arguments *arguments, int part, void *scratch)
{
    const geometry g = geometry_of(plan);
    const int *tile = plan->tile;
    winograd_run r = { .g = &g, .kernels = plan->kernels, .arguments = arguments };
    r.act = conv_split_activation(plan->kernels, arguments, &r.epilogue);
    r.groups = conv_cut(g.filter_groups, tile[TILE_FILTER_CUTS], part / tile[TILE_STRIP_CUTS]);
    r.first_block = conv_group(g.blocks_out, g.filter_groups, r.groups.begin).begin;
    r.v = scratch;
    r.m = r.v + v_floats(&g);
    r.zeros = r.m + m_floats(&g);
    r.post = r.zeros + zero_floats(&g);
    memset(r.zeros, 0, zero_floats(&g) * sizeof(float));
    conv_range strips = conv_cut(g.strips, tile[TILE_STRIP_CUTS], part % tile[TILE_STRIP_CUTS]);
    for (int strip = strips.begin; strip < strips.end; strip++) {
        conv_range tiles = conv_cut(g.tiles, g.strips, strip);
        for (int t = tiles.begin; t < tiles.end;) {
            int count = conv_min(tiles.end - t, g.tiles_x - t % g.tiles_x);
            input_row(&r, t, count, t - tiles.begin);
            t += count;
        }
        multiply(&r, tiles.end - tiles.begin);
        output(&r, tiles.begin, tiles.end - tiles.begin);
    }
}

/* G g G^T in double. */
static void transform_weights(const float *w, double *u)
{
    static const double G[6][3] = { { 1.0 / 4, 0, 0 },
                                    { -1.0 / 6, -1.0 / 6, -1.0 / 6 },
                                    { -1.0 / 6, 1.0 / 6, -1.0 / 6 },
                                    { 1.0 / 24, 1.0 / 12, 1.0 / 6 },
                                    { 1.0 / 24, -1.0 / 12, 1.0 / 6 },
                                    { 0, 0, 1 } };
    double half[6][3];
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 3; j++)
            half[i][j] = G[i][0] * (double)w[j] + G[i][1] * (double)w[3 + j] + G[i][2] * (double)w[6 + j];
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 6; j++)
            u[i * 6 + j] = half[i][0] * G[j][0] + half[i][1] * G[j][1] + half[i][2] * G[j][2];
}

/* U [point][filter group][c_in][filter block of the group][lane] */
static void winograd_pack(const conv_plan *plan, const float *weights, void *packed)
{
    const geometry g = geometry_of(plan);
    const conv_shape *s = &plan->shape;
    float *to = packed;
    int channels = conv_summed_channels(s->c_in);
    size_t point_floats = (size_t)g.blocks_out * (size_t)g.lanes * (size_t)channels;
    for (int q = 0; q < g.filter_groups; q++) {
        conv_range filters = conv_group(g.blocks_out, g.filter_groups, q);
        for (int c = 0; c < channels; c++)
            for (int o = filters.begin * g.lanes; o < filters.end * g.lanes; o++, to++) {
                double u[WINOGRAD_POINTS] = { 0 };
                if (o < s->c_out && c < s->c_in)
                    transform_weights(weights + ((size_t)o * (size_t)s->c_in + (size_t)c) * 9, u);
                for (int point = 0; point < WINOGRAD_POINTS; point++)
                    to[(size_t)point * point_floats] = (float)u[point];
            }
    }
}

/* Cycles of the whole layer both ways; transforms measured at about 80 and 110 cycles per tile and block. */
static bool pays(const conv_units *units, const conv_shape *s, int filters, int strip)
{
    int lanes = units->lanes, blocks_in = conv_ceil_div(s->c_in, lanes), blocks_out = conv_ceil_div(s->c_out, lanes);
    double tiles = (double)conv_ceil_div(s->w_out, 4) * conv_ceil_div(s->h_out, 4);
    double product = WINOGRAD_POINTS * s->c_in * conv_tile_cost(&units->unit, filters, blocks_out, strip);
    double winograd = tiles * (product + 80 * blocks_in + 110 * blocks_out);
    int direct_filters = conv_best_filters(&units->unit, blocks_out, s->w_out);
    double direct =
        9.0 * s->c_in * s->h_out * s->w_out * conv_tile_cost(&units->unit, direct_filters, blocks_out, s->w_out);
    return winograd < 0.9 * direct;
}

static int strip_tiles(int lanes, int blocks, int tiles)
{
    int fit = STRIP_BYTES / (WINOGRAD_POINTS * lanes * (int)sizeof(float)) / blocks;
    int strip = conv_min(conv_max(fit, STRIP_LEAST), STRIP_MOST);
    return conv_ceil_div(tiles, conv_ceil_div(tiles, strip));
}

bool conv_choose_winograd(const cpu_kernels *kernels, const conv_shape *s, conv_plan *plan)
{
    const conv_units *units = kernels->conv.units;
    if (s->exact || s->src_plain || s->groups != 1 || s->kernel_h != 3 || s->kernel_w != 3 || s->stride_h != 1 ||
        s->stride_w != 1 || s->dilation_h != 1 || s->dilation_w != 1 || !units->winograd_input)
        return false;
    int lanes = units->lanes, blocks_in = conv_ceil_div(s->c_in, lanes), blocks_out = conv_ceil_div(s->c_out, lanes);
    int tiles = conv_ceil_div(s->w_out, 4) * conv_ceil_div(s->h_out, 4);
    int parts = conv_parts_for(9.0 / 2 * s->c_in * s->c_out * s->h_out * s->w_out);
    size_t u_bytes =
        WINOGRAD_POINTS * (size_t)conv_summed_channels(s->c_in) * (size_t)blocks_out * (size_t)lanes * sizeof(float);

    int strip = strip_tiles(lanes, blocks_in + blocks_out, tiles);
    int filters = conv_best_filters(&units->unit, blocks_out, strip);
    if (!pays(units, s, filters, strip))
        return false;
    int strips = conv_ceil_div(tiles, strip), filter_groups = conv_ceil_div(blocks_out, filters);
    plan->tile[TILE_FILTERS] = filters;
    plan->tile[TILE_STRIP] = strip;
    plan->tile[TILE_STRIP_CUTS] = conv_min(strips, parts);
    /* Every cut of the filters transforms the input again, so only where there would be too few parts for any threads.
     */
    plan->tile[TILE_FILTER_CUTS] = conv_min(filter_groups, conv_max(1, conv_min(parts, 4) / 2 / strips));

    geometry g = geometry_of(plan);
    plan->name = units->winograd_name;
    plan->parts = plan->tile[TILE_STRIP_CUTS] * plan->tile[TILE_FILTER_CUTS];
    plan->packed_bytes = u_bytes;
    plan->scratch_bytes = (v_floats(&g) + m_floats(&g) + zero_floats(&g) + 16 * (size_t)lanes) * sizeof(float);
    plan->run = winograd_run_part;
    plan->pack = winograd_pack;
    return true;
}
