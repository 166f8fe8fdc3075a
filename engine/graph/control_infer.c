/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Types and shapes of what a node with sub-graphs gives, where it is not known yet what it will do: the sub-graphs are
 * made into graphs of their own, inferred, and thrown away. */
#include <string.h>

#include "base/size.h"
#include "graph/bodies.h"
#include "ops/shape.h"

/* ---- what is known of two values at once ---- */

static bool same_info(const op_value *a, const op_value *b)
{
    return a->kind == b->kind && a->type == b->type && a->rank == b->rank &&
           (a->rank <= 0 || memcmp(a->dims, b->dims, sizeof(*a->dims) * (size_t)a->rank) == 0);
}

static void forget(op_value *value, const op_value *other)
{
    if (value->rank != other->rank)
        value->rank = -1;
    for (int i = 0; i < value->rank; i++)
        if (value->dims[i] != other->dims[i])
            value->dims[i] = -1;
}

/* ---- one sub-graph ---- */

/* A sub-graph that cannot work on what is known may be one that is never taken: then only what it declares is known. */
static void declared(const graph_body *body, op_value *results)
{
    for (int i = 0; i < body->graph->output_count; i++) {
        const model_value *value = &body->graph->outputs[i];
        results[i] = (op_value){ .kind = value->kind, .type = value->type, .rank = -1 };
    }
}

static onyx_status infer_body(graph *g, const graph_node *node, const graph_body *body, op_value *results,
                              onyx_error *error)
{
    model_file *file;
    graph *inner;
    onyx_error local = { .message = "" };
    STATUS_TRY(graph_charge_nodes(g, 1, error));
    STATUS_TRY(graph_body_file(g, node, body, &file, error));
    const onyx_options options = { .size = sizeof(options), .max_memory_bytes = g->constant_limit };
    onyx_status status = graph_build_within(file, g, node->control->depth, &options, &inner, &local);
    if (status == ONYX_OK) {
        status = graph_infer(inner, true, &local);
        g->built_nodes = inner->built_nodes;
        for (int i = 0; i < inner->output_count && status == ONYX_OK; i++) {
            results[i] = inner->outputs[i]->info;
            results[i].constant = NULL;
        }
        graph_free(inner);
    }
    if (status == ONYX_ERROR_UNSUPPORTED || status == ONYX_ERROR_LIMIT || status == ONYX_ERROR_MEMORY) {
        if (error)
            *error = local;
        /* Of sub-graphs within sub-graphs the outermost is named, and the one that fails says what it is. */
        if (node->control->depth == 1)
            status_context(error, status, "%s, in a sub-graph", graph_node_title(g, node));
        return status;
    }
    if (status != ONYX_OK)
        declared(body, results);
    return ONYX_OK;
}

/* ---- each operator ---- */

static onyx_status infer_if(graph *g, graph_node *node, op_value *outputs, onyx_error *error)
{
    op_value *other = arena_alloc(g->arena, sizeof(*other) * (size_t)(node->output_count + 1));
    graph_body body;
    if (!other)
        return status_no_memory(error, sizeof(*other) * (size_t)node->output_count, "shape inference");
    for (int k = 0; k < 2; k++) {
        STATUS_TRY(graph_body_formals(g, node, k, &body, error));
        STATUS_TRY(infer_body(g, node, &body, k ? other : outputs, error));
    }
    for (int i = 0; i < node->output_count; i++) {
        if (outputs[i].type == ONYX_TYPE_UNDEFINED)
            outputs[i].type = other[i].type;
        if (other[i].type != ONYX_TYPE_UNDEFINED && other[i].type != outputs[i].type)
            return status_fail(error, ONYX_ERROR_TYPE, "%s: output %d is %s in one branch and %s in the other",
                               graph_node_title(g, node), i, onyx_type_name(outputs[i].type),
                               onyx_type_name(other[i].type));
        forget(&outputs[i], &other[i]);
    }
    return ONYX_OK;
}

/* States keep what stays true of them from one iteration to the next. Mostly all that does not is found at once; where
 * it takes longer, nothing is known. */
static onyx_status infer_states(graph *g, const graph_node *node, graph_body *body, int first, int count,
                                int results_at, op_value *results, onyx_error *error)
{
    enum { ROUNDS = 3 };
    for (int round = 0; round <= ROUNDS; round++) {
        bool changed = false;
        STATUS_TRY(infer_body(g, node, body, results, error));
        for (int i = 0; i < count; i++) {
            op_value *state = &body->formals[first + i], before = *state;
            forget(state, &results[results_at + i]);
            changed |= !same_info(state, &before);
        }
        for (int i = 0; i < count && changed && round == ROUNDS - 1; i++)
            body->formals[first + i].rank = -1;
        if (!changed)
            break;
    }
    return ONYX_OK;
}

/* A scan output: one dim more. */
static void stacked(op_value *output, const op_value *item, int64_t axis, int64_t length)
{
    int at;
    *output = *item;
    output->rank = -1;
    if (item->rank < 0 || item->rank >= ONYX_MAX_RANK || !axis_resolve(axis, item->rank + 1, &at))
        return;
    output->rank = item->rank + 1;
    for (int i = at; i < item->rank; i++)
        output->dims[i + 1] = item->dims[i];
    output->dims[at] = length;
}

static onyx_status infer_repeated(graph *g, graph_node *node, op_value *outputs, onyx_error *error)
{
    const bool loop = graph_is(node, "Loop");
    const scan_params *scan = loop ? NULL : node->params;
    const int results_at = loop ? 1 : 0, first = loop ? LOOP_FORMALS : 0;
    const int states = node->control->own_inputs - (loop ? LOOP_FORMALS : scan->count);
    const int result_count = node->control->bodies[0]->output_count;
    op_value *results = arena_alloc(g->arena, sizeof(*results) * (size_t)(result_count + 1));
    graph_body body;
    int64_t length = -1;
    if (!results)
        return status_no_memory(error, sizeof(*results) * (size_t)result_count, "shape inference");
    STATUS_TRY(graph_body_formals(g, node, 0, &body, error));
    STATUS_TRY(infer_states(g, node, &body, first, states, results_at, results, error));
    for (int i = 0; scan && i < scan->count; i++) {
        const op_value *x = &node->inputs[states + i]->info;
        int axis;
        if (axis_resolve(scan_value(&scan->input_axes, i), x->rank, &axis) && x->dims[axis] >= 0)
            length = x->dims[axis];
    }
    for (int i = 0; i < states; i++)
        outputs[i] = body.formals[first + i];
    for (int i = states; i < node->output_count; i++)
        stacked(&outputs[i], &results[results_at + i], scan ? scan_value(&scan->output_axes, i - states) : 0, length);
    return ONYX_OK;
}

/* ---- remembered: passes infer the whole graph many times ---- */

static bool recall(const graph_node *node)
{
    const struct graph_control *control = node->control;
    if (!control->found)
        return false;
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] && (!same_info(&control->seen[i], &node->inputs[i]->info) ||
                                (control->seen[i].constant != NULL) != node->inputs[i]->is_constant))
            return false;
    return true;
}

static onyx_status remember(graph *g, graph_node *node, const op_value *outputs, onyx_error *error)
{
    static const onyx_tensor constant;
    struct graph_control *control = node->control;
    control->seen = arena_alloc(g->arena, sizeof(*control->seen) * (size_t)(node->input_count + 1));
    control->found = arena_copy(g->arena, outputs, sizeof(*outputs) * (size_t)(node->output_count + 1));
    if (!control->seen || !control->found)
        return status_no_memory(error, sizeof(*outputs) * (size_t)node->output_count, "shape inference");
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i]) {
            control->seen[i] = node->inputs[i]->info;
            control->seen[i].constant = node->inputs[i]->is_constant ? &constant : NULL;
        }
    return ONYX_OK;
}

onyx_status graph_control_infer(graph *g, graph_node *node, onyx_error *error)
{
    op_value *outputs = node->control->found;
    if (!recall(node)) {
        outputs = arena_alloc(g->arena, sizeof(*outputs) * (size_t)(node->output_count + 1));
        if (!outputs)
            return status_no_memory(error, sizeof(*outputs) * (size_t)node->output_count, "shape inference");
        for (int i = 0; i < node->output_count; i++)
            outputs[i] = (op_value){ .kind = OP_KIND_SEQUENCE, .rank = -1 }; /* of SequenceMap */
        node->control->found = NULL;
        if (graph_is(node, "If"))
            STATUS_TRY(infer_if(g, node, outputs, error));
        else if (graph_is(node, "Loop") || graph_is(node, "Scan"))
            STATUS_TRY(infer_repeated(g, node, outputs, error));
        STATUS_TRY(remember(g, node, outputs, error));
    }
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i])
            node->outputs[i]->info = outputs[i];
    return ONYX_OK;
}
