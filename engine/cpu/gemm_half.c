/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Matrix product by tiles of bfloat16 (half.h), for a constant b. The lines of outputs are the rows of a strip of a,
 * rounded in scratch; b is packed in groups of 32 columns, over which a whole strip passes while the next group is
 * fetched. Sums leave for c as they are, but in the last group, where it ends within a vector, by way of scratch. */
#include <string.h>

#include "base/size.h"
#include "cpu/gemm_private.h"

enum { TILE_ROW_CUTS, TILE_COL_CUTS, TILE_STRIP };
enum { LINE = 64, LANES = 16, COLUMNS = 32, ROWS = 32 }; /* of a group, of a block of tiles */
/* Of the second cache, which is 2 MB wherever AMX is: a strip; all of b, where strips find it there. */
enum { STRIP_BYTES = 1024 * 1024, NEAR_BYTES = 1024 * 1024 };
enum { STRIP_MOST = 1024, COLUMNS_MOST = 1 << 20, INPUTS_MOST = 1 << 18 }; /* places are ints; scratch, 32 MB */

/* Scratch of a part: the rounded strip, and these, in bytes behind its beginning. */
typedef struct layout {
    size_t steps;
    size_t row; /* of the strip: an odd number of lines, so that rows do not push each other out of the cache */
    size_t tile, addend, bias, places, tile_places, offsets, end;
} layout;

static layout layout_of(const gemm_plan *plan)
{
    const size_t rows = (size_t)plan->tile[TILE_STRIP], tile = rows * COLUMNS * sizeof(float);
    layout l = { .steps = span_ceil_div(plan->shape.k, HALF_STEP) };
    l.row = (l.steps | 1) * LINE;
    l.tile = size_align(rows, HALF_TILE_READS) * l.row;
    l.addend = l.tile + tile;
    l.bias = l.addend + tile;
    l.places = l.bias + COLUMNS * sizeof(float);
    l.tile_places = l.places + rows * sizeof(int32_t);
    l.offsets = l.tile_places + rows * sizeof(int32_t);
    l.end = size_align(l.offsets + l.steps * sizeof(int32_t), LINE);
    return l;
}

typedef struct tiles_job {
    const gemm_plan *plan;
    const gemm_arguments *arguments;
    layout l;
    char *scratch;
    span groups;       /* of columns */
    uint16_t *between; /* where the result is the next product's strip; or NULL: c */
    half_products products;
} tiles_job;

static void *at(const tiles_job *job, size_t offset)
{
    return job->scratch + offset;
}

static void round_rows(const tiles_job *job, span rows)
{
    const size_t k = job->plan->shape.k;
    for (size_t i = rows.begin; i < rows.end; i++) {
        uint16_t *to = at(job, (i - rows.begin) * job->l.row);
        job->plan->kernels->half.from_float(job->arguments->a + i * job->arguments->a_stride, to, k);
        memset(to + k, 0, (job->l.steps * HALF_STEP - k) * sizeof(*to));
    }
}

static size_t group_bytes(const layout *l)
{
    return l->steps * HALF_STEP * COLUMNS * sizeof(uint16_t);
}

/* The blocks of a strip fetch the next group together. */
static void fetch_next(tiles_job *job, size_t group, size_t rows)
{
    half_products *p = &job->products;
    const size_t bytes = group_bytes(&job->l);
    p->next = (const char *)job->arguments->packed + (group + 1) * bytes;
    p->run_bytes = bytes;
    p->run_at = 0;
    p->runs = (group + 2) * COLUMNS <= job->plan->shape.n;
    p->fetch = (int)span_ceil_div(bytes / LINE, span_ceil_div(rows, ROWS) * job->l.steps);
}

/* The last columns, where they end within a vector: what is read and written lies in scratch. */
static void narrow(tiles_job *job, size_t width, half_line *line)
{
    const gemm_arguments *g = job->arguments;
    float *bias = at(job, job->l.bias), *addend = at(job, job->l.addend);
    if (g->bias)
        memcpy(bias, line->bias, width * sizeof(*bias));
    if (line->addend)
        job->plan->kernels->gemm.copy(line->addend, g->c_stride, width, addend, COLUMNS, COLUMNS, (size_t)line->count);
    line->bias = bias;
    line->addend = line->addend ? addend : NULL;
    line->dst = at(job, job->l.tile);
    job->products.places = at(job, job->l.tile_places);
}

/* The rounded strip times groups of columns. */
static void multiply(tiles_job *job, span rows, bool fetches)
{
    const gemm_arguments *g = job->arguments;
    const gemm_kernels *gemm = &job->plan->kernels->gemm;
    const half_tile_kernels *tiles = &job->plan->kernels->half.tiles;
    const span groups = job->groups;
    const size_t n = job->plan->shape.n, count = rows.end - rows.begin, last = (groups.end - 1) * COLUMNS;
    job->products.places = at(job, job->l.places);
    tiles->begin(&job->products);
    for (size_t group = groups.begin; group < groups.end; group++) {
        const size_t column = group * COLUMNS, width = MIN(COLUMNS, n - column);
        const size_t place = rows.begin * g->c_stride + column;
        half_line line = { .src = job->scratch,
                           .weights = (const uint16_t *)((const char *)g->packed + group * group_bytes(&job->l)),
                           .bias = g->bias ? g->bias + column : at(job, job->l.bias),
                           .addend = g->residual ? g->residual + place : NULL,
                           .dst = job->between ? (void *)(job->between + column) : g->c + place,
                           .filters = (int)span_ceil_div(width, LANES),
                           .count = (int)count };
        if (width % LANES)
            narrow(job, width, &line);
        job->products.runs = 0;
        if (fetches)
            fetch_next(job, group, count);
        tiles->run(&job->products, &line);
    }
    tiles->end(&job->products);
    const size_t width = MIN(COLUMNS, n - last);
    if (width % LANES)
        gemm->copy(at(job, job->l.tile), COLUMNS, width, g->c + rows.begin * g->c_stride + last, g->c_stride, width,
                   count);
}

static void fill_tables(const tiles_job *job)
{
    int32_t *places = at(job, job->l.places), *tile = at(job, job->l.tile_places);
    int32_t *offsets = at(job, job->l.offsets);
    for (int i = 0; i < job->plan->tile[TILE_STRIP]; i++) {
        places[i] = i * (int32_t)job->arguments->c_stride;
        tile[i] = i * COLUMNS;
    }
    for (size_t i = 0; i < job->l.steps; i++)
        offsets[i] = (int32_t)i * LINE;
    memset(at(job, job->l.bias), 0, COLUMNS * sizeof(float));
}

static tiles_job begin_job(const gemm_plan *plan, const gemm_arguments *arguments, void *scratch)
{
    tiles_job job = { .plan = plan, .arguments = arguments, .l = layout_of(plan), .scratch = scratch };
    half_products *p = &job.products;
    fill_tables(&job);
    p->offsets = at(&job, job.l.offsets);
    p->steps = p->wide = (int)job.l.steps;
    p->strides[0] = (ptrdiff_t)job.l.row;
    p->block_out = LANES;
    p->activation = arguments->activation;
    p->wide_dst = true;
    job.groups = (span){ 0, span_ceil_div(plan->shape.n, COLUMNS) };
    return job;
}

/* Blocks of rows through one product, or through two in a row. */
static void run_strips(tiles_job *jobs, int count, span blocks)
{
    const gemm_plan *plan = jobs->plan;
    const size_t rows = blocks.end - blocks.begin, strips = span_ceil_div(rows * ROWS, (size_t)plan->tile[TILE_STRIP]);
    size_t bytes = 0;
    for (int k = 0; k < count; k++)
        bytes += jobs[k].plan->packed_bytes;
    for (size_t i = 0; i < strips; i++) {
        const span part = span_cut(rows, strips, i);
        const span strip = { (blocks.begin + part.begin) * ROWS, MIN((blocks.begin + part.end) * ROWS, plan->shape.m) };
        round_rows(jobs, strip);
        for (int k = 0; k < count; k++)
            multiply(&jobs[k], strip, i == 0 || bytes > NEAR_BYTES);
    }
}

static void run_tiles(const gemm_plan *plan, const gemm_arguments *arguments, int part, void *scratch)
{
    const gemm_shape *s = &plan->shape;
    const size_t cuts = (size_t)plan->tile[TILE_ROW_CUTS];
    tiles_job job = begin_job(plan, arguments, scratch);
    const span blocks = span_cut(span_ceil_div(s->m, ROWS), cuts, (size_t)part % cuts);
    job.groups = span_cut(span_ceil_div(s->n, COLUMNS), (size_t)plan->tile[TILE_COL_CUTS], (size_t)part / cuts);
    run_strips(&job, 1, blocks);
}

/* [group][step][vector of columns][16][16 columns][2] */
static void pack_tiles(const gemm_plan *plan, const float *b, size_t b_stride, void *packed)
{
    const size_t n = plan->shape.n, k = plan->shape.k;
    uint16_t *to = packed;
    for (size_t column = 0; column < n; column += COLUMNS)
        for (size_t step = 0; step < k; step += HALF_STEP) {
            float panel[HALF_STEP][COLUMNS] = { 0 };
            const size_t width = MIN(COLUMNS, n - column);
            gemm_pack_panel(plan, b, b_stride, column, width, (span){ step, MIN(step + HALF_STEP, k) }, panel[0]);
            for (size_t first = 0; first < width; first += LANES)
                for (size_t i = 0; i < HALF_STEP; i += 2, to += 2 * LANES) {
                    float pairs[2 * LANES];
                    for (size_t j = 0; j < 2 * LANES; j++)
                        pairs[j] = panel[i + j % 2][first + j / 2];
                    plan->kernels->half.from_float(pairs, to, 2 * LANES);
                }
        }
}

/* Cuts of the rows leave what a group of columns is worth fetching for; cuts of the columns round a's rows again. */
static void choose_cuts(gemm_plan *plan)
{
    enum { LEAST = 4 }; /* blocks */
    const gemm_shape *s = &plan->shape;
    const double work = (double)s->m * (double)s->n * (double)s->k / 12e6, bytes = (double)plan->packed_bytes / 1e6;
    const size_t threads = s->threads > 1 ? (size_t)s->threads : 1, blocks = span_ceil_div(s->m, ROWS);
    const double worth = MAX(work, bytes);
    const size_t parts = threads == 1 || worth < 2 ? 1 : MIN((size_t)worth, 4 * threads);
    const size_t rows = MIN(parts, span_ceil_div(blocks, LEAST));
    const size_t columns = MIN(span_ceil_div(s->n, COLUMNS), span_ceil_div(parts, rows));
    plan->tile[TILE_ROW_CUTS] = (int)rows;
    plan->tile[TILE_COL_CUTS] = (int)columns;
    plan->parts = (int)(rows * columns);
    const size_t row = (span_ceil_div(s->k, HALF_STEP) | 1) * LINE, share = span_ceil_div(blocks, rows) * ROWS;
    plan->tile[TILE_STRIP] = (int)MIN(share, MIN(MAX(STRIP_BYTES / row / ROWS * ROWS, 2 * ROWS), STRIP_MOST));
}

bool gemm_choose_half(gemm_plan *plan)
{
    const gemm_shape *s = &plan->shape;
    const half_kernels *half = &plan->kernels->half;
    if (!s->half || !half->tiles.run || plan->kernels->gemm.cols != COLUMNS || s->a_transposed || s->n < LANES ||
        s->k < LANES || s->n > COLUMNS_MOST || s->k > INPUTS_MOST)
        return false;
    plan->name = half->product_name;
    plan->packed_bytes = span_ceil_div(s->k, HALF_STEP) * HALF_STEP * size_align(s->n, LANES) * sizeof(uint16_t);
    choose_cuts(plan);
    plan->scratch_bytes = layout_of(plan).end;
    plan->run = run_tiles;
    plan->pack = pack_tiles;
    return true;
}

/* ---- two products in a row ---- */

/* Rows that both strips of a chain may have, beside what of b is near. */
static size_t chain_rows(const layout *first, const layout *second)
{
    return MIN(MAX(STRIP_BYTES / (first->row + second->row) / ROWS * ROWS, 2 * ROWS), STRIP_MOST);
}

bool gemm_chain_choose(const gemm_plan *first, const gemm_plan *second, gemm_chain *chain)
{
    const gemm_shape *s = &second->shape;
    const size_t blocks = span_ceil_div(s->m, ROWS), threads = s->threads > 1 ? (size_t)s->threads : 1;
    if (first->run != run_tiles || second->run != run_tiles || first->shape.m != s->m || first->shape.n != s->k ||
        s->k % COLUMNS || (threads > 1 && blocks < 2 * threads))
        return false;
    *chain = (gemm_chain){ *first, *second, (int)threads, 0 };
    const layout a = layout_of(first), b = layout_of(second);
    const size_t strip = MIN(chain_rows(&a, &b), span_ceil_div(blocks, threads) * ROWS);
    gemm_plan *plans[] = { &chain->first, &chain->second };
    for (int i = 0; i < 2; i++) {
        plans[i]->tile[TILE_STRIP] = (int)strip;
        chain->scratch_bytes += layout_of(plans[i]).end;
    }
    return true;
}

void gemm_chain_run(const gemm_chain *chain, const gemm_arguments *first, const gemm_arguments *second, int part,
                    void *scratch)
{
    char *second_scratch = (char *)scratch + layout_of(&chain->first).end;
    gemm_arguments rounded = *first;
    rounded.c_stride = layout_of(&chain->second).row / sizeof(uint16_t);
    tiles_job jobs[] = { begin_job(&chain->first, &rounded, scratch),
                         begin_job(&chain->second, second, second_scratch) };
    jobs[0].between = at(&jobs[1], 0);
    jobs[0].products.wide_dst = false;
    run_strips(jobs, 2, span_cut(span_ceil_div(chain->first.shape.m, ROWS), (size_t)chain->parts, (size_t)part));
}
