/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Matrix product tiles, NEON: 8 rows x 3 vectors, 24 accumulators. */
#include "cpu/arm/math_neon.h"

#define VF_HAS_LANE_FMA 1
#define vf_fma_lane(w, x, lane, acc) vfmaq_laneq_f32(acc, w, x, lane)
#include "cpu/gemm_body.h"
#include "cpu/gemm_strassen_body.h"

GEMM_TILE(tile_1x3, 1, 3, 2)
GEMM_TILE(tile_2x3, 2, 3, 1)
GEMM_TILE(tile_3x3, 3, 3, 1)
GEMM_TILE(tile_4x3, 4, 3, 1)
GEMM_TILE(tile_5x3, 5, 3, 1)
GEMM_TILE(tile_6x3, 6, 3, 1)
GEMM_TILE(tile_7x3, 7, 3, 1)
GEMM_TILE(tile_8x3, 8, 3, 1)

void gemm_fill_neon(gemm_kernels *kernels)
{
    *kernels = (gemm_kernels){
        .name = "gemm_f32_neon",
        .dot_name = "gemm_dot_f32_neon",
        .strassen_name = "gemm_strassen_f32_neon",
        .rows = 8,
        .cols = 3 * VF_LANES,
        .reads_behind = true,
        .tile = { tile_1x3, tile_2x3, tile_3x3, tile_4x3, tile_5x3, tile_6x3, tile_7x3, tile_8x3 },
        .dot = gemm_dot,
        .copy = gemm_copy,
        .strassen_sums = gemm_strassen_sums,
        .add = gemm_add,
    };
}
