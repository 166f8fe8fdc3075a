/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The runtime's own structures: an opened model with its cache of programs, a session with its memory, and outputs
 * that travel on their own. */
#ifndef ONYX_RUN_RUN_H
#define ONYX_RUN_RUN_H

#include <pthread.h>
#include <stdatomic.h>

#include "plan/program.h"

/* ---- models ---- */

/* A program for one set of input shapes, shared by sessions. Guarded by the model's mutex. */
typedef struct compiled {
    program *program;
    onyx_model **bodies; /* of the program's steps with sub-graphs, CONTROL_BODIES each; NULL where there is none */
    onyx_tensor *shapes; /* one per input */
    int users;
    uint64_t last_use;
} compiled;

/* Programs that no session uses are kept up to this number, the least recently used go first. */
#define COMPILED_KEPT 8

struct onyx_model {
    atomic_int references;
    model_file *file;
    onyx_options options; /* strings are copies in `strings` */
    arena *strings;
    workers *pool;
    cpu_kernels kernels;
    onyx_value_info *inputs, *outputs;
    pthread_mutex_t mutex;
    packed_store *store;
    compiled **programs;
    int program_count, program_capacity;
    uint64_t clock;
    onyx_model *root;  /* of a sub-graph: the outermost model, which file, pool and strings belong to; or NULL */
    atomic_int bodies; /* of an outermost model: sub-graphs within that are models */
};

/* Finds or compiles the program; the caller gives it back with model_release. */
onyx_status model_compile(onyx_model *model, const onyx_tensor *shapes, compiled **result, onyx_error *error);
void model_release(onyx_model *model, compiled *c);
/* Whether the model itself says the shapes of all inputs; and compiling for these, ahead of any session. */
bool model_is_fixed(const onyx_model *model);
onyx_status model_compile_fixed(onyx_model *model, onyx_error *error);
/* Types, ranks and dims of `count` tensors are the same. */
bool model_same_shapes(const onyx_tensor *a, const onyx_tensor *b, int count);
/* Shapes for a session that names none. shapes: one per input. */
void model_default_shapes(const onyx_model *model, onyx_tensor *shapes);

/* ---- outputs ---- */

/* Outputs of one program that are free for the next run. It lives until the session and all outputs are gone. */
typedef struct outputs_pool {
    pthread_mutex_t mutex;
    int references;
    bool closed; /* the session is gone: outputs are freed, not kept */
    onyx_outputs *free;
} outputs_pool;

typedef struct grown {
    void *data;
    size_t capacity;
} grown;
/* Makes room, content lost; false when memory is out. */
bool grown_reserve(grown *g, size_t bytes);

struct onyx_outputs {
    atomic_int references;
    outputs_pool *pool;
    onyx_outputs *next;
    void *block;    /* SLOT_OUTPUT roots */
    grown *dynamic; /* one per output; used where the size depends on data */
    int count;
    onyx_tensor *tensors;
};

outputs_pool *outputs_pool_new(void);
void outputs_pool_close(outputs_pool *pool);
/* A free one, or a new one for the program; references is 1. NULL when memory is out. */
onyx_outputs *outputs_take(outputs_pool *pool, const program *p);

/* ---- sessions ---- */

typedef struct step_times {
    int64_t runs, total_ns, last_start_ns, last_ns;
} step_times;

#define SCRATCH_BLOCKS 16

struct onyx_session {
    onyx_model *model;
    compiled *compiled;
    const program *program;
    void *arena;
    char *scratch;         /* one area per worker */
    size_t scratch_stride;
    onyx_tensor *tensors;  /* by slot */
    void **own_inputs;     /* engine's memory, allocated when first asked for */
    bool *bound;
    int *input_slots, input_slot_count;   /* slots whose root is an input */
    int *output_slots, output_slot_count; /* slots whose root is an output */
    outputs_pool *outputs;
    grown *dynamic;        /* by slot */
    grown step_scratch[SCRATCH_BLOCKS];
    int step_scratch_used;
    /* for reference steps, as long as the longest list */
    const onyx_tensor **step_inputs;
    onyx_tensor **step_outputs;
    const op_value **value_pointers;
    op_value *values;
    struct control_body *bodies; /* of steps with sub-graphs, as in `compiled` */
    int64_t iterations_left;     /* of all loops, in this run of an outermost session */
    int64_t *outer_iterations;   /* within another session: where that counts; or NULL */
    bool profiling;
    step_times *times;
};

/* reference.c: one reference step. */
onyx_status session_run_reference(onyx_session *session, const program_step *step, onyx_error *error);

/* session.c: a run within the run of another session on the same pool. */
onyx_status session_run_inside(onyx_session *session, onyx_outputs **outputs, onyx_error *error);

/* ---- control.c: steps with sub-graphs ---- */
onyx_status session_run_control(onyx_session *session, const program_step *step, onyx_error *error);
/* The models of a program's sub-graphs; called with the model's mutex held. */
onyx_status control_compile(onyx_model *model, compiled *c, onyx_error *error);
void control_free_compiled(compiled *c);
/* A session's part; false when memory is out. */
bool control_new(onyx_session *session);
void control_free(onyx_session *session);
/* Before each run of an outermost session. */
void control_start(onyx_session *session);

#endif
