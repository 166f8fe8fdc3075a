/* SPDX-License-Identifier: BSD-2-Clause
 *
 * One operator, one row. A row says everything the engine knows of an operator: versions, arity, types, attributes,
 * how output shapes follow (shape function) and what it computes (reference kernel, the definition of the result).
 * The graph, the planner and the runtime only ever go through these rows; nothing here knows any of them.
 *
 * All tensors are plain: row-major, contiguous, aligned to their element. */
#ifndef ONYX_OPS_OPS_H
#define ONYX_OPS_OPS_H

#include "base/memory.h"
#include "base/status.h"
#include "base/types.h"
#include "base/workers.h"

/* What a value holds. Sequences, optionals and maps carry a handle in tensor.data; issue-neutral parts of the engine
 * pass them on untouched. */
typedef enum op_kind { OP_KIND_TENSOR, OP_KIND_SEQUENCE, OP_KIND_OPTIONAL, OP_KIND_MAP } op_kind;

/* Type and shape of a value as far as known. rank -1: unknown; dims[i] -1: unknown. */
typedef struct op_value {
    op_kind kind;
    onyx_type type; /* ONYX_TYPE_UNDEFINED: unknown */
    int rank;
    int64_t dims[ONYX_MAX_RANK];
    const onyx_tensor *constant; /* the value itself where it is known, else NULL; data aligned */
} op_value;

typedef struct op_node op_node; /* attributes, see below */
typedef struct op_row op_row;

/* ---- attributes. Parsed once per node into the row's params struct (params_size bytes, zeroed). ---- */

typedef enum op_attribute_type {
    OP_ATTRIBUTE_FLOAT = 1,
    OP_ATTRIBUTE_INT = 2,
    OP_ATTRIBUTE_STRING = 3,
    OP_ATTRIBUTE_TENSOR = 4,
    OP_ATTRIBUTE_GRAPH = 5,
    OP_ATTRIBUTE_FLOATS = 6,
    OP_ATTRIBUTE_INTS = 7,
    OP_ATTRIBUTE_STRINGS = 8,
    OP_ATTRIBUTE_OTHER = 9
} op_attribute_type; /* numbers of AttributeProto.AttributeType where they exist */

typedef struct op_attribute {
    const char *name;
    op_attribute_type type;
    int64_t i;
    float f;
    const char *s; /* terminated; s_length bytes, may hold zeros */
    size_t s_length;
    const onyx_tensor *tensor; /* aligned */
    const void *graph;         /* opaque here */
    const int64_t *ints;
    const float *floats;
    const char *const *strings;
    int count;             /* of ints, floats or strings */
    const char *reference; /* in a function body: the function's attribute that gives the value (ref_attr_name) */
} op_attribute;

typedef struct op_attributes {
    const op_attribute *list;
    int count;
} op_attributes;

/* NULL where absent or of another type. */
const op_attribute *op_attribute_find(const op_attributes *attributes, const char *name, op_attribute_type type);
int64_t op_attribute_int(const op_attributes *attributes, const char *name, int64_t otherwise);
float op_attribute_float(const op_attributes *attributes, const char *name, float otherwise);
const char *op_attribute_string(const op_attributes *attributes, const char *name, const char *otherwise);

/* What parse sees. Arrays and tensors in the attributes live as long as the node, so params may point at them. */
typedef struct op_parse_context {
    const op_row *row;
    int version; /* the operator's since-version after upgrade, i.e. of the newest form the opset means */
    op_attributes attributes;
    int input_count, output_count;
    const char *result; /* the first output's name, or NULL */
    onyx_error *error;
} op_parse_context;

/* Which of `count` names the string attribute is; UNSUPPORTED where it is none. */
onyx_status op_attribute_choice(const op_parse_context *context, const char *name, const char *otherwise,
                                const char *const *names, size_t count, int *index);

/* ---- shape functions: called with everything known at compile time, and again at run time with all inputs constant
 * when dims depend on data. outputs[i] come zeroed with rank -1; what cannot be known stays so. Must refuse what the
 * specification forbids (SHAPE, TYPE), because kernels then rely on it. ---- */
typedef struct op_shape_context {
    const op_row *row;
    const void *params;
    int version;
    int input_count, output_count;
    const op_value *const *inputs; /* NULL: absent optional input */
    op_value *outputs;
    onyx_error *error;
} op_shape_context;

/* ---- reference kernels ---- */
typedef struct op_run_context {
    const op_row *row;
    const void *params;
    int version;
    int input_count, output_count;
    const onyx_tensor *const *inputs; /* NULL: absent */
    onyx_tensor *const *outputs;      /* NULL: not wanted; else with type, dims and memory, unless OP_DYNAMIC */
    /* Rows with OP_DYNAMIC call this for each wanted output before writing it. */
    onyx_status (*set_output)(struct op_run_context *context, int index, onyx_type type, int rank, const int64_t *dims);
    void *(*scratch)(struct op_run_context *context, size_t bytes); /* aligned, until the kernel returns; NULL: none */
    workers *pool;                                                  /* may be NULL */
    onyx_error *error;
    void *owner; /* for the two callbacks */
} op_run_context;

typedef onyx_status op_parse_function(const op_parse_context *context, void *params);
typedef onyx_status op_shape_function(op_shape_context *context);
typedef onyx_status op_run_function(op_run_context *context);

enum {
    OP_ELEMENTWISE = 1 << 0,  /* each output element from the same (broadcast) element of the inputs */
    OP_IN_PLACE = 1 << 1,     /* output 0 may share memory with input 0 when equal in size */
    OP_VIEW = 1 << 2,         /* output 0 has input 0's bytes: Reshape, Squeeze, Identity */
    OP_DYNAMIC = 1 << 3,      /* output dims are known only by computing: NonZero, NonMaxSuppression */
    OP_RANDOM = 1 << 4,       /* not deterministic: never folded */
    OP_CONTROL = 1 << 5,      /* owns sub-graphs; run by the runtime */
    OP_SHAPE_INPUTS = 1 << 6, /* output dims depend on the values of inputs beyond the first: Reshape, Slice, Resize */
    OP_CONTAINER = 1 << 7,    /* takes or gives sequences, optionals or maps */
    OP_SHAPE_ONLY = 1 << 8,   /* reads type and dims of input 0, never its data: Shape, Size, EyeLike. Once these are
                                 known the node can be folded, though its input is no constant. */
};

#define OP_ANY_COUNT 255

struct op_row {
    const char *domain; /* "" for ai.onnx */
    const char *name;
    int first_version, last_version; /* opset versions this row implements; last 0: still current */
    uint8_t min_inputs, max_inputs, min_outputs, max_outputs; /* OP_ANY_COUNT: any */
    uint32_t flags;
    uint64_t types; /* TYPE_BIT()s accepted for input 0 (output 0 where there is no input) */
    size_t params_size;
    op_parse_function *parse; /* NULL: no attributes */
    op_shape_function *shape;
    op_run_function *run; /* NULL only for OP_CONTROL */
};

/* The row for an operator at an opset version, or NULL. domain "ai.onnx" means "". */
const op_row *op_find(const char *domain, const char *name, int version);
/* All rows, sorted by domain, name, first version. */
const op_row *op_rows(int *count);

/* The domain of fused operators that only passes make; files may not use it. */
#define OP_DOMAIN_ONYX "onyx"
/* The domain of the operators that ONNX Runtime adds to the default ones. */
#define OP_DOMAIN_MICROSOFT "com.microsoft"
/* The domain of helpers that only model_upgrade inserts. */
#define OP_DOMAIN_UPGRADE "onyx.upgrade"

#endif
