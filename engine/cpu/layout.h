/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Reorders between plain [c][hw] and blocked [ceil(c / block)][hw][block] float32, and plain 2-D transposes. */
#ifndef ONYX_CPU_LAYOUT_H
#define ONYX_CPU_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

/* One channel block: lanes behind channel c - 1 become 0. `lanes` 1..block channels are real. src: first of these
 * channels, plane_stride elements apart. */
typedef void layout_block_f32(const float *src, size_t plane_stride, int lanes, size_t hw, float *dst);
typedef void layout_unblock_f32(const float *src, int lanes, size_t hw, float *dst, size_t plane_stride);
/* dst[j][i] = src[i][j] for rows x cols, strides in elements. */
typedef void layout_transpose_32(const uint32_t *src, size_t src_stride, uint32_t *dst, size_t dst_stride, size_t rows,
                                 size_t cols);

/* Pixels of three channels to three planes: dst[k * plane + i] = src[3 * i + k] for i < count. */
typedef void layout_split3_8(const uint8_t *src, size_t count, uint8_t *dst, size_t plane);
typedef void layout_split3_32(const uint32_t *src, size_t count, uint32_t *dst, size_t plane);
/* In plain C; for what vectors leave over, too. */
layout_split3_8 layout_split3_8_c;
layout_split3_32 layout_split3_32_c;

/* Rows of channels: dst[i * dst_stride + k] is channel first + k of pixel i, for `channels` >= 1 channels. src: block 0
 * of the first pixel, blocks block_stride floats apart. */
typedef void layout_rows_f32(const float *src, size_t block_stride, size_t first, size_t channels, size_t pixels,
                             float *dst, size_t dst_stride);

/* One source of layout_gather: lane i of the result is lane index[i] of the source, for the bits i of mask. */
typedef struct layout_pick {
    uint32_t mask;
    int32_t index[16];
} layout_pick;
enum { LAYOUT_MAX_PICKS = 16 };
/* One channel block from lanes of others, all of hw pixels: count 1..LAYOUT_MAX_PICKS sources, whose masks are
 * disjoint; lanes of no mask become 0. dst is none of the sources. */
typedef void layout_gather_f32(const float *const *src, const layout_pick *picks, int count, size_t hw, int block,
                               float *dst);

typedef struct layout_kernels {
    layout_block_f32 *block;
    layout_unblock_f32 *unblock;
    layout_transpose_32 *transpose;
    layout_split3_8 *split3_8;
    layout_split3_32 *split3_32;
    layout_rows_f32 *rows;
    layout_gather_f32 *gather;
} layout_kernels;

/* Each overwrites what its instruction set does better; called in this order by cpu/fill_*.c. */
void layout_fill_c(layout_kernels *kernels);
void layout_fill_avx2(layout_kernels *kernels);
void layout_fill_avx512(layout_kernels *kernels);
void layout_fill_neon(layout_kernels *kernels);

#endif
