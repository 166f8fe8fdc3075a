/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Runs a graph node by node with the reference kernels, and compares results. */
#ifndef ONYX_TESTS_GRAPH_EVALUATE_H
#define ONYX_TESTS_GRAPH_EVALUATE_H

#include "graph/graph.h"

/* inputs: one tensor per graph input. outputs: one per graph output, each with memory_alloc'ed data that the caller
 * frees. */
onyx_status evaluate(graph *g, const onyx_tensor *inputs, onyx_tensor *outputs, onyx_error *error);

/* A tensor of a graph input's type and shape with pseudo-random content; the caller frees data. */
bool evaluate_random_input(const graph_value *value, uint32_t seed, onyx_tensor *tensor);

/* Largest difference as a part of the wanted tensor's range (floats), or 1 where integers differ; 1e30 where types or
 * shapes do. */
double evaluate_difference(const onyx_tensor *wanted, const onyx_tensor *have);

#endif
