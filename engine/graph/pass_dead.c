/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Dead code. Nodes stand in topological order, so one sweep from the last to the first finds all of it. Optional
 * outputs that nobody reads are dropped too: kernels then need not write them. */
#include "graph/passes.h"

onyx_status pass_dead(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    (void)error;
    for (graph_node *node = g->last, *previous; node; node = previous) {
        previous = node->previous;
        if (!graph_has_readers(node)) {
            graph_remove_node(g, node);
            *changed = true;
            continue;
        }
        for (int i = node->row->min_outputs; i < node->output_count; i++)
            if (node->row->max_outputs != OP_ANY_COUNT && node->outputs[i] && !graph_is_read(node->outputs[i])) {
                node->outputs[i]->producer = NULL;
                node->outputs[i] = NULL;
                *changed = true;
            }
    }
    return ONYX_OK;
}
