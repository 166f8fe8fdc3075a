/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Quantised graphs, in QDQ form, as QLinear operators or quantised at run time, become convolutions of bytes, tables
 * and moved bytes. The order of the parts: what moves values first, because that leaves Q(DQ(x)); then tables, which
 * take all that depends on one byte; then sums and products of two bytes, and convolutions, where only they are left.
 * Last, DequantizeLinear of constants that nothing took is folded, so that the passes for floats see constants. */
#include "graph/pass_quantized.h"

/* ---- movement ---- */

static onyx_status insert_scaled(graph *g, graph_node *before, const char *op, graph_value *x, graph_value *scale,
                                 graph_value *zero, graph_value **output, onyx_error *error)
{
    *output = NULL;
    return graph_insert(g, before, "", op, before->name, (graph_value *[]){ x, scale, zero }, 3, NULL, 0, output,
                        error);
}

/* Picks or moves elements of input 0 (or keeps the largest), whatever they mean: the same on bytes. */
static bool moves(const graph_node *node)
{
    static const char *const names[] = { "Split",        "Slice",        "Reshape",   "Squeeze",
                                         "Unsqueeze",    "Flatten",      "Transpose", "Identity",
                                         "DepthToSpace", "SpaceToDepth", "Tile",      "Expand" };
    if (graph_is(node, "MaxPool"))
        return graph_one_output(node);
    if (graph_is(node, "Resize")) {
        const resize_params *params = node->params;
        return params->mode == OP_RESIZE_NEAREST && params->coordinates != OP_RESIZE_TF_CROP_AND_RESIZE;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (graph_is(node, names[i]))
            return true;
    return graph_is_in(node, OP_DOMAIN_ONYX, "ChannelShuffle");
}

/* A convolution or product whose weights are dequantised. */
static bool takes_bytes(const graph_node *node)
{
    return (graph_is(node, "Conv") || graph_is(node, "MatMul") || graph_is(node, "Gemm")) &&
           graph_maker(node->inputs[1], "DequantizeLinear") &&
           graph_maker(node->inputs[1], "DequantizeLinear")->inputs[0]->is_constant;
}

/* Some reader, a few moves away at most, wants bytes. */
static bool leads_to_bytes(graph *g, const graph_value *value, int depth)
{
    for (int i = 0; i < value->user_count; i++) {
        const graph_node *user = value->users[i];
        byte_scale scale;
        if (quantized_is_q(g, user, &scale))
            return true;
        if (takes_bytes(user) && user->inputs[0] == value)
            return true;
        if (depth > 0 && user->inputs[0] == value && (moves(user) || graph_is(user, "Concat")))
            for (int k = 0; k < user->output_count; k++)
                if (user->outputs[k] && leads_to_bytes(g, user->outputs[k], depth - 1))
                    return true;
    }
    return false;
}

/* move(DQ(x)) -> DQ(move(x)) */
static onyx_status move_up(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    enum { MOST = 16 };
    graph_value *inputs[MOST], *outputs[MOST] = { 0 }, *zero, *floats;
    byte_scale scale;
    bool wanted = false;
    const graph_node *dq = quantized_maker_dq(g, node->inputs[0], &scale);
    if (!dq || dq->inputs[0]->is_constant || node->input_count > MOST || node->output_count > MOST)
        return ONYX_OK;
    for (int i = 0; i < node->output_count; i++) {
        if (node->outputs[i] && node->outputs[i]->output_uses)
            return ONYX_OK;
        wanted |= node->outputs[i] && leads_to_bytes(g, node->outputs[i], 3);
    }
    if (!wanted || !(node->row->types & TYPE_BIT(scale.type)))
        return ONYX_OK;
    STATUS_TRY(quantized_zero_value(g, &scale, &zero, error));
    for (int i = 0; i < node->input_count; i++)
        inputs[i] = i ? node->inputs[i] : dq->inputs[0];
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] && !(outputs[i] = graph_add_value(g, node->outputs[i]->name)))
            return status_no_memory(error, sizeof(graph_value), "a value");
    STATUS_TRY(graph_clone(g, node, inputs, outputs, error));
    for (int i = 0; i < node->output_count; i++) {
        if (!outputs[i])
            continue;
        STATUS_TRY(insert_scaled(g, node, "DequantizeLinear", outputs[i], scale.scale_value, zero, &floats, error));
        STATUS_TRY(graph_replace_value(g, node->outputs[i], floats, error));
    }
    graph_prune(g, node);
    *changed = true;
    return ONYX_OK;
}

/* Q(Concat(DQ(x), DQ(y), ...)) -> Concat(Q(DQ(x)), Q(DQ(y)), ...) */
static onyx_status concat_up(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    byte_scale scale, other;
    if (!quantized_is_q(g, node, &scale) || !graph_one_output(node))
        return ONYX_OK;
    graph_node *concat = graph_maker(node->inputs[0], "Concat");
    if (!concat || !graph_sole(node->inputs[0]))
        return ONYX_OK;
    for (int i = 0; i < concat->input_count; i++)
        if (!quantized_maker_dq(g, concat->inputs[i], &other))
            return ONYX_OK;
    graph_value *zero, **inputs = arena_alloc(g->arena, sizeof(*inputs) * (size_t)concat->input_count);
    if (!inputs)
        return status_no_memory(error, sizeof(*inputs), "a graph node");
    STATUS_TRY(quantized_zero_value(g, &scale, &zero, error));
    for (int i = 0; i < concat->input_count; i++)
        STATUS_TRY(
            insert_scaled(g, node, "QuantizeLinear", concat->inputs[i], scale.scale_value, zero, &inputs[i], error));
    *changed = true;
    return graph_substitute(g, node, "", "Concat", concat->name, inputs, concat->input_count, concat->attributes,
                            concat->attribute_count, NULL, error);
}

/* QLinearConcat: y_scale, y_zero, then x, scale, zero of each -> Concat(Q(DQ(x)), ...) */
static onyx_status concat_apart(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    const int count = (node->input_count - 2) / 3;
    float scale;
    int zero;
    graph_value **inputs = arena_alloc(g->arena, sizeof(*inputs) * (size_t)(count + 1)), *floats;
    if (!inputs)
        return status_no_memory(error, sizeof(*inputs), "a graph node");
    if (!graph_one_output(node) || node->input_count != 2 + 3 * count)
        return ONYX_OK;
    for (int i = 0; i < node->input_count; i++) {
        const bool is_scale = i < 2 ? i == 0 : (i - 2) % 3 == 1, is_zero = i < 2 ? i == 1 : (i - 2) % 3 == 2;
        if (!node->inputs[i] || (is_scale && !graph_scalar(g, node->inputs[i], &scale)) ||
            (is_zero && !quantized_zero(g, node->inputs[i], &zero)))
            return ONYX_OK;
    }
    for (int i = 0; i < count; i++) {
        graph_value *const *x = node->inputs + 2 + 3 * i;
        STATUS_TRY(insert_scaled(g, node, "DequantizeLinear", x[0], x[1], x[2], &floats, error));
        STATUS_TRY(
            insert_scaled(g, node, "QuantizeLinear", floats, node->inputs[0], node->inputs[1], &inputs[i], error));
    }
    *changed = true;
    return graph_substitute(g, node, "", "Concat", node->name, inputs, count, node->attributes, node->attribute_count,
                            NULL, error);
}

/* Q(Relu(Conv)) -> Q(Relu(DQ(Q(Conv)))), of products too, the same number, because limits and rounding commute; the
 * rest is a table. */
static onyx_status clip_apart(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    byte_scale scale, weights;
    if (!(graph_is(node, "Relu") || graph_is(node, "Clip")) || !graph_is_f32(node->inputs[0]) ||
        !graph_sole(node->inputs[0]) || !graph_sole(node->outputs[0]) ||
        !quantized_is_q(g, node->outputs[0]->users[0], &scale))
        return ONYX_OK;
    const graph_node *conv = node->inputs[0]->producer;
    if (!conv || !takes_bytes(conv) || !quantized_maker_dq(g, conv->inputs[0], &weights))
        return ONYX_OK;
    graph_value *zero, *bytes, *floats;
    STATUS_TRY(quantized_zero_value(g, &scale, &zero, error));
    STATUS_TRY(insert_scaled(g, node, "QuantizeLinear", node->inputs[0], scale.scale_value, zero, &bytes, error));
    STATUS_TRY(insert_scaled(g, node, "DequantizeLinear", bytes, scale.scale_value, zero, &floats, error));
    if (!graph_set_input(g, node, 0, floats))
        return status_no_memory(error, sizeof(void *), "users of a value");
    *changed = true;
    return ONYX_OK;
}

onyx_status quantized_moves(graph *g, bool *changed, onyx_error *error)
{
    GRAPH_EACH_NODE(g, node)
    {
        if (node->input_count < 1 || !node->inputs[0])
            continue;
        if (graph_is_in(node, OP_DOMAIN_MICROSOFT, "QLinearConcat"))
            STATUS_TRY(concat_apart(g, node, changed, error));
        else if (graph_is(node, "Relu") || graph_is(node, "Clip"))
            STATUS_TRY(clip_apart(g, node, changed, error));
        else if (moves(node))
            STATUS_TRY(move_up(g, node, changed, error));
        else
            STATUS_TRY(concat_up(g, node, changed, error));
    }
    return ONYX_OK;
}

/* ---- two bytes ---- */

/* One operand is as large as the result, and the other broadcasts: then there are kernels. */
static bool fits_bytes(const graph_node *node)
{
    const graph_value *y = node->outputs[0];
    return graph_same_shape(node->inputs[0], y) || graph_same_shape(node->inputs[1], y);
}

onyx_status quantized_binaries(graph *g, bool *changed, onyx_error *error)
{
    GRAPH_EACH_NODE(g, node)
    {
        byte_scale y, a, b;
        if (!quantized_is_q(g, node, &y) || !graph_one_output(node) || !graph_sole(node->inputs[0]))
            continue;
        graph_node *add = graph_maker(node->inputs[0], "Add"), *mul = graph_maker(node->inputs[0], "Mul");
        graph_node *both = add ? add : mul;
        const graph_node *da = both ? quantized_maker_dq(g, both->inputs[0], &a) : NULL;
        const graph_node *db = both ? quantized_maker_dq(g, both->inputs[1], &b) : NULL;
        if (!da || !db || a.type != y.type || b.type != y.type || !fits_bytes(both))
            continue;
        graph_value *inputs[8];
        STATUS_TRY(quantized_two_inputs(g, da->inputs[0], &a, db->inputs[0], &b, &y, inputs, error));
        STATUS_TRY(graph_substitute(g, node, OP_DOMAIN_MICROSOFT, add ? "QLinearAdd" : "QLinearMul", both->name, inputs,
                                    8, NULL, 0, NULL, error));
        *changed = true;
    }
    return ONYX_OK;
}

/* ---- the whole ---- */

/* QLookup(Transpose(x)) -> Transpose(QLookup(x)) before DequantizeLinear and a product */
static onyx_status lookup_up(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    graph_node *transpose = graph_maker(node->inputs[0], "Transpose");
    const graph_node *dq = graph_single_user(node->outputs[0]);
    byte_scale scale;
    if (!transpose || !graph_sole(node->inputs[0]) || !dq || !quantized_is_dq(g, dq, &scale) ||
        !graph_sole(dq->outputs[0]) || !graph_is(dq->outputs[0]->users[0], "MatMul"))
        return ONYX_OK;
    graph_value *inputs[2] = { transpose->inputs[0], node->inputs[1] }, *bytes = NULL;
    STATUS_TRY(graph_insert_like(g, node, inputs, &bytes, error));
    *changed = true;
    return graph_substitute(g, node, "", "Transpose", transpose->name, &bytes, 1, transpose->attributes,
                            transpose->attribute_count, NULL, error);
}

/* DQ(Transpose(x)) -> Transpose(DQ(x)) before a matrix product, which takes transposes as they are; a table between
 * them changes places first. */
static onyx_status transposes_down(graph *g, bool *changed, onyx_error *error)
{
    GRAPH_EACH_NODE(g, node)
    {
        byte_scale scale;
        if (graph_is_in(node, OP_DOMAIN_ONYX, "QLookup"))
            STATUS_TRY(lookup_up(g, node, changed, error));
        if (node->removed || !quantized_is_dq(g, node, &scale) || !graph_sole(node->outputs[0]) ||
            !graph_sole(node->inputs[0]) || !graph_is(node->outputs[0]->users[0], "MatMul"))
            continue;
        graph_node *transpose = graph_maker(node->inputs[0], "Transpose");
        if (!transpose)
            continue;
        graph_value *zero, *floats;
        STATUS_TRY(quantized_zero_value(g, &scale, &zero, error));
        STATUS_TRY(
            insert_scaled(g, node, "DequantizeLinear", transpose->inputs[0], scale.scale_value, zero, &floats, error));
        STATUS_TRY(graph_substitute(g, node, "", "Transpose", transpose->name, &floats, 1, transpose->attributes,
                                    transpose->attribute_count, NULL, error));
        *changed = true;
    }
    return ONYX_OK;
}

static bool has_bytes(const graph *g)
{
    for (const graph_node *node = g->first; node; node = node->next)
        for (int i = 0; i < node->input_count; i++)
            if (quantized_is_byte(node->inputs[i]))
                return true;
    return false;
}

#define ROUNDS 8

onyx_status pass_quantized(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    const bool bytes = has_bytes(g);
    bool again = bytes;
    for (int round = 0; round < ROUNDS && again; round++) {
        again = false;
        STATUS_TRY(quantized_moves(g, &again, error));
        STATUS_TRY(quantized_tables(g, &again, error));
        STATUS_TRY(quantized_binaries(g, &again, error));
        STATUS_TRY(quantized_convs(g, &again, error));
        STATUS_TRY(quantized_matmuls(g, &again, error));
        *changed |= again;
    }
    if (bytes)
        STATUS_TRY(quantized_up(g, changed, error));
    if (bytes && !options->float_pairs)
        STATUS_TRY(quantized_pairs(g, changed, error));
    if (bytes && options->precision != ONYX_PRECISION_STRICT)
        STATUS_TRY(quantized_floats(g, options->float_pairs, changed, error));
    STATUS_TRY(transposes_down(g, changed, error));
    if (bytes && !g->fold_dequantize) {
        g->fold_dequantize = true;
        STATUS_TRY(graph_infer(g, true, error));
    }
    return ONYX_OK;
}
