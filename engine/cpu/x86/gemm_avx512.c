/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Matrix product tiles, AVX-512: 12 rows x 2 vectors, 24 accumulators. */
#include "cpu/x86/math_avx512.h"

#include "cpu/gemm_body.h"

GEMM_TILE(tile_1x2, 1, 2, 4)
GEMM_TILE(tile_2x2, 2, 2, 2)
GEMM_TILE(tile_3x2, 3, 2, 1)
GEMM_TILE(tile_4x2, 4, 2, 1)
GEMM_TILE(tile_5x2, 5, 2, 1)
GEMM_TILE(tile_6x2, 6, 2, 1)
GEMM_TILE(tile_7x2, 7, 2, 1)
GEMM_TILE(tile_8x2, 8, 2, 1)
GEMM_TILE(tile_9x2, 9, 2, 1)
GEMM_TILE(tile_10x2, 10, 2, 1)
GEMM_TILE(tile_11x2, 11, 2, 1)
GEMM_TILE(tile_12x2, 12, 2, 1)

void gemm_fill_avx512(gemm_kernels *kernels)
{
    *kernels = (gemm_kernels){
        .name = "gemm_f32_avx512",
        .dot_name = "gemm_dot_f32_avx512",
        .rows = 12,
        .cols = 2 * VF_LANES,
        .tile = { tile_1x2, tile_2x2, tile_3x2, tile_4x2, tile_5x2, tile_6x2, tile_7x2, tile_8x2, tile_9x2, tile_10x2,
                  tile_11x2, tile_12x2 },
        .dot = gemm_dot,
    };
}
