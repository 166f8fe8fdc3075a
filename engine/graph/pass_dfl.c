/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The heads of YOLOv8 and its kin end in the expectation of a distribution: x [n, sides, bins, anchors] is transposed
 * to [n, bins, sides, anchors], goes through Softmax over the bins and a 1x1 convolution with one output, the bins'
 * values. Softmax can run on the middle axis of x as it stands, and the weighted sum is a product of a row with each
 * matrix [bins, anchors]: no transposed copy. */
#include "graph/passes.h"

static onyx_status match(graph *g, graph_node *conv, bool *changed, onyx_error *error)
{
    static const int wanted[4] = { 0, 2, 1, 3 };
    int rank, perm[ONYX_MAX_RANK];
    int64_t channels;
    op_window window;
    graph_node *softmax = graph_maker(conv->inputs[0], "Softmax");
    graph_node *transpose = softmax ? graph_maker(softmax->inputs[0], "Transpose") : NULL;
    graph_value *y = conv->outputs[0], *w = conv->inputs[1], *rows = NULL, *sums = NULL, *row = NULL;
    if (!transpose || !graph_sole(softmax->outputs[0]) || !graph_permutation(transpose, &rank, perm) || rank != 4)
        return ONYX_OK;
    const softmax_params *params = softmax->params;
    for (int i = 0; i < 4; i++)
        if (perm[i] != wanted[i])
            return ONYX_OK;
    graph_value *x = transpose->inputs[0];
    if (params->flatten || (params->axis != 1 && params->axis != -3) || !graph_conv_constant(g, conv, &channels) ||
        channels != 1 || graph_input(conv, 2) || graph_input(conv, 3) || graph_element_count(x) <= 0 ||
        graph_element_count(y) <= 0 || graph_conv_activation(conv)->act != OP_ACT_NONE ||
        graph_element_count(w) != x->info.dims[2] ||
        !op_conv_geometry(conv->params, &conv->inputs[0]->info, &w->info, &window))
        return ONYX_OK;
    for (int i = 0; i < 2; i++)
        if (window.kernel[i] != 1 || window.stride[i] != 1 || window.pad_begin[i] || window.pad_end[i])
            return ONYX_OK;
    const int64_t dims[2] = { 1, x->info.dims[2] };
    const float *weights = graph_constant_f32(g, w);
    buffer *storage;
    float *data;
    if (!weights)
        return status_no_memory(error, w->constant.size_bytes, "weights");
    STATUS_TRY(graph_new_floats((size_t)dims[1], &storage, &data, error));
    for (int64_t i = 0; i < dims[1]; i++)
        data[i] = weights[i];
    STATUS_TRY(graph_add_f32(g, w->name, 2, dims, storage, &row, error));
    const op_attribute axis = attribute_int("axis", 2);
    STATUS_TRY(graph_insert(g, conv, "", "Softmax", softmax->name, &x, 1, &axis, 1, &rows, error));
    STATUS_TRY(
        graph_insert(g, conv, "", "MatMul", conv->name, (graph_value *[]){ row, rows }, 2, NULL, 0, &sums, error));
    *changed = true;
    return graph_substitute_reshape(g, conv, sums, 4, y->info.dims, error);
}

onyx_status pass_dfl(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    if (graph_is_conv(node) && node->outputs[0]->info.rank == 4)
        STATUS_TRY(match(g, node, changed, error));
    return ONYX_OK;
}
