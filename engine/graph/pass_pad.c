/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Pad with zeros in front of a convolution or a pool becomes its padding; also where it is quantised in between, which
 * keeps zeros what they are. */
#include "graph/passes.h"

#include <string.h>

#include "ops/shape.h"

/* Zero padding of the spatial dims only: begins[], then ends[]. */
static bool zero_pad_of(graph *g, const graph_node *pad, int64_t pads[2 * ONYX_MAX_RANK])
{
    const int rank = pad->inputs[0]->info.rank;
    int64_t listed[2 * ONYX_MAX_RANK], axes[ONYX_MAX_RANK];
    double fill = 0;
    if (((const pad_params *)pad->params)->mode != OP_PAD_CONSTANT || rank < 3 || !graph_one_output(pad) ||
        (graph_input(pad, 2) && graph_element_count(pad->inputs[2]) != 0 &&
         (!graph_uniform(g, pad->inputs[2], &fill) || fill != 0)))
        return false;
    graph_value *axis_value = graph_input(pad, 3);
    const int count = axis_value ? graph_constant_ints(g, axis_value, axes, ONYX_MAX_RANK) : rank;
    if (count < 0 || graph_constant_ints(g, graph_input(pad, 1), listed, 2 * ONYX_MAX_RANK) != 2 * count)
        return false;
    memset(pads, 0, sizeof(*pads) * 2 * ONYX_MAX_RANK);
    for (int i = 0; i < count; i++) {
        int axis = i;
        if (axis_value && !axis_resolve(axes[i], rank, &axis))
            return false;
        pads[axis] = listed[i];
        pads[rank + axis] = listed[count + i];
    }
    for (int i = 0; i < rank; i++)
        if (pads[i] < 0 || pads[rank + i] < 0 || (i < 2 && (pads[i] || pads[rank + i])))
            return false;
    return true;
}

/* Conv, or a pool: maximum pools do not see their padding, which is as good as zeros where nothing is negative. */
typedef enum reader_kind { READER_NONE, READER_CONV, READER_AVERAGE, READER_MAXIMUM } reader_kind;

static reader_kind kind_of(const graph_node *node)
{
    if (graph_is_conv(node))
        return READER_CONV;
    if (!graph_one_output(node) || node->input_count < 1 || !graph_is_f32(node->inputs[0]))
        return READER_NONE;
    return graph_is(node, "AveragePool") ? READER_AVERAGE : graph_is(node, "MaxPool") ? READER_MAXIMUM : READER_NONE;
}

static bool not_negative(graph *g, const graph_value *value)
{
    op_activation act = { 0 };
    const graph_node *node = value->producer;
    if (!node)
        return false;
    if (graph_is_conv(node))
        act = *graph_conv_activation(node);
    else if (graph_is(node, "Relu") || graph_is(node, "Clip") || graph_is(node, "Sigmoid"))
        graph_activation_of(g, node, &act);
    return act.act == OP_ACT_RELU || act.act == OP_ACT_SIGMOID || (act.act == OP_ACT_CLIP && act.a >= 0);
}

/* What a node reads: Pad, or dq(q(Pad)) with the same scale and zero point. */
typedef struct padded_input {
    graph_node *pad, *q, *dq; /* q, dq: NULL where there are none */
} padded_input;

static bool find_pad(const graph_value *x, padded_input *found)
{
    *found = (padded_input){ .pad = graph_maker(x, "Pad"), .dq = graph_maker(x, "DequantizeLinear") };
    if (!found->dq)
        return found->pad != NULL;
    found->q = graph_maker(found->dq->inputs[0], "QuantizeLinear");
    if (!found->q || !graph_sole(x) || !graph_sole(found->dq->inputs[0]) || !graph_sole(found->q->inputs[0]))
        return false;
    for (int i = 1; i < 3; i++) {
        graph_value *a = graph_input(found->q, i), *b = graph_input(found->dq, i);
        if (a != b || (a && (!a->is_constant || graph_element_count(a) != 1)))
            return false;
    }
    found->pad = graph_maker(found->q->inputs[0], "Pad");
    return found->pad != NULL;
}

/* What is padded, quantised and dequantised again. */
static onyx_status without_pad(graph *g, const padded_input *found, graph_value **x, onyx_error *error)
{
    graph_value *inputs[3] = { found->pad->inputs[0], NULL, NULL }, *bytes;
    *x = inputs[0];
    if (!found->dq)
        return ONYX_OK;
    for (int i = 1; i < 3; i++)
        inputs[i] = graph_input(found->q, i);
    STATUS_TRY(graph_insert_like(g, found->q, inputs, &bytes, error));
    inputs[0] = bytes;
    return graph_insert_like(g, found->dq, inputs, x, error);
}

/* Both paddings, begins and then ends; false where a window would be of padding alone, which kernels need not know: as
 * wide as a side of the kernel, or between the taps of one that is dilated. */
static bool merge_pads(const op_window *window, const int64_t *pads, int64_t *merged, bool *own)
{
    const int rank = window->spatial + 2;
    *own = false;
    for (int i = 0; i < window->spatial; i++) {
        *own |= window->pad_begin[i] || window->pad_end[i];
        merged[i] = window->pad_begin[i] + pads[2 + i];
        merged[window->spatial + i] = window->pad_end[i] + pads[rank + 2 + i];
        if (merged[i] >= window->kernel[i] || merged[window->spatial + i] >= window->kernel[i] ||
            window->dilation[i] > window->in[i] - pads[2 + i] - pads[rank + 2 + i])
            return false;
    }
    return true;
}

static onyx_status fold_pad(graph *g, graph_node *node, reader_kind kind, bool *changed, onyx_error *error)
{
    static const char *const own_padding[] = { "pads", "auto_pad", "count_include_pad" };
    int64_t pads[2 * ONYX_MAX_RANK], merged[2 * OP_MAX_SPATIAL];
    padded_input found;
    op_window window;
    op_attribute attributes[16];
    bool own;
    const window_params *params = kind == READER_CONV ? &((const conv_params *)node->params)->window
                                                      : &((const pool_params *)node->params)->window;
    if (node->attribute_count > 12 || !find_pad(node->inputs[0], &found) || !zero_pad_of(g, found.pad, pads) ||
        (params->auto_pad != OP_AUTO_PAD_NOTSET && params->auto_pad != OP_AUTO_PAD_VALID) ||
        (kind != READER_CONV && params->ceil_mode))
        return ONYX_OK;
    if (kind == READER_CONV ? !op_conv_geometry(node->params, &node->inputs[0]->info, &node->inputs[1]->info, &window)
                            : !op_pool_geometry(node->params, &node->inputs[0]->info, &window))
        return ONYX_OK;
    if (!merge_pads(&window, pads, merged, &own) ||
        (kind == READER_AVERAGE && own && !((const pool_params *)node->params)->count_include_pad) ||
        (kind == READER_MAXIMUM && !not_negative(g, found.pad->inputs[0])))
        return ONYX_OK;
    int count = attributes_but(node, own_padding, ARRAY_LENGTH(own_padding), attributes);
    if (!attribute_ints(g, "pads", merged, 2 * window.spatial, &attributes[count++]))
        return status_no_memory(error, sizeof(merged), "attributes");
    if (kind == READER_AVERAGE) /* they were data */
        attributes[count++] = attribute_int("count_include_pad", 1);
    graph_value *inputs[4] = { NULL, graph_input(node, 1), graph_input(node, 2), graph_input(node, 3) };
    STATUS_TRY(without_pad(g, &found, &inputs[0], error));
    *changed = true;
    return graph_substitute(g, node, node->row->domain, node->row->name, node->name, inputs, node->input_count,
                            attributes, count, NULL, error);
}

onyx_status pass_pad(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        const reader_kind kind = kind_of(node);
        if (kind != READER_NONE)
            STATUS_TRY(fold_pad(g, node, kind, changed, error));
    }
    return ONYX_OK;
}
