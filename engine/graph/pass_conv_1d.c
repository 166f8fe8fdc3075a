/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A convolution over one dimension is one over two of which the first is 1; the fast kernels know two. The Reshapes
 * around it cost nothing. Runs after everything that looks for convolutions, and leaves alone what these will still
 * take in. */
#include "graph/passes.h"

#include <string.h>

static bool will_grow(graph *g, const graph_node *conv)
{
    op_activation activation;
    const graph_node *reader = graph_single_user(conv->outputs[0]);
    return reader && graph_conv_activation(conv)->act == OP_ACT_NONE && graph_activation_of(g, reader, &activation);
}

/* The same numbers as [c_out][c_in / group][1][kernel]. */
static onyx_status widen_weights(graph *g, graph_value *w, graph_value **wide, onyx_error *error)
{
    const onyx_tensor *weights = graph_constant(g, w);
    if (!weights)
        return status_no_memory(error, w->constant.size_bytes, "weights");
    onyx_tensor tensor = *weights;
    tensor.rank = 4;
    tensor.dims[2] = 1;
    tensor.dims[3] = w->info.dims[2];
    *wide = graph_add_constant(g, w->name, &tensor, buffer_ref(w->storage));
    return *wide ? ONYX_OK : status_no_memory(error, tensor.size_bytes, "weights");
}

static onyx_status widen_value(graph *g, graph_node *conv, graph_value *x, graph_value **wide, onyx_error *error)
{
    const int64_t dims[4] = { x->info.dims[0], x->info.dims[1], 1, x->info.dims[2] };
    return graph_insert_reshape(g, conv, x->name, x, 4, dims, wide, error);
}

static onyx_status widen(graph *g, graph_node *conv, const op_window *window, onyx_error *error)
{
    static const char *const ours[] = { "kernel_shape", "strides", "dilations", "pads", "auto_pad" };
    op_attribute attributes[16];
    int count = attributes_but(conv, ours, ARRAY_LENGTH(ours), attributes);
    if (!attribute_ints(g, ours[0], (int64_t[]){ 1, window->kernel[0] }, 2, &attributes[count++]) ||
        !attribute_ints(g, ours[1], (int64_t[]){ 1, window->stride[0] }, 2, &attributes[count++]) ||
        !attribute_ints(g, ours[2], (int64_t[]){ 1, window->dilation[0] }, 2, &attributes[count++]) ||
        !attribute_ints(g, ours[3], (int64_t[]){ 0, window->pad_begin[0], 0, window->pad_end[0] }, 4,
                        &attributes[count++]))
        return status_no_memory(error, sizeof(int64_t) * 4, "attributes");
    graph_value *inputs[4] = { NULL, NULL, graph_input(conv, 2), NULL }, *wide = NULL, *y = conv->outputs[0];
    STATUS_TRY(widen_value(g, conv, conv->inputs[0], &inputs[0], error));
    STATUS_TRY(widen_weights(g, conv->inputs[1], &inputs[1], error));
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
        if (!graph_is_conv(node) || node->attribute_count > 11)
            continue;
        const graph_value *x = node->inputs[0], *w = node->inputs[1], *y = node->outputs[0];
        if (x->info.rank != 3 || !w->is_constant || w->info.rank != 3 || graph_element_count(x) <= 0 ||
            graph_element_count(y) <= 0 || graph_element_count(w) <= 0 || will_grow(g, node) ||
            !op_conv_geometry(node->params, &x->info, &w->info, &window))
            continue;
        STATUS_TRY(widen(g, node, &window, error));
        *changed = true;
    }
    return ONYX_OK;
}
