/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Nodes that own sub-graphs: If, Loop, Scan, SequenceMap. A sub-graph reads values of the graph around it by name;
 * these become further inputs of the node, so that the graph stays what it is elsewhere: nodes that read their inputs
 * alone.
 *
 * What is decided when the graph is made (which branch, how many times) is written out in the node's place during
 * inference; the untaken branch is never looked at. What depends on data stays, and is run by the runtime: each
 * sub-graph is then a model of its own, whose inputs are its formal ones and the outer values. */
#ifndef ONYX_GRAPH_CONTROL_H
#define ONYX_GRAPH_CONTROL_H

#include "graph/graph.h"

/* Sub-graphs within sub-graphs, calls of functions between them counted. */
#define CONTROL_DEPTH 48
#define CONTROL_BODIES 2

/* An outer value. readers: bit k is set if sub-graph k reads it. */
typedef struct graph_capture {
    const char *name; /* in the bodies */
    unsigned readers;
} graph_capture;

struct graph_control {
    const model_graph *bodies[CONTROL_BODIES]; /* If: then, else; others: the body, NULL */
    int own_inputs;                            /* the node's inputs as the file has them; the outer values follow */
    graph_capture *captures;
    int capture_count;
    int depth;
    /* What was inferred last, and from what: inputs, and the outputs that follow. NULL: nothing yet. */
    op_value *seen, *found;
};

/* Attributes of the function that a sub-graph stands in, for references to them. */
typedef const op_attribute *graph_binding(const void *call, const char *name);

/* The sub-graphs of a node of operator `op` and the outer names that they read; *control NULL where it has none. The
 * attributes that the result refers to are `attributes`, whose references within sub-graphs are filled in first where
 * `binding` is not NULL; nodes copied for it are counted in *copied. */
onyx_status control_read(arena *memory, const char *op, op_attribute *attributes, int attribute_count,
                         graph_binding *binding, const void *call, size_t *copied, struct graph_control **control,
                         onyx_error *error);

/* Whether outer value `capture` is one that sub-graph `index` reads, and is there: an optional input of a function that
 * its caller left out is not. */
static inline bool control_reads(const graph_node *node, int index, int capture)
{
    return node->control->captures[capture].readers >> index & 1 &&
           node->inputs[node->control->own_inputs + capture] != NULL;
}

/* build.c: the nodes of a sub-graph in front of `before`. names[i] (the formal inputs and the outer ones) are
 * values[i]; NULL: absent, as an input without a name is. outputs: as many as the sub-graph has. */
typedef struct graph_scope {
    const model_graph *body;
    const char *prefix; /* of all names within */
    int depth;
    const char **names;
    graph_value **values;
    int count;
} graph_scope;
onyx_status graph_inline(graph *g, graph_node *before, const graph_scope *scope, graph_value **outputs,
                         onyx_error *error);

/* The graph of a sub-graph that is a model of its own, charged to the budget that `outer` has used so far. */
onyx_status graph_build_within(const model_file *file, const graph *outer, int depth, const onyx_options *options,
                               graph **result, onyx_error *error);

/* Counts of inputs and outputs of the node and its bodies agree. */
onyx_status control_check(const graph_node *node, onyx_error *error);

/* control.c and sequences.c: writes the node out if all that it takes is known: *done, and the node is gone. */
onyx_status graph_expand(graph *g, graph_node *node, bool *done, onyx_error *error);
onyx_status graph_expand_container(graph *g, graph_node *node, bool *done, onyx_error *error);
/* Sequences that nobody reads any more. */
void graph_drop_containers(graph *g);
/* Types and shapes of a node that stays. */
onyx_status graph_control_infer(graph *g, graph_node *node, onyx_error *error);

/* ---- what both write in the place of a node ---- */
/* Copy number `copy` of sub-graph `index`; formals: the values of its inputs. */
onyx_status graph_write_body(graph *g, graph_node *node, int index, int64_t copy, graph_value *const *formals,
                             graph_value **outputs, onyx_error *error);
/* A node that is not inferred yet, in front of `before`; *output is a new value. */
onyx_status graph_put(graph *g, graph_node *before, const char *op, graph_value *const *inputs, int input_count,
                      const op_attribute *attributes, int attribute_count, graph_value **output, onyx_error *error);
onyx_status graph_put_int(graph *g, const graph_node *like, bool scalar, int64_t number, graph_value **value,
                          onyx_error *error);
/* Readers of the node's outputs read `values` instead; the node goes. */
onyx_status graph_give_way(graph *g, graph_node *node, graph_value *const *values, onyx_error *error);
/* One integer or bool that is known. */
bool graph_known_int(graph *g, graph_value *value, int64_t *number);
/* Room for values in the graph's arena. */
onyx_status graph_new_list(graph *g, size_t count, graph_value ***list, onyx_error *error);
/* Counts nodes against the model's budget. */
onyx_status graph_charge_nodes(graph *g, size_t nodes, onyx_error *error);
static inline size_t graph_node_limit(const graph *g)
{
    return g->file->max_nodes ? g->file->max_nodes : 1000000;
}
/* Slices of x along `axis`, without it. */
onyx_status graph_put_item(graph *g, graph_node *before, graph_value *x, int64_t axis, int64_t index,
                           graph_value **item, onyx_error *error);
/* Joins `count` values along a new axis. */
onyx_status graph_put_stack(graph *g, graph_node *before, graph_value *const *items, int count, int64_t axis,
                            graph_value **output, onyx_error *error);

#endif
