/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Lanes: the few arithmetic types that reference kernels compute in. Each element type has one natural lane (float16
 * and bfloat16: float32; integers: 64 bits, which wrap back when stored), so an operator is written at most four
 * times and serves every type. */
#ifndef ONYX_OPS_LANES_H
#define ONYX_OPS_LANES_H

#include "ops/ops.h"

typedef enum lane { LANE_F32, LANE_F64, LANE_I64, LANE_U64 } lane;

/* Of a numeric type or bool (U64). */
lane lane_of(onyx_type type);
size_t lane_size(lane l);
/* True when the type's stored form is the lane itself. */
bool lane_is_stored(lane l, onyx_type type);

/* dst[i] = element first + i of `data`, as `to`. Any numeric type, bool, float8 and packed types; floating values
 * saturate at the limits of integer lanes, NaN gives 0. */
void lanes_load(lane to, onyx_type type, const void *data, size_t first, size_t n, void *dst);
/* The other way. Integer lanes wrap to narrower integers; float lanes are rounded to nearest even for small floats
 * and cut towards zero for integers; bool is x != 0. Packed types need `first` to be a multiple of 4. */
void lanes_store(lane from, const void *src, size_t n, onyx_type type, void *data, size_t first);

/* All elements of a tensor as `to`: its own data where it is stored so, else a converted copy in scratch. NULL: out of
 * memory, *status set. */
const void *lanes_of_tensor(op_run_context *context, const onyx_tensor *tensor, lane to, onyx_status *status);
/* Memory to compute an output in, and its way back into the tensor. */
void *lanes_for_output(op_run_context *context, onyx_tensor *tensor, lane to, onyx_status *status);
void lanes_finish_output(onyx_tensor *tensor, lane from, const void *data);

/* Element i of data in a floating lane. */
static inline double lane_get(lane l, const void *data, size_t i)
{
    return l == LANE_F32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}
static inline void lane_set(lane l, void *data, size_t i, double value)
{
    if (l == LANE_F32)
        ((float *)data)[i] = (float)value;
    else
        ((double *)data)[i] = value;
}

/* float64 -> float16 and bfloat16 without rounding twice. */
float double_to_float_odd(double value);

#endif
