/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Matrix product around the register tiles: a (unless it is read in place, or copied) and b are packed in panels of the
 * tile's rows and columns, k in slices of KC, so that a slice of a b panel stays in the first-level cache while all row
 * tiles of a block of a pass over it. Parts are cut in both directions; k never is, so any cut gives the same bits. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/size.h"
#include "cpu/gemm_private.h"
#include "cpu/spans.h"

enum { TILE_ROW_CUTS, TILE_COL_CUTS, TILE_PATH, TILE_ROWS_IN_PLACE, TILE_COLUMNS_IN_PLACE };
enum { PATH_PANELS, PATH_STRIDED_B, PATH_DOT_ROWS, PATH_DOT_COLUMN };
enum { KC = 512, MC = 96, NC_BYTES = 768 * 1024, FINISH = 64, APART = 16 };
/* Floats of scratch for a block of a: packed, or rows with a line between them. */
enum { A_FLOATS = MC * (KC + APART) };

/* What one part works on. */
typedef struct gemm_job {
    const gemm_plan *plan;
    const gemm_arguments *arguments;
    const gemm_kernels *tiles;
    bool in_place, by_columns; /* a is read where it lies, stored by rows or by columns */
    bool copied;               /* a's rows are read from a copy, as if they lay there */
    float *a_packed, *b_packed, *c_tile;
} gemm_job;

/* Columns that scratch holds packed at a time, a multiple of the tile's. */
static size_t chunk_columns(const gemm_kernels *tiles)
{
    size_t columns = NC_BYTES / (KC * sizeof(float));
    return columns / (size_t)tiles->cols * (size_t)tiles->cols;
}

static void transpose(const gemm_job *job, const float *src, size_t src_stride, float *dst, size_t dst_stride,
                      size_t rows, size_t cols)
{
    job->plan->kernels->layout.transpose((const uint32_t *)src, src_stride, (uint32_t *)dst, dst_stride, rows, cols);
}

/* a[rows, ks] * alpha as row tiles of nearly equal height: [tile][k][R]. */
static void pack_a(const gemm_job *job, span rows, span ks)
{
    const gemm_arguments *g = job->arguments;
    size_t m = rows.end - rows.begin, k = ks.end - ks.begin, tiles = span_ceil_div(m, (size_t)job->tiles->rows);
    for (size_t t = 0; t < tiles; t++) {
        span tile = span_cut(m, tiles, t);
        size_t height = tile.end - tile.begin, row = rows.begin + tile.begin;
        float *to = job->a_packed + tile.begin * k;
        if (job->plan->shape.a_transposed)
            job->tiles->copy(g->a + ks.begin * g->a_stride + row, g->a_stride, height, to, height, height, k);
        else
            transpose(job, g->a + row * g->a_stride + ks.begin, g->a_stride, to, height, height, k);
    }
    if (g->alpha != 1.0f)
        for (size_t i = 0; i < m * k; i++)
            job->a_packed[i] *= g->alpha;
}

/* Elements between rows of a, where the tiles read rows, for a slice of k. */
static size_t row_stride(const gemm_job *job, size_t k)
{
    return job->copied ? k + APART : job->arguments->a_stride;
}

/* a[rows, ks] where its rows do not push each other out of the first-level cache: a fifth of the time of packing. Rows
 * come from far, each from a page of its own. */
static void copy_a(const gemm_job *job, span rows, span ks)
{
    enum { AHEAD = 4, LINE = 16 };
    const gemm_arguments *g = job->arguments;
    const size_t k = ks.end - ks.begin;
    const float *a = g->a + ks.begin;
    for (size_t i = rows.begin; i < rows.end; i++) {
        for (size_t j = 0; j < k && i + AHEAD < rows.end; j += LINE)
            __builtin_prefetch(a + (i + AHEAD) * g->a_stride + j, 0, 2);
        memcpy(job->a_packed + (i - rows.begin) * row_stride(job, k), a + i * g->a_stride, k * sizeof(float));
    }
}

void gemm_pack_panel(const gemm_plan *plan, const float *b, size_t stride, size_t n0, size_t n, span ks, float *to)
{
    size_t cols = (size_t)plan->kernels->gemm.cols, k = ks.end - ks.begin;
    if (plan->shape.b_transposed) {
        if (n < cols)
            memset(to, 0, k * cols * sizeof(float));
        plan->kernels->layout.transpose((const uint32_t *)(b + n0 * stride + ks.begin), stride, (uint32_t *)to, cols, n,
                                        k);
        return;
    }
    if ((uintptr_t)b % sizeof(float) == 0) {
        plan->kernels->gemm.copy(b + ks.begin * stride + n0, stride, n, to, cols, cols, k);
        return;
    }
    for (size_t i = 0; i < k; i++) {
        memcpy(to + i * cols, b + (ks.begin + i) * stride + n0, n * sizeof(float));
        memset(to + i * cols + n, 0, (cols - n) * sizeof(float));
    }
}

static void pack_panels(const gemm_plan *plan, const float *b, size_t b_stride, void *packed)
{
    size_t cols = (size_t)plan->kernels->gemm.cols, n = plan->shape.n, k = plan->shape.k;
    for (size_t n0 = 0; n0 < n; n0 += cols)
        gemm_pack_panel(plan, b, b_stride, n0, MIN(cols, n - n0), (span){ 0, k }, (float *)packed + n0 * k);
}

void gemm_pack_b(const gemm_plan *plan, const float *b, size_t b_stride, void *packed)
{
    plan->pack(plan, b, b_stride, packed);
}

/* A panel [k][cols] of b for rows ks. Where b is read in place, *stride is b's. */
static const float *panel_of(const gemm_job *job, size_t n0, size_t n, span ks, size_t chunk, ptrdiff_t *stride)
{
    const gemm_arguments *g = job->arguments;
    size_t cols = (size_t)job->tiles->cols;
    *stride = (ptrdiff_t)cols;
    if (g->packed)
        return (const float *)g->packed + n0 * job->plan->shape.k + ks.begin * cols;
    if (job->plan->tile[TILE_PATH] != PATH_STRIDED_B)
        return job->b_packed + (n0 - chunk) * (ks.end - ks.begin);
    if (n == cols) {
        *stride = (ptrdiff_t)g->b_stride;
        return g->b + ks.begin * g->b_stride + n0;
    }
    gemm_pack_panel(job->plan, g->b, g->b_stride, n0, n, ks, job->b_packed);
    return job->b_packed;
}

/* Where the operands of one register tile begin. */
typedef struct tile_at {
    const float *a, *b, *bias; /* bias: NULL, or n values */
    ptrdiff_t b_stride;
    const float *add; /* what earlier slices left in c, the residual, or NULL */
    float *c;
    size_t height, n, k;
    gemm_ahead ahead;
} tile_at;

/* Columns that the tile for n of them writes. */
static size_t tile_columns(const gemm_job *job, size_t n)
{
    const size_t cols = (size_t)job->tiles->cols;
    const bool halves = job->in_place ? job->tiles->rows_half[0] != NULL : job->tiles->tile_half[0] != NULL;
    return n <= cols / 2 && halves ? cols / 2 : cols;
}

static void run_tile(const gemm_job *job, const tile_at *t, const float *bias, const float *add, float *c,
                     ptrdiff_t c_stride)
{
    const gemm_kernels *tiles = job->tiles;
    const ptrdiff_t a_stride = (ptrdiff_t)row_stride(job, t->k);
    const size_t at = t->height - 1;
    const bool half = tile_columns(job, t->n) < (size_t)tiles->cols;
    if (job->in_place) {
        gemm_rows_f32 *run = half ? tiles->rows_half[at] : tiles->rows_in_place[at];
        run(t->a, a_stride, t->b, t->b_stride, bias, c, c_stride, t->k, add, c_stride, t->ahead);
    } else {
        gemm_tile_f32 *run = half ? tiles->tile_half[at] : tiles->tile[at];
        run(t->a, job->by_columns ? a_stride : (ptrdiff_t)t->height, t->b, t->b_stride, bias, c, c_stride, t->k, add,
            c_stride, t->ahead);
    }
}

/* What a tile adds at its end is fetched while it sums. */
static void fetch_summands(const gemm_job *job, const tile_at *t)
{
    enum { LINE = 64 };
    const size_t stride = job->arguments->c_stride;
    for (size_t i = 0; t->add && i < t->height; i++)
        for (size_t at = 0; at < t->n * sizeof(float); at += LINE)
            __builtin_prefetch((const char *)(t->add + i * stride) + at);
}

/* Fewer columns than the tile's: by way of c_tile. */
static void run_narrow(const gemm_job *job, const tile_at *t)
{
    size_t cols = (size_t)job->tiles->cols, c_stride = job->arguments->c_stride;
    float padded[GEMM_MAX_COLS] = { 0 };
    if (t->bias)
        memcpy(padded, t->bias, t->n * sizeof(float));
    if (t->add)
        job->tiles->copy(t->add, c_stride, t->n, job->c_tile, cols, t->n, t->height);
    run_tile(job, t, t->bias ? padded : NULL, t->add ? job->c_tile : NULL, job->c_tile, (ptrdiff_t)cols);
    job->tiles->copy(job->c_tile, cols, t->n, t->c, c_stride, t->n, t->height);
}

/* The packed panel that comes after the one at n0: of these columns, of the next slice of k, of the next part; or NULL.
 */
static const float *panel_after(const gemm_job *job, size_t n0, span columns, span ks)
{
    const size_t cols = (size_t)job->tiles->cols, k = job->plan->shape.k;
    const float *packed = job->arguments->packed;
    if (n0 + cols >= columns.end && ks.end < k)
        return packed + columns.begin * k + ks.end * cols;
    return n0 + cols < job->plan->shape.n ? packed + (n0 + cols) * k + ks.begin * cols : NULL;
}

/* The tiles over a panel of packed weights fetch the next one together, for from the third level it comes no faster
 * than a few row tiles use it up (197 rows, 590 KB: 94 % of the peak, so 81). *share: bytes of each tile. */
static gemm_ahead fetch_ahead(const gemm_job *job, size_t n0, span columns, span ks, size_t tiles, size_t *share)
{
    enum { LINE = 64 };
    const size_t k = ks.end - ks.begin;
    const float *next = job->arguments->packed ? panel_after(job, n0, columns, ks) : NULL;
    *share = 0;
    if (!next)
        return (gemm_ahead){ (const char *)job->arguments->a, 0 };
    *share = span_ceil_div(k * (size_t)job->tiles->cols * sizeof(float), tiles * LINE) * LINE;
    return (gemm_ahead){ (const char *)next, (ptrdiff_t)MIN(span_ceil_div(*share, k), LINE) };
}

/* Rows x columns for one slice of k. */
static void run_block(const gemm_job *job, span rows, span columns, span ks)
{
    const gemm_arguments *g = job->arguments;
    size_t cols = (size_t)job->tiles->cols, k = ks.end - ks.begin, m = rows.end - rows.begin;
    size_t tiles = span_ceil_div(m, (size_t)job->tiles->rows);
    const bool further = ks.begin > 0;
    tile_at at = { .k = k };
    for (size_t n0 = columns.begin; n0 < columns.end; n0 += cols) {
        at.n = MIN(cols, columns.end - n0);
        at.b = panel_of(job, n0, at.n, ks, columns.begin, &at.b_stride);
        at.bias = g->bias && !g->bias_per_row && !further ? g->bias + n0 : NULL;
        size_t share;
        at.ahead = fetch_ahead(job, n0, columns, ks, tiles, &share);
        const bool whole = at.n == tile_columns(job, at.n);
        for (size_t t = 0; t < tiles; t++, at.ahead.at += share) {
            const span tile = span_cut(m, tiles, t);
            const size_t row = rows.begin + tile.begin;
            at.height = tile.end - tile.begin;
            at.a = job->copied       ? job->a_packed + tile.begin * row_stride(job, k)
                   : job->in_place   ? g->a + row * g->a_stride + ks.begin
                   : job->by_columns ? g->a + ks.begin * g->a_stride + row
                                     : job->a_packed + tile.begin * k;
            at.c = g->c + row * g->c_stride + n0;
            at.add = further ? at.c : g->residual ? g->residual + row * g->c_stride + n0 : NULL;
            fetch_summands(job, &at);
            if (whole)
                run_tile(job, &at, at.bias, at.add, at.c, (ptrdiff_t)g->c_stride);
            else
                run_narrow(job, &at);
        }
    }
}

/* Bias per row and activation over n neighbouring results of row i. */
static void finish(const gemm_job *job, size_t i, float *c, size_t n)
{
    const gemm_arguments *g = job->arguments;
    const eltwise_kernels *eltwise = &job->plan->kernels->eltwise;
    if (g->bias && g->bias_per_row)
        eltwise->binary[CPU_BINARY_ADD](c, 1, g->bias + i, 0, c, n);
    if (g->activation.act != CPU_ACT_NONE)
        eltwise->act[g->activation.act](c, c, n, g->activation.a, g->activation.b);
}

/* Columns of b that lie in no packed form; times alpha where nothing else is packed. */
static void pack_chunk(const gemm_job *job, span columns, span ks)
{
    const gemm_arguments *g = job->arguments;
    const size_t cols = (size_t)job->tiles->cols, k = ks.end - ks.begin;
    for (size_t n0 = columns.begin; n0 < columns.end; n0 += cols) {
        float *panel = job->b_packed + (n0 - columns.begin) * k;
        gemm_pack_panel(job->plan, g->b, g->b_stride, n0, MIN(cols, columns.end - n0), ks, panel);
        if ((job->in_place || job->by_columns) && g->alpha != 1.0f)
            job->plan->kernels->eltwise.binary[CPU_BINARY_MUL](panel, 1, &g->alpha, 0, panel, cols * k);
    }
}

/* Reading in place saves the packing of a, once for each cut of the columns: of rows, or their copy where they lie a
 * multiple of 4 KB apart, for these would push each other out of the first-level cache; of columns where all of a is
 * near. */
static void choose_reading(gemm_job *job)
{
    enum { ALIAS = 4096, NEAR = 64 * 1024 };
    const gemm_plan *plan = job->plan;
    const gemm_arguments *g = job->arguments;
    if (g->alpha != 1.0f && g->packed)
        return;
    job->in_place = plan->tile[TILE_ROWS_IN_PLACE];
    job->copied = job->in_place && g->a_stride * sizeof(float) % ALIAS == 0;
    job->by_columns = plan->tile[TILE_COLUMNS_IN_PLACE] && plan->shape.k * g->a_stride * sizeof(float) <= NEAR;
}

static void run_chunk(const gemm_job *job, span rows, span columns)
{
    const gemm_arguments *g = job->arguments;
    size_t k = job->plan->shape.k, slices = span_ceil_div(k, KC);
    size_t blocks = span_ceil_div(rows.end - rows.begin, MC);
    for (size_t slice = 0; slice < slices; slice++) {
        span ks = span_cut(k, slices, slice);
        if (!g->packed && job->plan->tile[TILE_PATH] == PATH_PANELS)
            pack_chunk(job, columns, ks);
        for (size_t block = 0; block < blocks; block++) {
            span part = span_cut(rows.end - rows.begin, blocks, block);
            span some = { rows.begin + part.begin, rows.begin + part.end };
            if (job->copied)
                copy_a(job, some, ks);
            else if (!job->in_place && !job->by_columns)
                pack_a(job, some, ks);
            run_block(job, some, columns, ks);
            for (size_t i = some.begin; slice == slices - 1 && i < some.end; i++)
                finish(job, i, g->c + i * g->c_stride + columns.begin, columns.end - columns.begin);
        }
    }
}

static void run_panels(const gemm_plan *plan, const gemm_arguments *arguments, int part, void *scratch)
{
    const gemm_kernels *tiles = &plan->kernels->gemm;
    const gemm_shape *s = &plan->shape;
    size_t cols = (size_t)tiles->cols, col_cuts = (size_t)plan->tile[TILE_COL_CUTS];
    gemm_job job = { .plan = plan, .arguments = arguments, .tiles = tiles };
    choose_reading(&job);
    job.c_tile = scratch;
    job.a_packed = job.c_tile + GEMM_MAX_ROWS * GEMM_MAX_COLS;
    job.b_packed = job.a_packed + A_FLOATS;
    span rows = span_cut(s->m, (size_t)plan->tile[TILE_ROW_CUTS], (size_t)part / col_cuts);
    span panels = span_cut(span_ceil_div(s->n, cols), col_cuts, (size_t)part % col_cuts);
    size_t end = MIN(s->n, panels.end * cols);
    size_t chunk = arguments->packed || plan->tile[TILE_PATH] == PATH_STRIDED_B ? end : chunk_columns(tiles);
    for (size_t n0 = panels.begin * cols; n0 < end; n0 += chunk)
        run_chunk(&job, rows, (span){ n0, MIN(n0 + chunk, end) });
}

/* Sums of x with count rows, scaled; x and rows contiguous. */
static void run_dots(const gemm_job *job, const float *x, const float *rows, size_t row_stride, size_t count,
                     float *out)
{
    float alpha = job->arguments->alpha;
    for (size_t i = 0; i < count; i += 4)
        job->tiles->dot(x, rows + i * row_stride, row_stride, (int)MIN(4, count - i), job->plan->shape.k, out + i);
    for (size_t i = 0; alpha != 1.0f && i < count; i++)
        out[i] *= alpha;
}

/* Few rows times a transposed b: every result is a sum over two contiguous rows. */
static void run_dot_rows(const gemm_plan *plan, const gemm_arguments *g, int part, void *scratch)
{
    gemm_job job = { .plan = plan, .arguments = g, .tiles = &plan->kernels->gemm };
    span columns = span_cut(plan->shape.n, (size_t)plan->parts, (size_t)part);
    for (size_t i = 0; i < plan->shape.m; i++) {
        const float *x = g->a + i * g->a_stride;
        if (plan->shape.a_transposed) {
            float *gathered = scratch;
            for (size_t k = 0; k < plan->shape.k; k++)
                gathered[k] = g->a[k * g->a_stride + i];
            x = gathered;
        }
        float *c = g->c + i * g->c_stride + columns.begin;
        size_t n = columns.end - columns.begin;
        run_dots(&job, x, g->b + columns.begin * g->b_stride, g->b_stride, n, c);
        if (g->bias && !g->bias_per_row)
            plan->kernels->eltwise.binary[CPU_BINARY_ADD](c, 1, g->bias + columns.begin, 1, c, n);
        if (g->residual)
            plan->kernels->eltwise.binary[CPU_BINARY_ADD](c, 1, g->residual + i * g->c_stride + columns.begin, 1, c, n);
        finish(&job, i, c, n);
    }
}

/* a times one column. */
static void run_dot_column(const gemm_plan *plan, const gemm_arguments *g, int part, void *scratch)
{
    gemm_job job = { .plan = plan, .arguments = g, .tiles = &plan->kernels->gemm };
    span rows = span_cut(plan->shape.m, (size_t)plan->parts, (size_t)part);
    const float *x = g->b;
    if (!plan->shape.b_transposed && g->b_stride != 1) {
        float *gathered = scratch;
        for (size_t k = 0; k < plan->shape.k; k++)
            gathered[k] = g->b[k * g->b_stride];
        x = gathered;
    }
    for (size_t i = rows.begin; i < rows.end; i += FINISH) {
        float c[FINISH];
        size_t n = MIN(FINISH, rows.end - i);
        run_dots(&job, x, g->a + i * g->a_stride, g->a_stride, n, c);
        for (size_t j = 0; g->bias && j < n; j++)
            c[j] += g->bias[g->bias_per_row ? i + j : 0];
        for (size_t j = 0; g->residual && j < n; j++)
            c[j] += g->residual[(i + j) * g->c_stride];
        if (g->activation.act != CPU_ACT_NONE)
            plan->kernels->eltwise.act[g->activation.act](c, c, n, g->activation.a, g->activation.b);
        for (size_t j = 0; j < n; j++)
            g->c[(i + j) * g->c_stride] = c[j];
    }
}

/* Parts that the work is worth: about 1.5 M multiply-adds or 1 MB of b each, at most 32. */
static size_t parts_for(const gemm_shape *s)
{
    double work = (double)s->m * (double)s->n * (double)s->k / 1.5e6, bytes = (double)s->n * (double)s->k * 4 / 1e6;
    double parts = work > bytes ? work : bytes;
    return parts < 1 ? 1 : parts > 32 ? 32 : (size_t)parts;
}

/* Cycles that packing adds when rows and columns are cut so often; an element costs less than one cycle to move and
 * about one to transpose. A packed b is only read again. */
static double packing_cost(const gemm_shape *s, bool b_constant, size_t row_cuts, size_t col_cuts)
{
    double a = s->a_transposed ? 0.4 : 0.8, b = b_constant ? 0.1 : s->b_transposed ? 0.9 : 0.3;
    return (a * (double)col_cuts * (double)s->m + b * (double)row_cuts * (double)s->n) * (double)s->k;
}

/* Among the cuts into about `parts`, the one that packs least twice; fewer parts where packing would still cost more
 * than a sixth of the arithmetic. */
static void choose_cuts(const gemm_kernels *tiles, const gemm_shape *s, bool b_constant, size_t parts, gemm_plan *plan)
{
    size_t row_tiles = span_ceil_div(s->m, (size_t)tiles->rows), panels = span_ceil_div(s->n, (size_t)tiles->cols);
    double arithmetic = (double)s->m * (double)s->n * (double)s->k / tiles->cols;
    for (;; parts = (parts + 1) / 2) {
        double best = 0;
        size_t wanted = MIN(parts, row_tiles * panels);
        for (size_t row_cuts = 1; row_cuts <= MIN(parts, row_tiles); row_cuts++) {
            size_t col_cuts = MIN(panels, span_ceil_div(wanted, row_cuts));
            double cost = packing_cost(s, b_constant, row_cuts, col_cuts);
            if (row_cuts * col_cuts * 4 < wanted * 3 || (best > 0 && cost >= best))
                continue;
            best = cost;
            plan->tile[TILE_ROW_CUTS] = (int)row_cuts;
            plan->tile[TILE_COL_CUTS] = (int)col_cuts;
        }
        if (parts <= 4 || best < arithmetic / 6)
            break;
    }
    plan->parts = plan->tile[TILE_ROW_CUTS] * plan->tile[TILE_COL_CUTS];
}

static int choose_path(const gemm_kernels *tiles, const gemm_shape *s, bool b_constant)
{
    if (b_constant)
        return PATH_PANELS;
    if (s->n == 1 && !s->a_transposed)
        return PATH_DOT_COLUMN;
    if (s->b_transposed && s->m <= 4)
        return PATH_DOT_ROWS;
    return !s->b_transposed && s->m <= 2 * (size_t)tiles->rows ? PATH_STRIDED_B : PATH_PANELS;
}

void gemm_choose(const cpu_kernels *kernels, const gemm_shape *shape, bool b_constant, gemm_plan *plan)
{
    const gemm_kernels *tiles = &kernels->gemm;
    int path = choose_path(tiles, shape, b_constant);
    assert(shape->m > 0 && shape->n > 0 && shape->k > 0);
    *plan = (gemm_plan){ .name = tiles->name, .shape = *shape, .b_constant = b_constant, .kernels = kernels,
                         .pack = pack_panels };
    if (b_constant && (gemm_choose_half(plan) || gemm_choose_strassen(plan)))
        return;
    plan->tile[TILE_PATH] = path;
    if (path == PATH_DOT_COLUMN || path == PATH_DOT_ROWS) {
        plan->name = tiles->dot_name;
        plan->parts = (int)MIN(parts_for(shape), span_ceil_div(path == PATH_DOT_ROWS ? shape->n : shape->m, FINISH));
        plan->scratch_bytes = shape->k * sizeof(float);
        plan->run = path == PATH_DOT_ROWS ? run_dot_rows : run_dot_column;
        return;
    }
    plan->tile[TILE_ROWS_IN_PLACE] = path == PATH_PANELS && !shape->a_transposed && tiles->rows_in_place[0];
    plan->tile[TILE_COLUMNS_IN_PLACE] = path == PATH_PANELS && shape->a_transposed && !tiles->reads_behind;
    choose_cuts(tiles, shape, b_constant, parts_for(shape), plan);
    size_t b_floats = path == PATH_STRIDED_B ? KC * (size_t)tiles->cols : b_constant ? 0 : KC * chunk_columns(tiles);
    if (b_constant)
        plan->packed_bytes =
            span_ceil_div(shape->n, (size_t)tiles->cols) * (size_t)tiles->cols * shape->k * sizeof(float);
    plan->scratch_bytes = (GEMM_MAX_ROWS * GEMM_MAX_COLS + A_FLOATS + b_floats) * sizeof(float);
    plan->run = run_panels;
}
