/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Channel shuffles: a Reshape that splits the channels of a picture in groups, a Transpose that swaps the two halves of
 * that split, a Reshape back. They become ChannelShuffle, which works in every layout. A Gather of one index on a split
 * of the channels (the other way in which ShuffleNets are exported) becomes a Slice of channels. */
#include "graph/passes.h"

#include <string.h>

/* Dims of one transposition, with those that stay neighbours merged and those of size one dropped. */
typedef struct merged {
    int rank;
    int64_t dims[ONYX_MAX_RANK];
    int perm[ONYX_MAX_RANK];
} merged;

static void merge_dims(const int64_t *dims, int rank, const int *perm, merged *m)
{
    int source[ONYX_MAX_RANK], count = 0; /* the source dims in output order, without ones */
    for (int i = 0; i < rank; i++)
        if (dims[perm[i]] != 1)
            source[count++] = perm[i];
    /* runs: output neighbours that are source neighbours too (ones between them do not count) */
    int run_first[ONYX_MAX_RANK], run_last[ONYX_MAX_RANK], runs = 0;
    for (int i = 0; i < count; i++) {
        bool joins = runs > 0 && source[i] > run_last[runs - 1];
        for (int d = runs ? run_last[runs - 1] + 1 : 0; joins && d < source[i]; d++)
            joins = dims[d] == 1;
        if (!joins)
            run_first[runs++] = source[i];
        run_last[runs - 1] = source[i];
    }
    m->rank = runs;
    for (int i = 0; i < runs; i++) {
        int position = 0;
        for (int k = 0; k < runs; k++)
            position += run_first[k] < run_first[i];
        m->perm[i] = position;
        m->dims[position] = 1;
        for (int d = run_first[i]; d <= run_last[i]; d++)
            m->dims[position] *= dims[d];
    }
}

/* The Transpose moves channel c = i * (C / groups) + j of a picture n x C x h x w to j * groups + i: groups, or 0. */
static int64_t shuffle_groups(const graph_value *picture, const graph_node *transpose)
{
    int rank, perm[ONYX_MAX_RANK];
    merged m;
    const int64_t *x = picture->info.dims;
    if (!graph_permutation(transpose, &rank, perm))
        return 0;
    merge_dims(transpose->inputs[0]->info.dims, rank, perm, &m);
    const int64_t n = x[0], c = x[1], hw = x[2] * x[3];
    /* n, g, c / g, h * w, of which n and h * w may be one and missing */
    const int at = n > 1 ? 1 : 0, want = at + 2 + (hw > 1 ? 1 : 0);
    if (m.rank != want || (at && (m.perm[0] != 0 || m.dims[0] != n)) || m.perm[at] != at + 1 || m.perm[at + 1] != at ||
        (hw > 1 && (m.perm[at + 2] != at + 2 || m.dims[at + 2] != hw)) || m.dims[at] * m.dims[at + 1] != c)
        return 0;
    return m.dims[at];
}

static onyx_status match_shuffle(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    graph_node *transpose = graph_maker(node->inputs[0], "Transpose");
    graph_node *split = transpose ? graph_maker(transpose->inputs[0], "Reshape") : NULL;
    graph_value *x = split ? split->inputs[0] : NULL, *y = node->outputs[0], *shuffled = NULL;
    if (!x || x->info.rank != 4 || graph_element_count(x) <= 0 || graph_element_count(y) <= 0 ||
        graph_element_count(transpose->inputs[0]) <= 0)
        return ONYX_OK;
    const int64_t groups = shuffle_groups(x, transpose);
    if (!groups)
        return ONYX_OK;
    const op_attribute attribute = attribute_int("groups", groups);
    *changed = true;
    if (graph_same_shape(x, y))
        return graph_substitute(g, node, OP_DOMAIN_ONYX, "ChannelShuffle", transpose->name, &x, 1, &attribute, 1, NULL,
                                error);
    STATUS_TRY(graph_insert(g, node, OP_DOMAIN_ONYX, "ChannelShuffle", transpose->name, &x, 1, &attribute, 1, &shuffled,
                            error));
    return graph_substitute_reshape(g, node, shuffled, y->info.rank, y->info.dims, error);
}

/* Gather(Reshape(picture of one), index, axis 0), where dim 0 cuts the channels evenly. */
static onyx_status match_gather(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    int64_t index;
    graph_node *split = graph_maker(node->inputs[0], "Reshape");
    graph_value *x = split ? split->inputs[0] : NULL, *y = node->outputs[0], *part = NULL;
    graph_value *inputs[5];
    if (!x || ((const axis_params *)node->params)->axis != 0 || node->inputs[1]->info.rank != 0 ||
        graph_constant_ints(g, node->inputs[1], &index, 1) != 1 || x->info.rank != 4 || x->info.dims[0] != 1 ||
        graph_element_count(x) <= 0 || graph_element_count(y) <= 0)
        return ONYX_OK;
    const int64_t parts = split->outputs[0]->info.dims[0], channels = x->info.dims[1];
    index += index < 0 ? parts : 0;
    if (parts < 2 || channels % parts != 0 || index < 0 || index >= parts)
        return ONYX_OK;
    const int64_t size = channels / parts, numbers[4] = { index * size, (index + 1) * size, 1, 1 };
    inputs[0] = x;
    for (int i = 0; i < 4; i++)
        STATUS_TRY(graph_add_ints(g, node->name, &numbers[i], 1, &inputs[1 + i], error));
    *changed = true;
    STATUS_TRY(graph_insert(g, node, "", "Slice", node->name, inputs, 5, NULL, 0, &part, error));
    return graph_substitute_reshape(g, node, part, y->info.rank, y->info.dims, error);
}

onyx_status pass_shuffle(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    const bool shuffles = graph_has_row(OP_DOMAIN_ONYX, "ChannelShuffle");
    GRAPH_EACH_NODE(g, node)
    {
        if (!graph_output(node, 0) || !graph_one_output(node))
            continue;
        if (shuffles && graph_is(node, "Reshape"))
            STATUS_TRY(match_shuffle(g, node, changed, error));
        else if (graph_is(node, "Gather"))
            STATUS_TRY(match_gather(g, node, changed, error));
    }
    return ONYX_OK;
}
