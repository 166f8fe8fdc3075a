/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Matrix product tiles, AVX2 + FMA: 6 rows x 2 vectors, 12 accumulators. */
#include "cpu/x86/math_avx2.h"

#include "cpu/gemm_body.h"
#include "cpu/gemm_strassen_body.h"

GEMM_TILE(tile_1x2, 1, 2, 4)
GEMM_TILE(tile_2x2, 2, 2, 2)
GEMM_TILE(tile_3x2, 3, 2, 1)
GEMM_TILE(tile_4x2, 4, 2, 1)
GEMM_TILE(tile_5x2, 5, 2, 1)
GEMM_TILE(tile_6x2, 6, 2, 1)
GEMM_ROWS(rows_1x2, 1, 2, 4)
GEMM_ROWS(rows_2x2, 2, 2, 2)
GEMM_ROWS(rows_3x2, 3, 2, 1)
GEMM_ROWS(rows_4x2, 4, 2, 1)
GEMM_ROWS(rows_5x2, 5, 2, 1)
GEMM_ROWS(rows_6x2, 6, 2, 1)

GEMM_ROWS(rows_1x1, 1, 1, 4)
GEMM_ROWS(rows_2x1, 2, 1, 4)
GEMM_ROWS(rows_3x1, 3, 1, 2)
GEMM_ROWS(rows_4x1, 4, 1, 2)
GEMM_ROWS(rows_5x1, 5, 1, 1)
GEMM_ROWS(rows_6x1, 6, 1, 1)

void gemm_fill_avx2(gemm_kernels *kernels)
{
    *kernels = (gemm_kernels){
        .name = "gemm_f32_avx2",
        .dot_name = "gemm_dot_f32_avx2",
        .strassen_name = "gemm_strassen_f32_avx2",
        .rows = 6,
        .cols = 2 * VF_LANES,
        .tile = { tile_1x2, tile_2x2, tile_3x2, tile_4x2, tile_5x2, tile_6x2 },
        .rows_in_place = { rows_1x2, rows_2x2, rows_3x2, rows_4x2, rows_5x2, rows_6x2 },
        .rows_half = { rows_1x1, rows_2x1, rows_3x1, rows_4x1, rows_5x1, rows_6x1 },
        .dot = gemm_dot,
        .copy = gemm_copy,
        .strassen_sums = gemm_strassen_sums,
        .add = gemm_add,
    };
}
