/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Matrix product, float32: c[m, n] = act(alpha * a[m, k] * b[k, n] + bias + residual), for MatMul, Gemm and attention.
 * b is packed once where it is constant, else into scratch. Bound: 2 * k * eps * sum |a||b|; Strassen, for large
 * products with a constant b, 4e-6 of the output's range (and never more than 3 * k * k * eps * max |a| * max |b|).
 * There a NaN or an infinity in a row may make NaNs of another row too. */
#ifndef ONYX_CPU_GEMM_H
#define ONYX_CPU_GEMM_H

#include <stdbool.h>
#include <stddef.h>

#include "cpu/eltwise.h"

typedef struct gemm_shape {
    size_t m, n, k;
    bool a_transposed, b_transposed; /* a stored [k, m]; b stored [n, k] */
    bool exact;                      /* sums in their order alone: no Strassen */
    bool half;   /* a and a constant b may be rounded to bfloat16, see half.h; then alpha is 1, bias per column */
    int threads; /* that will share the parts, as far as is known; 0 is 1. Cuts never change the bits */
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
    const float *bias; /* NULL; or n values (per column), or m values (per row) when bias_per_row */
    bool bias_per_row;
    const float *residual; /* NULL; or what is added in front of the activation, stored as c is */
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
    const struct cpu_kernels *kernels; /* must outlive the plan */
    void (*pack)(const gemm_plan *plan, const float *b, size_t b_stride, void *packed);
    void (*run)(const gemm_plan *plan, const gemm_arguments *arguments, int part, void *scratch);
};

/* Takes every shape with m, n, k >= 1. a, b and c hold what the strides say and no byte more need be readable. */
void gemm_choose(const struct cpu_kernels *kernels, const gemm_shape *shape, bool b_constant, gemm_plan *plan);
void gemm_pack_b(const gemm_plan *plan, const float *b, size_t b_stride, void *packed); /* b: any alignment */

/* Two products in a row, of which the first one's result, rounded, never leaves scratch: to the last bit what the two
 * plans make of it. */
typedef struct gemm_chain {
    gemm_plan first, second;
    int parts;
    size_t scratch_bytes;
} gemm_chain;
/* False where they are none of bfloat16, do not fit each other, or give the threads too few rows. */
bool gemm_chain_choose(const gemm_plan *first, const gemm_plan *second, gemm_chain *chain);
/* first: without residual, its c ignored; second: its a ignored. */
void gemm_chain_run(const gemm_chain *chain, const gemm_arguments *first, const gemm_arguments *second, int part,
                    void *scratch);

/* What a tile has fetched to the second-level cache while it sums: a line at `at`, and one `step` bytes on with each k.
 */
typedef struct gemm_ahead {
    const char *at;
    ptrdiff_t step;
} gemm_ahead;

/* One register tile: c[R, cols] = a * b (+ bias per column; + add). a: [k][R], a_stride floats apart. b: rows of
 * cols, b_stride floats apart. bias: cols values or NULL. add: NULL; or rows add_stride apart, maybe c itself. */
typedef void gemm_tile_f32(const float *a, ptrdiff_t a_stride, const float *b, ptrdiff_t b_stride, const float *bias,
                           float *c, ptrdiff_t c_stride, size_t k, const float *add, ptrdiff_t add_stride,
                           gemm_ahead ahead);
/* The same with a where it lies: R rows of k, a_stride floats apart. */
typedef void gemm_rows_f32(const float *a, ptrdiff_t a_stride, const float *b, ptrdiff_t b_stride, const float *bias,
                           float *c, ptrdiff_t c_stride, size_t k, const float *add, ptrdiff_t add_stride,
                           gemm_ahead ahead);
/* out[i] = sum over k of x * rows[i], i < count <= 4. */
typedef void gemm_dot_f32(const float *x, const float *rows, size_t row_stride, int count, size_t k, float *out);
/* Rows of n floats from src to dst, whose rows are cols >= n long: zeros behind. */
typedef void gemm_copy_f32(const float *src, size_t src_stride, size_t n, float *dst, size_t dst_stride, size_t cols,
                           size_t rows);

/* Strassen's sums (strassen.h) of rows of n floats, a multiple of the vector. A1: rows a_stride apart; A2: `below`
 * floats further; A3, A4: `right` floats behind those. S1: rows s_stride apart; the others: `apart` floats further,
 * each. */
typedef void gemm_strassen_sums_f32(const float *a, ptrdiff_t a_stride, ptrdiff_t below, ptrdiff_t right, size_t n,
                                    float *s, ptrdiff_t s_stride, ptrdiff_t apart, size_t rows);
/* to = x + y, rows of cols, a multiple of the vector. bias: NULL, or what is added to each row. */
typedef struct gemm_matrix {
    const float *at;
    ptrdiff_t stride;
} gemm_matrix;
typedef void gemm_add_f32(gemm_matrix x, gemm_matrix y, const float *bias, float *to, ptrdiff_t to_stride, size_t cols,
                          size_t rows);

enum { GEMM_MAX_ROWS = 14, GEMM_MAX_COLS = 32 };

typedef struct gemm_kernels {
    const char *name, *dot_name, *strassen_name;
    int rows, cols;    /* of the largest tile; every R from 1 to rows exists */
    bool reads_behind; /* tiles load whole vectors of a, up to three floats behind its R */
    gemm_tile_f32 *tile[GEMM_MAX_ROWS];
    /* Only where a table has them (else NULL): on rows in place, and both on the first cols / 2 columns. */
    gemm_rows_f32 *rows_in_place[GEMM_MAX_ROWS], *rows_half[GEMM_MAX_ROWS];
    gemm_tile_f32 *tile_half[GEMM_MAX_ROWS];
    gemm_dot_f32 *dot;
    gemm_copy_f32 *copy;
    gemm_strassen_sums_f32 *strassen_sums;
    gemm_add_f32 *add;
} gemm_kernels;

/* Each overwrites what its instruction set does better; called in this order by cpu/fill_*.c. */
void gemm_fill_c(gemm_kernels *kernels);
void gemm_fill_avx2(gemm_kernels *kernels);
void gemm_fill_avx512(gemm_kernels *kernels);
void gemm_fill_neon(gemm_kernels *kernels);

#endif
