/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Matrix product, float32: c[m, n] = act(alpha * a[m, k] * b[k, n] + bias), for MatMul, Gemm and attention. b is packed
 * once where it is constant, else into scratch. Bound: 2 * k * eps * sum |a||b|. */
#ifndef ONYX_CPU_GEMM_H
#define ONYX_CPU_GEMM_H

#include <stdbool.h>
#include <stddef.h>

#include "cpu/eltwise.h"

typedef struct gemm_shape {
    size_t m, n, k;
    bool a_transposed, b_transposed; /* a stored [k, m]; b stored [n, k] */
} gemm_shape;

typedef struct gemm_arguments {
    const float *a;
    size_t a_stride; /* elements between stored rows */
    const float *b;  /* stored b, when packed is NULL */
    size_t b_stride;
    const void *packed; /* from gemm_pack_b, or NULL */
    float *c;
    size_t c_stride;
    float alpha;
    const float *bias;      /* NULL; or n values (per column), or m values (per row) when bias_per_row */
    bool bias_per_row;
    cpu_activation activation;
} gemm_arguments;

struct cpu_kernels;
typedef struct gemm_plan gemm_plan;
struct gemm_plan {
    const char *name;
    gemm_shape shape;
    bool b_constant;
    int parts;
    size_t packed_bytes;  /* of b when b_constant */
    size_t scratch_bytes; /* per worker */
    int tile[8];
    const void *kernel;
    void (*run)(const gemm_plan *plan, const gemm_arguments *arguments, int part, void *scratch);
};

/* Takes every shape with m, n, k >= 1. */
void gemm_choose(const struct cpu_kernels *kernels, const gemm_shape *shape, bool b_constant, gemm_plan *plan);
void gemm_pack_b(const gemm_plan *plan, const float *b, size_t b_stride, void *packed); /* b: any alignment */

/* c[rows, cols] (+)= a * b over packed panels; one register tile. */
typedef void gemm_tile_f32(const float *a, const float *b, float *c, size_t k, size_t c_stride, bool accumulate);

typedef struct gemm_kernels {
    const char *name;
    gemm_tile_f32 *tile;
    int rows, cols;
} gemm_kernels;

#endif
