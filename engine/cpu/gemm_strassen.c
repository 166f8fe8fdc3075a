/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Matrix product with a constant b by one step of Strassen's algorithm (strassen.h). b's sums are packed. What the
 * halves leave over (k behind two halves of whole lines, columns behind two halves of whole panels, an odd row) is
 * summed directly. Work goes by strips, some rows of each half: a row meets the same row of the other half whatever the
 * strips are, so that they may depend on the number of threads. */
#include <string.h>

#include "base/size.h"
#include "cpu/conv_private.h"
#include "cpu/gemm_private.h"
#include "cpu/strassen.h"

enum { TILE_STRIPS, TILE_STRIP_CUTS, TILE_COL_CUTS };
enum { PART_U, PART_U3, PART_P, PART_V, PARTS };
enum { LINE = 16, APART = 16 };

/* Everything that follows from the shape. */
typedef struct geometry {
    const gemm_kernels *tiles;
    size_t cols, m, n, k;
    size_t half_k, rest_k;   /* of a half, a multiple of LINE; behind both */
    size_t panels;           /* of a half of the columns */
    size_t half_n, rest_n;   /* their columns; columns behind both */
    size_t upper;            /* rows of the first half: as many as of the second, or one more */
    size_t strips, most;     /* most: of the upper rows, in a strip */
    size_t pitch, all_pitch; /* floats from row to row of the sums; of a copy of a */
    bool in_place;           /* tiles read rows; else what they read is packed */
} geometry;

/* Rows of n floats, so far apart that they do not push each other out of the first-level cache. */
static size_t pitch_of(size_t n)
{
    enum { ALIAS = 4096 / sizeof(float) };
    const size_t pitch = size_align(n, LINE) + APART;
    return pitch % ALIAS == 0 ? pitch + APART : pitch;
}

static geometry geometry_of(const gemm_plan *plan, size_t strips)
{
    const gemm_kernels *tiles = &plan->kernels->gemm;
    const gemm_shape *s = &plan->shape;
    geometry g = { .tiles = tiles, .cols = (size_t)tiles->cols, .m = s->m, .n = s->n, .k = s->k, .strips = strips };
    g.half_k = s->k / 2 / LINE * LINE;
    g.rest_k = s->k - 2 * g.half_k;
    g.panels = s->n / g.cols / 2;
    g.half_n = g.panels * g.cols;
    g.rest_n = s->n - 2 * g.half_n;
    g.upper = span_ceil_div(s->m, 2);
    g.most = span_ceil_div(g.upper, strips);
    g.pitch = pitch_of(g.half_k);
    g.all_pitch = pitch_of(s->k);
    g.in_place = tiles->rows_in_place[0] != NULL;
    return g;
}

static size_t panel_rows(const geometry *g, int panel)
{
    return panel == PANEL_FIRST || panel == PANEL_SECOND ? g->rest_k : g->half_k;
}

/* Rows of all panels of two columns' panels. */
static size_t all_rows(const geometry *g)
{
    return (PANELS - 2) * g->half_k + 2 * g->rest_k;
}

/* What tiles read of a matrix: rows, or tiles [k][R] of rows as product cuts them. */
typedef struct operand {
    const float *at;
    size_t stride;
    bool packed;
} operand;

/* Where scratch holds what, in floats, and how many these are. The sums come first: where the step before had its own,
 * they are near. */
typedef struct layout {
    size_t sum_apart, parts, parts_apart, halves, halves_apart, tile, copy, floats;
} layout;

static layout layout_of(const geometry *g)
{
    const size_t rows = (size_t)g->tiles->rows;
    layout l = { .sum_apart = g->most * g->pitch + LINE, .parts_apart = g->most * g->cols };
    l.parts = SUMS * l.sum_apart;
    l.halves = l.parts + PARTS * l.parts_apart;
    l.halves_apart = g->in_place ? 0 : l.sum_apart;
    l.tile = l.halves + 3 * l.halves_apart;
    l.copy = l.tile + (g->in_place ? 0 : size_align(rows * MAX(g->k, SUMS * g->pitch) + LINE, LINE));
    l.floats = l.copy + 2 * g->most * g->all_pitch;
    return l;
}

/* A strip of rows in the work. */
typedef struct strassen_run {
    geometry g;
    layout l;
    const gemm_plan *plan;
    const gemm_arguments *arguments;
    float *scratch;
    operand all;  /* the strip's upper rows, or a copy of its rows times alpha */
    size_t below; /* from an upper row to the lower one there */
    operand a1, a3, a4;
    operand s[SUMS];
    float *parts[PARTS];  /* sums of products: [first][cols] */
    size_t begin;         /* first upper row */
    size_t first, second; /* upper and lower rows: equal, or one more */
} strassen_run;

static void pack_rows(const strassen_run *r, operand from, size_t rows, size_t k, float *to)
{
    r->plan->kernels->layout.transpose((const uint32_t *)from.at, from.stride, (uint32_t *)to, rows, rows, k);
}

/* The operand's rows, packed where tiles read no rows. */
static operand half_of(const strassen_run *r, operand from, size_t rows, int half)
{
    const geometry *g = &r->g;
    if (g->in_place)
        return from;
    float *to = r->scratch + r->l.halves + (size_t)half * r->l.halves_apart;
    const size_t tiles = span_ceil_div(rows, (size_t)g->tiles->rows);
    for (size_t t = 0; t < tiles; t++) {
        const span tile = span_cut(rows, tiles, t);
        const operand some = { from.at + tile.begin * from.stride, from.stride, false };
        pack_rows(r, some, tile.end - tile.begin, g->half_k, to + tile.begin * g->half_k);
    }
    return (operand){ to, 0, true };
}

/* S1 to S4 of rows; the last may have nothing in the second half. */
static void sum_rows(const strassen_run *r, span rows, float *to, size_t pitch, size_t apart)
{
    const geometry *g = &r->g;
    const float *a = r->all.at + rows.begin * r->all.stride;
    const size_t both = MIN(rows.end, r->second) - rows.begin;
    g->tiles->strassen_sums(a, (ptrdiff_t)r->all.stride, (ptrdiff_t)(r->below * r->all.stride), (ptrdiff_t)g->half_k,
                            g->half_k, to, (ptrdiff_t)pitch, (ptrdiff_t)apart, both);
    a += both * r->all.stride;
    if (rows.end > r->second)
        strassen_lone_sums(a, a + g->half_k, g->half_k, to + both * pitch, apart);
}

static void add_inputs(strassen_run *r)
{
    const geometry *g = &r->g;
    float *sums = r->scratch, *tile = r->scratch + r->l.tile;
    for (int i = 0; i < SUMS; i++)
        r->s[i] = (operand){ sums + (size_t)i * r->l.sum_apart, g->pitch, !g->in_place };
    if (g->in_place) {
        sum_rows(r, (span){ 0, r->first }, sums, g->pitch, r->l.sum_apart);
        return;
    }
    const size_t tiles = span_ceil_div(r->first, (size_t)g->tiles->rows);
    for (size_t t = 0; t < tiles; t++) {
        const span rows = span_cut(r->first, tiles, t);
        const size_t height = rows.end - rows.begin;
        sum_rows(r, rows, tile, SUMS * g->pitch, g->pitch);
        for (size_t i = 0; i < SUMS; i++) {
            const operand of = { tile + i * g->pitch, SUMS * g->pitch, false };
            pack_rows(r, of, height, g->half_k, sums + i * r->l.sum_apart + rows.begin * g->half_k);
        }
    }
}

/* The strip's rows times alpha, where they do not push each other out of the first-level cache. */
static void copy_rows(strassen_run *r)
{
    const geometry *g = &r->g;
    float *to = r->scratch + r->l.copy;
    for (size_t i = 0; i < r->first + r->second; i++) {
        const size_t row = i < r->first ? i : i - r->first + r->below;
        r->plan->kernels->eltwise.binary[CPU_BINARY_MUL](r->all.at + row * r->all.stride, 1, &r->arguments->alpha, 0,
                                                         to + i * g->all_pitch, g->k);
    }
    r->all = (operand){ to, g->all_pitch, false };
    r->below = r->first;
}

static void read_strip(strassen_run *r)
{
    enum { ALIAS = 4096 };
    const geometry *g = &r->g;
    const gemm_arguments *a = r->arguments;
    r->all = (operand){ a->a + r->begin * a->a_stride, a->a_stride, false };
    r->below = g->upper;
    if (a->alpha != 1.0f || (g->in_place && a->a_stride * sizeof(float) % ALIAS == 0))
        copy_rows(r);
    const operand a3 = { r->all.at + g->half_k, r->all.stride, false };
    const operand a4 = { a3.at + r->below * a3.stride, a3.stride, false };
    add_inputs(r);
    r->a1 = half_of(r, r->all, r->first, 0);
    r->a3 = half_of(r, a3, r->first, 1);
    r->a4 = half_of(r, a4, r->second, 2);
}

/* A panel [k][cols] of packed b, of which the first n columns count. */
typedef struct panel {
    const float *at;
    size_t k, n;
} panel;

/* The tiles over a panel fetch what comes behind it: *share bytes each. */
static gemm_ahead fetch_ahead(const strassen_run *r, panel b, size_t tiles, size_t *share)
{
    enum { BYTES = 64 };
    const size_t bytes = b.k * r->g.cols * sizeof(float);
    const char *next = (const char *)b.at + bytes;
    const char *end = (const char *)r->arguments->packed + r->plan->packed_bytes;
    *share = 0;
    if (next >= end)
        return (gemm_ahead){ (const char *)r->all.at, 0 };
    *share = span_ceil_div(bytes, tiles * BYTES) * BYTES;
    return (gemm_ahead){ next, (ptrdiff_t)MIN(span_ceil_div(*share, b.k), (size_t)BYTES) };
}

/* to = rows of a times b + bias + add, which has rows of cols as parts have, or is NULL. */
static void product(const strassen_run *r, operand a, size_t rows, panel b, const float *bias, const float *add,
                    float *to, size_t to_stride)
{
    const geometry *g = &r->g;
    const gemm_kernels *k = g->tiles;
    const ptrdiff_t cols = (ptrdiff_t)g->cols;
    const size_t tiles = span_ceil_div(rows, (size_t)k->rows);
    size_t share;
    gemm_ahead ahead = fetch_ahead(r, b, tiles, &share);
    for (size_t t = 0; t < tiles; t++, ahead.at += share) {
        const span tile = span_cut(rows, tiles, t);
        const size_t height = tile.end - tile.begin;
        const float *plus = add ? add + tile.begin * g->cols : NULL;
        float *c = to + tile.begin * to_stride;
        if (g->in_place) {
            const bool half = b.n <= g->cols / 2 && k->rows_half[0];
            gemm_rows_f32 *run = half ? k->rows_half[height - 1] : k->rows_in_place[height - 1];
            run(a.at + tile.begin * a.stride, (ptrdiff_t)a.stride, b.at, cols, bias, c, (ptrdiff_t)to_stride, b.k, plus,
                cols, ahead);
            continue;
        }
        const float *from = a.at + tile.begin * b.k;
        if (!a.packed) {
            float *packed = r->scratch + r->l.tile;
            pack_rows(r, (operand){ a.at + tile.begin * a.stride, a.stride, false }, height, b.k, packed);
            from = packed;
        }
        k->tile[height - 1](from, (ptrdiff_t)height, b.at, cols, bias, c, (ptrdiff_t)to_stride, b.k, plus, cols, ahead);
    }
}

/* A block of the result: the strip's upper or lower rows. */
typedef struct block {
    bool lower;
    size_t rows, column;
} block;

static size_t place_of(const strassen_run *r, block q)
{
    return (r->begin + (q.lower ? r->g.upper : 0)) * r->arguments->c_stride + q.column;
}

/* Its rows of a, from column k on. */
static operand rows_of(const strassen_run *r, block q, size_t k)
{
    return (operand){ r->all.at + (q.lower ? r->below : 0) * r->all.stride + k, r->all.stride, false };
}

/* sums + residual, maybe as a part V. */
static const float *with_residual(const strassen_run *r, block q, const float *sums)
{
    const geometry *g = &r->g;
    const gemm_arguments *a = r->arguments;
    if (!a->residual)
        return sums;
    const gemm_matrix x = { sums, (ptrdiff_t)g->cols }, y = { a->residual + place_of(r, q), (ptrdiff_t)a->c_stride };
    g->tiles->add(x, y, NULL, r->parts[PART_V], (ptrdiff_t)g->cols, g->cols, q.rows);
    return r->parts[PART_V];
}

static const float *bias_at(const strassen_run *r, size_t column)
{
    const gemm_arguments *a = r->arguments;
    return a->bias && !a->bias_per_row ? a->bias + column : NULL;
}

/* A block's last product, and behind it the rest of k. */
static void finish(const strassen_run *r, block q, operand a, panel b, panel rest, const float *sums)
{
    const geometry *g = &r->g;
    const float *bias = bias_at(r, q.column);
    const size_t stride = r->arguments->c_stride;
    float *c = r->arguments->c + place_of(r, q);
    sums = with_residual(r, q, sums);
    if (g->rest_k == 0) {
        product(r, a, q.rows, b, bias, sums, c, stride);
        return;
    }
    product(r, a, q.rows, b, NULL, sums, r->parts[PART_V], g->cols);
    product(r, rows_of(r, q, 2 * g->half_k), q.rows, rest, bias, r->parts[PART_V], c, stride);
}

/* U3 + P, which lower right has no product for. */
static void finish_sum(const strassen_run *r, block q, panel rest)
{
    const geometry *g = &r->g;
    const gemm_matrix p = { r->parts[PART_P], (ptrdiff_t)g->cols };
    const gemm_matrix sums = { with_residual(r, q, r->parts[PART_U3]), (ptrdiff_t)g->cols };
    const float *bias = bias_at(r, q.column);
    const size_t stride = r->arguments->c_stride;
    float *c = r->arguments->c + place_of(r, q);
    if (g->rest_k == 0) {
        g->tiles->add(sums, p, bias, c, (ptrdiff_t)stride, g->cols, q.rows);
        return;
    }
    g->tiles->add(sums, p, NULL, r->parts[PART_V], (ptrdiff_t)g->cols, g->cols, q.rows);
    product(r, rows_of(r, q, 2 * g->half_k), q.rows, rest, bias, r->parts[PART_V], c, stride);
}

/* Columns of both halves. */
static void run_panels(const strassen_run *r, size_t at)
{
    const geometry *g = &r->g;
    const float *packed = (const float *)r->arguments->packed + at * g->cols * all_rows(g);
    panel b[PANELS];
    for (int i = 0; i < PANELS; i++) {
        b[i] = (panel){ packed, panel_rows(g, i), g->cols };
        packed += b[i].k * g->cols;
    }
    const size_t left = at * g->cols, right = left + g->half_n;
    const block upper = { false, r->first, left }, lower = { true, r->second, left };
    const block upper_right = { false, r->first, right }, lower_right = { true, r->second, right };
    float *const u = r->parts[PART_U], *const u3 = r->parts[PART_U3], *const p = r->parts[PART_P];
    const gemm_matrix u_matrix = { u, (ptrdiff_t)g->cols }, p_matrix = { p, (ptrdiff_t)g->cols };

    product(r, r->a1, r->first, b[PANEL_B1], NULL, NULL, u, g->cols);
    finish(r, upper, r->a3, b[PANEL_B2], b[PANEL_FIRST], u);
    product(r, r->s[S2], r->first, b[PANEL_T2], NULL, u, u, g->cols);
    product(r, r->s[S3], r->first, b[PANEL_T3], NULL, u, u3, g->cols);
    finish(r, lower, r->a4, b[PANEL_T4], b[PANEL_FIRST], u3);
    product(r, r->s[S1], r->first, b[PANEL_T1], NULL, NULL, p, g->cols);
    finish_sum(r, lower_right, b[PANEL_SECOND]);
    g->tiles->add(u_matrix, p_matrix, NULL, u, (ptrdiff_t)g->cols, g->cols, r->first);
    finish(r, upper_right, r->s[S4], b[PANEL_B4], b[PANEL_SECOND], u);
}

/* Columns behind both halves, of a half of the rows. */
static void run_rest(const strassen_run *r, block q, size_t n, const float *packed)
{
    const geometry *g = &r->g;
    const gemm_arguments *a = r->arguments;
    const operand rows = rows_of(r, q, 0);
    const panel b = { packed, g->k, n };
    const float *bias = bias_at(r, q.column);
    float *c = a->c + place_of(r, q), *v = r->parts[PART_V], padded[GEMM_MAX_COLS] = { 0 };
    if (a->residual)
        g->tiles->copy(a->residual + place_of(r, q), a->c_stride, n, v, g->cols, g->cols, q.rows);
    const float *add = a->residual ? v : NULL;
    if (n == g->cols) {
        product(r, rows, q.rows, b, bias, add, c, a->c_stride);
        return;
    }
    if (bias)
        memcpy(padded, bias, n * sizeof(float));
    product(r, rows, q.rows, b, bias ? padded : NULL, add, v, g->cols);
    g->tiles->copy(v, g->cols, n, c, a->c_stride, n, q.rows);
}

/* Bias per row and activation. */
static void finish_rows(const strassen_run *r, size_t column, size_t n)
{
    const gemm_arguments *a = r->arguments;
    const eltwise_kernels *e = &r->plan->kernels->eltwise;
    for (size_t i = 0; i < r->first + r->second; i++) {
        const size_t row = r->begin + (i < r->first ? i : i - r->first + r->g.upper);
        float *c = a->c + row * a->c_stride + column;
        if (a->bias && a->bias_per_row)
            e->binary[CPU_BINARY_ADD](c, 1, a->bias + row, 0, c, n);
        if (a->activation.act != CPU_ACT_NONE)
            e->act[a->activation.act](c, c, n, a->activation.a, a->activation.b);
    }
}

/* Panels of the halves, behind them those of the rest. */
static void run_strip(strassen_run *r, span panels)
{
    const geometry *g = &r->g;
    read_strip(r);
    const size_t end = MIN(panels.end, g->panels);
    for (size_t at = panels.begin; at < end; at++)
        run_panels(r, at);
    if (panels.begin < end) {
        const size_t column = panels.begin * g->cols, n = (end - panels.begin) * g->cols;
        finish_rows(r, column, n);
        finish_rows(r, g->half_n + column, n);
    }
    const float *rest = (const float *)r->arguments->packed + g->half_n * all_rows(g);
    for (size_t at = MAX(panels.begin, g->panels); at < panels.end; at++) {
        const size_t column = 2 * g->half_n + (at - g->panels) * g->cols, n = MIN(g->cols, g->n - column);
        const float *packed = rest + (at - g->panels) * g->cols * g->k;
        run_rest(r, (block){ false, r->first, column }, n, packed);
        run_rest(r, (block){ true, r->second, column }, n, packed);
        finish_rows(r, column, n);
    }
}

static size_t all_panels(const geometry *g)
{
    return g->panels + span_ceil_div(g->rest_n, g->cols);
}

static void run_strassen(const gemm_plan *plan, const gemm_arguments *arguments, int part, void *scratch)
{
    const int *tile = plan->tile;
    const size_t cuts = (size_t)tile[TILE_STRIP_CUTS];
    strassen_run r = {
        .g = geometry_of(plan, (size_t)tile[TILE_STRIPS]), .plan = plan, .arguments = arguments, .scratch = scratch
    };
    r.l = layout_of(&r.g);
    for (size_t i = 0; i < PARTS; i++)
        r.parts[i] = r.scratch + r.l.parts + i * r.l.parts_apart;
    const span strips = span_cut(r.g.strips, cuts, (size_t)part % cuts);
    const span panels = span_cut(all_panels(&r.g), (size_t)tile[TILE_COL_CUTS], (size_t)part / cuts);
    for (size_t i = strips.begin; i < strips.end; i++) {
        const span rows = span_cut(r.g.upper, r.g.strips, i);
        r.begin = rows.begin;
        r.first = rows.end - rows.begin;
        r.second = MIN(rows.end, r.g.m - r.g.upper) - rows.begin;
        run_strip(&r, panels);
    }
}

/* b's sums where its quarters lie packed, B3 in T1's place. */
static void sum_panels(float *const b[PANELS], size_t floats)
{
    for (size_t i = 0; i < floats; i++) {
        double w[PANELS] = { [PANEL_B1] = b[PANEL_B1][i], [PANEL_B2] = b[PANEL_B2][i], [PANEL_B4] = b[PANEL_B4][i] };
        strassen_weights(b[PANEL_T1][i], w);
        for (int t = PANEL_T2; t <= PANEL_T1; t++)
            b[t][i] = (float)w[t];
    }
}

/* [panel of a half][PANELS], behind them [rest panel][k][cols]. */
static void pack_strassen(const gemm_plan *plan, const float *b, size_t b_stride, void *packed)
{
    const geometry g = geometry_of(plan, 1);
    float *to = packed;
    const span upper = { 0, g.half_k }, lower = { g.half_k, 2 * g.half_k }, rest = { 2 * g.half_k, g.k };
    for (size_t at = 0; at < g.panels; at++) {
        const size_t left = at * g.cols, right = left + g.half_n;
        float *panels[PANELS];
        for (int i = 0; i < PANELS; to += panel_rows(&g, i) * g.cols, i++) {
            const bool second = i == PANEL_T1 || i == PANEL_B4 || i == PANEL_SECOND;
            panels[i] = to;
            const span ks = i == PANEL_B1 || i == PANEL_T1 ? upper : i == PANEL_B2 || i == PANEL_B4 ? lower : rest;
            const bool of_b = i != PANEL_T2 && i != PANEL_T3 && i != PANEL_T4;
            if (of_b && ks.begin < ks.end)
                gemm_pack_panel(plan, b, b_stride, second ? right : left, g.cols, ks, to);
        }
        sum_panels(panels, g.half_k * g.cols);
    }
    for (size_t n0 = 2 * g.half_n; n0 < g.n; n0 += g.cols, to += g.k * g.cols)
        gemm_pack_panel(plan, b, b_stride, n0, MIN(g.cols, g.n - n0), (span){ 0, g.k }, to);
}

/* ---- the choice: cycles of one thread, where a row of a panel takes one for each k, as by two multiply-adds ---- */

/* What lies in the second-level cache; bytes of b that come from there, and from afar, in a cycle beside the work. */
static const double near_rate = 60, far_rate = 15;
/* Cycles behind the sums of a tile, and of a line of it, which waits for its place in the result or, mostly, not. */
static const double tile_end = 25, part_end = 6, result_end = 7;
/* Cycles of packing a line of a, where tiles read no rows; vectors are short there, too, as sums feel. */
static const double pack_line = 13;
/* A strip whose sums (and rows, and results) fill more than the first part of the near cache waits for them, the more
 * so up to the second: cycles of four lines of sums, and what is added; of a line of results. */
static const double sums_line = 25, sums_far = 70, sums_near[2] = { 0.2, 0.8 };
static const double results_far = 8, strip_near[2] = { 0.4, 1 };

static double far_part(double bytes, const double between[2])
{
    const double part = (bytes / conv_near_bytes() - between[0]) / (between[1] - between[0]);
    return part < 0 ? 0 : part > 1 ? 1 : part;
}

static double reading_cycles(double bytes)
{
    return bytes / (bytes > conv_near_bytes() ? far_rate : near_rate);
}

/* Of the halves' panels. */
static double b_bytes(const geometry *g)
{
    return (double)(all_rows(g) * g->half_n) * sizeof(float);
}

/* Of a tile's row. */
static double row_lines(const geometry *g)
{
    return (double)g->cols / LINE;
}

/* Of n columns without halves: rows of panels, each k. */
static double direct_products(const geometry *g, size_t n, size_t rows)
{
    const size_t last = n % g->cols;
    const double half = last > 0 && last <= g->cols / 2 && g->tiles->rows_half[0] ? 0.5 : 0;
    return ((double)span_ceil_div(n, g->cols) - half) * (double)(rows * g->k);
}

static double strip_cycles(const geometry *g)
{
    const double first = (double)g->most, panels = (double)g->panels, lines = (double)(g->half_k / LINE) * first;
    const double tiles = (double)span_ceil_div(g->most, (size_t)g->tiles->rows), calls = g->rest_k > 0 ? 11 : 7;
    const double products = (double)(7 * g->half_k + 4 * g->rest_k) * first * panels;
    const double ends = (calls * tiles * tile_end + (calls + 2) * part_end * row_lines(g) * first) * panels;
    const double sum_bytes = (double)(SUMS * g->most * g->pitch) * sizeof(float);
    const double strip_bytes = sum_bytes + 2 * first * (double)(g->k + g->n) * sizeof(float);
    const double sums = (sums_line + sums_far * far_part(sum_bytes, sums_near)) * lines;
    const double packs = g->in_place ? 0 : (sums_line + 7 * pack_line) * lines;
    const double results = results_far * far_part(strip_bytes, strip_near) * 2 * first * (double)(g->n / LINE);
    const double b = b_bytes(g), waited = b > conv_near_bytes() ? b / (0.5 * CONV_FAR_RATE) : 0;
    return MAX(products, waited) + ends + sums + packs + results + reading_cycles(b) +
           direct_products(g, g->rest_n, 2 * g->most);
}

static double direct_cycles(const geometry *g)
{
    enum { SLICE = 512, BLOCK = 96 }; /* as gemm.c cuts k and rows */
    const double panels = (double)span_ceil_div(g->n, g->cols), slices = (double)span_ceil_div(g->k, SLICE);
    const double ends =
        panels * slices * (double)g->m * (tile_end / (double)g->tiles->rows + result_end * row_lines(g));
    const double blocks = (double)span_ceil_div(g->m, BLOCK);
    const double packs = g->in_place ? 0 : pack_line * (double)(g->m * g->k) / LINE;
    return direct_products(g, g->n, g->m) + ends + packs +
           blocks * reading_cycles((double)(g->n * g->k) * sizeof(float));
}

/* With fewer upper rows in a strip than LEAST, b from the second level holds the tiles up; with fewer than six there
 * would be tiles of so few rows that they cut the sum over k in pieces, which changes the bits. */
enum { LEAST = 24, MOST = 128, MOST_SCRATCH = 16 << 20 };

/* Of the direct algorithm's cycles, what these may be. */
static const double less = 0.99;

/* Their number, or 0 where scratch would hold too much, or where each of several would read b from afar: then these
 * lose 6 % that the estimate has them gain. */
static size_t best_strips(const gemm_plan *plan, double *cycles)
{
    const size_t upper = span_ceil_div(plan->shape.m, 2);
    const geometry whole = geometry_of(plan, 1);
    const size_t last = b_bytes(&whole) > conv_near_bytes() ? 1 : span_ceil_div(upper, LEAST);
    size_t best = 0;
    for (size_t strips = span_ceil_div(upper, MOST); strips <= last; strips += 1 + strips / 16) {
        const geometry g = geometry_of(plan, strips);
        const double c = (double)strips * strip_cycles(&g);
        const size_t bytes = layout_of(&g).floats * sizeof(float);
        if (bytes <= MOST_SCRATCH && (best == 0 || c < 0.99 * *cycles)) {
            best = strips;
            *cycles = c;
        }
    }
    return best;
}

/* For several threads rather more strips, then cuts of the columns, each of which sums the strip's rows anew. Where
 * each strip reads b from afar, no more parts than threads: two threads lost up to half their speed by four strips. */
static void choose_cuts(gemm_plan *plan, size_t strips)
{
    const size_t threads = plan->shape.threads > 1 ? (size_t)plan->shape.threads : 1;
    const geometry whole = geometry_of(plan, strips);
    const bool far = b_bytes(&whole) > conv_near_bytes();
    const size_t enough = threads == 1 || far ? threads : 2 * threads, least = far ? 2 * LEAST : LEAST;
    strips = MAX(strips, MIN(enough, whole.upper / least));
    const geometry g = geometry_of(plan, strips);
    plan->tile[TILE_STRIPS] = (int)strips;
    plan->tile[TILE_STRIP_CUTS] = threads > 1 ? (int)strips : 1;
    plan->tile[TILE_COL_CUTS] = threads > 1 ? (int)MIN(g.panels, span_ceil_div(enough, strips)) : 1;
    plan->parts = plan->tile[TILE_STRIP_CUTS] * plan->tile[TILE_COL_CUTS];
    plan->scratch_bytes = layout_of(&g).floats * sizeof(float);
}

bool gemm_choose_strassen(gemm_plan *plan)
{
    const gemm_shape *s = &plan->shape;
    const gemm_kernels *tiles = &plan->kernels->gemm;
    if (s->exact || s->a_transposed || s->m < LEAST || s->k < 4 * LINE || s->n < 2 * (size_t)tiles->cols)
        return false;
    double cycles = 0;
    const size_t strips = best_strips(plan, &cycles);
    if (strips == 0)
        return false;
    const geometry g = geometry_of(plan, strips);
    if (cycles > less * direct_cycles(&g))
        return false;
    choose_cuts(plan, strips);
    plan->name = tiles->strassen_name;
    plan->packed_bytes = sizeof(float) * (g.half_n * all_rows(&g) + span_ceil_div(g.rest_n, g.cols) * g.cols * g.k);
    plan->run = run_strassen;
    plan->pack = pack_strassen;
    return true;
}
