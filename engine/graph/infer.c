/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Shape inference and constant folding in one forward sweep: a node whose inputs are all known is evaluated at once by
 * its reference kernel, so that Shape -> Gather -> Concat -> Reshape chains are plain numbers by the time Reshape's
 * shape function asks. */
#include "graph/control.h"

#include <string.h>

#include "base/size.h"

/* A folded constant may be this large, or four times as large as what it was made from: the tables of positions that
 * transformers compute from small ones, by a network of their own, are. All count as constants of the graph. */
#define FOLD_BYTES (16u << 20)
/* Scratch buffers that one kernel may ask for. */
#define FOLD_SCRATCH 16

static onyx_status check_type(const graph_node *node, onyx_error *error)
{
    const graph_value *first = node->input_count ? node->inputs[0] : NULL;
    if (!first || first->info.kind != OP_KIND_TENSOR || first->info.type == ONYX_TYPE_UNDEFINED)
        return ONYX_OK;
    if (node->row->types & TYPE_BIT(first->info.type))
        return ONYX_OK;
    return status_fail(error, ONYX_ERROR_TYPE, "node '%s' (%s, opset %d): input 0 ('%s') is %s, which this operator "
                       "does not take", node->name, node->row->name, node->version, first->name,
                       onyx_type_name(first->info.type));
}

onyx_status graph_node_infer(graph *g, graph_node *node, onyx_error *error)
{
    if (node->control)
        return graph_control_infer(g, node, error);
    enum { FEW = 16 };
    const op_value *few_inputs[FEW];
    op_value few_outputs[FEW];
    const op_value **inputs = few_inputs;
    op_value *outputs = few_outputs;
    if (node->input_count > FEW)
        inputs = arena_alloc(g->arena, sizeof(*inputs) * (size_t)node->input_count);
    if (node->output_count > FEW)
        outputs = arena_alloc(g->arena, sizeof(*outputs) * (size_t)node->output_count);
    if (!inputs || !outputs)
        return status_no_memory(error, sizeof(*outputs) * (size_t)node->output_count, "shape inference");
    STATUS_TRY(check_type(node, error));
    for (int i = 0; i < node->input_count; i++)
        inputs[i] = node->inputs[i] ? &node->inputs[i]->info : NULL;
    for (int i = 0; i < node->output_count; i++)
        outputs[i] = (op_value){ .rank = -1 };
    op_shape_context context = {
        .row = node->row, .params = node->params, .version = node->version, .input_count = node->input_count,
        .output_count = node->output_count, .inputs = inputs, .outputs = outputs, .error = error,
    };
    onyx_status status = node->row->shape(&context);
    if (status != ONYX_OK)
        return status_context(error, status, "%s", graph_node_title(g, node));
    for (int i = 0; i < node->output_count; i++) {
        graph_value *value = node->outputs[i];
        if (!value)
            continue;
        size_t count, bytes;
        outputs[i].constant = NULL;
        value->info = outputs[i];
        if (graph_shape_known(value) && value->info.type != ONYX_TYPE_UNDEFINED && value->info.kind == OP_KIND_TENSOR &&
            (!size_count(value->info.dims, value->info.rank, &count) || !type_bytes(value->info.type, count, &bytes)))
            return status_fail(error, ONYX_ERROR_LIMIT, "%s: output '%s' is larger than memory can be",
                               graph_node_title(g, node), value->name);
    }
    return ONYX_OK;
}

/* ---- folding ---- */

typedef struct fold_run {
    graph *g;
    buffer **buffers; /* of the outputs */
    onyx_tensor *tensors;
    buffer *scratch[FOLD_SCRATCH];
    int scratch_count;
    size_t limit;
    size_t charged; /* to the graph, for the buffers */
} fold_run;

static onyx_status fold_set_output(op_run_context *context, int index, onyx_type type, int rank, const int64_t *dims)
{
    fold_run *run = context->owner;
    size_t count, bytes;
    if (!size_count(dims, rank, &count) || !type_bytes(type, count, &bytes) || bytes > run->limit ||
        !graph_charge(run->g, bytes))
        return status_fail(context->error, ONYX_ERROR_LIMIT, "constant too large to fold");
    run->charged += bytes;
    buffer_unref(run->buffers[index]);
    run->buffers[index] = buffer_new(bytes);
    if (!run->buffers[index])
        return status_no_memory(context->error, bytes, "a folded constant");
    onyx_tensor *tensor = &run->tensors[index];
    *tensor =
        (onyx_tensor){ .type = type, .rank = rank, .data = buffer_data(run->buffers[index]), .size_bytes = bytes };
    memcpy(tensor->dims, dims, sizeof(*dims) * (size_t)rank);
    return ONYX_OK;
}

static void *fold_scratch(op_run_context *context, size_t bytes)
{
    fold_run *run = context->owner;
    if (run->scratch_count == FOLD_SCRATCH)
        return NULL;
    buffer *b = buffer_new(bytes);
    if (!b)
        return NULL;
    run->scratch[run->scratch_count++] = b;
    return buffer_data(b);
}

static bool may_fold(const graph *g, const graph_node *node, size_t *input_bytes)
{
    if (node->row->flags & (OP_RANDOM | OP_CONTROL | OP_CONTAINER) || !node->row->run)
        return false;
    if (!g->fold_dequantize && strcmp(node->row->name, "DequantizeLinear") == 0 &&
        graph_element_count(node->inputs[0]) > 1)
        return false;
    *input_bytes = 0;
    for (int i = 0; i < node->input_count; i++) {
        const graph_value *value = node->inputs[i];
        if (value && (!value->is_constant || value->info.type == ONYX_TYPE_STRING))
            return false;
        if (value && !size_add(*input_bytes, value->constant.size_bytes, input_bytes))
            return false;
    }
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] && (node->outputs[i]->info.type == ONYX_TYPE_STRING ||
                                 (!graph_shape_known(node->outputs[i]) && !(node->row->flags & OP_DYNAMIC))))
            return false;
    return true;
}

/* Evaluates the node; sets *folded when its outputs are constants now. A failing kernel leaves the node as it is, so
 * that the fault is reported where it belongs: in a run, if it is ever reached. */
static onyx_status fold_node(graph *g, graph_node *node, bool *folded, onyx_error *error)
{
    size_t input_bytes;
    *folded = false;
    if (!may_fold(g, node, &input_bytes))
        return ONYX_OK;
    const int ins = node->input_count, outs = node->output_count;
    const onyx_tensor **inputs = arena_alloc(g->arena, sizeof(*inputs) * (size_t)(ins + 1));
    onyx_tensor **outputs = arena_alloc(g->arena, sizeof(*outputs) * (size_t)(outs + 1));
    onyx_tensor *tensors = arena_alloc(g->arena, sizeof(*tensors) * (size_t)(outs + 1));
    buffer **buffers = arena_alloc(g->arena, sizeof(*buffers) * (size_t)(outs + 1));
    if (!inputs || !outputs || !tensors || !buffers)
        return status_no_memory(error, sizeof(*tensors) * (size_t)outs, "folding");
    fold_run run = { .g = g, .buffers = buffers, .tensors = tensors,
                     .limit = input_bytes * 4 > FOLD_BYTES ? input_bytes * 4 : FOLD_BYTES };
    onyx_error ignored;
    op_run_context context = {
        .row = node->row, .params = node->params, .version = node->version, .input_count = ins, .output_count = outs,
        .inputs = inputs, .outputs = outputs, .set_output = fold_set_output, .scratch = fold_scratch, .pool = g->pool,
        .error = &ignored, .owner = &run,
    };
    onyx_status status = ONYX_OK;
    for (int i = 0; i < ins && status == ONYX_OK; i++)
        if (node->inputs[i] && !(inputs[i] = graph_constant(g, node->inputs[i])))
            status = status_no_memory(error, node->inputs[i]->constant.size_bytes, "a constant");
    if (status != ONYX_OK)
        return status;
    for (int i = 0; i < outs && status == ONYX_OK; i++) {
        graph_value *value = node->outputs[i];
        if (!value)
            continue;
        outputs[i] = &tensors[i];
        if (!(node->row->flags & OP_DYNAMIC))
            status = fold_set_output(&context, i, value->info.type, value->info.rank, value->info.dims);
    }
    if (status == ONYX_OK)
        status = node->row->run(&context);
    bool all_set = status == ONYX_OK;
    for (int i = 0; i < outs; i++)
        all_set = all_set && (!node->outputs[i] || buffers[i]);
    for (int i = 0; i < outs; i++) {
        graph_value *value = node->outputs[i];
        if (!all_set)
            buffer_unref(buffers[i]);
        else if (value)
            STATUS_TRY(graph_make_constant(g, value, &tensors[i], buffers[i], error));
    }
    if (!all_set)
        g->constant_bytes -= run.charged;
    for (int i = 0; i < run.scratch_count; i++)
        buffer_unref(run.scratch[i]);
    *folded = all_set;
    return ONYX_OK;
}

static bool has_outputs(const graph_node *node)
{
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i])
            return true;
    return false;
}

/* Removes a folded node, and with it the data of constants that only it wanted. */
static void remove_folded(graph *g, graph_node *node)
{
    for (int i = 0; i < node->input_count; i++) {
        graph_value *value = node->inputs[i];
        graph_set_input(g, node, i, NULL);
        if (value && !graph_is_read(value))
            graph_drop_constant(value);
    }
    graph_remove_node(g, node);
}

onyx_status graph_infer(graph *g, bool fold, onyx_error *error)
{
    for (graph_node *node = g->first, *next; node; node = next) {
        graph_node *before = node->previous;
        bool folded = false, expanded;
        STATUS_TRY(graph_expand(g, node, &expanded, error));
        if (expanded) { /* on with what stands in its place */
            next = before ? before->next : g->first;
            continue;
        }
        next = node->next;
        STATUS_TRY(graph_node_infer(g, node, error));
        if (fold)
            STATUS_TRY(fold_node(g, node, &folded, error));
        if (folded && !has_outputs(node))
            remove_folded(g, node);
    }
    graph_drop_containers(g);
    return ONYX_OK;
}
