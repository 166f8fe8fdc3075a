/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Control flow that is decided when the graph is made: the taken branch of an If, the iterations of a Loop or Scan, are
 * written out in the node's place. */
#include "graph/control.h"

#include <string.h>

#include "base/size.h"
#include "graph/bodies.h"
#include "graph/passes.h"
#include "ops/shape.h"

/* A loop is written out up to this many nodes, all loops of a graph up to twice as many; what is longer is run as a
 * loop. A node with sub-graphs counts as many: it may become a loop, or a model of its own. */
#define UNROLL_NODES 4096
#define UNROLL_ALL (2 * UNROLL_NODES)
#define CONTROL_NODES 16
/* The same where there is no other way; the budget of nodes comes on top. */
#define CONTAINER_TRIPS (1 << 20)

/* ---- checks ---- */

static onyx_status check_counts(const graph_node *node, const model_graph *body, int inputs, int outputs,
                                onyx_error *error)
{
    if (!body)
        return status_fail(error, ONYX_ERROR_FORMAT, "node '%s' (%s) lacks a sub-graph", node->name, node->row->name);
    if (body->input_count == inputs && body->output_count == outputs)
        return ONYX_OK;
    return status_fail(error, ONYX_ERROR_FORMAT,
                       "node '%s' (%s): its sub-graph '%s' has %d inputs and %d outputs; %d and %d are expected",
                       node->name, node->row->name, body->name ? body->name : "", body->input_count, body->output_count,
                       inputs, outputs);
}

onyx_status control_check(const graph_node *node, onyx_error *error)
{
    const struct graph_control *control = node->control;
    if (!control || control->own_inputs < node->row->min_inputs)
        return status_fail(error, ONYX_ERROR_FORMAT, "node '%s' (%s) lacks %s", node->name, node->row->name,
                           control ? "inputs" : "a sub-graph");
    if (graph_is(node, "If")) {
        if (control->own_inputs != 1 || !node->inputs[0])
            return status_fail(error, ONYX_ERROR_FORMAT, "node '%s' (If) takes one input, its condition", node->name);
        STATUS_TRY(check_counts(node, control->bodies[0], 0, node->output_count, error));
        return check_counts(node, control->bodies[1], 0, node->output_count, error);
    }
    for (int i = graph_is(node, "Loop") ? LOOP_FORMALS : 0; i < control->own_inputs; i++)
        if (!node->inputs[i])
            return status_fail(error, ONYX_ERROR_FORMAT, "node '%s' (%s) lacks input %d", node->name, node->row->name,
                               i);
    if (graph_is(node, "Loop"))
        return check_counts(node, control->bodies[0], control->own_inputs, node->output_count + 1, error);
    const scan_params *scan = graph_is(node, "Scan") ? node->params : NULL;
    if (scan && (scan->count > control->own_inputs || node->output_count < control->own_inputs - scan->count))
        return status_fail(error, ONYX_ERROR_FORMAT, "node '%s' (Scan) has too few inputs or outputs", node->name);
    return check_counts(node, control->bodies[0], control->own_inputs, node->output_count, error);
}

/* ---- writing nodes ---- */

onyx_status graph_charge_nodes(graph *g, size_t nodes, onyx_error *error)
{
    const size_t limit = graph_node_limit(g);
    g->built_nodes += nodes;
    return g->built_nodes <= limit ? ONYX_OK
                                   : status_fail(error, ONYX_ERROR_LIMIT,
                                                 "%s: more than %zu nodes (options.max_nodes) once sub-graphs and "
                                                 "sequences are written out",
                                                 g->file->path, limit);
}

onyx_status graph_new_list(graph *g, size_t count, graph_value ***list, onyx_error *error)
{
    size_t bytes = SIZE_MAX;
    *list = size_mul(count, sizeof(**list), &bytes) ? arena_alloc(g->arena, MAX(bytes, sizeof(**list))) : NULL;
    return *list ? ONYX_OK : status_no_memory(error, bytes, "values");
}

onyx_status graph_put(graph *g, graph_node *before, const char *op, graph_value *const *inputs, int input_count,
                      const op_attribute *attributes, int attribute_count, graph_value **output, onyx_error *error)
{
    STATUS_TRY(graph_charge_nodes(g, 1 + (size_t)input_count, error));
    *output = graph_add_value(g, before->name);
    if (!*output)
        return status_no_memory(error, sizeof(graph_value), "a value");
    graph_node *node;
    return graph_add_later(g, before, "", op, before->name, inputs, input_count, output, 1, attributes, attribute_count,
                           &node, error);
}

onyx_status graph_put_int(graph *g, const graph_node *like, bool scalar, int64_t number, graph_value **value,
                          onyx_error *error)
{
    const onyx_tensor tensor = {
        .type = ONYX_TYPE_INT64, .rank = scalar ? 0 : 1, .dims = { 1 }, .data = &number, .size_bytes = sizeof(number)
    };
    *value = graph_add_constant(g, like->name, &tensor, NULL);
    return *value ? ONYX_OK : status_no_memory(error, sizeof(number), "a constant");
}

onyx_status graph_put_item(graph *g, graph_node *before, graph_value *x, int64_t axis, int64_t index,
                           graph_value **item, onyx_error *error)
{
    const op_attribute attribute = attribute_int("axis", axis);
    graph_value *at;
    STATUS_TRY(graph_put_int(g, before, true, index, &at, error));
    return graph_put(g, before, "Gather", (graph_value *[]){ x, at }, 2, &attribute, 1, item, error);
}

onyx_status graph_put_stack(graph *g, graph_node *before, graph_value *const *items, int count, int64_t axis,
                            graph_value **output, onyx_error *error)
{
    const op_attribute attribute = attribute_int("axis", axis);
    graph_value **wide, *axes;
    STATUS_TRY(graph_new_list(g, (size_t)count, &wide, error));
    STATUS_TRY(graph_add_ints(g, before->name, &axis, 1, &axes, error));
    for (int i = 0; i < count; i++)
        STATUS_TRY(graph_put(g, before, "Unsqueeze", (graph_value *[]){ items[i], axes }, 2, NULL, 0, &wide[i], error));
    if (count == 1) {
        *output = wide[0];
        return ONYX_OK;
    }
    return graph_put(g, before, "Concat", wide, count, &attribute, 1, output, error);
}

onyx_status graph_give_way(graph *g, graph_node *node, graph_value *const *values, onyx_error *error)
{
    for (int i = 0; i < node->output_count; i++) {
        if (!node->outputs[i])
            continue;
        if (node->outputs[i]->output_uses && values[i]->producer)
            values[i]->name = node->outputs[i]->name;
        STATUS_TRY(graph_replace_value(g, node->outputs[i], values[i], error));
    }
    graph_remove_node(g, node);
    return ONYX_OK;
}

bool graph_known_int(graph *g, graph_value *value, int64_t *number)
{
    if (!value || !value->is_constant || value->info.type != ONYX_TYPE_BOOL)
        return graph_constant_ints(g, value, number, 1) == 1;
    const onyx_tensor *tensor = graph_element_count(value) == 1 ? graph_constant(g, value) : NULL;
    if (tensor)
        *number = *(const uint8_t *)tensor->data != 0;
    return tensor != NULL;
}

/* ---- one copy of a sub-graph ---- */

onyx_status graph_write_body(graph *g, graph_node *node, int index, int64_t copy, graph_value *const *formals,
                             graph_value **outputs, onyx_error *error)
{
    const struct graph_control *control = node->control;
    const model_graph *body = control->bodies[index];
    const int count = body->input_count + control->capture_count;
    graph_scope scope = { .body = body, .depth = control->depth };
    scope.prefix = arena_printf(g->arena, "%s/%lld/", node->name[0] ? node->name : node->row->name, (long long)copy);
    scope.names = arena_alloc(g->arena, sizeof(*scope.names) * (size_t)(count + 1));
    scope.values = arena_alloc(g->arena, sizeof(*scope.values) * (size_t)(count + 1));
    if (!scope.prefix || !scope.names || !scope.values)
        return status_no_memory(error, sizeof(*scope.names) * (size_t)count, "a sub-graph");
    for (int i = 0; i < control->capture_count; i++)
        if (control->captures[i].readers >> index & 1) {
            scope.names[scope.count] = control->captures[i].name;
            scope.values[scope.count++] = node->inputs[control->own_inputs + i];
        }
    for (int i = 0; i < body->input_count; i++) {
        scope.names[scope.count] = body->inputs[i].name;
        scope.values[scope.count++] = formals[i];
    }
    STATUS_TRY(graph_charge_nodes(g, 1, error));
    onyx_status status = graph_inline(g, node, &scope, outputs, error);
    return status && control->depth == 1 ? status_context(error, status, "%s", graph_node_title(g, node)) : status;
}

/* ---- If ---- */

static onyx_status expand_if(graph *g, graph_node *node, bool *done, onyx_error *error)
{
    int64_t condition;
    if (!graph_known_int(g, node->inputs[0], &condition))
        return ONYX_OK;
    graph_value **outputs;
    STATUS_TRY(graph_new_list(g, (size_t)node->output_count, &outputs, error));
    STATUS_TRY(graph_write_body(g, node, condition ? 0 : 1, 0, NULL, outputs, error));
    *done = true;
    return graph_give_way(g, node, outputs, error);
}

/* ---- Loop ---- */

/* The condition that the body gives, as far as it can be read off: the condition it was given (*known false), or a
 * constant (*number). False where it is computed. */
static bool trace_condition(graph *g, const graph_node *node, bool *known, int64_t *number)
{
    const struct graph_control *control = node->control;
    const model_graph *body = control->bodies[0];
    const char *name = body->outputs[0].name;
    for (int i = body->node_count - 1; i >= 0; i--) {
        const model_node *maker = &body->nodes[i];
        if (maker->output_count < 1 || strcmp(maker->outputs[0], name) != 0)
            continue;
        if (maker->domain[0]) /* a function may be named like an operator */
            return false;
        const op_attributes list = { maker->attributes, maker->attribute_count };
        const op_attribute *value = op_attribute_find(&list, "value", OP_ATTRIBUTE_TENSOR);
        *known = strcmp(maker->op_type, "Constant") == 0 && value && value->tensor->type == ONYX_TYPE_BOOL &&
                 value->tensor->size_bytes == 1;
        if (*known) {
            *number = *(const uint8_t *)value->tensor->data;
            return true;
        }
        if (strcmp(maker->op_type, "Identity") != 0 || maker->input_count != 1)
            return false;
        name = maker->inputs[0];
    }
    *known = false;
    if (strcmp(name, body->inputs[1].name) == 0)
        return true;
    *known = true;
    for (int i = 0; i < body->initializer_count; i++) {
        const onyx_tensor *tensor = &body->initializers[i].tensor;
        if (strcmp(body->initializers[i].name, name) != 0)
            continue;
        *number = tensor->size_bytes == 1 && *(const uint8_t *)tensor->data;
        return tensor->type == ONYX_TYPE_BOOL && tensor->size_bytes == 1;
    }
    for (int i = 0; i < control->capture_count; i++)
        if (strcmp(control->captures[i].name, name) == 0)
            return graph_known_int(g, node->inputs[control->own_inputs + i], number);
    return false;
}

/* How often the body runs, where that is known: false otherwise. */
static bool trip_count(graph *g, const graph_node *node, int64_t *trips)
{
    graph_value *most = node->inputs[0], *condition = node->inputs[1];
    int64_t first = 1, later = 1;
    bool known;
    *trips = INT64_MAX;
    if ((most && !graph_known_int(g, most, trips)) || (condition && !graph_known_int(g, condition, &first)))
        return false;
    *trips = first ? MAX(*trips, 0) : 0;
    if (*trips <= 1)
        return true;
    if (!trace_condition(g, node, &known, &later))
        return false;
    if (known && !later)
        *trips = 1;
    return true;
}

/* Only written out can sequences and optionals pass through a loop. */
static bool has_containers(const graph_node *node)
{
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] && node->inputs[i]->info.kind != OP_KIND_TENSOR)
            return true;
    return false;
}

static int64_t weight(const model_graph *body)
{
    int64_t nodes = 1;
    for (int i = 0; i < body->node_count; i++) {
        const model_node *node = &body->nodes[i];
        nodes++;
        for (int k = 0; k < node->attribute_count; k++)
            if (node->attributes[k].type == OP_ATTRIBUTE_GRAPH && node->attributes[k].graph)
                nodes += CONTROL_NODES + weight(node->attributes[k].graph);
    }
    return nodes;
}

static bool may_unroll(graph *g, const graph_node *node, int64_t trips)
{
    if (has_containers(node))
        return trips <= CONTAINER_TRIPS;
    const int64_t nodes = weight(node->control->bodies[0]);
    if (trips > UNROLL_NODES / nodes || trips * nodes > UNROLL_ALL - g->unrolled_nodes)
        return false;
    g->unrolled_nodes += trips * nodes;
    return true;
}

/* A scan output of a loop that never runs: as many dims as its body says, none of which holds anything. */
static onyx_status put_nothing(graph *g, const graph_node *node, int output, graph_value **value, onyx_error *error)
{
    const op_value *info = &node->outputs[output]->info;
    onyx_tensor tensor = { .type = info->type, .rank = MAX(info->rank, 1), .data = &tensor };
    for (int i = 1; i < tensor.rank; i++)
        tensor.dims[i] = MAX(info->dims[i], 0);
    *value = graph_add_constant(g, node->outputs[output]->name, &tensor, NULL);
    return *value ? ONYX_OK : status_no_memory(error, sizeof(**value), "a constant");
}

typedef struct unrolled {
    graph_value **formals; /* of the body, of the present iteration */
    graph_value **results; /* of the body */
    graph_value **outputs; /* of the node */
    graph_value **items;   /* [scan output][iteration] */
    int states, scans;
    int64_t trips;
} unrolled;

static onyx_status unrolled_new(graph *g, const graph_node *node, int states, int64_t trips, unrolled *u,
                                onyx_error *error)
{
    const model_graph *body = node->control->bodies[0];
    const int scans = node->output_count - states;
    size_t items;
    *u = (unrolled){ .states = states, .scans = scans, .trips = trips };
    if (!size_mul((size_t)trips, (size_t)scans, &items))
        items = SIZE_MAX / 2;
    STATUS_TRY(graph_charge_nodes(g, items, error));
    STATUS_TRY(graph_new_list(g, (size_t)body->input_count, &u->formals, error));
    STATUS_TRY(graph_new_list(g, (size_t)body->output_count, &u->results, error));
    STATUS_TRY(graph_new_list(g, (size_t)node->output_count, &u->outputs, error));
    return graph_new_list(g, items, &u->items, error);
}

/* What the iterations gave, joined. */
static onyx_status finish(graph *g, graph_node *node, unrolled *u, graph_value *const *last, const scan_params *scan,
                          onyx_error *error)
{
    for (int i = 0; i < u->states; i++)
        u->outputs[i] = last[i];
    for (int k = 0; k < u->scans; k++) {
        if (!node->outputs[u->states + k])
            continue;
        if (u->trips == 0)
            STATUS_TRY(put_nothing(g, node, u->states + k, &u->outputs[u->states + k], error));
        else
            STATUS_TRY(graph_put_stack(g, node, u->items + (size_t)k * (size_t)u->trips, (int)u->trips,
                                       scan ? scan_value(&scan->output_axes, k) : 0, &u->outputs[u->states + k],
                                       error));
    }
    return graph_give_way(g, node, u->outputs, error);
}

static onyx_status expand_loop(graph *g, graph_node *node, bool *done, onyx_error *error)
{
    const model_graph *body = node->control->bodies[0];
    const int states = node->control->own_inputs - LOOP_FORMALS;
    const uint8_t yes = 1;
    const onyx_tensor truth = {
        .type = ONYX_TYPE_BOOL, .rank = body->inputs[1].rank == 1, .dims = { 1 }, .data = (void *)&yes, .size_bytes = 1
    };
    int64_t trips;
    unrolled u;
    if (!trip_count(g, node, &trips) || !may_unroll(g, node, trips))
        return ONYX_OK;
    if (trips == 0)
        STATUS_TRY(graph_control_infer(g, node, error));
    STATUS_TRY(unrolled_new(g, node, states, trips, &u, error));
    for (int i = 0; i < states; i++)
        u.formals[LOOP_FORMALS + i] = node->inputs[LOOP_FORMALS + i];
    u.formals[1] = graph_add_constant(g, node->name, &truth, NULL);
    if (!u.formals[1])
        return status_no_memory(error, 1, "a constant");
    for (int64_t i = 0; i < trips; i++) {
        STATUS_TRY(graph_put_int(g, node, body->inputs[0].rank != 1, i, &u.formals[0], error));
        STATUS_TRY(graph_write_body(g, node, 0, i, u.formals, u.results, error));
        for (int k = 0; k < states; k++)
            u.formals[LOOP_FORMALS + k] = u.results[1 + k];
        for (int k = 0; k < u.scans; k++)
            u.items[(size_t)k * (size_t)trips + (size_t)i] = u.results[1 + states + k];
    }
    *done = true;
    return finish(g, node, &u, u.formals + LOOP_FORMALS, NULL, error);
}

/* ---- Scan ---- */

static bool scan_length(const graph_node *node, const scan_params *scan, int64_t *length)
{
    const int states = node->control->own_inputs - scan->count;
    *length = -1;
    for (int i = 0; i < scan->count; i++) {
        const op_value *x = &node->inputs[states + i]->info;
        int axis;
        if (!axis_resolve(scan_value(&scan->input_axes, i), x->rank, &axis) || x->dims[axis] < 0 ||
            (*length >= 0 && *length != x->dims[axis]))
            return false;
        *length = x->dims[axis];
    }
    return *length >= 0;
}

static onyx_status expand_scan(graph *g, graph_node *node, bool *done, onyx_error *error)
{
    const scan_params *scan = node->params;
    const int states = node->control->own_inputs - scan->count;
    int64_t trips;
    unrolled u;
    if (!scan_length(node, scan, &trips) || trips == 0 || !may_unroll(g, node, trips))
        return ONYX_OK;
    STATUS_TRY(unrolled_new(g, node, states, trips, &u, error));
    memcpy(u.formals, node->inputs, sizeof(*u.formals) * (size_t)states);
    for (int64_t i = 0; i < trips; i++) {
        for (int k = 0; k < scan->count; k++) {
            const int64_t at = scan_value(&scan->input_directions, k) ? trips - 1 - i : i;
            STATUS_TRY(graph_put_item(g, node, node->inputs[states + k], scan_value(&scan->input_axes, k), at,
                                      &u.formals[states + k], error));
        }
        STATUS_TRY(graph_write_body(g, node, 0, i, u.formals, u.results, error));
        memcpy(u.formals, u.results, sizeof(*u.formals) * (size_t)states);
        for (int k = 0; k < u.scans; k++) {
            const int64_t to = scan_value(&scan->output_directions, k) ? trips - 1 - i : i;
            u.items[(size_t)k * (size_t)trips + (size_t)to] = u.results[states + k];
        }
    }
    *done = true;
    return finish(g, node, &u, u.formals, scan, error);
}

onyx_status graph_expand(graph *g, graph_node *node, bool *done, onyx_error *error)
{
    *done = false;
    if (node->row->flags & OP_CONTAINER)
        return graph_expand_container(g, node, done, error);
    if (graph_is(node, "Identity") && node->inputs[0]->info.kind != OP_KIND_TENSOR) {
        *done = true;
        return graph_give_way(g, node, node->inputs, error);
    }
    if (!node->control)
        return ONYX_OK;
    if (graph_is(node, "If"))
        return expand_if(g, node, done, error);
    if (graph_is(node, "Loop"))
        return expand_loop(g, node, done, error);
    return graph_is(node, "Scan") ? expand_scan(g, node, done, error) : ONYX_OK;
}
