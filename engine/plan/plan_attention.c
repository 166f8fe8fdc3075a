/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Attention: each matrix of the batch in parts over its queries. */
#include "plan/planner.h"

#include <string.h>

#include "ops/params.h"

typedef struct attention_step {
    attention_plan plan;
    const attention_params *params;
    size_t q_stride, k_stride, v_stride, y_stride;
    const float *bias; /* packed, of all matrices that differ */
    const float *factors;
    size_t bias_steps[ONYX_MAX_RANK], factor_steps[ONYX_MAX_RANK];
} attention_step;

static void run_attention(const step_context *context, int part)
{
    const program_step *step = context->step;
    const attention_step *s = step->params;
    const attention_params *p = s->params;
    size_t rest = (size_t)(part / s->plan.parts), q = (size_t)p->q[0], k = (size_t)p->k[0], v = (size_t)p->v[0],
           y = (size_t)p->y[0], bias = 0, factor = 0;
    for (int i = p->rank - 1; i >= 0; i--) {
        const size_t at = rest % (size_t)p->dims[i];
        rest /= (size_t)p->dims[i];
        q += at * (size_t)p->q[1 + i];
        k += at * (size_t)p->k[1 + i];
        v += at * (size_t)p->v[1 + i];
        y += at * (size_t)p->y[1 + i];
        bias += at * s->bias_steps[i];
        factor += at * s->factor_steps[i];
    }
    const attention_arguments arguments = {
        .q = (const float *)context->tensors[step->inputs[0]].data + q,
        .q_stride = s->q_stride,
        .k = (const float *)context->tensors[step->inputs[1]].data + k,
        .k_stride = s->k_stride,
        .v = (const float *)context->tensors[step->inputs[2]].data + v,
        .v_stride = s->v_stride,
        .y = (float *)context->tensors[step->outputs[0]].data + y,
        .y_stride = s->y_stride,
        .alpha = s->factors ? p->alpha * s->factors[factor] : p->alpha,
        .bias = s->bias ? s->bias + bias : NULL,
    };
    attention_run(&s->plan, &arguments, part % s->plan.parts, context->scratch);
}

/* The step between stored rows, and whether these are the columns of the matrix; false where neither rows nor columns
 * are contiguous. */
static bool stored(const attention_params *p, const int64_t *steps, int64_t rows, int64_t columns, size_t *stride,
                   bool *transposed)
{
    const int64_t row = steps[1 + p->rank], column = steps[2 + p->rank];
    *transposed = column != 1 && columns > 1;
    *stride = (size_t)(*transposed ? column : row);
    return !*transposed || row == 1 || rows == 1;
}

/* Steps over the batch of a constant whose matrices are `step` elements. */
static void broadcast(const attention_params *a, const onyx_tensor *constant, size_t step, size_t *steps)
{
    for (int i = a->rank - 1, j = constant->rank - 3; i >= 0 && j >= 0; i--, j--) {
        steps[i] = constant->dims[j] == 1 ? 0 : step;
        step *= (size_t)constant->dims[j];
    }
}

/* Packs a constant bias; false where it is none, or memory is out (*failed). */
static bool pack_bias(planner *p, graph_value *bias, attention_step *s, bool *failed)
{
    const attention_params *a = s->params;
    const size_t matrix = s->plan.shape.queries * s->plan.shape.keys;
    const onyx_tensor *tensor = graph_constant(p->graph, bias);
    if (!tensor || tensor->type != ONYX_TYPE_FLOAT32 || tensor->rank - 2 > a->rank)
        return false;
    const size_t count = (size_t)graph_element_count(bias) / matrix;
    float *packed = plan_packed(p, count * s->plan.bias_floats * sizeof(float));
    *failed = !packed;
    if (!packed)
        return false;
    for (size_t i = 0; i < count; i++)
        attention_pack_bias(&s->plan, (const float *)tensor->data + i * matrix, packed + i * s->plan.bias_floats);
    broadcast(a, tensor, s->plan.bias_floats, s->bias_steps);
    s->bias = packed;
    return true;
}

/* Constant factors of the scores; false where they are none, or memory is out (*failed). */
static bool read_factors(planner *p, graph_value *factors, attention_step *s, bool *failed)
{
    const onyx_tensor *tensor = graph_constant(p->graph, factors);
    if (!tensor || tensor->type != ONYX_TYPE_FLOAT32 || tensor->rank - 2 > s->params->rank)
        return false;
    float *copy = plan_alloc(p, tensor->size_bytes);
    *failed = !copy;
    if (!copy)
        return false;
    memcpy(copy, tensor->data, tensor->size_bytes);
    broadcast(s->params, tensor, 1, s->factor_steps);
    s->factors = copy;
    return true;
}

plan_result plan_attention(planner *p, graph_node *node)
{
    const attention_params *a = node->params;
    const int64_t *sizes = a->dims + a->rank;
    graph_value *bias = graph_input(node, 3);
    graph_value *factors = graph_input(node, 4);
    attention_shape shape = { .queries = (size_t)sizes[0],
                              .keys = (size_t)sizes[1],
                              .depth = (size_t)sizes[2],
                              .width = (size_t)sizes[3],
                              .biased = bias != NULL };
    attention_step s = { .params = a };
    size_t batches = 1;
    bool failed = false;
    for (int i = 0; i < a->rank; i++)
        batches *= (size_t)a->dims[i];
    if (graph_element_count(node->outputs[0]) < 1 ||
        !stored(a, a->q, sizes[0], sizes[2], &s.q_stride, &shape.q_transposed) ||
        !stored(a, a->k, sizes[1], sizes[2], &s.k_stride, &shape.k_transposed) ||
        !stored(a, a->v, sizes[1], sizes[3], &s.v_stride, &shape.v_transposed) ||
        !stored(a, a->y, sizes[0], sizes[3], &s.y_stride, &shape.y_transposed))
        return PLAN_PASS;
    attention_choose(p->kernels, &shape, s.k_stride, s.v_stride, &s.plan);
    if ((bias && !pack_bias(p, bias, &s, &failed)) || (factors && !read_factors(p, factors, &s, &failed)))
        return failed ? PLAN_FAILED : PLAN_PASS;
    int inputs[3];
    for (int i = 0; i < 3; i++)
        if ((inputs[i] = plan_plain(p, node->inputs[i])) < 0)
            return PLAN_FAILED;
    const int output = plan_new_plain(p, node->outputs[0]);
    program_step *step = plan_add_step(p, node, "attention", run_attention, (int)batches * s.plan.parts,
                                       s.plan.scratch_bytes, inputs, 3, &output, 1, &s, sizeof(s));
    if (!step)
        return PLAN_FAILED;
    step->operations = 2 * (int64_t)(batches * shape.queries * shape.keys * (shape.depth + shape.width));
    return PLAN_DONE;
}
