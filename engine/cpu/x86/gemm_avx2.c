/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Matrix product tiles, AVX2 + FMA: 6 rows x 2 vectors, 12 accumulators. */
#include "cpu/x86/math_avx2.h"

#include "cpu/gemm_body.h"

GEMM_TILE(tile_1x2, 1, 2, 4)
GEMM_TILE(tile_2x2, 2, 2, 2)
GEMM_TILE(tile_3x2, 3, 2, 1)
GEMM_TILE(tile_4x2, 4, 2, 1)
GEMM_TILE(tile_5x2, 5, 2, 1)
GEMM_TILE(tile_6x2, 6, 2, 1)

void gemm_fill_avx2(gemm_kernels *kernels)
{
    *kernels = (gemm_kernels){
        .name = "gemm_f32_avx2",
        .dot_name = "gemm_dot_f32_avx2",
        .rows = 6,
        .cols = 2 * VF_LANES,
        .tile = { tile_1x2, tile_2x2, tile_3x2, tile_4x2, tile_5x2, tile_6x2 },
        .dot = gemm_dot,
    };
}
