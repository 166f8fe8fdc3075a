/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The sums of Strassen's algorithm (strassen.h) in the words of simd_*.h. */
#ifndef ONYX_CPU_GEMM_STRASSEN_BODY_H
#define ONYX_CPU_GEMM_STRASSEN_BODY_H

#include "cpu/gemm.h"

/* A vector of each. */
static inline void strassen_sum(const float *a, ptrdiff_t below, ptrdiff_t right, float *s, ptrdiff_t apart)
{
    const vf a1 = vf_load(a), a3 = vf_load(a + right), a2 = vf_load(a + below), a4 = vf_load(a + below + right);
    const vf s1 = vf_add(a2, a4), s2 = vf_sub(s1, a1);
    vf_store(s, s1);
    vf_store(s + apart, s2);
    vf_store(s + 2 * apart, vf_sub(a1, a2));
    vf_store(s + 3 * apart, vf_sub(a3, s2));
}

/* What is written may lie far: unless it is fetched ahead, the sums take up to 30 % more time. The rows of a need
 * none of that. */
static void gemm_strassen_sums(const float *a, ptrdiff_t a_stride, ptrdiff_t below, ptrdiff_t right, size_t n, float *s,
                               ptrdiff_t s_stride, ptrdiff_t apart, size_t rows)
{
    enum { LINE = 16, AHEAD = 8 * LINE };
    for (size_t i = 0; i < rows; i++, a += a_stride, s += s_stride) {
        size_t j = 0;
        for (; j + LINE <= n; j += LINE) {
            for (int k = 0; k < 4; k++)
                __builtin_prefetch(s + j + AHEAD + k * apart, 1, 3);
            for (size_t l = j; l < j + LINE; l += VF_LANES)
                strassen_sum(a + l, below, right, s + l, apart);
        }
        for (; VF_LANES < LINE && j < n; j += VF_LANES)
            strassen_sum(a + j, below, right, s + j, apart);
    }
}

static void gemm_add(gemm_matrix x, gemm_matrix y, const float *bias, float *to, ptrdiff_t to_stride, size_t cols,
                     size_t rows)
{
    for (size_t i = 0; i < rows; i++, x.at += x.stride, y.at += y.stride, to += to_stride)
        for (size_t j = 0; j < cols; j += VF_LANES) {
            vf v = vf_add(vf_load(x.at + j), vf_load(y.at + j));
            if (bias)
                v = vf_add(v, vf_load(bias + j));
            vf_store(to + j, v);
        }
}

#endif
