/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Reorders by square tiles that are transposed in registers; the instruction set gives layout_tile(vf r[VF_LANES]). All
 * accesses are vectors of floats, also for transpose, which only moves bits. */
#ifndef ONYX_CPU_LAYOUT_BODY_H
#define ONYX_CPU_LAYOUT_BODY_H

#include <assert.h>
#include <stdbool.h>

#include "cpu/layout.h"

#define LAYOUT_INLINE static inline __attribute__((always_inline))

/* Up to VF_LANES rows of up to VF_LANES elements, transposed. With rows == cols == VF_LANES all branches fold. */
LAYOUT_INLINE void layout_tile_part(const float *src, size_t src_stride, float *dst, size_t dst_stride, size_t rows,
                                    size_t cols)
{
    vf r[VF_LANES];
#pragma GCC unroll 16
    for (size_t i = 0; i < VF_LANES; i++) {
        if (i >= rows)
            r[i] = vf_zero();
        else
            r[i] = cols == VF_LANES ? vf_load(src + i * src_stride) : vf_load_part(src + i * src_stride, cols);
    }
    layout_tile(r);
#pragma GCC unroll 16
    for (size_t j = 0; j < VF_LANES; j++) {
        if (j >= cols)
            break;
        if (rows == VF_LANES)
            vf_store(dst + j * dst_stride, r[j]);
        else
            vf_store_part(dst + j * dst_stride, r[j], rows);
    }
}

static void layout_block(const float *src, size_t plane_stride, int lanes, size_t hw, float *dst)
{
    assert(lanes >= 1 && lanes <= VF_LANES);
    size_t i = 0;
    vf r[VF_LANES];
    if (lanes == VF_LANES) {
        for (; i + VF_LANES <= hw; i += VF_LANES)
            layout_tile_part(src + i, plane_stride, dst + i * VF_LANES, VF_LANES, VF_LANES, VF_LANES);
    }
    for (; i < hw; i += VF_LANES) {
        size_t pixels = hw - i < VF_LANES ? hw - i : VF_LANES;
        for (size_t k = 0; k < VF_LANES; k++) {
            const float *row = src + k * plane_stride + i;
            if (k >= (size_t)lanes)
                r[k] = vf_zero();
            else
                r[k] = pixels == VF_LANES ? vf_load(row) : vf_load_part(row, pixels);
        }
        layout_tile(r);
        for (size_t k = 0; k < pixels; k++)
            vf_store(dst + (i + k) * VF_LANES, r[k]);
    }
}

static void layout_unblock(const float *src, int lanes, size_t hw, float *dst, size_t plane_stride)
{
    assert(lanes >= 1 && lanes <= VF_LANES);
    size_t i = 0;
    vf r[VF_LANES];
    if (lanes == VF_LANES) {
        for (; i + VF_LANES <= hw; i += VF_LANES)
            layout_tile_part(src + i * VF_LANES, VF_LANES, dst + i, plane_stride, VF_LANES, VF_LANES);
    }
    for (; i < hw; i += VF_LANES) {
        size_t pixels = hw - i < VF_LANES ? hw - i : VF_LANES;
        for (size_t k = 0; k < VF_LANES; k++)
            r[k] = k < pixels ? vf_load(src + (i + k) * VF_LANES) : vf_zero();
        layout_tile(r);
        for (size_t k = 0; k < (size_t)lanes; k++) {
            if (pixels == VF_LANES)
                vf_store(dst + k * plane_stride + i, r[k]);
            else
                vf_store_part(dst + k * plane_stride + i, r[k], pixels);
        }
    }
}

static void layout_transpose(const uint32_t *src, size_t src_stride, uint32_t *dst, size_t dst_stride, size_t rows,
                             size_t cols)
{
    const float *in = (const float *)src;
    float *out = (float *)dst;
    for (size_t i = 0; i < rows; i += VF_LANES) {
        size_t high = rows - i < VF_LANES ? rows - i : VF_LANES, j = 0;
        if (high == VF_LANES) {
            for (; j + VF_LANES <= cols; j += VF_LANES)
                layout_tile_part(in + i * src_stride + j, src_stride, out + j * dst_stride + i, dst_stride, VF_LANES,
                                 VF_LANES);
        }
        for (; j < cols; j += VF_LANES) {
            size_t wide = cols - j < VF_LANES ? cols - j : VF_LANES;
            layout_tile_part(in + i * src_stride + j, src_stride, out + j * dst_stride + i, dst_stride, high, wide);
        }
    }
}

/* Block by block, so that the source is read in long runs. Where a row goes on behind what is copied, a whole vector is
 * stored: the next block overwrites the surplus. */
LAYOUT_INLINE void layout_rows_block(const float *src, size_t skip, size_t lanes, bool more, size_t pixels, float *dst,
                                     size_t dst_stride)
{
    for (size_t i = 0; i < pixels; i++, src += VF_LANES, dst += dst_stride) {
        const vf x = lanes == VF_LANES ? vf_load(src) : vf_load_part(src + skip, lanes);
        if (more || lanes == VF_LANES)
            vf_store(dst, x);
        else
            vf_store_part(dst, x, lanes);
    }
}

static void layout_rows(const float *src, size_t block_stride, size_t first, size_t channels, size_t pixels, float *dst,
                        size_t dst_stride)
{
    const size_t skip = first % VF_LANES, room = VF_LANES - skip;
    assert(channels >= 1 && dst_stride >= channels);
    src += first / VF_LANES * block_stride;
    if (skip) {
        const size_t head = channels < room ? channels : room;
        layout_rows_block(src, skip, head, channels - head >= VF_LANES, pixels, dst, dst_stride);
        channels -= head;
        dst += head;
        src += block_stride;
    }
    for (; channels >= VF_LANES; channels -= VF_LANES, dst += VF_LANES, src += block_stride)
        layout_rows_block(src, 0, VF_LANES, false, pixels, dst, dst_stride);
    if (channels)
        layout_rows_block(src, 0, channels, false, pixels, dst, dst_stride);
}

static void layout_body_fill(layout_kernels *kernels)
{
    kernels->block = layout_block;
    kernels->unblock = layout_unblock;
    kernels->transpose = layout_transpose;
    kernels->rows = layout_rows;
}

#endif
