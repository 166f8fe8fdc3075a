/* SPDX-License-Identifier: BSD-2-Clause
 *
 * GroupNormalization as PyTorch writes it, InstanceNormalization of all channels of a group as one, between Reshapes,
 * becomes the operator; a factor and a summand for each channel behind it become its scale and bias. Keras normalises
 * layers by a BatchNormalization of one image that gets its statistics computed: an InstanceNormalization. */
#include "graph/passes.h"

/* numbers[c] of `count` values for groups of `each` channels. */
static const float *spread(graph *g, graph_value *value, int64_t count)
{
    return value && graph_element_count(value) == count ? graph_constant_f32(g, value) : NULL;
}

/* GroupNormalization(x) with scale[c] * a[c] and bias[c] * a[c] + b[c] in place of `last`; scale, bias: a number for
 * each `each` channels. */
static onyx_status write_norm(graph *g, graph_node *last, const graph_node *norm, graph_value *x, int64_t groups,
                              const float *scale, const float *bias, int64_t each, const float *a, int a_step,
                              const float *b, int b_step, onyx_error *error)
{
    const int64_t channels = x->info.dims[1];
    const op_attribute attributes[] = { attribute_float("epsilon", ((const norm_params *)norm->params)->epsilon),
                                        attribute_int("num_groups", groups) };
    graph_value *inputs[3] = { x };
    for (int k = 1; k < 3; k++) {
        const float *old = k == 1 ? scale : bias;
        buffer *storage;
        float *data;
        STATUS_TRY(graph_new_floats((size_t)channels, &storage, &data, error));
        for (int64_t c = 0; c < channels; c++)
            data[c] = old[c / each] * (a ? a[c * a_step] : 1) + (k == 2 && b ? b[c * b_step] : 0);
        STATUS_TRY(graph_add_f32(g, norm->name, 1, &channels, storage, &inputs[k], error));
    }
    return graph_substitute(g, last, "", "GroupNormalization", norm->name, inputs, 3, attributes, 2, NULL, error);
}

/* Reshape(InstanceNormalization(Reshape(x))), where the groups are whole channels of x. */
static onyx_status match_reshapes(graph *g, graph_node *last, bool *changed, onyx_error *error)
{
    graph_value *normed = last->inputs[0], *y = last->outputs[0];
    const graph_node *norm = graph_maker(normed, "InstanceNormalization");
    const graph_node *first = norm && graph_sole(normed) ? graph_maker(norm->inputs[0], "Reshape") : NULL;
    graph_value *x = first ? first->inputs[0] : NULL;
    if (!x || !graph_is_f32(x) || !graph_same_shape(x, y) || x->info.rank < 3 || graph_element_count(x) < 1 ||
        norm->inputs[0]->info.dims[0] != x->info.dims[0] || x->info.dims[1] % norm->inputs[0]->info.dims[1] != 0 ||
        x->info.dims[1] > MOST_FROM_SHAPES)
        return ONYX_OK;
    const int64_t groups = norm->inputs[0]->info.dims[1];
    const float *scale = spread(g, norm->inputs[1], groups), *bias = spread(g, norm->inputs[2], groups);
    if (!scale || !bias)
        return ONYX_OK;
    *changed = true;
    return write_norm(g, last, norm, x, groups, scale, bias, x->info.dims[1] / groups, NULL, 0, NULL, 0, error);
}

/* GroupNormalization(x) * a[c] or + b[c]. */
static onyx_status absorb(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    const bool adds = graph_is(node, "Add");
    for (int i = 0; i < 2; i++) {
        graph_value *y = node->inputs[i];
        const graph_node *norm = graph_maker(y, "GroupNormalization");
        const norm_params *params = norm ? norm->params : NULL;
        const float *numbers;
        int step;
        if (!norm || !graph_sole(y) || !params->per_channel_scale ||
            !graph_along_axis(g, node->inputs[1 - i], y, 1, &numbers, &step))
            continue;
        const float *scale = spread(g, norm->inputs[1], y->info.dims[1]);
        const float *bias = spread(g, norm->inputs[2], y->info.dims[1]);
        if (!scale || !bias)
            continue;
        *changed = true;
        return write_norm(g, node, norm, norm->inputs[0], params->groups, scale, bias, 1, adds ? NULL : numbers, step,
                          adds ? numbers : NULL, step, error);
    }
    return ONYX_OK;
}

/* Up to version 20, scale and bias were those of groups. */
static onyx_status modern(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    const norm_params *params = node->params;
    graph_value *x = node->inputs[0];
    if (params->per_channel_scale || !graph_is_f32(x) || graph_element_count(x) < 1 ||
        x->info.dims[1] > MOST_FROM_SHAPES)
        return ONYX_OK;
    const float *scale = spread(g, node->inputs[1], params->groups), *bias = spread(g, node->inputs[2], params->groups);
    if (!scale || !bias)
        return ONYX_OK;
    *changed = true;
    return write_norm(g, node, node, x, params->groups, scale, bias, x->info.dims[1] / params->groups, NULL, 0, NULL, 0,
                      error);
}

/* ---- BatchNormalization with statistics of its own ---- */

/* The node behind Reshapes that makes the value. */
static graph_node *maker_behind(const graph_value *value)
{
    while (value && value->producer && graph_is(value->producer, "Reshape"))
        value = value->producer->inputs[0];
    return value ? value->producer : NULL;
}

/* A reduction of `x` to a number for each index of dim 1. */
static bool leaves_channels(graph *g, const graph_node *node, const char *op, const graph_value *x)
{
    bool axes[ONYX_MAX_RANK];
    return node && graph_is(node, op) && node->inputs[0] == x && graph_one_output(node) &&
           graph_reduce_axes(g, node, axes) == x->info.rank - 1 && !axes[1];
}

/* Sums of (x - mean(x))^2 for each index of dim 1, divided by how many they are. */
static bool is_variance(graph *g, const graph_node *div, const graph_value *x)
{
    double count;
    const int sums = div && graph_is(div, "Div") && graph_one_output(div) ? graph_with_scalar(g, div, &count) : -1;
    const graph_node *sum = sums == 0 ? maker_behind(div->inputs[0]) : NULL;
    const graph_value *difference = sum && sum->input_count ? sum->inputs[0] : NULL;
    const graph_node *sub = difference ? graph_maker(difference, "Sub") : NULL;
    return sub && sub->inputs[0] == x && leaves_channels(g, sum, "ReduceSumSquare", difference) &&
           leaves_channels(g, sub->inputs[1]->producer, "ReduceMean", x) && graph_same_shape(difference, x) &&
           count == (double)(graph_element_count(x) / x->info.dims[1]);
}

static onyx_status match_batch(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    const batch_norm_params *params = node->params;
    graph_value *x = node->inputs[0];
    if (params->training || node->input_count != 5 || !graph_is_f32(x) || x->info.rank < 3 || x->info.dims[0] != 1 ||
        graph_element_count(x) < 1 || !leaves_channels(g, maker_behind(node->inputs[3]), "ReduceMean", x) ||
        !is_variance(g, maker_behind(node->inputs[4]), x))
        return ONYX_OK;
    const op_attribute epsilon = attribute_float("epsilon", params->epsilon);
    *changed = true;
    return graph_substitute(g, node, "", "InstanceNormalization", node->name, node->inputs, 3, &epsilon, 1, NULL,
                            error);
}

onyx_status pass_group_norm(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        if (!graph_output(node, 0) || !graph_one_output(node) || !node->input_count)
            continue;
        if (graph_is(node, "Reshape"))
            STATUS_TRY(match_reshapes(g, node, changed, error));
        else if (graph_is(node, "BatchNormalization"))
            STATUS_TRY(match_batch(g, node, changed, error));
        else if (graph_is(node, "GroupNormalization"))
            STATUS_TRY(modern(g, node, changed, error));
        else if (graph_is(node, "Mul") || graph_is(node, "Add"))
            STATUS_TRY(absorb(g, node, changed, error));
    }
    return ONYX_OK;
}
