/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Maximum pools of several sizes over one picture, as spatial pyramids have them (5, 9 and 13 of the same): the larger
 * one is a small one of the smaller one's result. Next to the border as well, where both leave out what is outside. */
#include "graph/passes.h"

/* One output for each pixel, with the pixel in the middle of the window. */
static bool centred_pool(const graph_node *node, op_window *w)
{
    if (!graph_is(node, "MaxPool") || !graph_one_output(node) || node->inputs[0]->info.rank != 4 ||
        !op_pool_geometry(node->params, &node->inputs[0]->info, w))
        return false;
    for (int i = 0; i < 2; i++)
        if (w->kernel[i] % 2 == 0 || w->stride[i] != 1 || w->dilation[i] != 1 || w->pad_begin[i] != w->kernel[i] / 2 ||
            w->out[i] != w->in[i])
            return false;
    return true;
}

/* Stands in front of the node, in the list. */
static bool is_before(graph *g, const graph_node *first, const graph_node *node)
{
    GRAPH_EACH_NODE(g, at)
    {
        if (at == first || at == node)
            return at == first;
    }
    return false;
}

/* The largest smaller pool of the same value that is there by then, or NULL. */
static graph_node *smaller_pool(graph *g, const graph_node *node, const op_window *w, op_window *smaller)
{
    const graph_value *x = node->inputs[0];
    graph_node *best = NULL;
    for (int i = 0; i < x->user_count; i++) {
        graph_node *other = x->users[i];
        op_window o;
        if (other == node || !centred_pool(other, &o) || o.kernel[0] > w->kernel[0] || o.kernel[1] > w->kernel[1] ||
            o.kernel[0] * o.kernel[1] == w->kernel[0] * w->kernel[1] || o.kernel[0] * o.kernel[1] == 1 ||
            (best && o.kernel[0] * o.kernel[1] <= smaller->kernel[0] * smaller->kernel[1]) ||
            !is_before(g, other, node))
            continue;
        best = other;
        *smaller = o;
    }
    return best;
}

onyx_status pass_pools(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        op_window w, o = { 0 };
        op_attribute attributes[2];
        graph_node *smaller = centred_pool(node, &w) ? smaller_pool(g, node, &w, &o) : NULL;
        if (!smaller)
            continue;
        const int64_t kernel[2] = { w.kernel[0] - o.kernel[0] + 1, w.kernel[1] - o.kernel[1] + 1 };
        const int64_t pads[4] = { kernel[0] / 2, kernel[1] / 2, kernel[0] / 2, kernel[1] / 2 };
        if (!attribute_ints(g, "kernel_shape", kernel, 2, &attributes[0]) ||
            !attribute_ints(g, "pads", pads, 4, &attributes[1]))
            return status_no_memory(error, sizeof(pads), "attributes");
        STATUS_TRY(graph_substitute(g, node, node->row->domain, node->row->name, node->name, &smaller->outputs[0], 1,
                                    attributes, 2, &node, error));
        *changed = true;
    }
    return ONYX_OK;
}
