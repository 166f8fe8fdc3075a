/* SPDX-License-Identifier: BSD-2-Clause
 *
 * An activation behind Reshape, Transpose, DepthToSpace, Concat or a Slice of most of convolutions (the class scores of
 * YOLO heads: Sigmoid of a Concat of reshaped convolutions) moves up to them, where conv_act makes it part of them. It
 * computes the same numbers, so the order does not matter; it moves only where each of its parts ends at a convolution
 * that has no activation yet and that nobody else reads. */
#include "graph/passes.h"

static graph_node *mover(const graph_value *value)
{
    static const char *const names[] = { "Reshape", "Transpose", "DepthToSpace" };
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (graph_maker(value, names[i]))
            return graph_maker(value, names[i]);
    graph_node *slice = graph_maker(value, "Slice");
    return slice && graph_shape_known(slice->inputs[0]) &&
                   graph_element_count(value) >= graph_element_count(slice->inputs[0]) / 2
               ? slice
               : NULL;
}

/* Up from `value`, read once at each step, stands a convolution that can take an activation. */
static bool ends_at_conv(const graph_value *value)
{
    for (int depth = 0; depth < 4 && graph_sole(value); depth++) {
        const graph_node *node = mover(value), *conv = graph_maker_conv(value);
        if (conv)
            return graph_conv_activation(conv)->act == OP_ACT_NONE && !graph_input(conv, 3);
        if (!node)
            return false;
        value = node->inputs[0];
    }
    return false;
}

/* act(value) in front of `before`. Other inputs (the limits of Clip) are constants and stay. */
static onyx_status insert_act(graph *g, graph_node *act, graph_value *value, graph_value **result, onyx_error *error)
{
    graph_value *inputs[3] = { NULL };
    for (int i = 0; i < act->input_count && i < 3; i++)
        inputs[i] = i ? act->inputs[i] : value;
    return graph_insert_like(g, act, inputs, result, error);
}

/* act(move(x)) -> move(act(x)) */
static onyx_status above_mover(graph *g, graph_node *act, graph_node *move, onyx_error *error)
{
    graph_value *inputs[5] = { NULL };
    for (int i = 1; i < move->input_count && i < 5; i++)
        inputs[i] = move->inputs[i];
    STATUS_TRY(insert_act(g, act, move->inputs[0], &inputs[0], error));
    return graph_substitute(g, act, "", move->row->name, move->name, inputs, move->input_count, move->attributes,
                            move->attribute_count, NULL, error);
}

/* act(concat(x...)) -> concat(act(x)...) */
static onyx_status above_concat(graph *g, graph_node *act, graph_node *concat, onyx_error *error)
{
    graph_value **inputs = arena_alloc(g->arena, sizeof(*inputs) * (size_t)concat->input_count);
    if (!inputs)
        return status_no_memory(error, sizeof(*inputs) * (size_t)concat->input_count, "a Concat");
    for (int i = 0; i < concat->input_count; i++)
        STATUS_TRY(insert_act(g, act, concat->inputs[i], &inputs[i], error));
    return graph_substitute(g, act, "", "Concat", concat->name, inputs, concat->input_count, concat->attributes,
                            concat->attribute_count, NULL, error);
}

static bool concat_of_convs(const graph_node *concat)
{
    for (int i = 0; i < concat->input_count; i++)
        if (!ends_at_conv(concat->inputs[i]))
            return false;
    return true;
}

onyx_status pass_act_up(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        op_activation activation;
        if (!graph_activation_of(g, node, &activation) || !graph_sole(node->inputs[0]) || node->output_count != 1)
            continue;
        graph_node *concat = graph_maker(node->inputs[0], "Concat"), *move = mover(node->inputs[0]);
        if (concat && concat_of_convs(concat)) {
            STATUS_TRY(above_concat(g, node, concat, error));
            *changed = true;
        } else if (move && ends_at_conv(node->inputs[0])) {
            STATUS_TRY(above_mover(g, node, move, error));
            *changed = true;
        }
    }
    return ONYX_OK;
}
