/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the steps on bytes share: their constants. */
#ifndef ONYX_PLAN_PLAN_QUANT_H
#define ONYX_PLAN_PLAN_QUANT_H

#include "plan/planner.h"

/* Parts start at multiples of this many elements: whole cache lines. */
#define PLAN_BYTE_GRAIN 64

static inline bool plan_is_byte(const graph_value *value)
{
    return value->info.kind == OP_KIND_TENSOR &&
           (value->info.type == ONYX_TYPE_UINT8 || value->info.type == ONYX_TYPE_INT8);
}

/* A constant scale and zero point (absent: 0) for the whole tensor. */
bool plan_byte_scale(planner *p, graph_value *scale_value, graph_value *zero_value, float *scale, int *zero);
/* A constant of this type, or NULL. */
const onyx_tensor *plan_constant(planner *p, graph_value *value, onyx_type type);
/* Element i of a zero point with one element or one per channel; absent: 0. False where it is no constant. */
bool plan_byte_zero(planner *p, graph_value *value, int i, int *zero);
/* The same of all filters of a shape, whose weights_zero it sets. PASS: they are no constant. */
plan_result plan_byte_zeros(planner *p, graph_value *value, qconv_shape *shape, int **zeros);
/* factor * scale[c] / divisor, one per channel, padded with zeros to 16; NULL: no constant, or memory is out. */
float *plan_byte_scales(planner *p, graph_value *value, float factor, float divisor, int channels);
/* A copy of a constant with `count` elements of 4 bytes. NULL: memory is out. */
void *plan_constant_copy(planner *p, graph_value *value, int count);

/* Weights to be packed for a plan, later and beside others. NULL: memory is out. */
const void *plan_pack_bytes(planner *p, const qconv_plan *plan, const graph_value *w, const int *zeros);

#endif
