/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Winograd convolution for 3x3, stride 1 and 2, and for kernels of one row or column, tile-fused: a strip of T tiles of
 * 4x4 or 2x2 outputs is transformed (V), multiplied by the transformed weights (U) with the same register tiles as
 * direct convolution into M, and transformed back with bias, activation and residual. V, and M and U of one filter
 * group stay in the second-level cache. Stride 1: 36 products [T, c_in] x [c_in, c_out] instead of 144. Stride 2: 81
 * instead of 144, as the weights of the odd positions are the same for all four: 36 matrices U in both cases. Tiles of
 * 2x2 take 64 products, with stride 2 100, for 16 outputs but 16 matrices U alone: faster where planes are small and
 * weights many, so that these come from afar.
 *
 * One core of an Emerald Rapids Xeon, AVX-512, GFLOP/s counted as direct convolution, with SiLU, 2026-11-21
 * (test-kernels --bench --table avx512 conv): 80x80 64-64 602 (direct 205), 80x80 32-32 478 (200), 160x160 16-16 315
 * (174), 20x20 128-128 520 (206); stride 2: 80x80 32-64 244 (184), 40x40 64-128 253 (200), 20x20 128-256 264 (203).
 * Tiles of 2x2, weights far, 2026-11-22: 14x14 256-256 326 (4x4: 231, direct 150), 26x4 512-512 266 (4x4: 148, direct
 * 132), 7x7 512-512 155 (direct 130); stride 2: 14x14 256-256 206 (4x4: 148, direct 137). */
#include <string.h>

#include "cpu/conv_private.h"

enum { TILE_FILTERS, TILE_STRIP, TILE_STRIP_CUTS, TILE_FILTER_CUTS, TILE_FORM, TILE_GROUP_CUTS };

/* F(4, 3), with stride 2 F(4, 2), and F(2, 3), F(2, 2). G, for the even positions of stride 2 and the odd ones; NULL
 * for kernels of one row or column, which are transformed in its direction alone. */
typedef struct form {
    int out, side, weight_side; /* outputs, inputs and points, points of the weights in one direction */
    double input_cycles, output_cycles;
    const float (*g)[3];
} form;
enum { FORMS = WINOGRAD_FORMS + WINOGRAD_LINE_FORMS };

const float conv_winograd_form[6][3] = {
    { 1.0f / 4, 0, 0 },
    { -1.0f / 6, -1.0f / 6, -1.0f / 6 },
    { -1.0f / 6, 1.0f / 6, -1.0f / 6 },
    { 1.0f / 24, 1.0f / 12, 1.0f / 6 },
    { 1.0f / 24, -1.0f / 12, 1.0f / 6 },
    { 0, 0, 1 },
};
static const float four_strided[6][3] = {
    { 1.0f / 2, 0, 0 }, { -1.0f / 2, 0, -1.0f / 2 }, { -1.0f / 6, 0, 1.0f / 6 }, { 1.0f / 6, 0, 1.0f / 3 }, { 0, 0, 1 },
    { 0, 1, 0 },
};
static const float two[4][3] = { { 1, 0, 0 }, { 0.5f, 0.5f, 0.5f }, { 0.5f, -0.5f, 0.5f }, { 0, 0, 1 } };
static const float two_strided[4][3] = { { 1, 0, 0 }, { 1, 0, 1 }, { 0, 0, 1 }, { 0, 1, 0 } };

/* Cycles: measured (see below) of one tile and channel block. */
static const form forms[FORMS] = {
    { 4, WINOGRAD_SIDE_UNIT, 6, 80, 110, conv_winograd_form },
    { 4, WINOGRAD_SIDE_TWO, 6, 250, 280, four_strided },
    { 2, WINOGRAD_SIDE_SMALL, 4, 40, 45, two },
    { 2, WINOGRAD_SIDE_SMALL_TWO, 4, 75, 70, two_strided },
    { 4, 6, 6, 25, 30, NULL },
    { 4, 8, 8, 35, 35, NULL },
    { 4, 10, 10, 50, 40, NULL },
};

static size_t all_points(const form *f)
{
    return (size_t)(f->g ? f->side * f->side : f->side);
}
static size_t weight_points(const form *f)
{
    return (size_t)(f->g ? f->weight_side * f->weight_side : f->weight_side);
}
/* Rows and columns of outputs that a tile has. */
static int tile_rows(const form *f, const conv_shape *s)
{
    return f->g || s->kernel_w == 1 ? f->out : 1;
}
static int tile_columns(const form *f, const conv_shape *s)
{
    return f->g || s->kernel_h == 1 ? f->out : 1;
}

typedef struct geometry {
    conv_shape shape; /* of one convolution group */
    const form *form;
    conv_winograd_input_f32 *input;
    conv_winograd_output_f32 *output;
    const conv_tile_set *set;
    int lanes, channels, blocks_in, blocks_out, filter_groups;
    conv_winograd_lines lines; /* where the form has no g */
    conv_winograd_line_output_f32 *line_output;
    int rows, columns, side; /* outputs of a tile; points and inputs in one direction */
    int span;                /* inputs from one tile to the next */
    int tiles_x, tiles, strip, strips;
    ptrdiff_t v_point, m_point; /* floats between points */
} geometry;

static geometry geometry_of(const conv_plan *plan)
{
    const conv_shape one = conv_shape_of_group(&plan->shape), *s = &one;
    const conv_units *units = plan->kernels->conv.units;
    const int *tile = plan->tile;
    geometry g = { .shape = one, .form = &forms[tile[TILE_FORM]], .lanes = units->lanes, .set = &units->unit };
    const int line = tile[TILE_FORM] - WINOGRAD_FORMS;
    g.input = line < 0 ? units->winograd_input[tile[TILE_FORM]] : NULL;
    g.output = line < 0 ? units->winograd_output[tile[TILE_FORM]] : NULL;
    g.rows = tile_rows(g.form, s);
    g.columns = tile_columns(g.form, s);
    g.side = g.form->side;
    g.span = g.form->out * s->stride_h;
    g.channels = conv_summed_channels(s->c_in);
    g.blocks_in = conv_ceil_div(s->c_in, g.lanes);
    g.blocks_out = conv_ceil_div(s->c_out, g.lanes);
    g.filter_groups = conv_ceil_div(g.blocks_out, tile[TILE_FILTERS]);
    g.tiles_x = conv_ceil_div(s->w_out, g.columns);
    g.tiles = g.tiles_x * conv_ceil_div(s->h_out, g.rows);
    g.strip = tile[TILE_STRIP];
    g.strips = conv_ceil_div(g.tiles, g.strip);
    /* One vector more, so that the planes of all points do not meet in the same cache set. */
    g.v_point = ((ptrdiff_t)g.blocks_in * g.strip + 1) * g.lanes;
    g.m_point = ((ptrdiff_t)tile[TILE_FILTERS] * g.strip + 1) * g.lanes;
    if (line >= 0) {
        g.line_output = units->line_output;
        g.lines = (conv_winograd_lines){ .line = conv_winograd_line_of(line),
                                         .input = units->line_input[line],
                                         .lanes = g.lanes,
                                         .point_stride = g.v_point };
    }
    return g;
}

/* Scratch: V, M, a row of zeros, one tile in front of an activation. */
static size_t v_floats(const geometry *g)
{
    return all_points(g->form) * (size_t)g->v_point;
}
static size_t m_floats(const geometry *g)
{
    return all_points(g->form) * (size_t)g->m_point;
}
static size_t zero_floats(const geometry *g)
{
    return (size_t)(g->span * g->tiles_x + g->side) * (size_t)g->lanes;
}

/* What stays the same over one part. */
typedef struct winograd_run {
    const geometry *g;
    const cpu_kernels *kernels;
    conv_arguments arguments; /* of one convolution group */
    conv_epilogue epilogue;
    eltwise_act_f32 *act;
    float *v, *m, *zeros, *post;
    size_t ahead; /* floats of weights to those that are fetched meanwhile, of the next convolution group; 0: none */
} winograd_run;

/* The same for a kernel of one row or column. */
static void input_lines(const winograd_run *r, int begin, int count, int at)
{
    const geometry *g = r->g;
    conv_winograd_lines l = g->lines;
    l.shape = &g->shape;
    l.zeros = r->zeros;
    for (int block = 0; block < g->blocks_in; block++)
        conv_winograd_line_input(
            &l, r->arguments.src + (size_t)block * (size_t)(l.shape->h_in * l.shape->w_in) * (size_t)g->lanes,
            begin / g->tiles_x * g->rows, begin % g->tiles_x * g->columns, count,
            r->v + ((ptrdiff_t)block * g->strip + at) * g->lanes);
}

/* Tiles [begin, begin + count) of one tile row, all input blocks, to V from its tile `at` on. */
static void input_row(const winograd_run *r, int begin, int count, int at)
{
    const geometry *g = r->g;
    const conv_shape *s = &g->shape;
    int y = begin / g->tiles_x * g->span - s->pad_top, x = begin % g->tiles_x * g->span - s->pad_left;
    int columns = g->span * (count - 1) + g->side;
    int low = conv_min(conv_max(-x, 0), columns), high = conv_max(low, conv_min(s->w_in - x, columns));
    for (int block = 0; block < g->blocks_in; block++) {
        const float *plane = r->arguments.src + (size_t)block * (size_t)s->h_in * (size_t)s->w_in * (size_t)g->lanes;
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
    return (conv_range){ i, i < g->form->weight_side - 1 ? i + 1 : g->side };
}

enum { LINE_FLOATS = 64 / sizeof(float) };

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
                    .dst_block_stride = (ptrdiff_t)g->strip * g->lanes };
    const size_t floats = (size_t)g->channels * (size_t)(filters * g->lanes);
    const int weight_side = g->form->weight_side, points = (int)weight_points(g->form);
    for (int point = 0; point < points; point++, u += floats) {
        conv_fetch_ahead(&t, u + floats, floats * sizeof(float), conv_ceil_div(tiles, g->set->pixels[filters - 1]),
                         (size_t)g->channels);
        for (size_t i = 0; r->ahead && i < floats; i += LINE_FLOATS)
            __builtin_prefetch(u + r->ahead + i, 0, 2);
        conv_range rows = positions(g, point / weight_side), columns = positions(g, point % weight_side);
        for (int i = rows.begin; i < rows.end; i++)
            for (int j = columns.begin; j < columns.end; j++) {
                ptrdiff_t at = i * g->side + j;
                conv_run_line(g->set, filters, &t, r->v + at * g->v_point, u, NULL, NULL, r->m + at * g->m_point, tiles,
                              g->lanes);
            }
    }
}

/* One tile to rows x cols vectors of dst. */
static void output_tile(const winograd_run *r, const float *m, const float *bias, const float *residual,
                        ptrdiff_t residual_row, float *dst, ptrdiff_t row, int rows, int cols)
{
    const geometry *g = r->g;
    if (g->output)
        g->output(m, g->m_point, &r->epilogue, bias, residual, residual_row, dst, row, rows, cols);
    else if (g->columns == 1)
        g->line_output(&g->lines.line, m, g->m_point, &r->epilogue, bias, residual, residual_row, dst, row, rows);
    else
        g->line_output(&g->lines.line, m, g->m_point, &r->epilogue, bias, residual, g->lanes, dst, g->lanes, cols);
}

/* A tile whose activation is not done in registers: by way of post, pixel rows of its side. */
static void output_post(const winograd_run *r, const float *m, const float *bias, const float *residual, float *dst,
                        ptrdiff_t row, int rows, int cols)
{
    const cpu_activation *activation = &r->arguments.activation;
    const eltwise_kernels *eltwise = &r->kernels->eltwise;
    bool after = residual && !r->epilogue.residual_before;
    const size_t lanes = (size_t)r->g->lanes, floats = (size_t)cols * lanes;
    const size_t row_floats = (size_t)r->g->columns * lanes, all = (size_t)r->g->rows * row_floats;
    float *from = r->post;
    memset(from, 0, all * sizeof(float));
    output_tile(r, m, bias, after ? NULL : residual, row, from, (ptrdiff_t)row_floats, rows, cols);
    r->act(from, from, all, activation->a, activation->b);
    for (int i = 0; i < rows; i++, from += row_floats, dst += row) {
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
    const conv_arguments *a = &r->arguments;
    const conv_shape *s = &g->shape;
    ptrdiff_t row = (ptrdiff_t)s->w_out * g->lanes;
    for (int block = blocks.begin; block < blocks.end; block++) {
        size_t plane = (size_t)block * (size_t)s->h_out * (size_t)s->w_out * (size_t)g->lanes;
        const float *bias = a->bias + block * g->lanes;
        const float *m = r->m + (ptrdiff_t)(block - blocks.begin) * g->strip * g->lanes;
        for (int t = first; t < first + tiles; t++, m += g->lanes) {
            int y = t / g->tiles_x * g->rows, x = t % g->tiles_x * g->columns;
            int rows = conv_min(g->rows, s->h_out - y), cols = conv_min(g->columns, s->w_out - x);
            size_t at = plane + ((size_t)y * (size_t)s->w_out + (size_t)x) * (size_t)g->lanes;
            const float *residual = a->residual ? a->residual + at : NULL;
            if (r->act)
                output_post(r, m, bias, residual, a->dst + at, row, rows, cols);
            else
                output_tile(r, m, bias, residual, row, a->dst + at, row, rows, cols);
        }
    }
}

/* What a convolution group takes of the packed weights, in floats. */
static size_t group_floats(const geometry *g)
{
    return weight_points(g->form) * (size_t)g->channels * (size_t)(g->blocks_out * g->lanes);
}

static conv_arguments arguments_of_group(const geometry *g, const conv_arguments *all, int group)
{
    const conv_shape *s = &g->shape;
    const size_t out = (size_t)group * (size_t)(g->blocks_out * g->lanes), pixels = (size_t)s->h_out * (size_t)s->w_out;
    conv_arguments one = *all;
    one.src += (size_t)group * (size_t)(g->blocks_in * g->lanes) * (size_t)s->h_in * (size_t)s->w_in;
    one.dst += out * pixels;
    one.residual = one.residual ? one.residual + out * pixels : NULL;
    one.bias += out;
    one.packed = (const float *)one.packed + (size_t)group * group_floats(g);
    return one;
}

/* Filter groups of some strips of one convolution group. */
static void run_strips(winograd_run *r, conv_range groups, conv_range strips)
{
    const geometry *g = r->g;
    for (int strip = strips.begin; strip < strips.end; strip++) {
        conv_range tiles = { strip * g->strip, conv_min((strip + 1) * g->strip, g->tiles) };
        int count = tiles.end - tiles.begin;
        for (int t = tiles.begin; t < tiles.end;) {
            int n = conv_min(tiles.end - t, g->tiles_x - t % g->tiles_x);
            (g->input ? input_row : input_lines)(r, t, n, t - tiles.begin);
            t += n;
        }
        for (int q = groups.begin; q < groups.end; q++) {
            conv_range blocks = conv_group(g->blocks_out, g->filter_groups, q);
            size_t u = (size_t)blocks.begin * (size_t)g->lanes * weight_points(g->form) * (size_t)g->channels;
            multiply(r, blocks.end - blocks.begin, (const float *)r->arguments.packed + u, count);
            output(r, blocks, tiles.begin, count);
        }
    }
}

static void winograd_run_part(const conv_plan *plan, const conv_arguments *arguments, int part, void *scratch)
{
    const geometry g = geometry_of(plan);
    const int *tile = plan->tile, cuts = tile[TILE_STRIP_CUTS] * tile[TILE_FILTER_CUTS];
    winograd_run r = { .g = &g, .kernels = plan->kernels };
    r.act = conv_split_activation(plan->kernels, arguments, &r.epilogue);
    r.v = scratch;
    r.m = r.v + v_floats(&g);
    r.zeros = r.m + m_floats(&g);
    r.post = r.zeros + zero_floats(&g);
    memset(r.zeros, 0, zero_floats(&g) * sizeof(float));
    const conv_range groups = conv_cut(plan->shape.groups, tile[TILE_GROUP_CUTS], part / cuts);
    const conv_range filters = conv_cut(g.filter_groups, tile[TILE_FILTER_CUTS], part % cuts / tile[TILE_STRIP_CUTS]);
    const conv_range strips = conv_cut(g.strips, tile[TILE_STRIP_CUTS], part % tile[TILE_STRIP_CUTS]);
    for (int group = groups.begin; group < groups.end; group++) {
        r.arguments = arguments_of_group(&g, arguments, group);
        r.ahead = group + 1 < groups.end ? group_floats(&g) : 0;
        run_strips(&r, filters, strips);
    }
}

/* Channel c of V filters of a convolution group from o on as [tap][V]; what does not exist is 0. */
enum { TAPS_MOST = 9 };
static void gather_weights(const conv_file *file, int group, int o, int c, int lanes, float *w)
{
    memset(w, 0, sizeof(*w) * file->taps * (size_t)lanes);
    for (int lane = 0; lane < lanes; lane++) {
        const float *from = conv_file_taps(file, group, o + lane, c);
        float taps[TAPS_MOST]; /* weights may lie anywhere in a file */
        if (!from)
            continue;
        memcpy(taps, from, sizeof(*taps) * file->taps);
        for (int tap = 0; tap < (int)file->taps; tap++)
            w[tap * lanes + lane] = taps[tap];
    }
}

/* U [convolution group][filter group][point][channel][filter block of the group][lane] */
static void pack_by(const conv_plan *plan, int form_index, const float *weights, void *packed)
{
    conv_plan own = *plan; /* a form for packing alone knows the filters of a group only */
    own.tile[TILE_FORM] = form_index;
    const geometry g = geometry_of(&own);
    const conv_file file = conv_file_of(&plan->shape, weights);
    conv_winograd_weights_f32 *transform = plan->kernels->conv.units->winograd_weights;
    _Alignas(64) float w[TAPS_MOST * CONV_MAX_LANES];
    float *to = packed;
    assert(g.lanes <= CONV_MAX_LANES);
    for (int q = 0; q < plan->shape.groups * g.filter_groups; q++) {
        conv_range blocks = conv_group(g.blocks_out, g.filter_groups, q % g.filter_groups);
        size_t width = (size_t)(blocks.end - blocks.begin) * (size_t)g.lanes, point_floats = width * (size_t)g.channels;
        for (int c = 0; c < g.channels; c++)
            for (int block = blocks.begin; block < blocks.end; block++) {
                gather_weights(&file, q / g.filter_groups, block * g.lanes, c, g.lanes, w);
                float *u = to + (size_t)c * width + (size_t)(block - blocks.begin) * (size_t)g.lanes;
                if (g.form->g)
                    transform(w, g.form->g, g.form->weight_side, u, (ptrdiff_t)point_floats);
                else
                    conv_winograd_line_weights(&g.lines.line, (int)file.taps, g.lanes, w, u, (ptrdiff_t)point_floats);
            }
        to += weight_points(g.form) * point_floats;
    }
}

static void pack_four(const conv_plan *plan, const float *weights, void *packed)
{
    pack_by(plan, plan->shape.stride_h - 1, weights, packed);
}

static void pack_two(const conv_plan *plan, const float *weights, void *packed)
{
    pack_by(plan, plan->shape.stride_h + 1, weights, packed);
}

static void pack_line(const conv_plan *plan, const float *weights, void *packed)
{
    pack_by(plan, WINOGRAD_FORMS + conv_winograd_line_form(&plan->shape), weights, packed);
}

/* ---- the choice ----
 * Cycles are estimated for every strip, group of filters and cut of the work, see conv_private.h for the machine's part
 * of the model. Measured on the machine above: a transform of a tile and channel block takes 80 cycles in and 110 out,
 * for stride 2 250 and 280; a call of the register tiles 60. */

typedef struct layer {
    const conv_units *units;
    const conv_shape *shape;
    const form *form;
    int blocks_in, blocks_out, tiles;
    double points, weight_points;
} layer;

static layer layer_of(const conv_units *units, const conv_shape *s, const form *f)
{
    return (layer){ .units = units,
                    .shape = s,
                    .form = f,
                    .blocks_in = conv_ceil_div(s->c_in, units->lanes),
                    .blocks_out = conv_ceil_div(s->c_out, units->lanes),
                    .tiles = conv_ceil_div(s->w_out, tile_columns(f, s)) * conv_ceil_div(s->h_out, tile_rows(f, s)),
                    .points = (double)all_points(f),
                    .weight_points = (double)weight_points(f) };
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* The products of one strip. The first register tile of a point and group waits for its weights to come at weight_rate,
 * the others do where weights and inputs exceed the first-level cache. */
static double product_cycles(const layer *l, int filters, int strip, double weight_rate)
{
    double vector = l->units->lanes * (double)sizeof(float), channels = conv_summed_channels(l->shape->c_in),
           cycles = 0;
    int groups = conv_ceil_div(l->blocks_out, filters);
    for (int q = 0; q < groups; q++) {
        conv_range blocks = conv_group(l->blocks_out, groups, q);
        int f = blocks.end - blocks.begin, tiles = conv_ceil_div(strip, l->units->unit.pixels[f - 1]);
        bool nearest = channels * (f * vector + strip * (double)sizeof(float)) <= CONV_NEAREST_BYTES;
        double tile = conv_tile_cost(&l->units->unit, f, f, strip) * strip / tiles;
        double first = larger(tile, f * vector / weight_rate);
        double next = nearest ? tile : larger(tile, f * vector / CONV_NEAR_RATE);
        cycles += channels * (first + (tiles - 1) * next) + 60;
    }
    return cycles * l->points;
}

/* All of the layer with strips of so many tiles and the filters cut so often; each cut transforms the input again. */
static double layer_cycles(const layer *l, int filters, int strip, int filter_cuts)
{
    double vector = l->units->lanes * (double)sizeof(float), near = conv_near_bytes();
    double groups = conv_ceil_div(l->blocks_out, filters), strips = conv_ceil_div(l->tiles, strip);
    double v = l->points * strip * l->blocks_in * vector, m = l->points * strip * filters * vector;
    double u = l->weight_points * l->shape->c_in * l->blocks_out * vector;
    double rate = v + m + u / filter_cuts <= near ? CONV_NEAR_RATE : CONV_FAR_RATE;
    double products = product_cycles(l, filters, strip, u <= CONV_MANY_WEIGHTS ? CONV_FAR_RATE : CONV_WEIGHT_RATE) +
                      (l->tiles / strip - 1) * product_cycles(l, filters, strip, rate);
    if (l->tiles % strip)
        products += product_cycles(l, filters, l->tiles % strip, rate);
    double read_v = strips * groups * v / (v + m + u / groups <= near ? 2 * CONV_NEAR_RATE : CONV_FAR_RATE);
    return products + read_v +
           l->tiles * (filter_cuts * l->form->input_cycles * l->blocks_in + l->form->output_cycles * l->blocks_out);
}

static double direct_cycles(const layer *l)
{
    const conv_shape *s = l->shape;
    const conv_tile_set *set = s->stride_w == 1 ? &l->units->unit : &l->units->two;
    double cost = conv_tile_cost(set, conv_best_filters(set, l->blocks_out, s->w_out), l->blocks_out, s->w_out);
    const double taps = s->kernel_h * s->kernel_w;
    double vector = l->units->lanes * (double)sizeof(float), weights = taps * s->c_in * l->blocks_out * vector;
    double copied = (double)s->h_in * s->w_in * l->blocks_in * vector; /* into the padded strip */
    return taps * cost * s->c_in * s->h_out * s->w_out + weights / CONV_FAR_RATE + copied / CONV_NEAR_RATE;
}

typedef struct cuts {
    int filters, strip, filter_cuts;
    double cycles;
} cuts;

static void consider(const layer *l, int filters, int strip, cuts *best)
{
    int groups = conv_ceil_div(l->blocks_out, filters), strips = conv_ceil_div(l->tiles, strip);
    int threads = conv_max(1, l->shape->threads), enough = threads == 1 ? 1 : 2 * threads;
    for (int filter_cuts = 1; filter_cuts <= groups; filter_cuts++) {
        int parts = strips * filter_cuts;
        double cycles = layer_cycles(l, filters, strip, filter_cuts) / threads;
        if (parts < enough) /* one part late costs the more, the fewer there are */
            cycles *= 1.1;
        /* The balance is at most 1, and takes long to count. */
        if (best->cycles == 0 || cycles < 0.97 * best->cycles)
            cycles /= conv_balance(l->tiles, strips, groups, filter_cuts, threads);
        if (best->cycles == 0 || cycles < 0.97 * best->cycles)
            *best = (cuts){ filters, strip, filter_cuts, cycles };
        if (parts >= enough)
            break;
    }
}

/* Strips of nearly equal size, by their number. Two filter blocks (measured: mostly the best, as their weights need
 * half the rate of four) and large strips come first: others must be clearly better. */
enum { STRIP_LEAST = 5, STRIP_MOST = 48, STRIP_MOST_SMALL = 96 };

/* Fewest strips. Where the weights stay near from strip to strip, V and M should leave room for what the transforms
 * read and write: 7 % at 64 channels of stride 2. */
static int fewest_strips(const layer *l)
{
    const double near = conv_near_bytes(), vector = l->units->lanes * (double)sizeof(float);
    const double tile = l->points * vector * (l->blocks_in + conv_min(2, l->blocks_out));
    const bool near_weights = l->weight_points * l->shape->c_in * l->blocks_out * vector <= near;
    const int most = l->form->out == 4 && l->form->g ? STRIP_MOST : STRIP_MOST_SMALL;
    const double room = near_weights ? conv_max(STRIP_LEAST, (int)(0.4 * near / tile)) : most;
    return conv_ceil_div(l->tiles, room < most ? (int)room : most);
}

static cuts best_cuts(const layer *l)
{
    static const int order[CONV_MAX_FILTERS] = { 2, 3, 4, 5, 1 };
    const int most = conv_min(l->units->unit.filters, l->blocks_out);
    cuts best = { 0 };
    for (int i = 0; i < CONV_MAX_FILTERS; i++) {
        if (order[i] > most || (order[i] == 1 && most > 1))
            continue;
        for (int strips = fewest_strips(l); strips <= conv_ceil_div(l->tiles, STRIP_LEAST); strips++)
            consider(l, order[i], conv_ceil_div(l->tiles, strips), &best);
    }
    return best;
}

/* Place of the form that pays, or -1. Large tiles come first: small ones must be clearly better. */
static int best_form(const conv_units *units, const conv_shape *s, double *cycles)
{
    int best = -1;
    const bool square = s->kernel_h == 3 && s->kernel_w == 3;
    const int first = square ? s->stride_h - 1 : WINOGRAD_FORMS + conv_winograd_line_form(s);
    for (int i = first; i < (square ? WINOGRAD_FORMS : first + 1); i += 2) {
        const layer l = layer_of(units, s, &forms[i]);
        const double products = 0.5 * l.points * l.tiles * s->c_in * l.blocks_out; /* at least */
        if (best < 0)
            *cycles = 0.95 * direct_cycles(&l);
        if (products > *cycles) /* spares the search */
            continue;
        const double own = best_cuts(&l).cycles;
        if (own > (best < 0 ? 1 : 0.97) * *cycles)
            continue;
        best = i;
        *cycles = own;
    }
    return best;
}

/* Cuts for all threads: of a convolution group, and where there are enough groups, of these alone. */
static void cut(const conv_shape *s, const layer *l, const cuts *best, int *tile)
{
    const int threads = conv_max(1, s->threads);
    tile[TILE_STRIP_CUTS] = threads > 1 ? conv_ceil_div(l->tiles, best->strip) : 1;
    tile[TILE_FILTER_CUTS] = best->filter_cuts;
    tile[TILE_GROUP_CUTS] = threads > 1 ? conv_min(s->groups, 4 * threads) : 1;
    if (s->groups >= 4 * threads)
        tile[TILE_STRIP_CUTS] = tile[TILE_FILTER_CUTS] = 1;
}

bool conv_choose_winograd(const cpu_kernels *kernels, const conv_shape *s, conv_plan *plan)
{
    const conv_units *units = kernels->conv.units;
    const bool square = s->kernel_h == 3 && s->kernel_w == 3;
    if (s->exact || s->src_plain || !conv_fills_blocks(s, units->lanes) || s->stride_h != s->stride_w ||
        s->stride_h > (square ? 2 : 1) || s->dilation_h != 1 || s->dilation_w != 1 ||
        (!square && conv_winograd_line_form(s) < 0))
        return false;
    /* Whether it pays is asked for one thread, always: the algorithms round differently, and results must not depend on
     * the number of threads. Only the cuts do. */
    conv_shape alone = conv_shape_of_group(s), one = alone;
    alone.threads = 1;
    double cycles = 0;
    const int chosen = best_form(units, &alone, &cycles);
    if (chosen < 0)
        return false;
    const layer l = layer_of(units, &one, &forms[chosen]);
    const cuts best = best_cuts(&l);
    plan->tile[TILE_FORM] = chosen;
    plan->tile[TILE_FILTERS] = best.filters;
    plan->tile[TILE_STRIP] = best.strip;
    cut(s, &l, &best, plan->tile);

    geometry g = geometry_of(plan);
    const int *tile = plan->tile, group_parts = tile[TILE_STRIP_CUTS] * tile[TILE_FILTER_CUTS];
    plan->name = square ? units->winograd_name[chosen] : units->line_name[chosen - WINOGRAD_FORMS];
    plan->parts = tile[TILE_GROUP_CUTS] * group_parts;
    plan->packed_bytes = (size_t)s->groups * group_floats(&g) * sizeof(float);
    plan->scratch_bytes =
        (v_floats(&g) + m_floats(&g) + zero_floats(&g) + (size_t)(g.rows * g.columns * g.lanes)) * sizeof(float);
    plan->run = winograd_run_part;
    plan->cycles = cycles * s->groups;
    plan->balance = group_parts == 1 ? conv_balance(s->groups, tile[TILE_GROUP_CUTS], 1, 1, s->threads)
                                     : conv_balance(l.tiles, tile[TILE_STRIP_CUTS], g.filter_groups,
                                                    tile[TILE_FILTER_CUTS], s->threads);
    plan->pack = !square ? pack_line : g.form->out == 4 ? pack_four : pack_two;
    return true;
}
