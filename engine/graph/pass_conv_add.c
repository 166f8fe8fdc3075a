/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Convolution (with or without activation), then Add of another value of the same shape: the addition goes into the
 * convolution's epilogue. The new node stands where the Add stood, so that the residual is there in time; of two
 * convolutions the later one takes the other as its residual. An activation behind the Add is left to conv_act. */
#include "graph/passes.h"

/* `first` stands before `second` in the list, not far from it. A wrong answer costs memory at most. */
static bool shortly_before(const graph_node *first, const graph_node *second)
{
    int steps = 256;
    for (const graph_node *node = second->previous; node && steps; node = node->previous, steps--)
        if (node == first)
            return true;
    return false;
}

/* The convolution behind input `index`, if the addition can be part of it. */
static graph_node *candidate(const graph_node *add, int index)
{
    graph_value *x = add->inputs[index], *other = add->inputs[1 - index];
    graph_node *conv = graph_maker_conv(x);
    return conv && x != other && graph_sole(x) && !graph_input(conv, 3) &&
                   conv->attribute_count <= MOST_CONV_ATTRIBUTES && graph_is_f32(other) && graph_same_shape(x, other)
               ? conv
               : NULL;
}

onyx_status pass_conv_add(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        if (!graph_is(node, "Add") || !graph_one_output(node))
            continue;
        graph_node *conv[2] = { candidate(node, 0), candidate(node, 1) };
        int index = conv[0] ? 0 : 1;
        if (conv[0] && conv[1])
            index = shortly_before(conv[0], conv[1]) ? 1 : 0;
        if (!conv[index])
            continue;
        graph_value *residual = node->inputs[1 - index];
        const op_activation activation = *graph_conv_activation(conv[index]);
        STATUS_TRY(graph_fuse_conv(g, conv[index], node, residual, false, &activation, error));
        *changed = true;
    }
    return ONYX_OK;
}
