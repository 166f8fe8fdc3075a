/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Reductions of plain float32 over neighbouring axes, or all but the first and last: [outer][n][inner] to
 * [outer][inner]. Where nothing lies behind the reduced axes (inner 1) a row is reduced at once; else rows of `inner`
 * are folded into the result one after the other. */
#include "plan/planner.h"

#include <math.h>
#include <string.h>

#include "ops/params.h"

/* COLUMNS are folded at once: they stay in the first-level cache. Sums of more than LONG numbers of a row, or GROUP
 * rows, are sums of sums: what is added to a much larger float32 may be rounded the same way each time. */
enum { COLUMNS = 1024, LONG = 1 << 13, GROUP = 64 };

typedef enum reduction { SUM, MEAN, MAXIMUM, MINIMUM, SUM_SQUARE, L2, L1, REDUCTIONS } reduction;

static const char *const names[REDUCTIONS] = { "ReduceSum",       "ReduceMean", "ReduceMax", "ReduceMin",
                                               "ReduceSumSquare", "ReduceL2",   "ReduceL1" };

typedef struct reduce_step {
    const cpu_kernels *kernels;
    reduction kind;
    size_t outer, n, inner;
    size_t group; /* rows that are folded before they go into the result */
    int parts;    /* of the rows, or of the columns of one outer index */
} reduce_step;

bool plan_reduce_axes(planner *p, const graph_node *node, uint32_t *mask)
{
    const graph_value *x = node->inputs[0];
    graph_value *axes = graph_input(node, 1);
    const reduce_params *params = node->params;
    const onyx_tensor *list = axes ? graph_constant(p->graph, axes) : NULL;
    if (axes && (!list || list->type != ONYX_TYPE_INT64))
        return false;
    const int64_t count = axes ? graph_element_count(axes) : 0;
    *mask = count || params->noop_with_empty_axes ? 0 : (1u << x->info.rank) - 1;
    for (int64_t i = 0; i < count; i++) {
        int64_t axis = ((const int64_t *)list->data)[i];
        axis += axis < 0 ? x->info.rank : 0;
        if (axis < 0 || axis >= x->info.rank)
            return false;
        *mask |= 1u << axis;
    }
    return true;
}

static cpu_binary fold_of(reduction kind)
{
    return kind == MAXIMUM ? CPU_BINARY_MAX : kind == MINIMUM ? CPU_BINARY_MIN : CPU_BINARY_ADD;
}

static bool squares(reduction kind)
{
    return kind == SUM_SQUARE || kind == L2;
}

static float finish(const reduce_step *r, float x)
{
    return r->kind == MEAN ? x * (1.0f / (float)r->n) : r->kind == L2 ? sqrtf(x) : x;
}

static void reduce_rows(const reduce_step *r, const float *src, float *dst, size_t begin, size_t end)
{
    reduce_f32 *const kernel = r->kind == MAXIMUM ? r->kernels->softmax.max
                               : squares(r->kind) ? r->kernels->softmax.sum_squares
                                                  : r->kernels->softmax.sum;
    const size_t most = r->kind == MAXIMUM ? r->n : LONG;
    for (size_t row = begin; row < end; row++) {
        const float *x = src + row * r->n;
        if (r->n <= most) {
            dst[row] = finish(r, kernel(x, r->n));
            continue;
        }
        double sum = 0;
        for (size_t i = 0; i < r->n; i += most)
            sum += (double)kernel(x + i, MIN(most, r->n - i));
        dst[row] = finish(r, (float)sum);
    }
}

/* dst = rows [begin, end) of `columns`, folded; `scratch` has room for as many. */
static void fold_rows(const reduce_step *r, const float *src, float *dst, size_t begin, size_t end, size_t columns,
                      float *scratch)
{
    const eltwise_kernels *e = &r->kernels->eltwise;
    const cpu_binary fold = fold_of(r->kind);
    for (size_t i = begin; i < end; i++) {
        const float *row = src + i * r->inner;
        float *at = i > begin ? scratch : dst;
        const float *term = squares(r->kind) || r->kind == L1 ? at : row;
        if (squares(r->kind))
            e->binary[CPU_BINARY_MUL](row, 1, row, 1, at, columns);
        else if (r->kind == L1)
            e->unary[CPU_UNARY_ABS](row, at, columns);
        else if (i == begin)
            memcpy(at, row, columns * sizeof(*row));
        if (i > begin)
            e->binary[fold](dst, 1, term, 1, dst, columns);
    }
}

/* Columns [begin, end) of n rows; `scratch` has room for 2 * COLUMNS. */
static void reduce_columns(const reduce_step *r, const float *src, float *dst, size_t begin, size_t end, float *scratch)
{
    const cpu_binary fold = fold_of(r->kind);
    for (size_t c = begin, columns; c < end; c += columns) {
        columns = MIN((size_t)COLUMNS, end - c);
        for (size_t i = 0; i < r->n; i += r->group) {
            float *part = i ? scratch + COLUMNS : dst + c;
            fold_rows(r, src + c, part, i, MIN(i + r->group, r->n), columns, scratch);
            if (i)
                r->kernels->eltwise.binary[fold](dst + c, 1, part, 1, dst + c, columns);
        }
        for (size_t k = c; k < c + columns && (r->kind == MEAN || r->kind == L2); k++)
            dst[k] = finish(r, dst[k]);
    }
}

static void run_reduce(const step_context *context, int part)
{
    const program_step *step = context->step;
    const reduce_step *r = step->params;
    const float *src = context->tensors[step->inputs[0]].data;
    float *dst = context->tensors[step->outputs[0]].data;
    size_t begin, end;
    if (r->inner == 1) {
        plan_range(r->outer, 1, r->parts, part, &begin, &end);
        reduce_rows(r, src, dst, begin, end);
        return;
    }
    const size_t at = (size_t)(part / r->parts);
    plan_range(r->inner, 16, r->parts, part % r->parts, &begin, &end);
    reduce_columns(r, src + at * r->n * r->inner, dst + at * r->inner, begin, end, context->scratch);
}

/* [outer][n][inner]; false where reduced axes have a kept one between them. */
static bool reduce_dims(const graph_value *x, uint32_t mask, reduce_step *r)
{
    r->outer = r->n = r->inner = 1;
    for (int i = 0; i < x->info.rank; i++) {
        const size_t dim = (size_t)x->info.dims[i];
        if (mask >> i & 1) {
            if (r->inner != 1)
                return false;
            r->n *= dim;
        } else if (mask & ((1u << i) - 1)) {
            r->inner *= dim;
        } else {
            r->outer *= dim;
        }
    }
    return true;
}

plan_result plan_reduce(planner *p, graph_node *node)
{
    graph_value *x = node->inputs[0];
    uint32_t mask;
    reduce_step r = { .kernels = p->kernels };
    while (r.kind < REDUCTIONS && !graph_is(node, names[r.kind]))
        r.kind++;
    if (r.kind == REDUCTIONS || x->info.type != ONYX_TYPE_FLOAT32 || x->info.rank < 1 || graph_element_count(x) < 1 ||
        !plan_reduce_axes(p, node, &mask) || !mask || !reduce_dims(x, mask, &r) ||
        (r.inner == 1 && (r.kind == MINIMUM || r.kind == L1)))
        return PLAN_PASS;
    const size_t outer = r.inner == 1 ? 1 : r.outer, bytes = r.outer * r.n * r.inner * sizeof(float) / outer;
    r.parts = MIN(plan_parts(bytes), (int)MIN(r.inner == 1 ? r.outer : r.inner, 1000));
    r.group = MAX((size_t)GROUP, (size_t)sqrt((double)r.n));
    if (outer > INT32_MAX / 1000)
        return PLAN_PASS;
    const int input = plan_plain(p, x);
    if (input < 0)
        return PLAN_FAILED;
    const int output = plan_new_plain(p, node->outputs[0]);
    return plan_add_step(p, node, r.inner == 1 ? "reduce_rows" : "reduce_columns", run_reduce, (int)outer * r.parts,
                         r.inner == 1 ? 0 : 2 * COLUMNS * sizeof(float), &input, 1, &output, 1, &r, sizeof(r))
               ? PLAN_DONE
               : PLAN_FAILED;
}
