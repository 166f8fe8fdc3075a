/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Runs operators straight through their rows: shape function with every input known, then the reference kernel. No
 * graph, planner or session takes part. */
#ifndef ONYX_TESTS_OPS_RUNNER_H
#define ONYX_TESTS_OPS_RUNNER_H

#include "model/model.h"

typedef struct runner runner;

/* Owns all memory of what it runs. NULL when memory is out. */
runner *runner_new(workers *pool);
void runner_free(runner *r);
/* Blocks larger than this fail as if memory were out. */
void runner_limit(runner *r, size_t bytes);
void *runner_alloc(runner *r, size_t bytes);

/* Runs one node; outputs[i] is filled (data is the runner's). inputs[i] NULL: absent. attributes may be NULL. */
onyx_status runner_node(runner *r, const char *domain, const char *op, int version, const op_attribute *attributes,
                        int attribute_count, const onyx_tensor *const *inputs, int input_count, onyx_tensor *outputs,
                        int output_count, onyx_error *error);

/* Runs the graph's nodes in the file's order; inputs as the graph's. */
onyx_status runner_graph(runner *r, const model_graph *graph, const onyx_tensor *const *inputs, onyx_tensor *outputs,
                         onyx_error *error);

#endif
