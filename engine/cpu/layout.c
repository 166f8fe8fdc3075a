/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Reorders in plain C. The plain C table has blocks of 8 channels. */
#include <string.h>

#include "cpu/layout.h"

enum { LAYOUT_BLOCK = 8 };

static void layout_block(const float *src, size_t plane_stride, int lanes, size_t hw, float *dst)
{
    for (size_t i = 0; i < hw; i++)
        for (int lane = 0; lane < LAYOUT_BLOCK; lane++)
            dst[i * LAYOUT_BLOCK + (size_t)lane] = lane < lanes ? src[(size_t)lane * plane_stride + i] : 0;
}

static void layout_unblock(const float *src, int lanes, size_t hw, float *dst, size_t plane_stride)
{
    for (int lane = 0; lane < lanes; lane++)
        for (size_t i = 0; i < hw; i++)
            dst[(size_t)lane * plane_stride + i] = src[i * LAYOUT_BLOCK + (size_t)lane];
}

static void layout_transpose(const uint32_t *src, size_t src_stride, uint32_t *dst, size_t dst_stride, size_t rows,
                             size_t cols)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++) /* src may be weights, which lie anywhere in a file: no plain load */
            memcpy(dst + j * dst_stride + i, src + i * src_stride + j, sizeof(*dst));
}

void layout_split3_8_c(const uint8_t *src, size_t count, uint8_t *dst, size_t plane)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < 3; k++)
            dst[k * plane + i] = src[3 * i + k];
}

void layout_split3_32_c(const uint32_t *src, size_t count, uint32_t *dst, size_t plane)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < 3; k++)
            memcpy(dst + k * plane + i, src + 3 * i + k, sizeof(*dst));
}

static void layout_rows(const float *src, size_t block_stride, size_t first, size_t channels, size_t pixels, float *dst,
                        size_t dst_stride)
{
    for (size_t i = 0; i < pixels; i++)
        for (size_t k = 0; k < channels; k++)
            dst[i * dst_stride + k] = src[(first + k) / LAYOUT_BLOCK * block_stride + i * LAYOUT_BLOCK +
                                          (first + k) % LAYOUT_BLOCK];
}

static void layout_gather(const float *const *src, const layout_pick *picks, int count, size_t hw, int block,
                          float *dst)
{
    for (size_t i = 0; i < hw; i++) {
        float *to = dst + i * (size_t)block;
        for (int lane = 0; lane < block; lane++)
            to[lane] = 0;
        for (int k = 0; k < count; k++)
            for (int lane = 0; lane < block; lane++)
                if (picks[k].mask >> lane & 1)
                    to[lane] = src[k][i * (size_t)block + (size_t)picks[k].index[lane]];
    }
}

void layout_fill_c(layout_kernels *kernels)
{
    kernels->block = layout_block;
    kernels->unblock = layout_unblock;
    kernels->transpose = layout_transpose;
    kernels->split3_8 = layout_split3_8_c;
    kernels->split3_32 = layout_split3_32_c;
    kernels->rows = layout_rows;
    kernels->gather = layout_gather;
}
