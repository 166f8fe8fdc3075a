/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The heads of YOLOv8 and its kin end in the expectation of a distribution: x [n, sides, bins, anchors] is transposed
 * to [n, bins, sides, anchors], goes through Softmax over the bins and a 1x1 convolution with one output, the bins'
 * values. SoftmaxMean does it at once, on the channels as they stand; where x is joined from flattened pictures, on
 * each of these, so that a sixteenth is joined. */
#include "graph/passes.h"

/* The picture [n, channels, h, w] that the value is a Reshape of, for its only reader; or NULL. */
static graph_value *picture_of(const graph_value *value, int64_t n, int64_t channels)
{
    const graph_node *reshape = graph_sole(value) ? graph_maker(value, "Reshape") : NULL;
    graph_value *x = reshape ? reshape->inputs[0] : NULL;
    const bool fits = x && x->info.rank == 4 && graph_shape_known(x);
    return fits && x->info.dims[0] == n && x->info.dims[1] == channels ? x : NULL;
}

/* x [n, channels, m], or the picture that it is flattened from -> [n, groups, m]. */
static onyx_status mean_of(graph *g, graph_node *before, graph_value *x, graph_value *picture, const int64_t dims[3],
                           graph_value *bins, graph_value **mean, onyx_error *error)
{
    graph_value *inputs[2] = { picture ? picture : x, bins }, *y = NULL;
    const int64_t means[3] = { dims[0], dims[1] / graph_element_count(bins), dims[2] };
    STATUS_TRY(graph_insert(g, before, OP_DOMAIN_ONYX, "SoftmaxMean", before->name, inputs, 2, NULL, 0, &y, error));
    *mean = y;
    if (!picture)
        return ONYX_OK;
    *mean = NULL;
    return graph_insert_reshape(g, before, before->name, y, 3, means, mean, error);
}

/* x [n, sides, bins, anchors] -> [n, sides, anchors] */
static onyx_status mean_of_all(graph *g, graph_node *before, graph_value *x, graph_value *bins, graph_value **means,
                               onyx_error *error)
{
    enum { MOST = 16 };
    graph_value *parts[MOST] = { NULL }, *flat = NULL;
    const int64_t dims[3] = { x->info.dims[0], x->info.dims[1] * x->info.dims[2], x->info.dims[3] };
    graph_value *picture = picture_of(x, dims[0], dims[1]);
    if (picture)
        return mean_of(g, before, NULL, picture, dims, bins, means, error);
    graph_node *reshape = graph_sole(x) ? graph_maker(x, "Reshape") : NULL;
    if (reshape && reshape->inputs[0]->info.rank == 3 && graph_shape_known(reshape->inputs[0]) &&
        reshape->inputs[0]->info.dims[1] == dims[1] && reshape->inputs[0]->info.dims[2] == dims[2])
        flat = reshape->inputs[0];
    else
        STATUS_TRY(graph_insert_reshape(g, before, before->name, x, 3, dims, &flat, error));
    graph_node *concat = graph_sole(flat) ? graph_maker(flat, "Concat") : NULL;
    const int64_t axis = concat ? ((const axis_params *)concat->params)->axis : 0;
    if (!concat || concat->input_count > MOST || (axis != 2 && axis != -1))
        return mean_of(g, before, flat, picture_of(flat, dims[0], dims[1]), dims, bins, means, error);
    for (int i = 0; i < concat->input_count; i++) {
        graph_value *part = concat->inputs[i];
        STATUS_TRY(
            mean_of(g, before, part, picture_of(part, dims[0], dims[1]), part->info.dims, bins, &parts[i], error));
    }
    const op_attribute attribute = attribute_int("axis", 2);
    return graph_insert(g, before, "", "Concat", concat->name, parts, concat->input_count, &attribute, 1, means, error);
}

static onyx_status match(graph *g, graph_node *conv, bool *changed, onyx_error *error)
{
    int64_t channels;
    op_window window;
    graph_node *softmax = graph_maker(conv->inputs[0], "Softmax");
    graph_node *transpose = softmax ? graph_maker(softmax->inputs[0], "Transpose") : NULL;
    graph_value *y = conv->outputs[0], *w = conv->inputs[1], *row = NULL, *means = NULL;
    if (!graph_is_transpose(transpose, 4, (const int[]){ 0, 2, 1, 3 }) || !graph_sole(softmax->outputs[0]))
        return ONYX_OK;
    const softmax_params *params = softmax->params;
    graph_value *x = transpose->inputs[0];
    if (params->flatten || (params->axis != 1 && params->axis != -3) || !graph_conv_constant(g, conv, &channels) ||
        channels != 1 || graph_input(conv, 2) || graph_input(conv, 3) || graph_element_count(x) <= 0 ||
        graph_element_count(y) <= 0 || graph_conv_activation(conv)->act != OP_ACT_NONE ||
        graph_element_count(w) != x->info.dims[2] ||
        !op_conv_geometry(conv->params, &conv->inputs[0]->info, &w->info, &window) || !graph_is_point(&window))
        return ONYX_OK;
    const float *weights = graph_constant_f32(g, w);
    const int64_t bins = x->info.dims[2];
    buffer *storage;
    float *data;
    if (!weights)
        return status_no_memory(error, w->constant.size_bytes, "weights");
    STATUS_TRY(graph_new_floats((size_t)bins, &storage, &data, error));
    for (int64_t i = 0; i < bins; i++)
        data[i] = weights[i];
    STATUS_TRY(graph_add_f32(g, w->name, 1, &bins, storage, &row, error));
    STATUS_TRY(mean_of_all(g, conv, x, row, &means, error));
    *changed = true;
    return graph_substitute_reshape(g, conv, means, 4, y->info.dims, error);
}

onyx_status pass_dfl(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    if (graph_is_conv(node) && node->outputs[0]->info.rank == 4)
        STATUS_TRY(match(g, node, changed, error));
    return ONYX_OK;
}
