/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Moving elements between strided arrays, whatever their type: what Transpose, Slice, Expand, Concat, Pad, Tile and
 * their like are made of. */
#ifndef ONYX_OPS_STRIDED_H
#define ONYX_OPS_STRIDED_H

#include "ops/ops.h"

/* dst[i * dst_stride] = src[i * src_stride] over all index tuples i of `dims`; strides in elements, may be 0 in src,
 * negative in both. element_bytes 1, 2, 4, 8 or 16. The memory does not overlap. */
typedef struct strided_copy {
    int rank;
    int64_t dims[ONYX_MAX_RANK], dst_strides[ONYX_MAX_RANK], src_strides[ONYX_MAX_RANK];
    size_t element_bytes;
} strided_copy;

void strided_run(const strided_copy *copy, void *dst, const void *src, workers *pool);
/* count elements of the value at `value`. */
void strided_fill(void *dst, const void *value, size_t count, size_t element_bytes);

/* Runs `run` on copies of the tensors with one byte per element where an input or output 0.. has a packed type (4 or 2
 * bits), so that kernels that move elements need not know packing. Others go straight through. Not for OP_DYNAMIC. */
onyx_status packed_run(op_run_context *context, op_run_function *run);

#endif
