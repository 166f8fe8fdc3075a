/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Convolution, then an activation that alone reads it: FusedConv. Where a residual was added in between, it is now
 * added before the activation. */
#include "graph/passes.h"

onyx_status pass_conv_act(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        op_activation activation;
        if (!graph_activation_of(g, node, &activation))
            continue;
        graph_node *conv = graph_maker_conv(node->inputs[0]);
        if (!conv || !graph_sole(node->inputs[0]) || graph_conv_activation(conv)->act != OP_ACT_NONE ||
            conv->attribute_count > MOST_CONV_ATTRIBUTES)
            continue;
        graph_value *residual = graph_input(conv, 3);
        STATUS_TRY(graph_fuse_conv(g, conv, node, residual, residual != NULL, &activation, error));
        *changed = true;
    }
    return ONYX_OK;
}
