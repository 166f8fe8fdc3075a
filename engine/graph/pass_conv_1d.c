/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A convolution over one dimension is one over two of which the first is 1; the fast kernels know two. The Reshapes
 * around it cost nothing. Runs after everything that looks for convolutions, and leaves alone what these will still
 * take in. */
#include "graph/passes.h"

static onyx_status widen_value(graph *g, graph_node *conv, graph_value *x, graph_value **wide, onyx_error *error)
{
    const int64_t dims[4] = { x->info.dims[0], x->info.dims[1], 1, x->info.dims[2] };
    return graph_insert_reshape(g, conv, x->name, x, 4, dims, wide, error);
}

static onyx_status widen(graph *g, graph_node *conv, const op_window *window, onyx_error *error)
{
    const op_window plane = { .spatial = 2,
                              .kernel = { 1, window->kernel[0] },
                              .stride = { 1, window->stride[0] },
                              .dilation = { 1, window->dilation[0] },
                              .pad_begin = { 0, window->pad_begin[0] },
                              .pad_end = { 0, window->pad_end[0] } };
    const int64_t *w = conv->inputs[1]->info.dims, dims[4] = { w[0], w[1], 1, w[2] };
    op_attribute attributes[MOST_CONV_ATTRIBUTES + WINDOW_ATTRIBUTES];
    const int count = attributes_with_window(g, conv, &plane, attributes);
    if (count < 0)
        return status_no_memory(error, sizeof(plane), "attributes");
    graph_value *inputs[4] = { NULL, NULL, graph_input(conv, 2), NULL }, *wide = NULL, *y = conv->outputs[0];
    STATUS_TRY(widen_value(g, conv, conv->inputs[0], &inputs[0], error));
    STATUS_TRY(graph_reshape_constant(g, conv->inputs[1], 4, dims, &inputs[1], error));
    if (graph_input(conv, 3))
        STATUS_TRY(widen_value(g, conv, conv->inputs[3], &inputs[3], error));
    STATUS_TRY(graph_insert(g, conv, conv->row->domain, conv->row->name, conv->name, inputs, conv->input_count,
                            attributes, count, &wide, error));
    return graph_substitute_reshape(g, conv, wide, 3, y->info.dims, error);
}

onyx_status pass_conv_1d(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        op_window window;
        if (!graph_is_conv(node) || node->attribute_count > MOST_CONV_ATTRIBUTES)
            continue;
        const graph_value *x = node->inputs[0], *w = node->inputs[1], *y = node->outputs[0];
        if (x->info.rank != 3 || !w->is_constant || w->info.rank != 3 || graph_element_count(x) <= 0 ||
            graph_element_count(y) <= 0 || graph_element_count(w) <= 0 || graph_conv_grows(g, node) ||
            !op_conv_geometry(node->params, &x->info, &w->info, &window))
            continue;
        STATUS_TRY(widen(g, node, &window, error));
        *changed = true;
    }
    return ONYX_OK;
}
