/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Heads of detectors and patches of transformers: a picture n x c x h x w is flattened to n x c x hw, maybe joined with
 * others along hw, and transposed to n x hw x c. Transposing the picture itself instead takes it as the convolution
 * left it, and what is joined then lies behind each other. */
#include "graph/passes.h"

/* n x c x m -> n x m x c, or c x m -> m x c */
static bool swaps_last(const graph_node *node)
{
    return graph_is_transpose(node, 2, (const int[]){ 1, 0 }) || graph_is_transpose(node, 3, (const int[]){ 0, 2, 1 });
}

static onyx_status insert_rows(graph *g, graph_node *before, graph_value *x, graph_value **rows, onyx_error *error)
{
    static const int perm[4] = { 0, 2, 3, 1 };
    return graph_insert_transpose(g, before, before->name, x, perm, rows, error);
}

static onyx_status join_rows(graph *g, graph_node *node, graph_node *concat, bool *changed, onyx_error *error)
{
    enum { MOST = 16 };
    graph_value *rows[MOST] = { NULL };
    const int64_t axis = ((const axis_params *)concat->params)->axis;
    if (concat->input_count > MOST || (axis != 2 && axis != -1) || concat->outputs[0]->info.rank != 3)
        return ONYX_OK;
    for (int i = 0; i < concat->input_count; i++)
        if (!graph_picture_of(concat->inputs[i]))
            return ONYX_OK;
    for (int i = 0; i < concat->input_count; i++) {
        const op_value *flat = &concat->inputs[i]->info;
        const int64_t dims[3] = { flat->dims[0], flat->dims[2], flat->dims[1] };
        graph_value *turned = NULL;
        STATUS_TRY(insert_rows(g, node, graph_picture_of(concat->inputs[i]), &turned, error));
        STATUS_TRY(graph_insert_reshape(g, node, node->name, turned, 3, dims, &rows[i], error));
    }
    const op_attribute attribute = attribute_int("axis", 1);
    *changed = true;
    return graph_substitute(g, node, "", "Concat", concat->name, rows, concat->input_count, &attribute, 1, NULL, error);
}

onyx_status pass_rows(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        if (!swaps_last(node))
            continue;
        graph_value *flat = node->inputs[0], *x = graph_picture_of(flat), *turned = NULL;
        graph_node *concat = graph_sole(flat) ? graph_maker(flat, "Concat") : NULL;
        if (x) {
            const op_value *y = &node->outputs[0]->info;
            *changed = true;
            STATUS_TRY(insert_rows(g, node, x, &turned, error));
            STATUS_TRY(graph_substitute_reshape(g, node, turned, y->rank, y->dims, error));
        } else if (concat) {
            STATUS_TRY(join_rows(g, node, concat, changed, error));
        }
    }
    return ONYX_OK;
}
