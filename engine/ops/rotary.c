/* SPDX-License-Identifier: BSD-2-Clause
 *
 * RotaryEmbedding: x [n, heads, length, width] or [n, length, heads * width], cosines and sines [positions, width / 2]
 * with the positions [n, length], or [n, length, width / 2] without. */
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

/* The numbers of each head that are rotated; -1: not known yet; -2: they do not fit. */
static int64_t rotated_width(const rotary_params *p, const op_value *x)
{
    int64_t width = x->dims[x->rank - 1];
    if (x->rank == 3) {
        if (p->heads < 1 || (width >= 0 && width % p->heads))
            return -2;
        width = width < 0 ? -1 : width / p->heads;
    }
    if (width >= 0 && (p->width > width || (!p->width && width % 2)))
        return -2;
    return p->width ? p->width : width;
}

onyx_status op_shape_rotary(op_shape_context *context)
{
    const rotary_params *p = context->params;
    STATUS_TRY(shape_begin(context));
    const op_value *x = context->inputs[0], *positions = shape_input(context, 3);
    STATUS_TRY(shape_same_type(context, 0, 1));
    STATUS_TRY(shape_same_type(context, 0, 2));
    STATUS_TRY(shape_type(context, 3, TYPE_BIT(ONYX_TYPE_INT64)));
    STATUS_TRY(shape_rank(context, 3, 2));
    STATUS_TRY(shape_rank(context, 1, positions ? 2 : 3));
    STATUS_TRY(shape_rank(context, 2, positions ? 2 : 3));
    shape_copy(&context->outputs[0], x);
    if (x->rank < 0)
        return ONYX_OK;
    if (x->rank != 3 && x->rank != 4)
        return shape_fail(context, "the input has rank %d", x->rank);
    const int64_t width = rotated_width(p, x), length = x->dims[x->rank - 2];
    if (width == -2)
        return shape_fail(context, "num_heads or rotary_embedding_dim do not fit");
    for (int i = 1; i < 3; i++) {
        const op_value *table = context->inputs[i];
        if (table->rank < 0)
            continue;
        const int64_t half = table->dims[table->rank - 1];
        if (width >= 0 && half >= 0 && half != width / 2)
            return shape_fail(context, "input %d has %lld columns instead of %lld", i, (long long)half,
                              (long long)(width / 2));
        for (int k = 0; k < 2 && !positions; k++) {
            const int64_t want = k ? length : x->dims[0];
            if (want >= 0 && table->dims[k] >= 0 && table->dims[k] != want)
                return shape_fail(context, "input %d has %lld instead of %lld elements along axis %d", i,
                                  (long long)table->dims[k], (long long)want, k);
        }
        if (positions && i == 2 && context->inputs[1]->rank == 2 && context->inputs[1]->dims[0] >= 0 &&
            table->dims[0] >= 0 && context->inputs[1]->dims[0] != table->dims[0])
            return shape_fail(context, "cosines and sines differ in length");
    }
    for (int k = 0; positions && positions->rank == 2 && k < 2; k++) {
        const int64_t want = k ? length : x->dims[0];
        if (want >= 0 && positions->dims[k] >= 0 && positions->dims[k] != want)
            return shape_fail(context, "positions have %lld instead of %lld elements along axis %d",
                              (long long)positions->dims[k], (long long)want, k);
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
    const op_value value = value_of_tensor(x);
    onyx_status status = ONYX_OK;
    const bool flat = x->rank == 3;
    const size_t count = tensor_count(x), width = (size_t)rotated_width(p, &value);
    const size_t heads = (size_t)(flat ? p->heads : x->dims[1]), length = (size_t)x->dims[flat ? 1 : 2];
    const size_t all = flat ? (size_t)x->dims[2] / heads : (size_t)x->dims[3];
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
            row = ((const int64_t *)positions->data)[row];
            if (row < 0 || row >= context->inputs[1]->dims[0])
                return status_fail(context->error, ONYX_ERROR_SHAPE, "position %lld of %lld", (long long)row,
                                   (long long)context->inputs[1]->dims[0]);
        }
        rotate(p, values + i * all, width, cosines + (size_t)row * (width / 2), sines + (size_t)row * (width / 2));
    }
    lanes_store(LANE_F64, values, count, out->type, out->data, 0);
    return ONYX_OK;
}
