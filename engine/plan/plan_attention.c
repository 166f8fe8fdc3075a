/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Attention: each matrix of the batch in parts over its queries. A bias that is computed is packed by a step of its
 * own, once for all layers that have it. */
#include "plan/planner.h"

#include <limits.h>
#include <string.h>

#include "ops/params.h"

typedef struct attention_step {
    attention_plan plan;
    const attention_params *params;
    size_t q_stride, k_stride, v_stride, y_stride;
    const float *bias; /* packed, of all matrices that differ; NULL with `biased`: input 3 */
    bool biased;
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
        .bias = s->biased ? (s->bias ? s->bias : (const float *)context->tensors[step->inputs[3]].data) + bias : NULL,
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

/* Steps over the batch of a value whose matrices are `step` elements. */
static void broadcast(const attention_params *a, const op_value *x, size_t step, size_t *steps)
{
    for (int i = a->rank - 1, j = x->rank - 3; i >= 0 && j >= 0; i--, j--) {
        steps[i] = x->dims[j] == 1 ? 0 : step;
        step *= (size_t)x->dims[j];
    }
}

static bool fits(const graph_value *x, const attention_params *a)
{
    return x->info.type == ONYX_TYPE_FLOAT32 && x->info.rank >= 2 && x->info.rank - 2 <= a->rank;
}

typedef struct bias_step {
    attention_plan plan;
    size_t matrix; /* elements of one that is read */
} bias_step;

static void run_bias(const step_context *context, int part)
{
    const program_step *step = context->step;
    const bias_step *s = step->params;
    attention_pack_bias(&s->plan, (const float *)context->tensors[step->inputs[0]].data + (size_t)part * s->matrix,
                        (float *)context->tensors[step->outputs[0]].data + (size_t)part * s->plan.bias_floats);
}

/* The slot of a bias that is computed, packed by a step of its own unless the attention before had it, too; -1: memory
 * is out. */
static int computed_bias(planner *p, graph_node *node, graph_value *bias, const bias_step *s, int count)
{
    const graph_value packed = { .info = { .kind = OP_KIND_TENSOR,
                                           .type = ONYX_TYPE_FLOAT32,
                                           .rank = 1,
                                           .dims = { (int64_t)s->plan.bias_floats * count } } };
    const packed_bias found = { bias, s->plan.shape.queries, -1 };
    if (p->bias.value == bias && p->bias.queries == found.queries)
        return p->bias.slot;
    const int plain = plan_plain(p, bias), slot = plain < 0 ? -1 : plan_temporary(p, &packed);
    if (slot < 0 || !plan_add_step(p, node, "attention_bias", run_bias, count, 0, &plain, 1, &slot, 1, s, sizeof(*s)))
        return -1;
    p->bias = found;
    return p->bias.slot = slot;
}

/* Packs the bias; *slot: where a step does it. False where it does not fit, or memory is out (*failed). */
static bool pack_bias(planner *p, graph_node *node, attention_step *s, int *slot, bool *failed)
{
    const attention_params *a = s->params;
    graph_value *bias = node->inputs[3];
    const bias_step step = { s->plan, (s->plan.shape.bias_of_keys ? 1 : s->plan.shape.queries) * s->plan.shape.keys };
    const onyx_tensor *tensor = graph_constant(p->graph, bias);
    const int64_t count = graph_element_count(bias) / (int64_t)step.matrix;
    if (!fits(bias, a) || count < 1 || count > INT_MAX)
        return false;
    broadcast(a, &bias->info, s->plan.bias_floats, s->bias_steps);
    s->biased = true;
    if (!tensor) {
        *slot = computed_bias(p, node, bias, &step, (int)count);
        *failed = *slot < 0;
        return !*failed;
    }
    float *packed = plan_packed(p, (size_t)count * s->plan.bias_floats * sizeof(float));
    *failed = !packed;
    for (int64_t i = 0; packed && i < count; i++)
        attention_pack_bias(&s->plan, (const float *)tensor->data + (size_t)i * step.matrix,
                            packed + (size_t)i * s->plan.bias_floats);
    s->bias = packed;
    return packed != NULL;
}

/* Constant factors of the scores; false where they are none, or memory is out (*failed). */
static bool read_factors(planner *p, graph_value *factors, attention_step *s, bool *failed)
{
    const onyx_tensor *tensor = graph_constant(p->graph, factors);
    if (!tensor || !fits(factors, s->params))
        return false;
    float *copy = plan_alloc(p, tensor->size_bytes);
    *failed = !copy;
    if (!copy)
        return false;
    memcpy(copy, tensor->data, tensor->size_bytes);
    broadcast(s->params, &factors->info, 1, s->factor_steps);
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
                              .biased = bias != NULL,
                              .bias_of_keys = bias && sizes[0] > 1 && bias->info.dims[bias->info.rank - 2] == 1,
                              .zeros = a->zeros,
                              .half = p->options->precision == ONYX_PRECISION_BF16 };
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
    int inputs[4];
    if ((factors && !read_factors(p, factors, &s, &failed)) || (bias && !pack_bias(p, node, &s, &inputs[3], &failed)))
        return failed ? PLAN_FAILED : PLAN_PASS;
    for (int i = 0; i < 3; i++)
        if ((inputs[i] = plan_plain(p, node->inputs[i])) < 0)
            return PLAN_FAILED;
    const int output = plan_new_plain(p, node->outputs[0]);
    program_step *step =
        plan_add_step(p, node, s.plan.half ? "attention_bf16" : "attention", run_attention, (int)batches * s.plan.parts,
                      s.plan.scratch_bytes, inputs, bias && !s.bias ? 4 : 3, &output, 1, &s, sizeof(s));
    if (!step)
        return PLAN_FAILED;
    step->operations = 2 * (int64_t)(batches * shape.queries * shape.keys * (shape.depth + shape.width));
    return PLAN_DONE;
}
