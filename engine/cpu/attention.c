/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Attention on the register tiles of the matrix product, queries along the vectors: scores [keys, queries] are the
 * product of k's rows with a panel of q, softmax runs down the columns without sums across a vector, and the result is
 * a panel of the second product as it stands. Powers are of two: log2(e) is in the factor of q. */
#include "cpu/attention.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/size.h"
#include "cpu/attention_half.h"
#include "cpu/kernels.h"
#include "cpu/spans.h"

/* Keys of one slice of the second product: their scores and its left operand share the first-level cache. */
enum { KEYS = 256, FEW = 64, SLACK = 16, ALIAS = 4096 };
static const float log2_e = 1.44269504f;

/* The left operand of a product, [rows, k]: where it lies, by rows or by columns, or as row tiles of slices of k,
 * [slice][tile][k][R]. */
typedef struct left_operand {
    const float *data;
    size_t stride, rows, slices;
    bool transposed, in_place;
} left_operand;

typedef struct attention_job {
    const attention_plan *plan;
    const attention_arguments *arguments;
    const gemm_kernels *tiles;
    left_operand k, v;
    float *q, *scores, *result, *factors; /* [depth], [keys], [width], [1] rows of the tile's columns */
    attention_half *half;                 /* for k and v, where the plan has it; else NULL */
} attention_job;

static size_t key_slices(const attention_shape *s)
{
    return span_ceil_div(s->keys, KEYS);
}

/* Packs an operand of k columns; returns the end of what was written. */
static float *pack_left(const attention_job *job, left_operand *x, size_t k, float *packed)
{
    const size_t tiles = span_ceil_div(x->rows, (size_t)job->tiles->rows);
    const float *src = x->data;
    x->data = packed;
    for (size_t slice = 0; slice < x->slices; slice++) {
        const span ks = span_cut(k, x->slices, slice);
        const size_t depth = ks.end - ks.begin;
        for (size_t t = 0; t < tiles; t++) {
            const span tile = span_cut(x->rows, tiles, t);
            const size_t height = tile.end - tile.begin;
            if (x->transposed)
                job->tiles->copy(src + ks.begin * x->stride + tile.begin, x->stride, height, packed, height, height,
                                 depth);
            else
                job->plan->kernels->layout.transpose((const uint32_t *)(src + tile.begin * x->stride + ks.begin),
                                                     x->stride, (uint32_t *)packed, height, height, depth);
            packed += height * depth;
        }
    }
    return packed;
}

/* c[rows, columns] = left * b, b [k, columns]; c and b rows of the tile's columns. half: the first half of them. */
static void multiply(const attention_job *job, const left_operand *left, const float *b, size_t k, float *c,
                     bool accumulate, bool half)
{
    const gemm_kernels *g = job->tiles;
    const ptrdiff_t cols = g->cols;
    const size_t tiles = span_ceil_div(left->rows, (size_t)g->rows);
    for (size_t slice = 0; slice < left->slices; slice++) {
        const span ks = span_cut(k, left->slices, slice);
        const size_t depth = ks.end - ks.begin;
        const float *panel = b + ks.begin * (size_t)cols;
        const gemm_ahead ahead = { (const char *)panel, 0 };
        for (size_t t = 0; t < tiles; t++) {
            const span tile = span_cut(left->rows, tiles, t);
            const size_t at = tile.end - tile.begin - 1;
            float *to = c + tile.begin * (size_t)cols;
            const float *add = accumulate || slice ? to : NULL;
            if (left->in_place && !left->transposed) {
                const float *a = left->data + tile.begin * left->stride + ks.begin;
                gemm_rows_f32 *run = half ? g->rows_half[at] : g->rows_in_place[at];
                run(a, (ptrdiff_t)left->stride, panel, cols, NULL, to, cols, depth, add, cols, ahead);
            } else {
                const float *a = left->in_place ? left->data + ks.begin * left->stride + tile.begin
                                                : left->data + left->rows * ks.begin + tile.begin * depth;
                gemm_tile_f32 *run = half ? g->tile_half[at] : g->tile[at];
                run(a, left->in_place ? (ptrdiff_t)left->stride : (ptrdiff_t)at + 1, panel, cols, NULL, to, cols, depth,
                    add, cols, ahead);
            }
        }
    }
}

/* Queries [first, first + count) times the factor, [depth][columns] with zeros behind. */
static void pack_queries(const attention_job *job, size_t first, size_t count)
{
    const attention_arguments *g = job->arguments;
    const size_t cols = (size_t)job->tiles->cols, depth = job->plan->shape.depth;
    const float factor = g->alpha * log2_e;
    if (job->plan->shape.q_transposed) {
        job->tiles->copy(g->q + first, g->q_stride, count, job->q, cols, cols, depth);
    } else {
        if (count < cols)
            memset(job->q, 0, depth * cols * sizeof(float));
        job->plan->kernels->layout.transpose((const uint32_t *)(g->q + first * g->q_stride), g->q_stride,
                                             (uint32_t *)job->q, cols, count, depth);
    }
    job->plan->kernels->eltwise.binary[CPU_BINARY_MUL](job->q, 1, &factor, 0, job->q, depth * cols);
}

static void run_panel(const attention_job *job, size_t panel)
{
    const attention_shape *s = &job->plan->shape;
    const attention_arguments *g = job->arguments;
    const cpu_kernels *kernels = job->plan->kernels;
    const size_t cols = (size_t)job->tiles->cols, first = panel * cols, count = MIN(cols, s->queries - first);
    const bool half = count <= cols / 2 && job->tiles->tile_half[0];
    const size_t used = half ? cols / 2 : cols;
    pack_queries(job, first, count);
    if (s->biased)
        memcpy(job->scores, g->bias + (s->bias_of_keys ? 0 : panel) * s->keys * cols, s->keys * cols * sizeof(float));
    if (job->half)
        attention_half_scores(job->half, job->q, job->scores, s->biased, (int)used);
    else
        multiply(job, &job->k, job->q, s->depth, job->scores, s->biased, half);
    kernels->softmax.powers(job->scores, cols, s->keys, used, job->factors);
    if (job->half)
        attention_half_result(job->half, job->scores, job->result, (int)used);
    else
        multiply(job, &job->v, job->scores, s->keys, job->result, false, half);
    kernels->softmax.scale_columns(job->result, cols, s->width, used, job->factors);
    for (size_t c = 0; s->zeros && c < count; c++)
        for (size_t w = 0; isnan(job->factors[c]) && w < s->width; w++)
            job->result[w * cols + c] = 0;
    if (s->y_transposed)
        job->tiles->copy(job->result, cols, count, g->y + first, g->y_stride, count, s->width);
    else
        kernels->layout.transpose((const uint32_t *)job->result, cols, (uint32_t *)(g->y + first * g->y_stride),
                                  g->y_stride, s->width, count);
}

static void pack_operands(attention_job *job, float *packed)
{
    const attention_plan *plan = job->plan;
    const attention_arguments *g = job->arguments;
    const attention_shape *s = &plan->shape;
    job->k = (left_operand){ g->k, g->k_stride, s->keys, 1, s->k_transposed, plan->k_in_place };
    job->v = (left_operand){ g->v, g->v_stride, s->width, key_slices(s), !s->v_transposed, plan->v_in_place };
    if (!plan->k_in_place)
        packed = pack_left(job, &job->k, s->depth, packed);
    if (!plan->v_in_place)
        pack_left(job, &job->v, s->keys, packed);
}

void attention_run(const attention_plan *plan, const attention_arguments *arguments, int part, void *scratch)
{
    const attention_shape *s = &plan->shape;
    const gemm_kernels *tiles = &plan->kernels->gemm;
    const size_t cols = (size_t)tiles->cols;
    attention_half half;
    attention_job job = { .plan = plan, .arguments = arguments, .tiles = tiles, .half = plan->half ? &half : NULL };
    job.factors = scratch;
    job.q = job.factors + cols;
    job.scores = job.q + s->depth * cols;
    job.result = job.scores + s->keys * cols;
    float *packed = job.result + s->width * cols;
    if (job.half)
        attention_half_begin(job.half, plan, arguments, packed);
    else
        pack_operands(&job, packed);
    const span panels = span_cut(span_ceil_div(s->queries, cols), (size_t)plan->parts, (size_t)part);
    for (size_t panel = panels.begin; panel < panels.end; panel++)
        run_panel(&job, panel);
}

/* Masks are often the least number there is; a query for which all keys have it needs it finite. */
static float in_powers(float bias)
{
    const float scaled = bias * log2_e;
    return isinf(scaled) && !isinf(bias) ? copysignf(FLT_MAX, bias) : scaled;
}

void attention_pack_bias(const attention_plan *plan, const float *bias, float *packed)
{
    const attention_shape *s = &plan->shape;
    const size_t cols = (size_t)plan->kernels->gemm.cols;
    for (size_t first = 0; !s->bias_of_keys && first < s->queries; first += cols) {
        const size_t count = MIN(cols, s->queries - first);
        float *panel = packed + first * s->keys;
        if (count < cols)
            memset(panel, 0, s->keys * cols * sizeof(float));
        plan->kernels->layout.transpose((const uint32_t *)(bias + first * s->keys), s->keys, (uint32_t *)panel, cols,
                                        count, s->keys);
    }
    for (size_t i = 0; !s->bias_of_keys && i < plan->bias_floats; i++)
        packed[i] = in_powers(packed[i]);
    for (size_t k = 0; s->bias_of_keys && k < s->keys; k++) {
        const float own = in_powers(bias[k]);
        for (size_t c = 0; c < cols; c++)
            packed[k * cols + c] = own;
    }
}

/* Rows that lie a multiple of 4 KB apart would push each other out of the first-level cache. Columns are read by tiles
 * that read nothing behind them, and as long as the lines of one tile stay for the next: 400 keys of 32 are 5 % faster,
 * 197 values of 64 would be a fifth slower. */
static bool in_place(const gemm_kernels *tiles, bool transposed, size_t k, size_t stride)
{
    return (transposed ? !tiles->reads_behind && k <= FEW : tiles->rows_in_place[0] && tiles->rows_half[0]) &&
           stride * sizeof(float) % ALIAS != 0;
}

/* Parts that the work is worth, as of a matrix product, about 2.4 M multiply-adds each: packing k and v again for each
 * costs a twentieth of that. */
static size_t parts_for(const attention_shape *s, size_t panels)
{
    const double work = (double)s->queries * (double)s->keys * (double)(s->depth + s->width) / 2.4e6;
    return work < 1 ? 1 : work > (double)panels ? panels : (size_t)work;
}

void attention_choose(const cpu_kernels *kernels, const attention_shape *shape, size_t k_stride, size_t v_stride,
                      attention_plan *plan)
{
    const gemm_kernels *tiles = &kernels->gemm;
    const size_t cols = (size_t)tiles->cols, panels = span_ceil_div(shape->queries, cols);
    assert(shape->queries > 0 && shape->keys > 0 && shape->depth > 0 && shape->width > 0);
    *plan = (attention_plan){ .shape = *shape, .parts = (int)parts_for(shape, panels), .kernels = kernels };
    plan->k_in_place = in_place(tiles, shape->k_transposed, shape->depth, k_stride);
    plan->v_in_place = in_place(tiles, !shape->v_transposed, shape->keys, v_stride);
    plan->bias_floats = shape->biased ? (shape->bias_of_keys ? 1 : panels) * shape->keys * cols : 0;
    const size_t rows = 1 + shape->depth + shape->keys + shape->width;
    plan->half = shape->half && attention_half_fits(kernels, shape);
    if (plan->half) {
        plan->scratch_bytes = rows * cols * sizeof(float) + attention_half_bytes(shape);
        return;
    }
    const size_t packed =
        (plan->k_in_place ? 0 : shape->keys * shape->depth) + (plan->v_in_place ? 0 : shape->keys * shape->width);
    plan->scratch_bytes = (rows * cols + packed + SLACK) * sizeof(float);
}
