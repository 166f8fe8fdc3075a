/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Checks and parts of shape functions. Unknown ranks and dims pass every check: they are looked at again at run time,
 * when everything is known. */
#include "ops/shape.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ops/lanes.h"

const op_value *shape_input(const op_shape_context *context, int index)
{
    assert(index >= 0);
    return index < context->input_count ? context->inputs[index] : NULL;
}

const onyx_tensor *shape_constant(const op_shape_context *context, int index)
{
    const op_value *value = shape_input(context, index);
    return value ? value->constant : NULL;
}

onyx_status shape_fail(op_shape_context *context, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return status_fail(context->error, ONYX_ERROR_SHAPE, "%s", text);
}

onyx_status shape_begin(op_shape_context *context)
{
    for (int i = 0; i < context->input_count; i++) {
        if (!context->inputs[i] && context->row->max_inputs == OP_ANY_COUNT)
            return shape_fail(context, "input %d is missing", i);
        if (context->inputs[i] && context->inputs[i]->kind != OP_KIND_TENSOR)
            return status_fail(context->error, ONYX_ERROR_TYPE, "input %d is not a tensor", i);
    }
    if (context->input_count == 0 || !context->inputs[0])
        return ONYX_OK;
    return shape_type(context, 0, context->row->types);
}

onyx_status shape_type(op_shape_context *context, int index, uint64_t set)
{
    const op_value *value = shape_input(context, index);
    if (!value || value->type == ONYX_TYPE_UNDEFINED || type_in(value->type, set))
        return ONYX_OK;
    return status_fail(context->error, ONYX_ERROR_TYPE, "input %d has type %s, which is not supported here", index,
                       onyx_type_name(value->type));
}

onyx_status shape_same_type(op_shape_context *context, int a, int b)
{
    const op_value *x = shape_input(context, a), *y = shape_input(context, b);
    if (!x || !y || x->type == ONYX_TYPE_UNDEFINED || y->type == ONYX_TYPE_UNDEFINED || x->type == y->type)
        return ONYX_OK;
    return status_fail(context->error, ONYX_ERROR_TYPE, "inputs %d and %d have types %s and %s", a, b,
                       onyx_type_name(x->type), onyx_type_name(y->type));
}

onyx_status shape_rank(op_shape_context *context, int index, int rank)
{
    const op_value *value = shape_input(context, index);
    if (!value || value->rank < 0 || value->rank == rank)
        return ONYX_OK;
    return shape_fail(context, "input %d has rank %d instead of %d", index, value->rank, rank);
}

onyx_status shape_scalar(op_shape_context *context, int index)
{
    const op_value *value = shape_input(context, index);
    if (!value || value->rank < 0)
        return ONYX_OK;
    for (int i = 0; i < value->rank; i++) {
        if (value->dims[i] != 1 && value->dims[i] != -1)
            return shape_fail(context, "input %d has more or less than one element", index);
    }
    return ONYX_OK;
}

onyx_status shape_dim(op_shape_context *context, int index, int axis, int64_t wanted)
{
    const op_value *value = shape_input(context, index);
    if (!value || value->rank <= axis || value->dims[axis] < 0 || wanted < 0 || value->dims[axis] == wanted)
        return ONYX_OK;
    return shape_fail(context, "input %d has %lld instead of %lld elements along axis %d", index,
                      (long long)value->dims[axis], (long long)wanted, axis);
}

void shape_set(op_value *value, onyx_type type, int rank, const int64_t *dims)
{
    value->kind = OP_KIND_TENSOR;
    value->type = type;
    value->rank = rank;
    for (int i = 0; i < rank; i++)
        value->dims[i] = dims[i];
}

void shape_copy(op_value *value, const op_value *from)
{
    shape_set(value, from->type, from->rank, from->dims);
}

bool axis_resolve(int64_t axis, int rank, int *result)
{
    if (axis < -(int64_t)rank || axis >= rank)
        return false;
    *result = (int)(axis < 0 ? axis + rank : axis);
    return true;
}

const char *shape_text(int rank, const int64_t *dims, char *text)
{
    size_t at = 0;
    text[0] = '\0';
    for (int i = 0; i < rank && at < SHAPE_TEXT_SIZE - 24; i++) {
        if (dims[i] < 0)
            at += (size_t)snprintf(text + at, SHAPE_TEXT_SIZE - at, "%s?", i ? "x" : "");
        else
            at += (size_t)snprintf(text + at, SHAPE_TEXT_SIZE - at, "%s%lld", i ? "x" : "", (long long)dims[i]);
    }
    if (rank == 0)
        snprintf(text, SHAPE_TEXT_SIZE, "scalar");
    return text;
}

static bool dim_broadcast(int64_t *dim, int64_t other)
{
    if (other == 1 || *dim == other)
        return true;
    if (*dim == 1) {
        *dim = other;
        return true;
    }
    if (*dim == -1) { /* unknown against n > 1 (or 0) must be n or 1: the result is n */
        *dim = other;
        return true;
    }
    return other == -1;
}

bool dims_broadcast(int *rank, int64_t *dims, int other_rank, const int64_t *other_dims)
{
    if (other_rank > *rank) {
        int shift = other_rank - *rank;
        memmove(dims + shift, dims, (size_t)*rank * sizeof(dims[0]));
        for (int i = 0; i < shift; i++)
            dims[i] = 1;
        *rank = other_rank;
    }
    for (int i = 0; i < other_rank; i++) {
        if (!dim_broadcast(&dims[*rank - other_rank + i], other_dims[i]))
            return false;
    }
    return true;
}

int64_t dims_product_or_unknown(const int64_t *dims, int begin, int end)
{
    int64_t product = 1;
    for (int i = begin; i < end; i++) {
        if (dims[i] < 0 || __builtin_mul_overflow(product, dims[i], &product))
            return -1;
    }
    return product;
}

bool value_dims_known(const op_value *value)
{
    for (int i = 0; i < value->rank; i++)
        if (value->dims[i] < 0)
            return false;
    return value->rank >= 0;
}

size_t tensor_count(const onyx_tensor *tensor)
{
    return dims_product(tensor->dims, 0, tensor->rank);
}

bool tensor_ints(const onyx_tensor *tensor, int64_t *ints, int capacity, int *count)
{
    size_t n = tensor_count(tensor);
    if (n > (size_t)capacity || !type_in(tensor->type, TYPES_INT))
        return false;
    lanes_load(LANE_I64, tensor->type, tensor->data, 0, n, ints);
    *count = (int)n;
    return true;
}

bool value_ints(const op_value *value, int64_t *ints, int capacity, int *count)
{
    return value && value->constant && tensor_ints(value->constant, ints, capacity, count);
}

double tensor_number(const onyx_tensor *tensor)
{
    double number = 0;
    if (tensor_count(tensor) > 0)
        lanes_load(LANE_F64, tensor->type, tensor->data, 0, 1, &number);
    return number;
}

op_value value_of_tensor(const onyx_tensor *tensor)
{
    op_value value = { .kind = OP_KIND_TENSOR, .constant = tensor };
    shape_set(&value, tensor->type, tensor->rank, tensor->dims);
    return value;
}

void dims_strides(int rank, const int64_t *dims, int64_t *strides)
{
    int64_t stride = 1;
    for (int i = rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= dims[i];
    }
}

void *run_scratch(op_run_context *context, size_t count, size_t element_bytes, onyx_status *status)
{
    size_t bytes = 0;
    void *memory = NULL;
    if (size_mul(count, element_bytes, &bytes))
        memory = context->scratch(context, bytes ? bytes : 1);
    if (!memory)
        *status = status_no_memory(context->error, bytes, "scratch");
    return memory;
}

/* ---- shared shape functions ---- */

onyx_status shape_same(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    for (int i = 0; i < context->output_count; i++)
        shape_copy(&context->outputs[i], context->inputs[0]);
    return ONYX_OK;
}

onyx_status shape_same_bool(op_shape_context *context)
{
    STATUS_TRY(shape_same(context));
    context->outputs[0].type = ONYX_TYPE_BOOL;
    return ONYX_OK;
}

static onyx_status broadcast_inputs(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    op_value *out = &context->outputs[0];
    int rank = 0;
    int64_t dims[ONYX_MAX_RANK];
    bool known = true;
    onyx_type type = ONYX_TYPE_UNDEFINED;
    for (int i = 0; i < context->input_count; i++) {
        const op_value *input = context->inputs[i];
        STATUS_TRY(shape_same_type(context, 0, i));
        if (input->type != ONYX_TYPE_UNDEFINED)
            type = input->type;
        if (input->rank < 0) {
            known = false;
        } else if (!dims_broadcast(&rank, dims, input->rank, input->dims)) {
            char a[SHAPE_TEXT_SIZE], b[SHAPE_TEXT_SIZE];
            return shape_fail(context, "shapes %s and %s do not broadcast",
                              shape_text(context->inputs[0]->rank, context->inputs[0]->dims, a),
                              shape_text(input->rank, input->dims, b));
        }
    }
    shape_set(out, type, known ? rank : -1, dims);
    return ONYX_OK;
}

onyx_status shape_broadcast(op_shape_context *context)
{
    return broadcast_inputs(context);
}

onyx_status shape_broadcast_bool(op_shape_context *context)
{
    STATUS_TRY(broadcast_inputs(context));
    context->outputs[0].type = ONYX_TYPE_BOOL;
    return ONYX_OK;
}
