/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What shape functions are made of: checks with one wording, broadcasting and axes over dims that may be unknown (-1),
 * reading of inputs that are known, and the shape functions that many rows share. */
#ifndef ONYX_OPS_SHAPE_H
#define ONYX_OPS_SHAPE_H

#include "base/size.h"
#include "ops/ops.h"
#include "ops/params.h"

/* ---- type sets ---- */
#define TYPES_F32 (TYPE_BIT(ONYX_TYPE_FLOAT32))
#define TYPES_FLOAT                                                                                                    \
    (TYPE_BIT(ONYX_TYPE_FLOAT16) | TYPE_BIT(ONYX_TYPE_FLOAT32) | TYPE_BIT(ONYX_TYPE_FLOAT64) |                         \
     TYPE_BIT(ONYX_TYPE_BFLOAT16))
#define TYPES_SIGNED                                                                                                   \
    (TYPE_BIT(ONYX_TYPE_INT8) | TYPE_BIT(ONYX_TYPE_INT16) | TYPE_BIT(ONYX_TYPE_INT32) | TYPE_BIT(ONYX_TYPE_INT64))
#define TYPES_UNSIGNED                                                                                                 \
    (TYPE_BIT(ONYX_TYPE_UINT8) | TYPE_BIT(ONYX_TYPE_UINT16) | TYPE_BIT(ONYX_TYPE_UINT32) | TYPE_BIT(ONYX_TYPE_UINT64))
#define TYPES_INT (TYPES_SIGNED | TYPES_UNSIGNED)
#define TYPES_NUMBER (TYPES_FLOAT | TYPES_INT)
#define TYPES_BOOL (TYPE_BIT(ONYX_TYPE_BOOL))
#define TYPES_STRING (TYPE_BIT(ONYX_TYPE_STRING))
#define TYPES_INDEX (TYPE_BIT(ONYX_TYPE_INT32) | TYPE_BIT(ONYX_TYPE_INT64))
#define TYPES_BYTE (TYPE_BIT(ONYX_TYPE_INT8) | TYPE_BIT(ONYX_TYPE_UINT8))
#define TYPES_COMPLEX (TYPE_BIT(ONYX_TYPE_COMPLEX64) | TYPE_BIT(ONYX_TYPE_COMPLEX128))
#define TYPES_FLOAT8                                                                                                   \
    (TYPE_BIT(ONYX_TYPE_FLOAT8E4M3FN) | TYPE_BIT(ONYX_TYPE_FLOAT8E4M3FNUZ) | TYPE_BIT(ONYX_TYPE_FLOAT8E5M2) |          \
     TYPE_BIT(ONYX_TYPE_FLOAT8E5M2FNUZ))
#define TYPES_PACKED                                                                                                   \
    (TYPE_BIT(ONYX_TYPE_INT4) | TYPE_BIT(ONYX_TYPE_UINT4) | TYPE_BIT(ONYX_TYPE_INT2) | TYPE_BIT(ONYX_TYPE_UINT2) |     \
     TYPE_BIT(ONYX_TYPE_FLOAT4E2M1))
/* All that have whole bytes, and all. */
#define TYPES_WHOLE                                                                                                    \
    (TYPES_NUMBER | TYPES_BOOL | TYPES_STRING | TYPES_COMPLEX | TYPES_FLOAT8 | TYPE_BIT(ONYX_TYPE_FLOAT8E8M0))
#define TYPES_ALL (TYPES_WHOLE | TYPES_PACKED)

static inline bool type_in(onyx_type type, uint64_t set)
{
    return (unsigned)type < 64 && (set >> type & 1) != 0;
}

/* ---- checks and parts ---- */

/* Every shape function starts with this: input 0 is a tensor of a type of the row; all inputs are tensors. */
onyx_status shape_begin(op_shape_context *context);
/* Input `index`, if there and its type known, has a type of `set`. */
onyx_status shape_type(op_shape_context *context, int index, uint64_t set);
/* Inputs a and b, where both are there and known, have one type. */
onyx_status shape_same_type(op_shape_context *context, int a, int b);
/* Input `index`, if there and known, has this rank (or, for shape_scalar, one element). */
onyx_status shape_rank(op_shape_context *context, int index, int rank);
onyx_status shape_scalar(op_shape_context *context, int index);
/* Input `index`, if there and known, has `wanted` elements along the axis (wanted -1: as many as it likes). */
onyx_status shape_dim(op_shape_context *context, int index, int axis, int64_t wanted);
/* The input, or NULL when absent or beyond the node's inputs. */
const op_value *shape_input(const op_shape_context *context, int index);
onyx_status shape_fail(op_shape_context *context, const char *format, ...) ONYX_PRINTF(2, 3);

void shape_set(op_value *value, onyx_type type, int rank, const int64_t *dims);
void shape_copy(op_value *value, const op_value *from);
/* -axis counts from the end; false when outside of [-rank, rank). */
bool axis_resolve(int64_t axis, int rank, int *result);
/* "1x3x640x640" with ? for unknown; returns text. */
#define SHAPE_TEXT_SIZE 128
const char *shape_text(int rank, const int64_t *dims, char *text);

/* Multidirectional broadcast of b into a; false when they do not fit. -1 is unknown. */
bool dims_broadcast(int *rank, int64_t *dims, int other_rank, const int64_t *other_dims);

/* Product of dims[begin, end), -1 where one is not known or there is no such number. */
int64_t dims_product_or_unknown(const int64_t *dims, int begin, int end);

/* The rank and all dims. */
bool value_dims_known(const op_value *value);
/* The elements of a known int32/int64 value (any rank); false when not known or more than `capacity`. */
bool value_ints(const op_value *value, int64_t *ints, int capacity, int *count);
bool tensor_ints(const onyx_tensor *tensor, int64_t *ints, int capacity, int *count);
/* Element 0 of a numeric tensor. */
double tensor_number(const onyx_tensor *tensor);
size_t tensor_count(const onyx_tensor *tensor);
/* View of a tensor as op_value, for shape helpers used at run time. */
op_value value_of_tensor(const onyx_tensor *tensor);
/* The constant of input `index`, or NULL. */
const onyx_tensor *shape_constant(const op_shape_context *context, int index);

/* ---- shape functions that rows share ---- */
op_shape_function shape_same;           /* outputs are like input 0 */
op_shape_function shape_same_bool;      /* dims of input 0, bool */
op_shape_function shape_broadcast;      /* all inputs broadcast, of one type */
op_shape_function shape_broadcast_bool; /* the same, giving bool */

/* ---- parts of run functions ---- */
static inline const onyx_tensor *run_input(const op_run_context *context, int index)
{
    return index < context->input_count ? context->inputs[index] : NULL;
}
static inline onyx_tensor *run_output(const op_run_context *context, int index)
{
    return index < context->output_count ? context->outputs[index] : NULL;
}
/* Scratch memory, or NULL with *status set to MEMORY. */
void *run_scratch(op_run_context *context, size_t count, size_t element_bytes, onyx_status *status);
/* product of dims[begin, end) */
static inline size_t dims_product(const int64_t *dims, int begin, int end)
{
    size_t product = 1;
    for (int i = begin; i < end; i++)
        product *= (size_t)dims[i];
    return product;
}
/* Row-major strides in elements. */
void dims_strides(int rank, const int64_t *dims, int64_t *strides);

#endif
