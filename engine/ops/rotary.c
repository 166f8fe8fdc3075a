/* SPDX-License-Identifier: BSD-2-Clause
 *
 * RotaryEmbedding: x [n, heads, length, width] or [n, length, heads * width], cosines and sines [positions, width / 2]
 * with the positions [n, length], or [n, length, width / 2] without. As com.microsoft has it, one position is that of
 * the first of each image. */
#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"

onyx_status op_parse_rotary(const op_parse_context *context, void *params)
{
    rotary_params *p = params;
    p->interleaved = op_attribute_int(&context->attributes, "interleaved", 0) != 0;
    p->heads = op_attribute_int(&context->attributes, "num_heads", 0);
    p->width = op_attribute_int(&context->attributes, "rotary_embedding_dim", 0);
    if (p->heads < 0 || p->width < 0 || p->width % 2)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "%lld heads, %lld numbers to rotate", (long long)p->heads,
                           (long long)p->width);
    return ONYX_OK;
}

/* Numbers of a head; -1: not known yet; -2: they do not fit. com.microsoft does not say how many heads of a flat input
 * there are where whole heads are rotated: the tables do. */
static int64_t head_size(const rotary_params *p, const op_value *x, const op_value *cosines)
{
    const int64_t all = x->dims[x->rank - 1];
    if (x->rank == 4 || all < 0)
        return all;
    if (p->heads)
        return all % p->heads ? -2 : all / p->heads;
    if (p->width)
        return -2;
    const int64_t half = cosines->rank > 0 ? cosines->dims[cosines->rank - 1] : -1;
    return half < 0 ? -1 : half == 0 || half > all / 2 || all % (2 * half) ? -2 : 2 * half;
}

onyx_status op_shape_rotary(op_shape_context *context)
{
    const rotary_params *p = context->params;
    STATUS_TRY(shape_begin(context));
    const op_value *x = context->inputs[0], *cosines = context->inputs[1], *positions = shape_input(context, 3);
    STATUS_TRY(shape_same_type(context, 0, 1));
    STATUS_TRY(shape_same_type(context, 0, 2));
    STATUS_TRY(shape_type(context, 3, TYPE_BIT(ONYX_TYPE_INT64)));
    STATUS_TRY(positions && positions->rank >= 0 && positions->rank < 2 ? shape_scalar(context, 3)
                                                                        : shape_rank(context, 3, 2));
    STATUS_TRY(shape_rank(context, 1, positions ? 2 : 3));
    STATUS_TRY(shape_rank(context, 2, positions ? 2 : 3));
    shape_copy(&context->outputs[0], x);
    if (x->rank < 0)
        return ONYX_OK;
    if (x->rank != 3 && x->rank != 4)
        return shape_fail(context, "the input has rank %d", x->rank);
    const int64_t size = head_size(p, x, cosines), length = x->dims[x->rank - 2];
    if (size == -2 || (size >= 0 && (p->width > size || (!p->width && size % 2))))
        return shape_fail(context, "num_heads or rotary_embedding_dim do not fit");
    const int64_t width = p->width ? p->width : size;
    for (int i = 1; i < 3; i++) {
        STATUS_TRY(shape_dim(context, i, positions ? 1 : 2, width < 0 ? -1 : width / 2));
        STATUS_TRY(shape_dim(context, i, 0, positions ? (cosines->rank < 0 ? -1 : cosines->dims[0]) : x->dims[0]));
        STATUS_TRY(shape_dim(context, i, 1, positions ? -1 : length));
    }
    if (positions && positions->rank == 2) {
        STATUS_TRY(shape_dim(context, 3, 0, x->dims[0]));
        STATUS_TRY(shape_dim(context, 3, 1, length));
    }
    return ONYX_OK;
}

/* One head of one position, in place. */
static void rotate(const rotary_params *p, double *x, size_t width, const double *cosines, const double *sines)
{
    for (size_t i = 0; i < width / 2; i++) {
        double *a = p->interleaved ? &x[2 * i] : &x[i], *b = p->interleaved ? &x[2 * i + 1] : &x[width / 2 + i];
        const double first = *a, second = *b;
        *a = first * cosines[i] - second * sines[i];
        *b = first * sines[i] + second * cosines[i];
    }
}

onyx_status op_run_rotary(op_run_context *context)
{
    const rotary_params *p = context->params;
    const onyx_tensor *x = context->inputs[0], *positions = run_input(context, 3);
    onyx_tensor *out = context->outputs[0];
    const op_value value = value_of_tensor(x), table = value_of_tensor(context->inputs[1]);
    onyx_status status = ONYX_OK;
    const bool flat = x->rank == 3, one = positions && positions->rank < 2;
    const size_t count = tensor_count(x), all = (size_t)head_size(p, &value, &table);
    const size_t width = p->width ? (size_t)p->width : all, length = (size_t)x->dims[flat ? 1 : 2];
    const size_t heads = !flat ? (size_t)x->dims[1] : all ? (size_t)x->dims[2] / all : 0;
    const double *cosines = lanes_of_tensor(context, context->inputs[1], LANE_F64, &status);
    STATUS_TRY(status);
    const double *sines = lanes_of_tensor(context, context->inputs[2], LANE_F64, &status);
    STATUS_TRY(status);
    double *values = run_scratch(context, count, sizeof(*values), &status);
    STATUS_TRY(status);
    lanes_load(LANE_F64, x->type, x->data, 0, count, values);
    for (size_t i = 0; all && i < count / all; i++) { /* [n, length, heads] or [n, heads, length] */
        const size_t at = flat ? i / heads % length : i % length, image = i / heads / length;
        int64_t row = (int64_t)(image * length + at);
        if (positions) {
            const int64_t first = ((const int64_t *)positions->data)[one ? 0 : row], on = one ? (int64_t)at : 0;
            if (first < 0 || first >= table.dims[0] || on >= table.dims[0] - first)
                return status_fail(context->error, ONYX_ERROR_SHAPE, "position %lld + %lld of %lld", (long long)first,
                                   (long long)on, (long long)table.dims[0]);
            row = first + on;
        }
        rotate(p, values + i * all, width, cosines + (size_t)row * (width / 2), sines + (size_t)row * (width / 2));
    }
    lanes_store(LANE_F64, values, count, out->type, out->data, 0);
    return ONYX_OK;
}
