/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Attention of one head, float32: y = softmax(alpha * q * k^T + bias) * v, each row of the softmax over all keys.
 * Scores of a tile's width of queries at a time, so that they stay in the second-level cache and are never written.
 * Bound: that of the two products (gemm.h) and of the softmax between; half: of products of rounded matrices (half.h).
 */
#ifndef ONYX_CPU_ATTENTION_H
#define ONYX_CPU_ATTENTION_H

#include <stdbool.h>
#include <stddef.h>

typedef struct attention_shape {
    size_t queries, keys, depth, width; /* q [queries, depth], k [keys, depth], v [keys, width], y [queries, width] */
    bool q_transposed, k_transposed, v_transposed, y_transposed; /* stored the other way round, as [depth, queries] */
    bool biased;
    bool bias_of_keys; /* one row of the bias for all queries */
    bool zeros;        /* a query all of whose keys are left out by -inf gets zeros, not NaN */
    bool half;         /* products of bfloat16 are as good, where the table has tiles for them */
} attention_shape;

typedef struct attention_arguments {
    const float *q, *k, *v;
    size_t q_stride, k_stride, v_stride; /* elements between stored rows */
    float *y;
    size_t y_stride;
    float alpha;
    const float *bias; /* from attention_pack_bias, where the shape is biased */
} attention_arguments;

struct cpu_kernels;
typedef struct attention_plan {
    attention_shape shape;
    int parts;
    size_t bias_floats;   /* of a packed bias; 0 without */
    size_t scratch_bytes; /* per worker */
    bool half;            /* by attention_half.h */
    bool k_in_place, v_in_place;
    const struct cpu_kernels *kernels; /* must outlive the plan */
} attention_plan;

/* Takes every shape with all sizes >= 1. The strides are those of k and v in attention_arguments. */
void attention_choose(const struct cpu_kernels *kernels, const attention_shape *shape, size_t k_stride, size_t v_stride,
                      attention_plan *plan);
/* bias [queries, keys], or [keys] where it is of keys alone; contiguous. */
void attention_pack_bias(const attention_plan *plan, const float *bias, float *packed);
void attention_run(const attention_plan *plan, const attention_arguments *arguments, int part, void *scratch);

#endif
