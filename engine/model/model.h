/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A checked model: the file's content as plain C structures in one arena, names resolved by nobody yet. Tensor payloads
 * are views into the mapped file (or the caller's bytes): not copied, and not aligned. Everything lives as long as the
 * model_file. Loading order: map -> wire scan (budgets, depth, tensor payloads lifted out) -> protobuf-c on the small
 * rest -> these structures -> upgrade of old operator forms. */
#ifndef ONYX_MODEL_MODEL_H
#define ONYX_MODEL_MODEL_H

#include "base/memory.h"
#include "base/status.h"
#include "ops/ops.h"

/* data: view, any alignment, little-endian, exactly size_bytes; packed types as in raw_data. Strings: data is an array
 * of `const char *` in the arena, one each element (tensor.size_bytes = count * sizeof(char *)). */
typedef struct model_tensor {
    const char *name;
    onyx_tensor tensor;
} model_tensor;

typedef struct model_value {
    const char *name;
    op_kind kind;
    onyx_type type;                       /* of the tensor, or of the elements of a sequence or optional of tensors */
    int rank;                             /* -1: unknown */
    int64_t dims[ONYX_MAX_RANK];          /* -1: free */
    const char *dim_names[ONYX_MAX_RANK]; /* NULL: none */
} model_value;

typedef struct model_node {
    const char *name;   /* "" where the file has none */
    const char *domain; /* "" for ai.onnx */
    const char *op_type;
    const char *overload;
    int version;         /* of the domain's opset import; upgrade may raise it */
    const char **inputs; /* "" : absent */
    int input_count;
    const char **outputs;
    int output_count;
    /* op_attribute.graph points to a model_graph; .tensor to an aligned copy (dense, also of a sparse one), that of a
     * Constant to what may be a view; an attribute that holds a type is OTHER, and .graph points to a model_value. */
    op_attribute *attributes;
    int attribute_count;
} model_node;

typedef struct model_graph {
    const char *name;
    model_node *nodes; /* in the file's order, which need not be topological */
    int node_count;
    model_tensor *initializers;
    int initializer_count;
    model_value *inputs; /* without those that are initializers (IR 3) */
    int input_count;
    model_value *outputs;
    int output_count;
    model_value *values; /* value_info */
    int value_count;
    const char **absent; /* names that stand for nothing: of a sub-graph (graph/bodies.h), never in a file */
    int absent_count;
} model_graph;

typedef struct model_function {
    const char *domain, *name, *overload;
    const char **inputs, **outputs;
    int input_count, output_count;
    const char **attribute_names; /* without defaults */
    int attribute_name_count;
    op_attribute *attribute_defaults;
    int attribute_default_count;
    model_node *nodes;
    int node_count;
} model_function;

typedef struct model_opset {
    const char *domain;
    int version;
} model_opset;

typedef struct model_pair {
    const char *key, *value;
} model_pair;

typedef struct model_file {
    arena *arena;
    const char *path; /* as given, for messages */
    int64_t ir_version;
    const char *producer; /* "name version" */
    model_opset *opsets;
    int opset_count;
    model_pair *metadata;
    int metadata_count;
    model_graph *graph;
    model_function *functions;
    int function_count;
    struct model_mapping *mappings; /* the file and its external data */
    size_t max_nodes;
    bool is_ours; /* nodes that passes made: these may be of the domain onyx */
} model_file;

/* The newest opsets that we know. */
#define MODEL_NEWEST_OPSET 28
#define MODEL_NEWEST_IR 14

onyx_status model_load(const char *path, const onyx_options *options, model_file **file, onyx_error *error);
onyx_status model_load_memory(const void *bytes, size_t size_bytes, const char *name, const onyx_options *options,
                              model_file **file, onyx_error *error);
void model_free(model_file *file);
/* Tells the system that the weights' pages are not needed for now (they are read again from the file if touched). */
void model_drop_pages(const model_file *file);
/* The same for some weights, if they are the file's. Others may read them at the same time. */
void model_drop_bytes(const model_file *file, const void *bytes, size_t size);
/* Fails when the model's file has changed since it was loaded, so that weights read from it mean nothing. To be called
 * once they have been packed. */
onyx_status model_check_unchanged(const model_file *file, onyx_error *error);
/* The import version of a domain, 0 where there is none. "ai.onnx" is "". */
int model_opset_version(const model_file *file, const char *domain);

/* A single TensorProto file (input_0.pb of a backend test); *tensor's data is in `memory`, aligned. */
onyx_status model_read_tensor(const char *path, arena *memory, model_tensor *tensor, onyx_error *error);

/* A value of any kind as such a file may hold it. tensor: the tensor itself, or the keys of a map (int64 or string).
 * items: a sequence's elements; an optional's value (count 0: none); a map's values, as one sequence. */
typedef struct model_item {
    op_kind kind;
    const char *name;
    model_tensor tensor;
    struct model_item *items;
    int count;
} model_item;

/* The file must hold the message that belongs to `kind`: TensorProto, SequenceProto, OptionalProto, MapProto. */
onyx_status model_read_value(const char *path, op_kind kind, arena *memory, model_item *item, onyx_error *error);

/* Rewrites old operator forms in place to the newest one that means the same: rows of upgrade.c. Called by model_load
 * for the graph, its sub-graphs and the functions. */
onyx_status model_upgrade(model_file *file, onyx_error *error);

/* Operators that model_upgrade takes apart: the domain and name of one, and how many there are. */
int model_expanded(int index, const char **domain, const char **op_type);

#endif
