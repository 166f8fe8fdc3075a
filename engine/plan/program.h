/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A program: what the runtime walks, for one set of input shapes. A flat array of steps over slots; immutable, shared
 * by sessions and threads. plan_compile(model, shapes, wish) is pure: the same arguments give the same program. */
#ifndef ONYX_PLAN_PROGRAM_H
#define ONYX_PLAN_PROGRAM_H

#include "base/memory.h"
#include "base/status.h"
#include "base/workers.h"
#include "cpu/kernels.h"
#include "graph/graph.h"
#include "plan/packed.h"

/* Where a slot's memory is. A view (base >= 0) lies at base_offset bytes in another slot. */
typedef enum slot_kind {
    SLOT_ARENA,    /* planned offset in the session's arena */
    SLOT_CONSTANT, /* tensor.data, owned by the program or the model's file */
    SLOT_INPUT,    /* engine's or caller's input memory */
    SLOT_OUTPUT,   /* block of the current outputs object */
    SLOT_DYNAMIC   /* size known at run time only: the session's growing buffer */
} slot_kind;

typedef struct program_slot {
    slot_kind kind;
    const char *name;
    int value;          /* id of the graph's value */
    onyx_tensor tensor; /* logical type, rank, dims (dims -1 in dynamic slots); size_bytes of the memory */
    bool blocked;       /* float32 or bytes, [n][channel blocks][hw][block] */
    int base;           /* slot that this one is a view of, or -1 */
    size_t base_offset;
    int index;      /* of the input, for SLOT_INPUT */
    int root;       /* filled by plan_memory: the slot at the end of the chain of bases, maybe itself */
    size_t offset;  /* of this slot's bytes in its root */
    size_t place;   /* of a root: offset in the arena, or in the outputs block */
} program_slot;

typedef struct program_step program_step;

/* What a step's function sees. tensors: by slot, data filled in; scratch: this worker's, step->scratch_bytes. */
typedef struct step_context {
    const program_step *step;
    const onyx_tensor *tensors;
    void *scratch;
} step_context;

typedef void step_function(const step_context *context, int part);

struct program_step {
    const char *name;   /* of the node */
    const char *op;     /* "Conv+silu" */
    const char *kernel; /* "conv_direct_f32_avx512", "reference" */
    step_function *run; /* NULL: the row's reference kernel, run by the session */
    int parts;
    size_t scratch_bytes;
    const int *inputs, *outputs; /* slots; -1: absent */
    int input_count, output_count;
    const void *params;
    /* reference steps */
    const op_row *row;
    const void *row_params;
    int version;
    bool dynamic; /* shapes, or values that they depend on, are found at run time: the row's shape function is called */
    /* a step that owns sub-graphs: the node, and its number among these steps. Its row has OP_CONTROL, or it is a node
     * of its own as a sub-graph, to be planned when its shapes are known */
    const graph_node *control;
    int control_index;
    /* for people */
    int64_t operations, moved_bytes;
};

typedef struct program {
    arena *arena;
    graph *graph; /* kept for the rows' params and for constants that steps use */
    packed_set *weights; /* shared with other programs of the model */
    buffer **packed;     /* this program's own */
    int packed_count, packed_capacity;
    program_slot *slots;
    int slot_count;
    program_step *steps;
    int step_count;
    const int *inputs;  /* slot of each graph input */
    int input_count;
    const int *outputs; /* slot of each graph output */
    int output_count;
    size_t arena_bytes, outputs_bytes, scratch_bytes, packed_bytes;
    int node_count; /* of the file, functions inlined */
    int64_t parameters, operations;
    bool has_dynamic;
    int control_count;
} program;

typedef struct plan_options {
    const cpu_kernels *kernels;
    bool unoptimised; /* reference kernels only, no passes */
    const char *disabled_passes;
    onyx_precision precision;
    workers *pool;
    packed_store *store;
} plan_options;

onyx_status plan_compile(const model_file *file, const onyx_tensor *shapes, const onyx_options *options,
                         const plan_options *wish, program **result, onyx_error *error);
void program_free(program *p);

#endif
