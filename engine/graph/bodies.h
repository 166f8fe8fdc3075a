/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A sub-graph of a node that is run by the runtime, as a model of its own. */
#ifndef ONYX_GRAPH_BODIES_H
#define ONYX_GRAPH_BODIES_H

#include "graph/control.h"

/* Iteration and condition, the first formal inputs of a Loop's body. */
#define LOOP_FORMALS 2

typedef struct graph_body {
    const model_graph *graph;
    int index;         /* among the node's */
    op_value *formals; /* types, and shapes as far as known, of its inputs */
} graph_body;

/* Sub-graph `index` of the node with what is known of the node's inputs. */
onyx_status graph_body_formals(graph *g, const graph_node *node, int index, graph_body *body, onyx_error *error);
/* The model: inputs are the formal ones, then the outer values that it reads (control_reads) and that are no constants,
 * in the order of node->inputs; constants among these are initializers. It lives as long as the graph and refers to its
 * constants. */
onyx_status graph_body_file(graph *g, const graph_node *node, const graph_body *body, model_file **file,
                            onyx_error *error);

#endif
