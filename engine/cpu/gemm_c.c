/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Matrix product tiles, plain C: 4 rows x 1 vector of 8. */
#include "cpu/simd_c.h"

#include "cpu/gemm_body.h"
#include "cpu/gemm_strassen_body.h"

GEMM_TILE(tile_1x1, 1, 1, 4)
GEMM_TILE(tile_2x1, 2, 1, 4)
GEMM_TILE(tile_3x1, 3, 1, 2)
GEMM_TILE(tile_4x1, 4, 1, 2)

void gemm_fill_c(gemm_kernels *kernels)
{
    *kernels = (gemm_kernels){
        .name = "gemm_f32_c",
        .dot_name = "gemm_dot_f32_c",
        .strassen_name = "gemm_strassen_f32_c",
        .rows = 4,
        .cols = 1 * VF_LANES,
        .tile = { tile_1x1, tile_2x1, tile_3x1, tile_4x1 },
        .dot = gemm_dot,
        .copy = gemm_copy,
        .strassen_sums = gemm_strassen_sums,
        .add = gemm_add,
    };
}
