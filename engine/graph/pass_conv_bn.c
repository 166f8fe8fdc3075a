/* SPDX-License-Identifier: BSD-2-Clause
 *
 * BatchNormalization of inference is x * a[c] + b[c] with a = scale / sqrt(var + epsilon), b = bias - mean * a. Behind
 * a convolution that nobody else reads it goes into the weights; elsewhere it becomes a Mul and an Add, which other
 * passes may place. The arithmetic is done in double and rounded once. */
#include "graph/passes.h"

#include <math.h>
#include <stdlib.h>

typedef struct affine {
    int64_t channels;
    double *a, *b; /* one block, free(a) */
} affine;

static bool affine_of(graph *g, const graph_node *node, affine *result)
{
    const batch_norm_params *params = node->params;
    const float *values[4];
    const int64_t channels = graph_element_count(node->inputs[1]);
    if (params->training || channels < 1 || channels > INT32_MAX)
        return false;
    for (int i = 0; i < 4; i++) {
        graph_value *value = graph_input(node, 1 + i);
        values[i] = graph_constant_f32(g, value);
        if (!values[i] || value->info.rank != 1 || graph_element_count(value) != channels)
            return false;
    }
    result->channels = channels;
    result->a = malloc(sizeof(double) * 2 * (size_t)channels);
    result->b = result->a + channels;
    for (int64_t i = 0; i < channels && result->a; i++) {
        result->a[i] = values[0][i] / sqrt((double)values[3][i] + (double)params->epsilon);
        result->b[i] = values[1][i] - values[2][i] * result->a[i];
    }
    return result->a != NULL;
}

static onyx_status add_vector(graph *g, const graph_node *node, const double *numbers, int64_t channels,
                              graph_value **value, onyx_error *error)
{
    int64_t dims[ONYX_MAX_RANK];
    const int rank = node->inputs[0]->info.rank;
    for (int i = 0; i < rank; i++)
        dims[i] = i == 1 ? channels : 1;
    return graph_add_numbers(g, node->name, numbers, rank, dims, value, error);
}

static onyx_status place(graph *g, graph_node *node, const affine *f, onyx_error *error)
{
    graph_value *x = node->inputs[0], *a, *b, *scaled = NULL;
    graph_node *conv = graph_maker(x, "Conv");
    int64_t channels;
    if (!conv)
        conv = graph_maker(x, "ConvTranspose");
    if (conv && graph_sole(x) && graph_conv_constant(g, conv, &channels) && channels == f->channels)
        return graph_conv_rescale(g, conv, node, f->a, f->b, error);
    STATUS_TRY(add_vector(g, node, f->a, f->channels, &a, error));
    STATUS_TRY(add_vector(g, node, f->b, f->channels, &b, error));
    STATUS_TRY(graph_insert(g, node, "", "Mul", node->name, (graph_value *[]){ x, a }, 2, NULL, 0, &scaled, error));
    return graph_substitute(g, node, "", "Add", node->name, (graph_value *[]){ scaled, b }, 2, NULL, 0, NULL, error);
}

onyx_status pass_conv_bn(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        affine f;
        if (!graph_is(node, "BatchNormalization") || !graph_is_f32(node->inputs[0]) || !graph_one_output(node) ||
            node->inputs[0]->info.rank < 2 || !affine_of(g, node, &f))
            continue;
        onyx_status status = place(g, node, &f, error);
        free(f.a);
        STATUS_TRY(status);
        *changed = true;
    }
    return ONYX_OK;
}
