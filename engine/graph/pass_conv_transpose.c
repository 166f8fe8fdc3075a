/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A ConvTranspose whose windows do not overlap (kernel = stride, no padding) computes each output from one input pixel:
 * it is a 1x1 convolution with an output channel for each place in the window, and DepthToSpace, which only moves. The
 * convolution takes activations in, works on blocks, and hands its rows on. */
#include "graph/passes.h"

#include <string.h>

/* Kernels of an image are rarely larger; more would make many channels of few pixels. */
enum { MOST_BLOCK = 8 };

/* With fewer channels than this they come last among the places, so that a row of the output lies in a line. */
enum { FEW_CHANNELS = 4 };

typedef struct windows {
    int64_t inputs, outputs, block; /* channels; kernel and stride */
    bool channels_first;            /* mode CRD: of the new convolution's outputs, the places change fastest */
} windows;

static bool match(graph *g, const graph_node *node, windows *w)
{
    const conv_params *params = node->params;
    const graph_value *x = node->inputs[0], *weights = node->inputs[1], *y = node->outputs[0];
    graph_value *bias = graph_input(node, 2);
    op_window window;
    if (params->group != 1 || !graph_is_f32(x) || x->info.rank != 4 || weights->info.rank != 4 ||
        !graph_constant_f32(g, node->inputs[1]) || (bias && !graph_constant_f32(g, bias)) ||
        graph_element_count(x) <= 0 || graph_element_count(y) <= 0 ||
        op_conv_transpose_window(params, 4, x->info.dims, weights->info.dims, &window, NULL) != ONYX_OK)
        return false;
    *w = (windows){ weights->info.dims[0], weights->info.dims[1], window.kernel[0], false };
    w->channels_first = w->outputs < FEW_CHANNELS;
    for (int i = 0; i < 2; i++)
        if (window.kernel[i] != w->block || window.stride[i] != w->block || window.dilation[i] != 1 ||
            window.pad_begin[i] || y->info.dims[2 + i] != x->info.dims[2 + i] * w->block)
            return false;
    return w->block > 1 && w->block <= MOST_BLOCK;
}

/* Output channel of the convolution for channel o at place p of the window. */
static int64_t channel_of(const windows *w, int64_t o, int64_t p)
{
    return w->channels_first ? o * w->block * w->block + p : p * w->outputs + o;
}

static onyx_status new_weights(graph *g, const graph_node *node, const windows *w, graph_value **weights,
                               graph_value **bias, onyx_error *error)
{
    const int64_t places = w->block * w->block, channels = w->outputs * places;
    const float *old = graph_constant_f32(g, node->inputs[1]);
    const float *old_bias = *bias ? graph_constant_f32(g, *bias) : NULL;
    buffer *storage;
    float *data;
    STATUS_TRY(graph_new_floats((size_t)(channels * w->inputs), &storage, &data, error));
    for (int64_t i = 0; i < w->inputs; i++)
        for (int64_t o = 0; o < w->outputs; o++)
            for (int64_t p = 0; p < places; p++)
                data[channel_of(w, o, p) * w->inputs + i] = old[(i * w->outputs + o) * places + p];
    STATUS_TRY(graph_add_f32(g, node->inputs[1]->name, 4, (const int64_t[]){ channels, w->inputs, 1, 1 }, storage,
                             weights, error));
    if (!old_bias)
        return ONYX_OK;
    STATUS_TRY(graph_new_floats((size_t)channels, &storage, &data, error));
    for (int64_t o = 0; o < w->outputs; o++)
        for (int64_t p = 0; p < places; p++)
            data[channel_of(w, o, p)] = old_bias[o];
    return graph_add_f32(g, (*bias)->name, 1, &channels, storage, bias, error);
}

static onyx_status replace(graph *g, graph_node *node, const windows *w, onyx_error *error)
{
    graph_value *inputs[3] = { node->inputs[0], NULL, graph_input(node, 2) }, *deep = NULL;
    STATUS_TRY(new_weights(g, node, w, &inputs[1], &inputs[2], error));
    STATUS_TRY(graph_insert(g, node, "", "Conv", node->name, inputs, inputs[2] ? 3 : 2, NULL, 0, &deep, error));
    const op_attribute attributes[2] = { attribute_int("blocksize", w->block),
                                         attribute_string("mode", w->channels_first ? "CRD" : "DCR") };
    return graph_substitute(g, node, "", "DepthToSpace", node->name, &deep, 1, attributes, 2, NULL, error);
}

onyx_status pass_conv_transpose(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        windows w;
        if (!graph_is(node, "ConvTranspose") || !match(g, node, &w))
            continue;
        STATUS_TRY(replace(g, node, &w, error));
        *changed = true;
    }
    return ONYX_OK;
}
