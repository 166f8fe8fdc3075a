/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the algorithms of matrix products share. */
#ifndef ONYX_CPU_GEMM_PRIVATE_H
#define ONYX_CPU_GEMM_PRIVATE_H

#include "cpu/kernels.h"
#include "cpu/spans.h"

/* Columns [n0, n0 + n) of b, n <= cols, rows ks, as one panel [k][cols] with zeros behind the last column. */
void gemm_pack_panel(const gemm_plan *plan, const float *b, size_t stride, size_t n0, size_t n, span ks, float *to);

/* Of a plan with shape and kernels, for a constant b: fills in the rest and returns true where it is faster. */
bool gemm_choose_strassen(gemm_plan *plan);
/* Likewise, where the table multiplies tiles of bfloat16 and the shape allows them. */
bool gemm_choose_half(gemm_plan *plan);

#endif
