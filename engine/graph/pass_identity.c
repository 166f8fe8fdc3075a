/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Nodes that change nothing for the given shapes are bypassed; chains of nodes that only rename dimensions become one
 * Reshape with plain numbers, which also frees the nodes that computed its shape. */
#include "graph/passes.h"

#include <string.h>

static bool all_ints(graph *g, graph_value *value, int64_t wanted)
{
    int64_t ints[2 * ONYX_MAX_RANK];
    const int count = graph_constant_ints(g, value, ints, 2 * ONYX_MAX_RANK);
    for (int i = 0; i < count; i++)
        if (ints[i] != wanted)
            return false;
    return count >= 0;
}

static bool dropout_is_identity(graph *g, const graph_node *node)
{
    graph_value *training = graph_input(node, 2);
    if (!training)
        return true;
    const onyx_tensor *flag = training->info.type == ONYX_TYPE_BOOL ? graph_constant(g, training) : NULL;
    return flag && flag->size_bytes == 1 && *(const uint8_t *)flag->data == 0;
}

/* Equal sizes and forward steps mean the whole dimension. */
static bool slice_is_identity(graph *g, const graph_node *node)
{
    int64_t steps[ONYX_MAX_RANK];
    graph_value *value = graph_input(node, 4);
    const int count = value ? graph_constant_ints(g, value, steps, ONYX_MAX_RANK) : 0;
    for (int i = 0; i < count; i++)
        if (steps[i] <= 0)
            return false;
    return count >= 0 && graph_same_shape(node->inputs[0], node->outputs[0]);
}

/* With a scale of exactly one every coordinate mode but one maps a position to itself. */
static bool resize_is_identity(graph *g, const graph_node *node)
{
    const resize_params *params = node->params;
    double scale;
    if (!graph_same_shape(node->inputs[0], node->outputs[0]) || params->coordinates == OP_RESIZE_TF_CROP_AND_RESIZE)
        return false;
    if (graph_input(node, 3) && graph_element_count(node->inputs[3]) != 0)
        return params->aspect == OP_RESIZE_STRETCH;
    return graph_uniform(g, graph_input(node, 2), &scale) && scale == 1;
}

/* x + 0, x - 0, x * 1, x / 1, x ^ 1: the index of x, or -1. Also of integers; graph_with_scalar is for float32. */
static int neutral_operand(graph *g, const graph_node *node)
{
    static const struct {
        const char *op;
        int neutral;
        bool commutes;
    } rows[] = {
        { "Add", 0, true }, { "Sub", 0, false }, { "Mul", 1, true }, { "Div", 1, false }, { "Pow", 1, false }
    };
    double number;
    for (size_t r = 0; r < ARRAY_LENGTH(rows); r++)
        for (int i = 0; i < 2 && graph_is(node, rows[r].op); i++) {
            graph_value *x = node->inputs[i], *c = node->inputs[1 - i];
            if ((i == 1 && !rows[r].commutes) || x->info.type != node->outputs[0]->info.type)
                continue;
            if (graph_uniform(g, c, &number) && number == rows[r].neutral &&
                (graph_same_shape(x, node->outputs[0]) || (graph_element_count(c) == 1 && c->info.rank == 0)))
                return i;
        }
    return -1;
}

/* The input that equals output 0, or NULL. */
static graph_value *same_as(graph *g, const graph_node *node)
{
    graph_value *x = graph_input(node, 0), *y = graph_output(node, 0);
    if (!x || !y || !graph_one_output(node) || x->info.kind != OP_KIND_TENSOR || strcmp(node->row->domain, "") != 0)
        return NULL;
    const char *op = node->row->name;
    bool same = false;
    if (strcmp(op, "Identity") == 0)
        same = true;
    else if (strcmp(op, "Dropout") == 0)
        same = dropout_is_identity(g, node);
    else if (strcmp(op, "Cast") == 0)
        same = x->info.type != ONYX_TYPE_UNDEFINED && x->info.type == ((const cast_params *)node->params)->to;
    else if (strcmp(op, "Reshape") == 0 || strcmp(op, "Flatten") == 0 || strcmp(op, "Expand") == 0 ||
             strcmp(op, "Squeeze") == 0 || strcmp(op, "Unsqueeze") == 0)
        same = graph_same_shape(x, y);
    else if (strcmp(op, "Tile") == 0)
        same = graph_element_count(x) > 0 && graph_same_shape(x, y);
    else if (strcmp(op, "Slice") == 0)
        same = slice_is_identity(g, node);
    else if (strcmp(op, "Pad") == 0)
        same = all_ints(g, graph_input(node, 1), 0);
    else if (strcmp(op, "Concat") == 0 || strcmp(op, "Sum") == 0 || strcmp(op, "Max") == 0 || strcmp(op, "Min") == 0 ||
             strcmp(op, "Mean") == 0)
        same = node->input_count == 1;
    else if (strcmp(op, "Split") == 0)
        same = node->output_count == 1;
    else if (strcmp(op, "Resize") == 0)
        same = resize_is_identity(g, node);
    else if (node->input_count == 2) {
        const int index = neutral_operand(g, node);
        return index < 0 ? NULL : node->inputs[index];
    }
    return same ? x : NULL;
}

/* ---- shapes ---- */

static bool renames_dims(const graph_node *node)
{
    return graph_is(node, "Reshape") || graph_is(node, "Flatten") || graph_is(node, "Squeeze") ||
           graph_is(node, "Unsqueeze");
}

/* A Reshape of the first tensor of the chain, with constant dims. */
static onyx_status merge_reshapes(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    graph_value *x = node->inputs[0], *y = node->outputs[0];
    if (graph_element_count(y) <= 0 || x->info.kind != OP_KIND_TENSOR)
        return ONYX_OK;
    while (x->producer && renames_dims(x->producer))
        x = x->producer->inputs[0];
    const bool plain = graph_is(node, "Reshape") && node->inputs[1]->is_constant;
    if (plain && x == node->inputs[0])
        return ONYX_OK;
    *changed = true;
    return graph_substitute_reshape(g, node, x, y->info.rank, y->info.dims, error);
}

/* ---- types ---- */

static int float_rank(onyx_type type)
{
    return type == ONYX_TYPE_FLOAT16 ? 1 : type == ONYX_TYPE_FLOAT32 ? 2 : type == ONYX_TYPE_FLOAT64 ? 3 : 0;
}

static int int_bits(onyx_type type, bool *is_signed)
{
    *is_signed =
        type == ONYX_TYPE_INT8 || type == ONYX_TYPE_INT16 || type == ONYX_TYPE_INT32 || type == ONYX_TYPE_INT64;
    const bool integer = *is_signed || type == ONYX_TYPE_UINT8 || type == ONYX_TYPE_UINT16 ||
                         type == ONYX_TYPE_UINT32 || type == ONYX_TYPE_UINT64;
    return integer ? (int)onyx_type_bits(type) : 0;
}

/* Every value of `from` is one of `to`. */
static bool lossless(onyx_type from, onyx_type to)
{
    bool from_signed, to_signed;
    const int from_bits = int_bits(from, &from_signed), to_bits = int_bits(to, &to_signed);
    if (from == ONYX_TYPE_BOOL)
        return to_bits > 0 || float_rank(to) > 0;
    if (from_bits && to_bits)
        return from_signed == to_signed ? from_bits <= to_bits : to_signed && from_bits < to_bits;
    if (from_bits)
        return (to == ONYX_TYPE_FLOAT64 && from_bits <= 32) || (float_rank(to) >= 2 && from_bits <= 16);
    return float_rank(from) > 0 && float_rank(from) <= float_rank(to);
}

/* Cast(Cast(x)): the first is left out where it loses nothing. */
static onyx_status merge_casts(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    graph_node *first = graph_maker(node->inputs[0], "Cast");
    if (!first || first->inputs[0]->info.kind != OP_KIND_TENSOR)
        return ONYX_OK;
    graph_value *x = first->inputs[0];
    if (!lossless(x->info.type, node->inputs[0]->info.type))
        return ONYX_OK;
    *changed = true;
    return graph_set_input(g, node, 0, x) ? ONYX_OK : status_no_memory(error, sizeof(void *), "users of a value");
}

/* ---- Expand in front of an operator that broadcasts by itself ---- */

static bool broadcasts(const graph_node *node)
{
    static const char *const names[] = { "Add", "Sub",     "Mul",  "Div",   "Min", "Max", "Where",
                                         "Pow", "Greater", "Less", "Equal", "And", "Or" };
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (graph_is(node, names[i]))
            return true;
    return false;
}

/* The other inputs alone give the output's dims. */
static bool expand_is_needless(const graph_node *node, int index)
{
    const op_value *out = &node->outputs[0]->info, *small = &node->inputs[index]->producer->inputs[0]->info;
    if (!graph_shape_known(node->outputs[0]) || small->rank < 0)
        return false;
    for (int d = 0; d < out->rank; d++) {
        int64_t extent = 1;
        for (int i = 0; i < node->input_count; i++) {
            const op_value *in = i == index ? small : &node->inputs[i]->info;
            const int at = d - (out->rank - in->rank);
            if (in->rank < 0 || (at >= 0 && in->dims[at] < 0))
                return false;
            if (at >= 0 && in->dims[at] != 1)
                extent = in->dims[at];
        }
        if (extent != out->dims[d])
            return false;
    }
    return true;
}

static onyx_status drop_expands(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    for (int i = 0; i < node->input_count; i++) {
        graph_node *expand = node->outputs[0] ? graph_maker(node->inputs[i], "Expand") : NULL;
        if (!expand || !expand_is_needless(node, i))
            continue;
        if (!graph_set_input(g, node, i, expand->inputs[0]))
            return status_no_memory(error, sizeof(void *), "users of a value");
        graph_prune(g, expand);
        *changed = true;
    }
    return ONYX_OK;
}

onyx_status pass_identity(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        graph_value *same = same_as(g, node);
        bool done = false;
        if (same)
            STATUS_TRY(graph_bypass(g, node, same, &done, error));
        *changed |= done;
        if (done)
            continue;
        if (renames_dims(node) && graph_output(node, 0))
            STATUS_TRY(merge_reshapes(g, node, changed, error));
        else if (graph_is(node, "Cast"))
            STATUS_TRY(merge_casts(g, node, changed, error));
        else if (broadcasts(node))
            STATUS_TRY(drop_expands(g, node, changed, error));
    }
    return ONYX_OK;
}
