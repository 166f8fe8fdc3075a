/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A factor and a summand for each channel that no convolution could take (BatchNormalization in front of activation and
 * convolution: DenseNet, ResNet v2) are a depthwise convolution of one tap: one step instead of two, which takes the
 * activation behind, too, and may be chained with the convolution that reads it. */
#include "graph/passes.h"

/* Fewer channels do not fill a block of those that convolutions read; pictures come so. */
enum { LEAST_CHANNELS = 16 };

/* The tensor that the node combines with one constant for each channel; NULL where it does something else. */
static graph_value *with_channels(graph *g, const graph_node *node, const char *op, const float **constant, int *step)
{
    if (!graph_is(node, op) || !graph_one_output(node))
        return NULL;
    for (int i = 0; i < 2; i++) {
        graph_value *x = node->inputs[i];
        if (graph_is_f32(x) && !x->is_constant && x->info.rank == 4 &&
            graph_along_axis(g, node->inputs[1 - i], x, 1, constant, step))
            return x;
    }
    return NULL;
}

static onyx_status make(graph *g, graph_node *add, graph_value *x, const float *a, int a_step, const float *b,
                        int b_step, onyx_error *error)
{
    const int64_t channels = x->info.dims[1], dims[4] = { channels, 1, 1, 1 };
    const op_attribute group = attribute_int("group", channels);
    graph_value *inputs[3] = { x };
    STATUS_TRY(graph_add_strided(g, add->name, a, a_step, 4, dims, &inputs[1], error));
    STATUS_TRY(graph_add_strided(g, add->name, b, b_step, 1, dims, &inputs[2], error));
    return graph_substitute(g, add, "", "Conv", add->name, inputs, 3, &group, 1, NULL, error);
}

onyx_status pass_channel_affine(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        const float *a, *b;
        int a_step, b_step;
        graph_value *scaled = with_channels(g, node, "Add", &b, &b_step), *x;
        if (!scaled || !graph_sole(scaled) || !scaled->producer || scaled->producer_index != 0 ||
            !(x = with_channels(g, scaled->producer, "Mul", &a, &a_step)) || a_step + b_step == 0 ||
            graph_element_count(x) <= 0 || x->info.dims[1] < LEAST_CHANNELS || x->info.dims[2] * x->info.dims[3] == 1)
            continue;
        STATUS_TRY(make(g, node, x, a, a_step, b, b_step, error));
        *changed = true;
    }
    return ONYX_OK;
}
