/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Softmax along any axis of plain data. */
#include "plan/planner.h"

#include "ops/params.h"

typedef struct softmax_step {
    softmax_rows_f32 *rows_kernel;
    softmax_columns_f32 *columns_kernel;
    size_t outer, n, inner;
    int parts; /* of the rows, or of the columns of one outer index */
} softmax_step;

static void run_softmax(const step_context *context, int part)
{
    const program_step *step = context->step;
    const softmax_step *s = step->params;
    const float *src = context->tensors[step->inputs[0]].data;
    float *dst = context->tensors[step->outputs[0]].data;
    size_t begin, end;
    if (s->inner == 1) {
        plan_range(s->outer, 1, s->parts, part, &begin, &end);
        if (begin < end)
            s->rows_kernel(src + begin * s->n, dst + begin * s->n, end - begin, s->n);
        return;
    }
    const size_t at = (size_t)(part / s->parts) * s->n * s->inner;
    plan_range(s->inner, 16, s->parts, part % s->parts, &begin, &end);
    if (begin < end)
        s->columns_kernel(src + at, dst + at, s->n, s->inner, begin, end);
}

plan_result plan_softmax(planner *p, graph_node *node)
{
    const softmax_params *params = node->params;
    graph_value *x = node->inputs[0];
    const int64_t axis = params->axis < 0 ? params->axis + x->info.rank : params->axis;
    if (x->info.type != ONYX_TYPE_FLOAT32 || graph_element_count(x) < 1 || axis < 0 || axis >= x->info.rank)
        return PLAN_PASS;
    softmax_step s = { p->kernels->softmax.rows, p->kernels->softmax.columns, 1, 1, 1, 1 };
    for (int i = 0; i < x->info.rank; i++)
        *(i < axis ? &s.outer : i == axis || params->flatten ? &s.n : &s.inner) *= (size_t)x->info.dims[i];
    if (s.inner == 1 ? !s.rows_kernel : !s.columns_kernel)
        return PLAN_PASS;
    const int worth = plan_parts((size_t)graph_element_count(x) * 4 * sizeof(float));
    int total;
    if (s.inner == 1)
        total = s.parts = (int)MIN((size_t)worth, s.outer);
    else {
        s.parts = (int)MAX(1, MIN((size_t)worth / s.outer, s.inner / 64));
        total = (int)s.outer * s.parts;
    }
    const int input = plan_plain(p, x);
    if (input < 0)
        return PLAN_FAILED;
    const int output = plan_new_plain(p, node->outputs[0]);
    return plan_add_step(p, node, s.inner == 1 ? "softmax_rows" : "softmax_columns", run_softmax, total, 0, &input, 1, &output,
                         1, &s, sizeof(s)) ? PLAN_DONE : PLAN_FAILED;
}
