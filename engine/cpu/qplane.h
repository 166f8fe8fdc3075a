/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What blocked 8-bit data needs beside convolution and elementwise work: maximum pooling, nearest resize, and the way
 * from and to plain planes. One body for every instruction set: rows of bytes go through the table's maximum, the rest
 * moves whole pixels of `block` bytes. */
#ifndef ONYX_CPU_QPLANE_H
#define ONYX_CPU_QPLANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu/pool.h"
#include "cpu/qeltwise.h"
#include "cpu/resize.h"

/* One channel block of one image, as pool_f32: taps outside the source do not count; a window without any tap gives
 * the type's smallest value. scratch: qplane_pool_scratch_bytes per worker. */
void qplane_max_pool(const qeltwise_kernels *kernels, const pool_shape *shape, bool is_signed, const void *src,
                     void *dst, int channel_block, void *scratch);
size_t qplane_pool_scratch_bytes(const pool_shape *shape);

/* As resize_nearest_f32. */
void qplane_resize_nearest(const resize_shape *shape, const void *src, void *dst, const int *y_index,
                           const int *x_index, int channel_block, int y_begin, int y_end);

/* As layout_block_f32 and layout_unblock_f32, with the block given; lanes behind the last real one become `fill`. */
void qplane_block(const void *src, size_t plane_stride, int lanes, int block, size_t hw, void *dst, uint8_t fill);
void qplane_unblock(const void *src, int lanes, int block, size_t hw, void *dst, size_t plane_stride);

/* dst[j * dst_stride + i] = src[i * src_stride + j], i < rows, j < cols. */
void qplane_transpose(const uint8_t *src, size_t src_stride, uint8_t *dst, size_t dst_stride, size_t rows, size_t cols);

#endif
