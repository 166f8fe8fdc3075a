/* SPDX-License-Identifier: BSD-2-Clause
 *
 * OpenBLAS for the products that our own kernels do not serve: float64. */
#ifndef ONYX_OPS_BLAS_H
#define ONYX_OPS_BLAS_H

#include <stdbool.h>
#include <stdint.h>

/* Rows, columns and depth of the tiles that are handed over. OpenBLAS computes a product of up to 2^18 multiply-adds on
 * the calling thread (its GEMM_MULTITHREAD_THRESHOLD), so that our workers stay the only threads and the order of sums
 * is ours. */
#define BLAS_TILE 64

/* c[m][n] += a[m][k] * b[k][n], float64; rows of b and c contiguous, a stored by rows (a_transposed: by columns).
 * Strides in elements between stored rows. m, n, k up to BLAS_TILE. */
typedef void blas_dgemm_function(bool a_transposed, int m, int n, int k, const double *a, int64_t a_stride,
                                 const double *b, int64_t b_stride, double *c, int64_t c_stride);

/* NULL where there is no OpenBLAS. The library is loaded by the first call, not with libonyx: it starts threads of its
 * own and takes memory, which float32 models should not pay for. Thread-safe. */
blas_dgemm_function *blas_dgemm(void);

#endif
