/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Shape and Size of values with known dims are constants. What is computed from them is then folded, and gives further
 * values known dims (a Resize to the size of another layer), whose Shapes are looked at in turn. */
#include "graph/passes.h"

/* Chains of "resize to the shape of the last" are as deep as a network has levels. */
#define ROUNDS 32

static onyx_status set_ints(graph *g, graph_node *node, int rank, const int64_t *ints, int count, onyx_error *error)
{
    const onyx_tensor tensor = { .type = ONYX_TYPE_INT64,
                                 .rank = rank,
                                 .dims = { count },
                                 .data = (void *)ints,
                                 .size_bytes = sizeof(*ints) * (size_t)count };
    STATUS_TRY(graph_make_constant(g, node->outputs[0], &tensor, NULL, error));
    graph_prune(g, node);
    return ONYX_OK;
}

static onyx_status fold_shape(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    const shape_params *params = node->params;
    const op_value *x = &node->inputs[0]->info;
    const int64_t rank = x->rank;
    int64_t start = params->start < 0 ? params->start + rank : params->start;
    int64_t end = params->has_end ? params->end : rank;
    end = end < 0 ? end + rank : end;
    start = MIN(MAX(start, 0), rank);
    end = MIN(MAX(end, start), rank);
    for (int64_t i = start; i < end; i++)
        if (x->dims[i] < 0)
            return ONYX_OK;
    *changed = true;
    return set_ints(g, node, 1, x->dims + start, (int)(end - start), error);
}

onyx_status pass_shapes(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    bool again = true;
    for (int round = 0; round < ROUNDS && again; round++) {
        again = false;
        GRAPH_EACH_NODE(g, node)
        {
            if (!graph_output(node, 0) || !graph_input(node, 0) || node->inputs[0]->info.kind != OP_KIND_TENSOR ||
                node->inputs[0]->info.rank < 0)
                continue;
            const int64_t count = graph_element_count(node->inputs[0]);
            if (graph_is(node, "Shape"))
                STATUS_TRY(fold_shape(g, node, &again, error));
            else if (graph_is(node, "Size") && count >= 0) {
                STATUS_TRY(set_ints(g, node, 0, &count, 1, error));
                again = true;
            }
        }
        *changed |= again;
        if (again)
            STATUS_TRY(graph_infer(g, true, error));
    }
    return ONYX_OK;
}
