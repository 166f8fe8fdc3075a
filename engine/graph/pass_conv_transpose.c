/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A ConvTranspose whose kernel is a multiple of its stride computes the stride's block of outputs from as many input
 * pixels as the multiple says: it is a convolution with an output channel for each place in the block, and
 * DepthToSpace, which only moves, with what padding cuts off cut off by a Slice. Of stride 1 it is a convolution alone.
 * Convolutions take activations in, work on blocks, and hand their rows on. */
#include "graph/passes.h"

#include <string.h>

/* Strides of images are rarely larger; more would make many channels of few pixels. */
enum { MOST_BLOCK = 8 };

/* With fewer channels than this they come last among the places, so that a row of the output lies in a line. With
 * overlap they are a thin product, which takes half the time (k4 s2, 32 channels to 1, 80x80: 0.12 ms). */
enum { FEW_CHANNELS = 4 };

typedef struct windows {
    int64_t inputs, outputs, groups, block; /* channels of a group; stride */
    op_window conv;                         /* of the new convolution */
    int64_t cut[2];                         /* rows and columns in front of the output */
    bool cuts, channels_first;              /* mode CRD: of the new convolution's outputs, the places change fastest */
} windows;

/* One axis: which blocks of the output of an unpadded ConvTranspose there are to be, and what of them. */
static bool match_axis(const op_window *window, int i, windows *w)
{
    const int64_t pad = window->pad_begin[i], taps = window->kernel[i] / w->block, first = pad / w->block;
    const int64_t count = (pad + window->out[i] - 1) / w->block - first + 1;
    op_window *conv = &w->conv;
    if (window->stride[i] != w->block || window->kernel[i] % w->block || window->dilation[i] != 1 || pad < 0)
        return false;
    conv->kernel[i] = taps;
    conv->stride[i] = conv->dilation[i] = 1;
    conv->pad_begin[i] = taps - 1 - first;
    conv->pad_end[i] = count - window->in[i] - conv->pad_begin[i] + taps - 1;
    w->cut[i] = pad % w->block;
    w->cuts |= w->cut[i] > 0 || count * w->block != window->out[i];
    return conv->pad_begin[i] >= 0 && conv->pad_end[i] >= 0 && conv->pad_end[i] < taps;
}

static bool match(graph *g, const graph_node *node, windows *w)
{
    const conv_params *params = node->params;
    const graph_value *x = node->inputs[0], *weights = node->inputs[1], *y = node->outputs[0];
    graph_value *bias = graph_input(node, 2);
    op_window window;
    if (!graph_is_f32(x) || x->info.rank != 4 || weights->info.rank != 4 || !graph_constant_f32(g, node->inputs[1]) ||
        (bias && !graph_constant_f32(g, bias)) || graph_element_count(x) <= 0 || graph_element_count(y) <= 0 ||
        op_conv_transpose_window(params, 4, x->info.dims, weights->info.dims, &window, NULL) != ONYX_OK)
        return false;
    *w = (windows){ .inputs = weights->info.dims[0] / params->group,
                    .outputs = weights->info.dims[1],
                    .groups = params->group,
                    .block = window.stride[0],
                    .conv = { .spatial = 2 } };
    w->channels_first = w->outputs < FEW_CHANNELS || w->groups > 1;
    return w->block <= MOST_BLOCK && match_axis(&window, 0, w) && match_axis(&window, 1, w) &&
           (w->groups > 1 || w->outputs >= FEW_CHANNELS || w->conv.kernel[0] * w->conv.kernel[1] == 1);
}

/* Output channel of the convolution for channel o at place p of the block. */
static int64_t channel_of(const windows *w, int64_t o, int64_t p)
{
    return w->channels_first ? o * w->block * w->block + p : p * w->outputs + o;
}

/* Weight [place][tap] of one channel from another, as the kernel of the ConvTranspose has it: taps the other way round.
 */
static void new_kernel(const windows *w, const float *old, float *kernel, int64_t step)
{
    const int64_t rows = w->conv.kernel[0], columns = w->conv.kernel[1], block = w->block;
    for (int64_t p = 0; p < block * block; p++)
        for (int64_t t = 0; t < rows * columns; t++) {
            const int64_t row = (rows - 1 - t / columns) * block + p / block;
            kernel[p * step + t] = old[row * columns * block + (columns - 1 - t % columns) * block + p % block];
        }
}

static onyx_status new_weights(graph *g, const graph_node *node, const windows *w, graph_value **weights,
                               graph_value **bias, onyx_error *error)
{
    const int64_t places = w->block * w->block, taps = w->conv.kernel[0] * w->conv.kernel[1];
    const int64_t outputs = w->groups * w->outputs, channels = outputs * places;
    const int64_t dims[4] = { channels, w->inputs, w->conv.kernel[0], w->conv.kernel[1] };
    const int64_t step = (channel_of(w, 0, 1) - channel_of(w, 0, 0)) * w->inputs * taps; /* from place to place */
    const float *old = graph_constant_f32(g, node->inputs[1]);
    const float *old_bias = *bias ? graph_constant_f32(g, *bias) : NULL;
    buffer *storage;
    float *data;
    STATUS_TRY(graph_new_floats((size_t)(channels * w->inputs * taps), &storage, &data, error));
    for (int64_t o = 0; o < outputs; o++)
        for (int64_t i = 0; i < w->inputs; i++)
            new_kernel(w, old + ((o / w->outputs * w->inputs + i) * w->outputs + o % w->outputs) * places * taps,
                       data + (channel_of(w, o, 0) * w->inputs + i) * taps, step);
    STATUS_TRY(graph_add_f32(g, node->inputs[1]->name, 4, dims, storage, weights, error));
    if (!old_bias)
        return ONYX_OK;
    STATUS_TRY(graph_new_floats((size_t)channels, &storage, &data, error));
    for (int64_t o = 0; o < outputs; o++)
        for (int64_t p = 0; p < places; p++)
            data[channel_of(w, o, p)] = old_bias[o];
    return graph_add_f32(g, (*bias)->name, 1, &channels, storage, bias, error);
}

/* The rows and columns of `x` that the node has. */
static onyx_status cut(graph *g, graph_node *node, const windows *w, graph_value *x, onyx_error *error)
{
    const int64_t *dims = node->outputs[0]->info.dims, axes[2] = { 2, 3 };
    const int64_t ends[2] = { w->cut[0] + dims[2], w->cut[1] + dims[3] };
    graph_value *inputs[4] = { x };
    STATUS_TRY(graph_add_ints(g, node->name, w->cut, 2, &inputs[1], error));
    STATUS_TRY(graph_add_ints(g, node->name, ends, 2, &inputs[2], error));
    STATUS_TRY(graph_add_ints(g, node->name, axes, 2, &inputs[3], error));
    return graph_substitute(g, node, "", "Slice", node->name, inputs, 4, NULL, 0, NULL, error);
}

static onyx_status replace(graph *g, graph_node *node, const windows *w, onyx_error *error)
{
    graph_value *inputs[3] = { node->inputs[0], NULL, graph_input(node, 2) }, *deep = NULL, *wide = NULL;
    op_attribute attributes[WINDOW_ATTRIBUTES + 1] = { attribute_int("group", w->groups) };
    const op_attribute moves[2] = { attribute_int("blocksize", w->block),
                                    attribute_string("mode", w->channels_first ? "CRD" : "DCR") };
    if (!attribute_window(g, &w->conv, attributes + 1))
        return status_no_memory(error, sizeof(w->conv), "attributes");
    STATUS_TRY(new_weights(g, node, w, &inputs[1], &inputs[2], error));
    if (w->block == 1)
        return graph_substitute(g, node, "", "Conv", node->name, inputs, inputs[2] ? 3 : 2, attributes,
                                WINDOW_ATTRIBUTES + 1, NULL, error);
    STATUS_TRY(graph_insert(g, node, "", "Conv", node->name, inputs, inputs[2] ? 3 : 2, attributes,
                            WINDOW_ATTRIBUTES + 1, &deep, error));
    if (!w->cuts)
        return graph_substitute(g, node, "", "DepthToSpace", node->name, &deep, 1, moves, 2, NULL, error);
    STATUS_TRY(graph_insert(g, node, "", "DepthToSpace", node->name, &deep, 1, moves, 2, &wide, error));
    return cut(g, node, w, wide, error);
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
