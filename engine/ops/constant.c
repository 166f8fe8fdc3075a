/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Operators that make tensors out of little: Constant, ConstantOfShape, Range, EyeLike, OneHot. */
#include <math.h>
#include <string.h>

#include "base/types.h"
#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"
#include "ops/strided.h"

/* ---- Constant ---- */

const void *op_constant_data(const constant_params *params)
{
    return params->tensor.data ? params->tensor.data : (const void *)&params->number;
}

static void number(constant_params *p, onyx_type type)
{
    p->tensor.type = type;
    p->tensor.rank = 0;
    type_bytes(type, 1, &p->tensor.size_bytes);
}

static void list(constant_params *p, onyx_type type, const void *data, int count)
{
    p->tensor.type = type;
    p->tensor.rank = 1;
    p->tensor.dims[0] = count;
    p->tensor.data = (void *)(uintptr_t)data;
    type_bytes(type, (size_t)count, &p->tensor.size_bytes);
}

onyx_status op_parse_constant(const op_parse_context *context, void *params)
{
    constant_params *p = params;
    const op_attributes *attributes = &context->attributes;
    const op_attribute *a;
    if ((a = op_attribute_find(attributes, "value", OP_ATTRIBUTE_TENSOR)) ||
        (a = op_attribute_find(attributes, "sparse_value", OP_ATTRIBUTE_TENSOR))) { /* made dense by the loader */
        p->tensor = *a->tensor;
    } else if ((a = op_attribute_find(attributes, "value_float", OP_ATTRIBUTE_FLOAT))) {
        number(p, ONYX_TYPE_FLOAT32);
        p->number.f = a->f;
    } else if ((a = op_attribute_find(attributes, "value_int", OP_ATTRIBUTE_INT))) {
        number(p, ONYX_TYPE_INT64);
        p->number.i = a->i;
    } else if ((a = op_attribute_find(attributes, "value_string", OP_ATTRIBUTE_STRING))) {
        number(p, ONYX_TYPE_STRING);
        p->number.s = a->s;
    } else if ((a = op_attribute_find(attributes, "value_floats", OP_ATTRIBUTE_FLOATS))) {
        list(p, ONYX_TYPE_FLOAT32, a->floats, a->count);
    } else if ((a = op_attribute_find(attributes, "value_ints", OP_ATTRIBUTE_INTS))) {
        list(p, ONYX_TYPE_INT64, a->ints, a->count);
    } else if ((a = op_attribute_find(attributes, "value_strings", OP_ATTRIBUTE_STRINGS))) {
        list(p, ONYX_TYPE_STRING, a->strings, a->count);
    } else {
        return status_fail(context->error, ONYX_ERROR_FORMAT, "the value is missing");
    }
    return ONYX_OK;
}

onyx_status op_shape_constant(op_shape_context *context)
{
    const onyx_tensor *t = &((const constant_params *)context->params)->tensor;
    shape_set(&context->outputs[0], t->type, t->rank, t->dims);
    return ONYX_OK;
}

onyx_status op_run_constant(op_run_context *context)
{
    if (context->outputs[0]->size_bytes)
        memcpy(context->outputs[0]->data, op_constant_data(context->params), context->outputs[0]->size_bytes);
    return ONYX_OK;
}

/* ---- ConstantOfShape ---- */

onyx_status op_parse_constant_of_shape(const op_parse_context *context, void *params)
{
    constant_params *p = params;
    const op_attribute *value = op_attribute_find(&context->attributes, "value", OP_ATTRIBUTE_TENSOR);
    if (!value) {
        number(p, ONYX_TYPE_FLOAT32);
        return ONYX_OK;
    }
    if (tensor_count(value->tensor) != 1)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "attribute value has more or less than one element");
    p->tensor = *value->tensor;
    return ONYX_OK;
}

onyx_status op_shape_constant_of_shape(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_rank(context, 0, 1));
    op_value *out = &context->outputs[0];
    int64_t dims[ONYX_MAX_RANK];
    int rank = -1;
    const op_value *in = context->inputs[0];
    if (value_ints(in, dims, ONYX_MAX_RANK, &rank)) {
        for (int i = 0; i < rank; i++) {
            if (dims[i] < 0)
                return shape_fail(context, "dimension %d is %lld", i, (long long)dims[i]);
        }
    } else if (in->constant || (in->rank == 1 && in->dims[0] > ONYX_MAX_RANK)) {
        return shape_fail(context, "more than %d dimensions", ONYX_MAX_RANK);
    } else if (in->rank == 1 && in->dims[0] >= 0) {
        rank = (int)in->dims[0];
        for (int i = 0; i < rank; i++)
            dims[i] = -1;
    }
    shape_set(out, ((const constant_params *)context->params)->tensor.type, rank, dims);
    return ONYX_OK;
}

onyx_status op_run_constant_of_shape(op_run_context *context)
{
    const constant_params *p = context->params;
    onyx_tensor *out = context->outputs[0];
    size_t count = tensor_count(out);
    if (!type_is_packed(out->type)) {
        strided_fill(out->data, op_constant_data(p), count, type_size(out->type));
        return ONYX_OK;
    }
    if (out->size_bytes == 0)
        return ONYX_OK;
    unsigned bits = onyx_type_bits(out->type), code = *(const uint8_t *)op_constant_data(p) & ((1u << bits) - 1);
    memset(out->data, (int)(bits == 4 ? code * 0x11 : code * 0x55), out->size_bytes);
    size_t used = count % (8 / bits); /* elements in the last byte; what is behind them is 0 */
    if (used)
        ((uint8_t *)out->data)[out->size_bytes - 1] &= (uint8_t)((1u << (used * bits)) - 1);
    return ONYX_OK;
}

/* ---- Range ---- */

static bool range_count(const onyx_tensor *start, const onyx_tensor *limit, const onyx_tensor *delta, int64_t *count)
{
    lane l = lane_of(start->type);
    if (l == LANE_I64) {
        int64_t s, e, d;
        lanes_load(l, start->type, start->data, 0, 1, &s);
        lanes_load(l, limit->type, limit->data, 0, 1, &e);
        lanes_load(l, delta->type, delta->data, 0, 1, &d);
        if (d == 0)
            return false;
        *count = 0;
        if (d > 0 ? s >= e : s <= e)
            return true;
        uint64_t distance = d > 0 ? (uint64_t)e - (uint64_t)s : (uint64_t)s - (uint64_t)e;
        uint64_t step = d > 0 ? (uint64_t)d : 0 - (uint64_t)d;
        uint64_t n = (distance - 1) / step + 1;
        *count = (int64_t)n;
        return n <= INT64_MAX;
    }
    double s = tensor_number(start), e = tensor_number(limit), d = tensor_number(delta);
    double n = ceil((e - s) / d);
    if (!(d != 0) || n != n || n > 1e15)
        return false;
    *count = n > 0 ? (int64_t)n : 0;
    return true;
}

onyx_status op_shape_range(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    for (int i = 0; i < 3; i++) {
        STATUS_TRY(shape_scalar(context, i));
        STATUS_TRY(shape_same_type(context, 0, i));
    }
    int64_t count = -1;
    const onyx_tensor *s = shape_constant(context, 0), *e = shape_constant(context, 1), *d = shape_constant(context, 2);
    if (s && e && d && !range_count(s, e, d, &count))
        return shape_fail(context, "start, limit and delta give no finite range");
    shape_set(&context->outputs[0], context->inputs[0]->type, 1, &count);
    return ONYX_OK;
}

onyx_status op_run_range(op_run_context *context)
{
    const onyx_tensor *start = context->inputs[0], *delta = context->inputs[2];
    onyx_tensor *out = context->outputs[0];
    size_t count = tensor_count(out);
    lane l = lane_of(start->type);
    if (l == LANE_I64) {
        int64_t s, d;
        lanes_load(l, start->type, start->data, 0, 1, &s);
        lanes_load(l, delta->type, delta->data, 0, 1, &d);
        for (size_t i = 0; i < count; i++) {
            int64_t x = (int64_t)((uint64_t)s + (uint64_t)d * i);
            lanes_store(l, &x, 1, out->type, out->data, i);
        }
        return ONYX_OK;
    }
    if (l == LANE_F32) {
        float s = (float)tensor_number(start), d = (float)tensor_number(delta);
        for (size_t i = 0; i < count; i++) {
            float x = s + (float)i * d;
            lanes_store(l, &x, 1, out->type, out->data, i);
        }
        return ONYX_OK;
    }
    double s = tensor_number(start), d = tensor_number(delta);
    for (size_t i = 0; i < count; i++)
        ((double *)out->data)[i] = s + (double)i * d;
    return ONYX_OK;
}

/* ---- EyeLike ---- */

onyx_status op_parse_eye_like(const op_parse_context *context, void *params)
{
    eye_params *p = params;
    p->type = (onyx_type)op_attribute_int(&context->attributes, "dtype", 0);
    p->k = op_attribute_int(&context->attributes, "k", 0);
    if (p->type && !type_in(p->type, TYPES_NUMBER | TYPES_BOOL))
        return status_fail(context->error, ONYX_ERROR_TYPE, "attribute dtype = %d is not supported", (int)p->type);
    return ONYX_OK;
}

onyx_status op_shape_eye_like(op_shape_context *context)
{
    const eye_params *p = context->params;
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_rank(context, 0, 2));
    shape_copy(&context->outputs[0], context->inputs[0]);
    if (p->type)
        context->outputs[0].type = p->type;
    return ONYX_OK;
}

onyx_status op_run_eye_like(op_run_context *context)
{
    const eye_params *p = context->params;
    onyx_tensor *out = context->outputs[0];
    int64_t rows = out->dims[0], columns = out->dims[1];
    memset(out->data, 0, out->size_bytes);
    float one = 1;
    for (int64_t r = 0; r < rows; r++) {
        int64_t c = r + MIN(MAX(p->k, -rows), columns);
        if (c >= 0 && c < columns)
            lanes_store(LANE_F32, &one, 1, out->type, out->data, (size_t)(r * columns + c));
    }
    return ONYX_OK;
}

/* ---- OneHot ---- */

onyx_status op_parse_one_hot(const op_parse_context *context, void *params)
{
    ((axis_params *)params)->axis = op_attribute_int(&context->attributes, "axis", -1);
    return ONYX_OK;
}

onyx_status op_shape_one_hot(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_scalar(context, 1));
    STATUS_TRY(shape_type(context, 1, TYPES_NUMBER));
    STATUS_TRY(shape_rank(context, 2, 1));
    STATUS_TRY(shape_type(context, 2, TYPES_WHOLE));
    const op_value *indices = context->inputs[0], *values = context->inputs[2];
    op_value *out = &context->outputs[0];
    if (values->rank == 1 && values->dims[0] >= 0 && values->dims[0] != 2)
        return shape_fail(context, "values has %lld elements instead of 2", (long long)values->dims[0]);
    out->type = values->type;
    int axis;
    if (indices->rank < 0)
        return ONYX_OK;
    if (indices->rank >= ONYX_MAX_RANK ||
        !axis_resolve(((const axis_params *)context->params)->axis, indices->rank + 1, &axis))
        return shape_fail(context, "axis is out of range");
    int64_t dims[ONYX_MAX_RANK], depth = -1;
    const onyx_tensor *known = shape_constant(context, 1);
    if (known) {
        double d = tensor_number(known);
        if (!(d >= 0 && d < 1e15))
            return shape_fail(context, "depth is %g", d);
        depth = (int64_t)d;
    }
    for (int i = 0, j = 0; i <= indices->rank; i++)
        dims[i] = i == axis ? depth : indices->dims[j++];
    shape_set(out, values->type, indices->rank + 1, dims);
    return ONYX_OK;
}

onyx_status op_run_one_hot(op_run_context *context)
{
    const onyx_tensor *indices = context->inputs[0], *values = context->inputs[2];
    onyx_tensor *out = context->outputs[0];
    int axis = 0;
    axis_resolve(((const axis_params *)context->params)->axis, out->rank, &axis);
    size_t bytes = type_size(out->type), depth = (size_t)out->dims[axis];
    size_t outer = dims_product(out->dims, 0, axis), inner = dims_product(out->dims, axis + 1, out->rank);
    const char *off = values->data, *on = off + bytes;
    strided_fill(out->data, off, tensor_count(out), bytes);
    for (size_t i = 0; i < outer * inner; i++) {
        int64_t index;
        lanes_load(LANE_I64, indices->type, indices->data, i, 1, &index);
        if (index < 0)
            index += (int64_t)depth;
        if (index >= 0 && index < (int64_t)depth)
            memcpy((char *)out->data + ((i / inner * depth + (size_t)index) * inner + i % inner) * bytes, on, bytes);
    }
    return ONYX_OK;
}
