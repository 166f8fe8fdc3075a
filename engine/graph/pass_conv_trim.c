/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Rows and columns of kernels that meet padding at every output go: text recognisers run 3x3 kernels over pictures that
 * are one row high, where two of three rows multiply zeros. */
#include "graph/passes.h"

#include <string.h>

/* The taps of one dimension that are left, and the padding then. */
typedef struct trim {
    int64_t first, count, pad_begin, pad_end;
} trim;

/* False where the window cannot be written without the others. */
static bool trim_of(const op_window *w, int i, int64_t in, int64_t out, trim *t)
{
    const int64_t stride = w->stride[i], dilation = w->dilation[i], pad = w->pad_begin[i];
    int64_t first = 0, end = w->kernel[i];
    while (first < end && (out - 1) * stride + first * dilation < pad)
        first++;
    while (end > first && (end - 1) * dilation - pad >= in)
        end--;
    *t = (trim){ .first = first, .count = end - first, .pad_begin = pad - first * dilation };
    if (t->count == 0 || t->pad_begin < 0)
        return false;
    const int64_t span = (t->count - 1) * dilation + 1, needed = (out - 1) * stride + span - in - t->pad_begin;
    t->pad_end = MAX(needed, (int64_t)0);
    return (in + t->pad_begin + t->pad_end - span) / stride + 1 == out;
}

/* Weights [c_out][c_in / group][taps left]. */
static onyx_status cut_weights(graph *g, graph_value *w, const trim *t, graph_value **cut, onyx_error *error)
{
    const int64_t *dims = w->info.dims, cut_dims[4] = { dims[0], dims[1], t[0].count, t[1].count };
    const size_t planes = (size_t)(dims[0] * dims[1]), row = (size_t)t[1].count;
    const float *from = graph_constant_f32(g, w);
    buffer *storage;
    float *data;
    if (!from)
        return status_no_memory(error, w->constant.size_bytes, "weights");
    STATUS_TRY(graph_new_floats(planes * (size_t)t[0].count * row, &storage, &data, error));
    for (size_t plane = 0; plane < planes; plane++, from += dims[2] * dims[3])
        for (int64_t y = 0; y < t[0].count; y++, data += row)
            memcpy(data, from + (t[0].first + y) * dims[3] + t[1].first, row * sizeof(*data));
    return graph_add_f32(g, w->name, 4, cut_dims, storage, cut, error);
}

static onyx_status cut_conv(graph *g, graph_node *node, op_window window, const trim *t, onyx_error *error)
{
    op_attribute attributes[MOST_CONV_ATTRIBUTES + WINDOW_ATTRIBUTES];
    graph_value *inputs[4] = { NULL };
    for (int i = 0; i < 2; i++) {
        window.kernel[i] = t[i].count;
        window.pad_begin[i] = t[i].pad_begin;
        window.pad_end[i] = t[i].pad_end;
    }
    const int count = attributes_with_window(g, node, &window, attributes);
    if (count < 0)
        return status_no_memory(error, sizeof(window), "attributes");
    for (int i = 0; i < node->input_count; i++)
        inputs[i] = node->inputs[i];
    STATUS_TRY(cut_weights(g, node->inputs[1], t, &inputs[1], error));
    return graph_substitute(g, node, node->row->domain, node->row->name, node->name, inputs, node->input_count,
                            attributes, count, NULL, error);
}

onyx_status pass_conv_trim(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        op_window window;
        trim t[2];
        if (!graph_is_conv(node) || node->attribute_count > MOST_CONV_ATTRIBUTES || node->input_count > 4)
            continue;
        const graph_value *x = node->inputs[0], *w = node->inputs[1], *y = node->outputs[0];
        if (x->info.rank != 4 || w->info.rank != 4 || !w->is_constant || !graph_is_f32(w) ||
            graph_element_count(x) <= 0 || graph_element_count(y) <= 0 || graph_element_count(w) <= 0 ||
            !op_conv_geometry(node->params, &x->info, &w->info, &window) ||
            !trim_of(&window, 0, x->info.dims[2], y->info.dims[2], &t[0]) ||
            !trim_of(&window, 1, x->info.dims[3], y->info.dims[3], &t[1]) ||
            (t[0].count == window.kernel[0] && t[1].count == window.kernel[1]))
            continue;
        STATUS_TRY(cut_conv(g, node, window, t, error));
        *changed = true;
    }
    return ONYX_OK;
}
