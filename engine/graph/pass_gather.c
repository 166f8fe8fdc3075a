/* SPDX-License-Identifier: BSD-2-Clause
 *
 * GatherElements takes one index for each element; where all of a row have the same (an index that was spread by Expand
 * or Tile, as exporters write the choice of the best boxes), GatherND copies whole rows. */
#include "graph/passes.h"

/* What `indices` is, spread over the dims behind `axis`, where it has ones; or NULL. */
static graph_value *spread_from(const graph_value *indices, int axis)
{
    const graph_node *spread = graph_maker(indices, "Expand");
    spread = spread ? spread : graph_maker(indices, "Tile");
    graph_value *x = spread ? spread->inputs[0] : NULL;
    if (!x || x->info.type != ONYX_TYPE_INT64 || graph_element_count(x) < 1 || x->info.rank != indices->info.rank)
        return NULL;
    for (int i = 0; i < x->info.rank; i++)
        if (x->info.dims[i] != (i <= axis ? indices->info.dims[i] : 1))
            return NULL;
    return x;
}

static onyx_status match(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    graph_value *x = node->inputs[0], *indices = node->inputs[1];
    const int rank = x->info.rank;
    int64_t axis = ((const axis_params *)node->params)->axis, dims[ONYX_MAX_RANK];
    axis += axis < 0 ? rank : 0;
    if (axis < 0 || axis >= rank - 1 || graph_element_count(x) < 1 || graph_element_count(indices) < 1)
        return ONYX_OK;
    for (int i = 0; i < rank; i++)
        if (i != axis && indices->info.dims[i] != x->info.dims[i])
            return ONYX_OK;
    graph_value *rows = spread_from(indices, (int)axis), *inputs[2] = { x, NULL };
    if (!rows)
        return ONYX_OK;
    for (int i = 0; i <= axis + 1; i++)
        dims[i] = i <= axis ? indices->info.dims[i] : 1;
    if (rows->info.rank == axis + 2)
        inputs[1] = rows;
    else
        STATUS_TRY(graph_insert_reshape(g, node, node->name, rows, (int)axis + 2, dims, &inputs[1], error));
    const op_attribute batch = attribute_int("batch_dims", axis);
    *changed = true;
    return graph_substitute(g, node, "", "GatherND", node->name, inputs, 2, &batch, 1, NULL, error);
}

onyx_status pass_gather(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    if (graph_is(node, "GatherElements") && graph_output(node, 0))
        STATUS_TRY(match(g, node, changed, error));
    return ONYX_OK;
}
