/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A small interpreter: every value gets memory of its own when its node runs. */
#include "evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

typedef struct machine {
    graph *g;
    onyx_tensor *tensors; /* by value id; data NULL: not there */
    bool *owned;
    const graph_node *node;
    onyx_tensor **outputs;
    void *scratch[16]; /* of the node that runs */
    int scratch_count;
} machine;

static onyx_status allocate(onyx_tensor *tensor, onyx_error *error)
{
    size_t count, bytes;
    if (!size_count(tensor->dims, tensor->rank, &count) || !type_bytes(tensor->type, count, &bytes))
        return status_fail(error, ONYX_ERROR_INTERNAL, "no size");
    tensor->size_bytes = bytes;
    tensor->data = memory_alloc_zero(bytes);
    return tensor->data ? ONYX_OK : status_no_memory(error, bytes, "a value");
}

static onyx_status set_output(op_run_context *context, int index, onyx_type type, int rank, const int64_t *dims)
{
    machine *m = context->owner;
    onyx_tensor *tensor = m->outputs[index];
    memory_free(tensor->data);
    *tensor = (onyx_tensor){ .type = type, .rank = rank };
    memcpy(tensor->dims, dims, sizeof(*dims) * (size_t)rank);
    return allocate(tensor, context->error);
}

static void *scratch(op_run_context *context, size_t bytes)
{
    machine *m = context->owner;
    void *memory = m->scratch_count < 16 ? memory_alloc(bytes) : NULL;
    if (memory)
        m->scratch[m->scratch_count++] = memory;
    return memory;
}

/* Output types and dims from the shape function, with every input known. */
static onyx_status infer(machine *m, const graph_node *node, const onyx_tensor **inputs, onyx_error *error)
{
    const int ins = node->input_count, outs = node->output_count;
    op_value *values = arena_alloc(m->g->arena, sizeof(*values) * (size_t)(ins + outs + 1));
    const op_value **in = arena_alloc(m->g->arena, sizeof(*in) * (size_t)(ins + 1));
    for (int i = 0; i < ins; i++) {
        if (!inputs[i])
            continue;
        values[i] = (op_value){ .type = inputs[i]->type, .rank = inputs[i]->rank, .constant = inputs[i] };
        memcpy(values[i].dims, inputs[i]->dims, sizeof(values[i].dims));
        in[i] = &values[i];
    }
    for (int i = 0; i < outs; i++)
        values[ins + i].rank = -1;
    op_shape_context context = { .row = node->row,
                                 .params = node->params,
                                 .version = node->version,
                                 .input_count = ins,
                                 .output_count = outs,
                                 .inputs = in,
                                 .outputs = values + ins,
                                 .error = error };
    STATUS_TRY(node->row->shape(&context));
    for (int i = 0; i < outs; i++) {
        if (!m->outputs[i])
            continue;
        const op_value *out = &values[ins + i];
        m->outputs[i]->type = out->type;
        m->outputs[i]->rank = out->rank;
        memcpy(m->outputs[i]->dims, out->dims, sizeof(out->dims));
        STATUS_TRY(allocate(m->outputs[i], error));
    }
    return ONYX_OK;
}

static onyx_status run_node(machine *m, const graph_node *node, onyx_error *error)
{
    const int ins = node->input_count, outs = node->output_count;
    const onyx_tensor **inputs = arena_alloc(m->g->arena, sizeof(*inputs) * (size_t)(ins + 1));
    m->outputs = arena_alloc(m->g->arena, sizeof(*m->outputs) * (size_t)(outs + 1));
    for (int i = 0; i < ins; i++)
        if (node->inputs[i]) {
            inputs[i] =
                node->inputs[i]->is_constant ? graph_constant(m->g, node->inputs[i]) : &m->tensors[node->inputs[i]->id];
            if (!inputs[i] || !inputs[i]->data)
                return status_fail(error, ONYX_ERROR_INTERNAL, "%s reads '%s', which is not there", node->name,
                                   node->inputs[i]->name);
        }
    for (int i = 0; i < outs; i++)
        if (node->outputs[i]) {
            m->outputs[i] = &m->tensors[node->outputs[i]->id];
            m->owned[node->outputs[i]->id] = true;
        }
    if (!(node->row->flags & OP_DYNAMIC))
        STATUS_TRY(infer(m, node, inputs, error));
    op_run_context context = { .row = node->row,
                               .params = node->params,
                               .version = node->version,
                               .input_count = ins,
                               .output_count = outs,
                               .inputs = inputs,
                               .outputs = m->outputs,
                               .set_output = set_output,
                               .scratch = scratch,
                               .error = error,
                               .owner = m };
    onyx_status status = node->row->run(&context);
    while (m->scratch_count)
        memory_free(m->scratch[--m->scratch_count]);
    return status == ONYX_OK ? ONYX_OK : status_context(error, status, "%s (%s)", node->name, node->row->name);
}

static onyx_status copy_output(machine *m, graph_value *value, onyx_tensor *output, onyx_error *error)
{
    const onyx_tensor *source = value->is_constant ? &value->constant : &m->tensors[value->id];
    *output = *source;
    output->data = memory_alloc(source->size_bytes);
    if (!output->data)
        return status_no_memory(error, source->size_bytes, "an output");
    memcpy(output->data, source->data, source->size_bytes);
    return ONYX_OK;
}

onyx_status evaluate(graph *g, const onyx_tensor *inputs, onyx_tensor *outputs, onyx_error *error)
{
    const size_t count = (size_t)g->value_count + 1;
    machine m = { .g = g, .tensors = calloc(count, sizeof(*m.tensors)), .owned = calloc(count, sizeof(bool)) };
    onyx_status status = ONYX_OK;
    for (int i = 0; i < g->input_count; i++)
        m.tensors[g->inputs[i]->id] = inputs[i];
    for (const graph_node *node = g->first; node && status == ONYX_OK; node = node->next)
        status = run_node(&m, node, error);
    for (int i = 0; i < g->output_count && status == ONYX_OK; i++)
        status = copy_output(&m, g->outputs[i], &outputs[i], error);
    for (int i = 0; i < g->value_count; i++)
        if (m.owned[i])
            memory_free(m.tensors[i].data);
    free(m.tensors);
    free(m.owned);
    return status;
}

static double number_at(const onyx_tensor *tensor, size_t i)
{
    switch ((int)tensor->type) {
    case ONYX_TYPE_FLOAT32:
        return ((const float *)tensor->data)[i];
    case ONYX_TYPE_FLOAT64:
        return ((const double *)tensor->data)[i];
    case ONYX_TYPE_FLOAT16:
        return half_to_float(((const uint16_t *)tensor->data)[i]);
    case ONYX_TYPE_BFLOAT16:
        return bfloat16_to_float(((const uint16_t *)tensor->data)[i]);
    default:
        return NAN;
    }
}

bool evaluate_random_input(const graph_value *value, uint32_t seed, onyx_tensor *tensor)
{
    size_t count;
    *tensor = (onyx_tensor){ .type = value->info.type, .rank = value->info.rank };
    memcpy(tensor->dims, value->info.dims, sizeof(tensor->dims));
    for (int i = 0; i < tensor->rank; i++)
        if (tensor->dims[i] < 0)
            return false;
    if (tensor->rank < 0 || allocate(tensor, NULL) != ONYX_OK || !size_count(tensor->dims, tensor->rank, &count))
        return false;
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        const float f = (float)(seed >> 8) / (1 << 22) - 2; /* -2..2 */
        if (tensor->type == ONYX_TYPE_FLOAT32)
            ((float *)tensor->data)[i] = f;
        else if (tensor->type == ONYX_TYPE_FLOAT64)
            ((double *)tensor->data)[i] = (double)f;
        else if (tensor->type == ONYX_TYPE_FLOAT16)
            ((uint16_t *)tensor->data)[i] = float_to_half(f);
        else if (tensor->type == ONYX_TYPE_BFLOAT16)
            ((uint16_t *)tensor->data)[i] = float_to_bfloat16(f);
        else if (tensor->type == ONYX_TYPE_INT64)
            ((int64_t *)tensor->data)[i] = seed >> 30;
        else if (tensor->type == ONYX_TYPE_INT32)
            ((int32_t *)tensor->data)[i] = (int32_t)(seed >> 30);
        else
            ((uint8_t *)tensor->data)[i] = tensor->type == ONYX_TYPE_BOOL ? seed >> 31 : (uint8_t)(seed >> 24);
    }
    return true;
}

double evaluate_difference(const onyx_tensor *wanted, const onyx_tensor *have)
{
    size_t count;
    if (wanted->type != have->type || wanted->rank != have->rank ||
        memcmp(wanted->dims, have->dims, sizeof(*wanted->dims) * (size_t)wanted->rank) != 0)
        return 1e30;
    size_count(wanted->dims, wanted->rank, &count);
    if (count == 0)
        return 0;
    if (isnan(number_at(wanted, 0)) && isnan(number_at(have, 0)) && wanted->type != ONYX_TYPE_FLOAT32)
        return memcmp(wanted->data, have->data, wanted->size_bytes) ? 1 : 0;
    double low = INFINITY, high = -INFINITY, worst = 0;
    for (size_t i = 0; i < count; i++) {
        const double w = number_at(wanted, i), h = number_at(have, i);
        if (isfinite(w)) {
            low = fmin(low, w);
            high = fmax(high, w);
        }
        if (isnan(w) != isnan(h) || (isinf(w) && w != h))
            return 1e30;
        if (isfinite(w))
            worst = fmax(worst, fabs(w - h));
    }
    return worst / fmax(1e-3, fmax(high - low, fabs(high)));
}
