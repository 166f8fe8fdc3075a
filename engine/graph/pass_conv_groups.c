/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Grouped convolutions whose groups do not fill the blocks of channels that kernels work on (ResNeXt, RegNet, depthwise
 * with a multiplier): neighbouring groups become one, with zeros where they do not meet. That multiplies more zeros
 * than numbers, and is still tens of times faster than a kernel that goes channel by channel. */
#include "graph/passes.h"

#include <string.h>

/* Channels of a block, at most; groups that become one, at most. */
enum { BLOCK = 16, MOST = 32 };

/* How many groups to join, or 0: the least that fills blocks, else all. */
static int64_t joined(int64_t groups, int64_t in, int64_t out)
{
    if (groups < 2 || (in == 1 && out == 1) || (in % BLOCK == 0 && out % BLOCK == 0))
        return 0;
    for (int64_t k = 2; k < groups && k <= MOST; k++)
        if (groups % k == 0 && in * k % BLOCK == 0 && out * k % BLOCK == 0)
            return k;
    return groups <= MOST ? groups : 0;
}

/* Weights [c_out][in * k][kernel] of [c_out][in][kernel]. */
static onyx_status widen(graph *g, graph_value *w, int64_t out, int64_t k, graph_value **wide, onyx_error *error)
{
    const int64_t *dims = w->info.dims, wide_dims[4] = { dims[0], dims[1] * k, dims[2], dims[3] };
    const size_t filter = (size_t)(dims[1] * dims[2] * dims[3]), count = (size_t)dims[0] * filter * (size_t)k;
    const float *from = graph_constant_f32(g, w);
    buffer *storage;
    float *data;
    STATUS_TRY(graph_new_floats(count, &storage, &data, error));
    memset(data, 0, count * sizeof(*data));
    for (size_t o = 0; o < (size_t)dims[0]; o++) {
        const size_t place = o / (size_t)out % (size_t)k; /* of its old group in the new one */
        memcpy(data + (o * (size_t)k + place) * filter, from + o * filter, filter * sizeof(*data));
    }
    return graph_add_f32(g, w->name, 4, wide_dims, storage, wide, error);
}

onyx_status pass_conv_groups(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    static const char *const group = "group";
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        op_attribute attributes[16];
        graph_value *inputs[4] = { NULL };
        if (!graph_is_conv(node) || node->attribute_count > 14 || node->input_count > 4 ||
            node->inputs[1]->info.rank != 4 || graph_element_count(node->inputs[1]) <= 0)
            continue;
        const int64_t groups = ((const conv_params *)node->params)->group, *dims = node->inputs[1]->info.dims;
        const int64_t out = dims[0] / groups, k = joined(groups, dims[1], out);
        if (!k || !graph_constant_f32(g, node->inputs[1])) /* last, as it may copy the weights */
            continue;
        int count = attributes_but(node, &group, 1, attributes);
        attributes[count++] = attribute_int(group, groups / k);
        for (int i = 0; i < node->input_count; i++)
            inputs[i] = node->inputs[i];
        STATUS_TRY(widen(g, node->inputs[1], out, k, &inputs[1], error));
        STATUS_TRY(graph_substitute(g, node, node->row->domain, node->row->name, node->name, inputs, node->input_count,
                                    attributes, count, NULL, error));
        *changed = true;
    }
    return ONYX_OK;
}
