/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Sequences and optionals whose length is known: they are lists of values, so that what takes an item reads the value
 * itself, and nothing is left to be run. A sequence is known by its producer, SequenceConstruct or SequenceEmpty, which
 * the other operators are rewritten to. */
#include "graph/control.h"
#include "graph/passes.h"
#include "ops/shape.h"

/* Of what SplitToSequence gives. */
#define MOST_PARTS (1 << 20)

typedef struct items {
    graph_value *const *list;
    int count;
} items;

/* What a sequence holds; false where that is not known. */
static bool items_of(const graph_value *sequence, items *result)
{
    const graph_node *maker = sequence ? sequence->producer : NULL;
    if (!maker || (!graph_is(maker, "SequenceConstruct") && !graph_is(maker, "SequenceEmpty")))
        return false;
    *result = (items){ maker->inputs, maker->input_count };
    return true;
}

static onyx_status outside(graph *g, const graph_node *node, int64_t position, int count, onyx_error *error)
{
    return status_fail(error, ONYX_ERROR_SHAPE, "%s: position %lld in a sequence of %d", graph_node_title(g, node),
                       (long long)position, count);
}

/* ---- sequences from lists ---- */

static onyx_status put_sequence(graph *g, graph_node *node, onyx_type type, graph_value *const *list, int count,
                                graph_value **sequence, onyx_error *error)
{
    const op_attribute dtype = attribute_int("dtype", type);
    if (count == 0)
        return graph_put(g, node, "SequenceEmpty", NULL, 0, &dtype, 1, sequence, error);
    return graph_put(g, node, "SequenceConstruct", list, count, NULL, 0, sequence, error);
}

static onyx_status become_sequence(graph *g, graph_node *node, onyx_type type, graph_value *const *list, int count,
                                   onyx_error *error)
{
    graph_value *sequence;
    STATUS_TRY(put_sequence(g, node, type, list, count, &sequence, error));
    return graph_give_way(g, node, &sequence, error);
}

/* SequenceInsert (a value) and SequenceErase (none) at a known position. */
static onyx_status edit(graph *g, graph_node *node, graph_value *value, graph_value *at, bool *done, onyx_error *error)
{
    items old;
    int64_t position;
    if (!items_of(node->inputs[0], &old))
        return ONYX_OK;
    if (!at)
        position = value ? old.count : old.count - 1;
    else if (!graph_known_int(g, at, &position))
        return ONYX_OK;
    const int64_t last = value ? old.count : old.count - 1;
    if (position < -(int64_t)old.count || position > last)
        return outside(g, node, position, old.count, error);
    position = position < 0 ? position + old.count : position;
    STATUS_TRY(graph_charge_nodes(g, (size_t)old.count, error));
    graph_value **list;
    STATUS_TRY(graph_new_list(g, (size_t)old.count + 1, &list, error));
    int count = 0;
    for (int i = 0; i <= old.count; i++) {
        if (i == position && value)
            list[count++] = value;
        if (i < old.count && (i != position || value))
            list[count++] = old.list[i];
    }
    *done = true;
    return become_sequence(g, node, node->inputs[0]->info.type, list, count, error);
}

/* ---- into and out of tensors ---- */

static onyx_status expand_at(graph *g, graph_node *node, bool *done, onyx_error *error)
{
    items list;
    int64_t position;
    if (!items_of(node->inputs[0], &list) || !graph_known_int(g, node->inputs[1], &position))
        return ONYX_OK;
    if (position < -(int64_t)list.count || position >= list.count)
        return outside(g, node, position, list.count, error);
    graph_value *item = list.list[position < 0 ? position + list.count : position];
    *done = true;
    return graph_give_way(g, node, &item, error);
}

static onyx_status expand_length(graph *g, graph_node *node, bool *done, onyx_error *error)
{
    items list;
    graph_value *length;
    if (!items_of(node->inputs[0], &list))
        return ONYX_OK;
    STATUS_TRY(graph_put_int(g, node, true, list.count, &length, error));
    *done = true;
    return graph_give_way(g, node, &length, error);
}

static onyx_status expand_concat(graph *g, graph_node *node, bool *done, onyx_error *error)
{
    const sequence_params *params = node->params;
    const op_attribute axis = attribute_int("axis", params->axis);
    items list;
    graph_value *joined;
    if (!items_of(node->inputs[0], &list) || list.count == 0)
        return ONYX_OK;
    if (params->new_axis)
        STATUS_TRY(graph_put_stack(g, node, list.list, list.count, params->axis, &joined, error));
    else
        STATUS_TRY(graph_put(g, node, "Concat", list.list, list.count, &axis, 1, &joined, error));
    *done = true;
    return graph_give_way(g, node, &joined, error);
}

/* Sizes of the parts of `dim`: of 1, of one given size with a rest, or given one by one. False: not known. */
static bool part_sizes(graph *g, graph_value *split, int64_t dim, int64_t **sizes, int *count)
{
    const bool listed = split && split->info.rank == 1;
    int64_t size = 1;
    if (split && !listed && (!graph_known_int(g, split, &size) || size < 1))
        return false;
    const int64_t parts = listed ? graph_element_count(split) : dim / size + (dim % size != 0);
    if (parts < 0 || parts > MOST_PARTS || !(*sizes = arena_alloc(g->arena, sizeof(**sizes) * ((size_t)parts + 1))))
        return false;
    *count = (int)parts;
    for (int i = 0; i < *count && !listed; i++)
        (*sizes)[i] = MIN(size, dim - i * size);
    return !listed || graph_constant_ints(g, split, *sizes, *count) == *count;
}

static onyx_status put_split(graph *g, graph_node *node, int axis, const int64_t *sizes, int count, graph_value **list,
                             onyx_error *error)
{
    const op_attribute attribute = attribute_int("axis", axis);
    graph_value *split;
    graph_node *added;
    STATUS_TRY(graph_add_ints(g, node->name, sizes, count, &split, error));
    for (int i = 0; i < count; i++)
        if (!(list[i] = graph_add_value(g, node->name)))
            return status_no_memory(error, sizeof(graph_value), "values");
    return graph_add_later(g, node, "", "Split", node->name, (graph_value *[]){ node->inputs[0], split }, 2, list,
                           count, &attribute, 1, &added, error);
}

static onyx_status expand_split(graph *g, graph_node *node, bool *done, onyx_error *error)
{
    const sequence_params *params = node->params;
    const op_value *x = &node->inputs[0]->info;
    graph_value *split = graph_input(node, 1);
    int64_t *sizes;
    int axis, count;
    if (!axis_resolve(params->axis, x->rank, &axis) || x->dims[axis] < 0 ||
        !part_sizes(g, split, x->dims[axis], &sizes, &count))
        return ONYX_OK;
    if (count == 0 && x->dims[axis] != 0)
        return status_fail(error, ONYX_ERROR_SHAPE, "%s: no parts of %lld", graph_node_title(g, node),
                           (long long)x->dims[axis]);
    STATUS_TRY(graph_charge_nodes(g, (size_t)count, error));
    graph_value **list;
    STATUS_TRY(graph_new_list(g, (size_t)count, &list, error));
    if (count && (split || params->keep_dims))
        STATUS_TRY(put_split(g, node, axis, sizes, count, list, error));
    else
        for (int i = 0; i < count; i++)
            STATUS_TRY(graph_put_item(g, node, node->inputs[0], axis, i, &list[i], error));
    *done = true;
    return become_sequence(g, node, x->type, list, count, error);
}

/* ---- SequenceMap ---- */

static onyx_status expand_map(graph *g, graph_node *node, bool *done, onyx_error *error)
{
    const int inputs = node->control->own_inputs, outputs = node->output_count;
    items first, other;
    if (!items_of(node->inputs[0], &first))
        return ONYX_OK;
    graph_value **formals, **results, **lists;
    STATUS_TRY(graph_charge_nodes(g, (size_t)outputs * (size_t)first.count, error));
    STATUS_TRY(graph_new_list(g, (size_t)inputs, &formals, error));
    STATUS_TRY(graph_new_list(g, (size_t)outputs, &results, error));
    STATUS_TRY(graph_new_list(g, (size_t)outputs * (size_t)first.count, &lists, error));
    for (int i = 0; i < first.count; i++) {
        for (int k = 0; k < inputs; k++) {
            formals[k] = node->inputs[k];
            if (formals[k]->info.kind != OP_KIND_SEQUENCE)
                continue;
            if (!items_of(formals[k], &other) || other.count != first.count)
                return status_fail(error, ONYX_ERROR_UNSUPPORTED, "%s: its sequences differ in length",
                                   graph_node_title(g, node));
            formals[k] = other.list[i];
        }
        STATUS_TRY(graph_write_body(g, node, 0, i, formals, results, error));
        for (int k = 0; k < outputs; k++)
            lists[(size_t)k * (size_t)first.count + (size_t)i] = results[k];
    }
    for (int k = 0; k < outputs; k++)
        STATUS_TRY(put_sequence(g, node, node->control->bodies[0]->outputs[k].type,
                                lists + (size_t)k * (size_t)first.count, first.count, &results[k], error));
    *done = true;
    return graph_give_way(g, node, results, error);
}

/* ---- optionals ---- */

/* Whether there is anything in the optional, and what; false where that is not known. */
static bool look_into(graph_value *optional, bool *full, graph_value **content)
{
    const graph_node *maker = optional ? optional->producer : NULL;
    *content = optional;
    *full = optional != NULL;
    if (!optional || (optional->info.kind != OP_KIND_OPTIONAL && optional->info.type != ONYX_TYPE_UNDEFINED))
        return true;
    if (!maker || !graph_is(maker, "Optional"))
        return false;
    *content = graph_input(maker, 0);
    *full = *content != NULL;
    return true;
}

static onyx_status expand_has_element(graph *g, graph_node *node, bool *done, onyx_error *error)
{
    bool full;
    graph_value *content;
    if (!look_into(graph_input(node, 0), &full, &content))
        return ONYX_OK;
    const uint8_t byte = full;
    const onyx_tensor tensor = { .type = ONYX_TYPE_BOOL, .data = (void *)&byte, .size_bytes = 1 };
    content = graph_add_constant(g, node->name, &tensor, NULL);
    if (!content)
        return status_no_memory(error, 1, "a constant");
    *done = true;
    return graph_give_way(g, node, &content, error);
}

static onyx_status expand_get_element(graph *g, graph_node *node, bool *done, onyx_error *error)
{
    bool full;
    graph_value *content;
    if (!look_into(graph_input(node, 0), &full, &content))
        return ONYX_OK;
    if (!full)
        return status_fail(error, ONYX_ERROR_SHAPE, "%s: the optional is empty", graph_node_title(g, node));
    *done = true;
    return graph_give_way(g, node, &content, error);
}

/* What stands in a sequence is there. */
static onyx_status check_items(graph *g, const graph_node *node, onyx_error *error)
{
    for (int i = 0; i < node->input_count; i++)
        if (!node->inputs[i])
            return status_fail(error, ONYX_ERROR_FORMAT, "%s lacks input %d", graph_node_title(g, node), i);
    return ONYX_OK;
}

onyx_status graph_expand_container(graph *g, graph_node *node, bool *done, onyx_error *error)
{
    if (graph_is(node, "SequenceConstruct"))
        return check_items(g, node, error);
    if (graph_is(node, "SequenceInsert"))
        return edit(g, node, node->inputs[1], graph_input(node, 2), done, error);
    if (graph_is(node, "SequenceErase"))
        return edit(g, node, NULL, graph_input(node, 1), done, error);
    if (graph_is(node, "SequenceAt"))
        return expand_at(g, node, done, error);
    if (graph_is(node, "SequenceLength"))
        return expand_length(g, node, done, error);
    if (graph_is(node, "ConcatFromSequence"))
        return expand_concat(g, node, done, error);
    if (graph_is(node, "SplitToSequence"))
        return expand_split(g, node, done, error);
    if (graph_is(node, "SequenceMap"))
        return expand_map(g, node, done, error);
    if (graph_is(node, "OptionalHasElement"))
        return expand_has_element(g, node, done, error);
    return graph_is(node, "OptionalGetElement") ? expand_get_element(g, node, done, error) : ONYX_OK;
}

void graph_drop_containers(graph *g)
{
    for (graph_node *node = g->last, *previous; node; node = previous) {
        previous = node->previous;
        if (node->row->flags & OP_CONTAINER && !graph_has_readers(node))
            graph_remove_node(g, node);
    }
}
