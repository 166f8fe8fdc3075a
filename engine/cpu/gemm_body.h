/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The register tile of the matrix product, in the words of simd_*.h: R rows x C vectors of columns. Where R x C leaves
 * too few accumulators to hide the latency, the sum over k is kept in several. R, C constant where instantiated. */
#ifndef ONYX_CPU_GEMM_BODY_H
#define ONYX_CPU_GEMM_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "cpu/gemm.h"

#define GEMM_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define GEMM_UNROLL _Pragma("clang loop unroll(full)")
#else
#define GEMM_UNROLL _Pragma("GCC unroll 36")
#endif

enum { GEMM_MAX_ACCUMULATORS = 32 };

/* Row first + lane of gemm_step; a lane must be a literal. */
#define GEMM_LANE(lane)                                                                                                \
    GEMM_UNROLL                                                                                                        \
    for (int c = 0; c < C; c++)                                                                                        \
        if (first + lane < R)                                                                                          \
            acc[(first + lane) * C + c] = vf_fma_lane(w[c], x, lane, acc[(first + lane) * C + c]);

/* Steps of lane multiply-adds (ARM) have been counted without, and no measurement asks for it there. */
GEMM_INLINE void gemm_fetch(gemm_ahead *ahead)
{
#if !defined(VF_HAS_LANE_FMA)
    __builtin_prefetch(ahead->at, 0, 2);
    ahead->at += ahead->step;
#else
    (void)ahead;
#endif
}

GEMM_INLINE void gemm_step(vf *acc, const float *a, const float *b, const int R, const int C)
{
    vf w[4];
    GEMM_UNROLL
    for (int c = 0; c < C; c++)
        w[c] = vf_load(b + c * VF_LANES);
#if defined(VF_HAS_LANE_FMA)
    /* VF_LANES rows by one load, which may read behind the last: a is packed. */
    GEMM_UNROLL
    for (int first = 0; first < R; first += VF_LANES) {
        vf x = vf_load(a + first);
        GEMM_LANE(0)
        GEMM_LANE(1)
        GEMM_LANE(2)
        GEMM_LANE(3)
    }
#else
    GEMM_UNROLL
    for (int r = 0; r < R; r++) {
        vf x = vf_set1(a[r]);
        GEMM_UNROLL
        for (int c = 0; c < C; c++)
            acc[r * C + c] = vf_fma(x, w[c], acc[r * C + c]);
    }
#endif
}

/* Adds the side sums up, and bias and what is to be added, and stores. */
GEMM_INLINE void gemm_tile_end(vf *acc, const float *bias, float *c, ptrdiff_t c_stride, const float *add,
                               ptrdiff_t add_stride, const int R, const int C, const int SPLIT)
{
    GEMM_UNROLL
    for (int i = R * C; i < R * C * SPLIT; i++)
        acc[i % (R * C)] = vf_add(acc[i % (R * C)], acc[i]);
    GEMM_UNROLL
    for (int i = 0; i < R; i++) {
        GEMM_UNROLL
        for (int j = 0; j < C; j++) {
            float *to = c + i * c_stride + j * VF_LANES;
            vf v = acc[i * C + j];
            if (bias)
                v = vf_add(v, vf_load(bias + j * VF_LANES));
            if (add)
                v = vf_add(v, vf_load(add + i * add_stride + j * VF_LANES));
            vf_store(to, v);
        }
    }
}

/* SPLIT sums over k side by side. */
GEMM_INLINE void gemm_tile_body(const float *a, ptrdiff_t a_stride, const float *b, ptrdiff_t b_stride,
                                const float *bias, float *c, ptrdiff_t c_stride, size_t k, const float *add,
                                ptrdiff_t add_stride, gemm_ahead ahead, const int R, const int C, const int SPLIT)
{
    vf acc[GEMM_MAX_ACCUMULATORS];
    GEMM_UNROLL
    for (int i = 0; i < R * C * SPLIT; i++)
        acc[i] = vf_zero();
    for (; k >= (size_t)SPLIT; k -= (size_t)SPLIT) {
        GEMM_UNROLL
        for (int s = 0; s < SPLIT; s++) {
            gemm_step(acc + s * R * C, a + s * a_stride, b + s * b_stride, R, C);
            gemm_fetch(&ahead);
        }
        a += SPLIT * a_stride;
        b += SPLIT * b_stride;
    }
    if (SPLIT > 1)
        for (; k > 0; k--, a += a_stride, b += b_stride)
            gemm_step(acc, a, b, R, C);
    gemm_tile_end(acc, bias, c, c_stride, add, add_stride, R, C, SPLIT);
}

/* One k of rows that lie a_stride apart: a base for every three of them, which an address of x86 reaches. */
enum { GEMM_ROW_BASES = 5 };
GEMM_INLINE void gemm_rows_step(vf *acc, const float *const *a, ptrdiff_t a_stride, const float *b, const int at,
                                const int R, const int C)
{
    vf w[4];
    GEMM_UNROLL
    for (int c = 0; c < C; c++)
        w[c] = vf_load(b + c * VF_LANES);
    GEMM_UNROLL
    for (int r = 0; r < R; r++) {
        vf x = vf_set1(a[r / 3][r % 3 * a_stride + at]);
        GEMM_UNROLL
        for (int c = 0; c < C; c++)
            acc[r * C + c] = vf_fma(x, w[c], acc[r * C + c]);
    }
}

GEMM_INLINE void gemm_rows_body(const float *a, ptrdiff_t a_stride, const float *b, ptrdiff_t b_stride,
                                const float *bias, float *c, ptrdiff_t c_stride, size_t k, const float *add,
                                ptrdiff_t add_stride, gemm_ahead ahead, const int R, const int C, const int SPLIT)
{
    vf acc[GEMM_MAX_ACCUMULATORS];
    const float *bases[GEMM_ROW_BASES];
    GEMM_UNROLL
    for (int i = 0; 3 * i < R; i++)
        bases[i] = a + 3 * i * a_stride;
    GEMM_UNROLL
    for (int i = 0; i < R * C * SPLIT; i++)
        acc[i] = vf_zero();
    for (; k >= (size_t)SPLIT; k -= (size_t)SPLIT, b += SPLIT * b_stride) {
        GEMM_UNROLL
        for (int s = 0; s < SPLIT; s++) {
            gemm_rows_step(acc + s * R * C, bases, a_stride, b + s * b_stride, s, R, C);
            gemm_fetch(&ahead);
        }
        GEMM_UNROLL
        for (int i = 0; 3 * i < R; i++)
            bases[i] += SPLIT;
    }
    for (; SPLIT > 1 && k > 0; k--, b += b_stride) {
        gemm_rows_step(acc, bases, a_stride, b, 0, R, C);
        GEMM_UNROLL
        for (int i = 0; 3 * i < R; i++)
            bases[i]++;
    }
    gemm_tile_end(acc, bias, c, c_stride, add, add_stride, R, C, SPLIT);
}

GEMM_INLINE void gemm_dot_body(const float *x, const float *rows, size_t row_stride, size_t k, float *out, const int N)
{
    vf acc[8];
    GEMM_UNROLL
    for (int i = 0; i < 2 * N; i++)
        acc[i] = vf_zero();
    size_t i = 0;
    for (; i + 2 * VF_LANES <= k; i += 2 * VF_LANES) {
        vf x0 = vf_load(x + i), x1 = vf_load(x + i + VF_LANES);
        GEMM_UNROLL
        for (int n = 0; n < N; n++) {
            const float *row = rows + (size_t)n * row_stride + i;
            acc[2 * n] = vf_fma(x0, vf_load(row), acc[2 * n]);
            acc[2 * n + 1] = vf_fma(x1, vf_load(row + VF_LANES), acc[2 * n + 1]);
        }
    }
    for (int n = 0; n < N; n++) {
        float sum = vf_sum(vf_add(acc[2 * n], acc[2 * n + 1]));
        for (size_t j = i; j < k; j++)
            sum += x[j] * rows[(size_t)n * row_stride + j];
        out[n] = sum;
    }
}

static void gemm_dot(const float *x, const float *rows, size_t row_stride, int count, size_t k, float *out)
{
    switch (count) {
    case 1:
        gemm_dot_body(x, rows, row_stride, k, out, 1);
        break;
    case 2:
        gemm_dot_body(x, rows, row_stride, k, out, 2);
        break;
    case 3:
        gemm_dot_body(x, rows, row_stride, k, out, 3);
        break;
    default:
        gemm_dot_body(x, rows, row_stride, k, out, 4);
    }
}

/* Vector by vector, each down all rows. */
static void gemm_copy(const float *src, size_t src_stride, size_t n, float *dst, size_t dst_stride, size_t cols,
                      size_t rows)
{
    for (size_t j = 0; j < cols; j += VF_LANES) {
        const size_t from = j >= n ? 0 : n - j < VF_LANES ? n - j : VF_LANES;
        const size_t to = cols - j < VF_LANES ? cols - j : VF_LANES;
        if (from == VF_LANES) {
            for (size_t i = 0; i < rows; i++)
                vf_store(dst + i * dst_stride + j, vf_load(src + i * src_stride + j));
            continue;
        }
        for (size_t i = 0; i < rows; i++) {
            const vf v = from > 0 ? vf_load_part(src + i * src_stride + j, from) : vf_zero();
            if (to == VF_LANES)
                vf_store(dst + i * dst_stride + j, v);
            else
                vf_store_part(dst + i * dst_stride + j, v, to);
        }
    }
}

/* Defines one tile function. */
#define GEMM_TILE(name, rows, vectors, split)                                                                          \
    static void name(const float *a, ptrdiff_t a_stride, const float *b, ptrdiff_t b_stride, const float *bias,        \
                     float *c, ptrdiff_t c_stride, size_t k, const float *add, ptrdiff_t add_stride,                   \
                     gemm_ahead ahead)                                                                                 \
    {                                                                                                                  \
        gemm_tile_body(a, a_stride, b, b_stride, bias, c, c_stride, k, add, add_stride, ahead, rows, vectors, split);  \
    }

/* The same of rows in place. */
#define GEMM_ROWS(name, rows, vectors, split)                                                                          \
    static void name(const float *a, ptrdiff_t a_stride, const float *b, ptrdiff_t b_stride, const float *bias,        \
                     float *c, ptrdiff_t c_stride, size_t k, const float *add, ptrdiff_t add_stride,                   \
                     gemm_ahead ahead)                                                                                 \
    {                                                                                                                  \
        gemm_rows_body(a, a_stride, b, b_stride, bias, c, c_stride, k, add, add_stride, ahead, rows, vectors, split);  \
    }

#endif
