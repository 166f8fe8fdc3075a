/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The two products of attention by tiles of bfloat16 (half.h): keys and values are rounded once, queries and powers
 * panel by panel; sums, bias and softmax stay float32. */
#ifndef ONYX_CPU_ATTENTION_HALF_H
#define ONYX_CPU_ATTENTION_HALF_H

#include "cpu/attention.h"
#include "cpu/half.h"

enum { ATTENTION_COLUMNS = 32 }; /* queries of a panel */

typedef struct attention_half {
    const half_tile_kernels *tiles;
    const attention_shape *shape;
    char *keys, *values; /* [keys][depth] and [width][keys] as rows of whole steps */
    uint16_t *panel;     /* the right operand */
    const float *bias;   /* zeros */
    half_products products;
} attention_half;

/* The table has such tiles. */
bool attention_half_fits(const struct cpu_kernels *kernels, const attention_shape *shape);
/* Of scratch, 64-byte aligned. */
size_t attention_half_bytes(const attention_shape *shape);
void attention_half_begin(attention_half *half, const attention_plan *plan, const attention_arguments *arguments,
                          void *scratch);
/* scores [keys][ATTENTION_COLUMNS] = k * q [depth][ATTENTION_COLUMNS], of the first `columns`, 16 or 32; added: scores
 * hold what is added. */
void attention_half_scores(attention_half *half, const float *q, float *scores, bool added, int columns);
/* result [width][ATTENTION_COLUMNS] = v^T * powers [keys][ATTENTION_COLUMNS] */
void attention_half_result(attention_half *half, const float *powers, float *result, int columns);

#endif
