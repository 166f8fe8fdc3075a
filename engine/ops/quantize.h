/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Small parts that the quantised operators share. */
#ifndef ONYX_OPS_QUANTIZE_H
#define ONYX_OPS_QUANTIZE_H

#include "ops/ops.h"

/* Limits of a quantised integer type. */
void quantized_range(onyx_type type, int32_t *low, int32_t *high);
/* clamp(round_half_even(x) + zero_point); NaN gives the zero point. */
int32_t quantized(float x, int32_t zero_point, int32_t low, int32_t high);
/* Element i of a scale or zero point with one element or n; `tensor` NULL: otherwise. */
float scale_at(const onyx_tensor *scale, size_t i);
int32_t zero_point_at(const onyx_tensor *zero_point, size_t i);

/* All elements minus their zero point as int16, in scratch: element i uses zero point i / inner % count. NULL with
 * *status when memory is out. */
int16_t *centred(op_run_context *context, const onyx_tensor *tensor, const onyx_tensor *zero_point, size_t inner,
                 onyx_status *status);
/* dst[i] = quantized(sums[i] * multiplier, zero point of `out`) for n elements from `first` on. */
void requantize(onyx_tensor *out, size_t first, const int32_t *sums, size_t n, float multiplier, int32_t zero_point);

/* Shape checks: input `index` is a scale (float32, one element), or a zero point of input `like`'s type. */
onyx_status shape_scale(op_shape_context *context, int index);
onyx_status shape_zero_point(op_shape_context *context, int index, int like);

#endif
