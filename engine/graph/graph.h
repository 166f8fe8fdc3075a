/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The graph between file and program: values and nodes in SSA form, nodes kept in topological order. A graph is made
 * for one set of input shapes, so that nearly every dimension is a number; what depends on data stays -1.
 *
 * Invariants (graph_check verifies them after every pass in debug builds): each value has one producer, or is an input
 * or a constant; users lists match inputs; producers come before users; types and shapes agree with the rows' shape
 * functions. Passes change the graph only through the functions below. Nodes and values live in the graph's arena and
 * are never freed one by one; a removed node is unlinked. Constants are reference-counted buffers. */
#ifndef ONYX_GRAPH_GRAPH_H
#define ONYX_GRAPH_GRAPH_H

#include "base/memory.h"
#include "base/status.h"
#include "model/model.h"
#include "ops/ops.h"
#include "ops/params.h"

typedef struct graph graph;
typedef struct graph_node graph_node;
typedef struct graph_value graph_value;

struct graph_value {
    int id; /* dense, 0..graph->value_count - 1 */
    const char *name;
    op_value info; /* info.constant == &constant when the value is constant and its data is aligned */
    bool is_constant;
    onyx_tensor constant; /* data points into storage; may be unaligned while info.constant is NULL */
    buffer *storage;
    graph_node *producer; /* NULL: input or constant */
    int producer_index;
    graph_node **users; /* one entry per use: a node that takes the value twice stands here twice */
    int user_count, user_capacity;
    int input_index; /* of the graph, or -1 */
    int output_uses; /* how often it is an output of the graph */
};

struct graph_node {
    int id;
    const char *name;
    const op_row *row;
    int version;
    void *params; /* the row's struct */
    const op_attribute *attributes;
    int attribute_count;
    struct graph_control *control; /* its sub-graphs (control.h), or NULL */
    graph_value **inputs; /* NULL: absent; behind a node's own: outer values that its sub-graphs read */
    int input_count;
    graph_value **outputs; /* NULL: not wanted */
    int output_count;
    graph_node *previous, *next; /* topological order */
    bool removed;
};

struct graph {
    arena *arena;
    const model_file *file; /* for messages; outlives the graph */
    graph_node *first, *last;
    int node_count, next_node_id;
    graph_value **values;
    int value_count, value_capacity;
    graph_value **inputs;
    int input_count;
    graph_value **outputs;
    int output_count;
    size_t constant_bytes, constant_limit; /* owned constants, budgeted */
    size_t built_nodes;                    /* of the file and its sub-graphs, each time they are looked at */
    int64_t unrolled_nodes;                /* that loops were written out to */
    workers *pool;                         /* for folding; may be NULL */
    bool fold_dequantize; /* false while passes still want to see DequantizeLinear of constant weights */
};

/* Builds the graph of a model for the given input shapes: `shapes` holds one tensor per input (type, rank, dims; data
 * unused), or NULL: all free dims stay -1. Resolves names, sorts topologically, inlines the file's functions, finds the
 * rows (UNSUPPORTED lists every operator that has none), parses attributes. Does not infer shapes. */
onyx_status graph_build(const model_file *file, const onyx_tensor *shapes, const onyx_options *options, graph **result,
                        onyx_error *error);
void graph_free(graph *g);

/* One forward sweep: shape functions, and evaluation of nodes whose inputs are all constant (unless `fold` is false,
 * random, or the result would pass the budget). Branches, loops and sequences that are decided by what is known are
 * written out on the way. */
onyx_status graph_infer(graph *g, bool fold, onyx_error *error);

/* ---- looking ---- */
#define GRAPH_EACH_NODE(g, node)                                                                                       \
    for (graph_node *node = (g)->first, *node##_next; node && (node##_next = node->next, 1); node = node##_next)

static inline bool graph_is(const graph_node *node, const char *name); /* operator of the default domain */
bool graph_is_in(const graph_node *node, const char *domain, const char *name);
/* NULL where it is left out. */
static inline graph_value *graph_input(const graph_node *node, int index)
{
    return index < node->input_count ? node->inputs[index] : NULL;
}
static inline graph_value *graph_output(const graph_node *node, int index)
{
    return index < node->output_count ? node->outputs[index] : NULL;
}
/* A node reads the value, or it is an output of the graph; one of the node's outputs is read so. */
static inline bool graph_is_read(const graph_value *value)
{
    return value->user_count > 0 || value->output_uses > 0;
}
bool graph_has_readers(const graph_node *node);
/* The only user of a value that is no graph output, or NULL. */
graph_node *graph_single_user(const graph_value *value);
/* All dims known. */
bool graph_shape_known(const graph_value *value);
int64_t graph_element_count(const graph_value *value); /* -1 unknown */
/* The constant with aligned data (copied on first need), or NULL if the value is none or memory is out. */
const onyx_tensor *graph_constant(graph *g, graph_value *value);
/* A constant with one float element (any rank; float32 or float16): its value. */
bool graph_scalar(graph *g, graph_value *value, float *scalar);
/* What a Resize of known shape does along each axis of its input; false where that depends on its run, or where it
 * crops. */
bool graph_resize_axes(graph *g, const graph_node *resize, op_resize_axis axes[ONYX_MAX_RANK]);
/* "node 'x' (Conv)" for messages, in the arena. */
const char *graph_node_title(graph *g, const graph_node *node);

/* ---- changing; NULL or MEMORY when memory is out ---- */
/* A new constant. data is copied (buffer NULL) or the buffer's reference is taken over. */
graph_value *graph_add_constant(graph *g, const char *name, const onyx_tensor *tensor, buffer *storage);
/* A new value without producer; info is filled by graph_node_infer. */
graph_value *graph_add_value(graph *g, const char *name);
/* A new node in front of `before` (NULL: at the end), with the newest version of the operator. Attributes are copied,
 * parsed, outputs' producers set and shapes inferred. */
onyx_status graph_add_node(graph *g, graph_node *before, const char *domain, const char *op, const char *name,
                           graph_value *const *inputs, int input_count, graph_value *const *outputs, int output_count,
                           const op_attribute *attributes, int attribute_count, graph_node **node, onyx_error *error);
/* The same, not inferred yet: for the sweep that is on its way to it. */
onyx_status graph_add_later(graph *g, graph_node *before, const char *domain, const char *op, const char *name,
                            graph_value *const *inputs, int input_count, graph_value *const *outputs, int output_count,
                            const op_attribute *attributes, int attribute_count, graph_node **node, onyx_error *error);
/* The parts of graph_add_node, for build.c: an unlinked node with empty inputs and outputs; put in the list; arity
 * checked and attributes parsed. */
graph_node *graph_new_node(graph *g, const op_row *row, int version, const char *name, int input_count,
                           int output_count);
void graph_link_node(graph *g, graph_node *node, graph_node *before);
onyx_status graph_parse_node(graph *g, graph_node *node, onyx_error *error);
/* Re-infers one node's outputs. */
onyx_status graph_node_infer(graph *g, graph_node *node, onyx_error *error);
/* false when memory is out; never with NULL. */
bool graph_set_input(graph *g, graph_node *node, int index, graph_value *value);
/* All uses of `from` (graph outputs too) become uses of `to`. */
onyx_status graph_replace_value(graph *g, graph_value *from, graph_value *to, onyx_error *error);
/* Unlinks a node; its outputs must have no users and be no graph outputs. */
void graph_remove_node(graph *g, graph_node *node);
/* Makes `value` a constant: its producer loses it as output. */
onyx_status graph_make_constant(graph *g, graph_value *value, const onyx_tensor *tensor, buffer *storage,
                                onyx_error *error);
/* Frees the data of a constant of the graph's own that nobody reads, and will not any more. */
void graph_drop_constant(graph_value *value);
/* Counts bytes of a new constant; false where they pass the budget. */
bool graph_charge(graph *g, size_t bytes);
/* Moves `node` in the list to directly in front of `before`. */
void graph_move_before(graph *g, graph_node *node, graph_node *before);

/* Verifies the invariants; INTERNAL with what is wrong. */
onyx_status graph_check(const graph *g, onyx_error *error);
/* Text of the whole graph, one node a line; called with each line. */
void graph_dump(const graph *g, void (*line)(const char *text, void *user), void *user);

static inline bool graph_is(const graph_node *node, const char *name)
{
    return graph_is_in(node, "", name);
}

/* ---- passes: one file each, listed in passes.c in order; idempotent, independent of each other ---- */
typedef struct graph_pass_options {
    const char *disabled; /* comma-separated pass names, or NULL */
    onyx_precision precision;
    bool float_pairs; /* products of two matrices of bytes that a run makes are as fast in float32 */
} graph_pass_options;

typedef onyx_status graph_pass_function(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error);

typedef struct graph_pass {
    const char *name;
    const char *what; /* one line for --help */
    graph_pass_function *run;
} graph_pass;

const graph_pass *graph_passes(int *count);
/* Runs the table (twice at most where something changed), dead code after each pass. */
onyx_status graph_optimise(graph *g, const graph_pass_options *options, onyx_error *error);

#endif
