/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The quantised operators of com.microsoft that are elementwise or move elements: QLinearAdd, QLinearMul,
 * QLinearSigmoid, QLinearLeakyRelu, QLinearConcat, QLinearSoftmax. Inputs come as value, scale, zero point; all
 * arithmetic is float32 on dequantised values, rounded once. */
#include <math.h>
#include <string.h>

#include "ops/elementwise.h"
#include "ops/lanes.h"
#include "ops/quantize.h"
#include "ops/rows.h"
#include "ops/shape.h"

/* (q - zero) * scale for every byte of `type`. */
static void dequantize_table(onyx_type type, float scale, int32_t zero, float *table)
{
    for (int i = 0; i < 256; i++)
        table[i] = (float)((type == ONYX_TYPE_INT8 ? (int8_t)i : i) - zero) * scale;
}

/* ---- QLinearAdd, QLinearMul: a, a_scale, a_zero, b, b_scale, b_zero, c_scale, c_zero ---- */

onyx_status op_shape_qlinear_binary(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_same_type(context, 0, 3));
    for (int i = 1; i <= 6; i += i == 1 ? 3 : 2)
        STATUS_TRY(shape_scale(context, i));
    for (int i = 2; i <= 7; i += i == 2 ? 3 : 2) {
        STATUS_TRY(shape_zero_point(context, i, 0));
        STATUS_TRY(shape_scalar(context, i));
    }
    const op_value *a = context->inputs[0], *b = context->inputs[3];
    int rank = a->rank;
    int64_t dims[ONYX_MAX_RANK];
    memcpy(dims, a->dims, sizeof(dims));
    if (a->rank >= 0 && b->rank >= 0 && !dims_broadcast(&rank, dims, b->rank, b->dims))
        return shape_fail(context, "the inputs' shapes do not broadcast");
    shape_set(&context->outputs[0], a->type, b->rank < 0 ? -1 : rank, dims);
    return ONYX_OK;
}

static onyx_status run_binary(op_run_context *context, bool multiply)
{
    const onyx_tensor *a = context->inputs[0], *b = context->inputs[3], *factors[2] = { a, b };
    onyx_tensor *out = context->outputs[0];
    uint8_t *dst = out->data;
    float a_table[256], b_table[256], c_scale = scale_at(context->inputs[6], 0);
    int32_t low, high, zero = zero_point_at(run_input(context, 7), 0);
    if (tensor_count(out) == 0)
        return ONYX_OK;
    quantized_range(out->type, &low, &high);
    dequantize_table(a->type, scale_at(context->inputs[1], 0), zero_point_at(context->inputs[2], 0), a_table);
    dequantize_table(b->type, scale_at(context->inputs[4], 0), zero_point_at(context->inputs[5], 0), b_table);
    broadcast_walk walk;
    broadcast_begin(&walk, out->rank, out->dims, factors, 2);
    for (size_t row = 0; row < walk.rows; row++) {
        size_t offsets[BROADCAST_MAX];
        broadcast_offsets(&walk, row, offsets);
        const uint8_t *x = (const uint8_t *)a->data + offsets[0], *y = (const uint8_t *)b->data + offsets[1];
        for (size_t i = 0; i < walk.row_length; i++) {
            float u = a_table[x[i * walk.steps[0]]], v = b_table[y[i * walk.steps[1]]];
            *dst++ = (uint8_t)quantized((multiply ? u * v : u + v) / c_scale, zero, low, high);
        }
    }
    return ONYX_OK;
}

onyx_status op_run_qlinear_add(op_run_context *context)
{
    return run_binary(context, false);
}

onyx_status op_run_qlinear_mul(op_run_context *context)
{
    return run_binary(context, true);
}

/* ---- by table: x, x_scale, x_zero, y_scale, y_zero ---- */

onyx_status op_shape_qlinear_unary(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_scale(context, 1));
    STATUS_TRY(shape_scale(context, 3));
    for (int i = 2; i <= 4; i += 2) {
        STATUS_TRY(shape_zero_point(context, i, 0));
        STATUS_TRY(shape_scalar(context, i));
    }
    shape_copy(&context->outputs[0], context->inputs[0]);
    return ONYX_OK;
}

static onyx_status run_table(op_run_context *context, const op_activation *activation)
{
    const onyx_tensor *x = context->inputs[0];
    const uint8_t *src = x->data;
    uint8_t *dst = context->outputs[0]->data, table[256];
    float values[256], y_scale = scale_at(context->inputs[3], 0);
    int32_t low, high, y_zero = zero_point_at(run_input(context, 4), 0);
    size_t count = tensor_count(x);
    quantized_range(x->type, &low, &high);
    dequantize_table(x->type, scale_at(context->inputs[1], 0), zero_point_at(context->inputs[2], 0), values);
    op_activation_apply_f32(activation, values, 256);
    for (int i = 0; i < 256; i++)
        table[i] = (uint8_t)quantized(values[i] / y_scale, y_zero, low, high);
    for (size_t i = 0; i < count; i++)
        dst[i] = table[src[i]];
    return ONYX_OK;
}

onyx_status op_run_qlinear_sigmoid(op_run_context *context)
{
    return run_table(context, &(op_activation){ .act = OP_ACT_SIGMOID });
}

onyx_status op_run_qlinear_leaky_relu(op_run_context *context)
{
    const unary_params *p = context->params;
    return run_table(context, &(op_activation){ .act = OP_ACT_LEAKY_RELU, .a = p->alpha });
}

/* ---- QLinearConcat: y_scale, y_zero, then value, scale, zero of each input ---- */

onyx_status op_shape_qlinear_concat(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_scale(context, 0));
    STATUS_TRY(shape_type(context, 1, TYPES_BYTE));
    if (context->input_count < 5 || (context->input_count - 2) % 3)
        return shape_fail(context, "inputs are not triples behind the output's scale and zero point");
    op_value *out = &context->outputs[0];
    int axis = 0;
    int64_t length = 0;
    for (int i = 2; i < context->input_count; i += 3) {
        const op_value *in = context->inputs[i];
        if (!in || !context->inputs[i + 1] || !context->inputs[i + 2])
            return shape_fail(context, "an input is missing");
        STATUS_TRY(shape_same_type(context, 1, i));
        STATUS_TRY(shape_scale(context, i + 1));
        STATUS_TRY(shape_zero_point(context, i + 2, i));
        STATUS_TRY(shape_scalar(context, i + 2));
        if (in->rank < 0) {
            shape_set(out, context->inputs[1]->type, -1, NULL);
            return ONYX_OK;
        }
        if (!axis_resolve(((const axis_params *)context->params)->axis, in->rank, &axis))
            return shape_fail(context, "axis is out of range for rank %d", in->rank);
        if (i == 2)
            shape_set(out, context->inputs[1]->type, in->rank, in->dims);
        if (in->rank != out->rank)
            return shape_fail(context, "inputs have ranks %d and %d", out->rank, in->rank);
        for (int d = 0; d < in->rank; d++) {
            if (d != axis && in->dims[d] >= 0 && out->dims[d] >= 0 && in->dims[d] != out->dims[d])
                return shape_fail(context, "inputs differ in dimension %d", d);
        }
        length = length < 0 || in->dims[axis] < 0 ? -1 : length + in->dims[axis];
    }
    out->dims[axis] = length;
    return ONYX_OK;
}

onyx_status op_run_qlinear_concat(op_run_context *context)
{
    onyx_tensor *out = context->outputs[0];
    int axis = 0;
    axis_resolve(((const axis_params *)context->params)->axis, out->rank, &axis);
    size_t outer = dims_product(out->dims, 0, axis), inner = dims_product(out->dims, axis + 1, out->rank);
    size_t row = (size_t)out->dims[axis] * inner, at = 0;
    float scale = scale_at(context->inputs[0], 0);
    int32_t low, high, zero = zero_point_at(context->inputs[1], 0);
    quantized_range(out->type, &low, &high);
    for (int i = 2; i < context->input_count; i += 3) {
        const onyx_tensor *in = context->inputs[i];
        float values[256];
        uint8_t table[256];
        size_t length = (size_t)in->dims[axis] * inner;
        dequantize_table(in->type, scale_at(context->inputs[i + 1], 0), zero_point_at(context->inputs[i + 2], 0),
                         values);
        for (int q = 0; q < 256; q++)
            table[q] = (uint8_t)quantized(values[q] / scale, zero, low, high);
        for (size_t o = 0; o < outer; o++) {
            const uint8_t *src = (const uint8_t *)in->data + o * length;
            uint8_t *dst = (uint8_t *)out->data + o * row + at;
            for (size_t k = 0; k < length; k++)
                dst[k] = table[src[k]];
        }
        at += length;
    }
    return ONYX_OK;
}

/* ---- QLinearSoftmax: x, x_scale, x_zero, y_scale, y_zero ---- */

onyx_status op_parse_qlinear_softmax(const op_parse_context *context, void *params)
{
    softmax_params *p = params;
    p->axis = op_attribute_int(&context->attributes, "axis", -1);
    p->flatten = op_attribute_int(&context->attributes, "opset", 13) < 13;
    return ONYX_OK;
}

onyx_status op_shape_qlinear_softmax(op_shape_context *context)
{
    int axis;
    STATUS_TRY(op_shape_qlinear_unary(context));
    if (context->inputs[0]->rank > 0 &&
        !axis_resolve(((const softmax_params *)context->params)->axis, context->inputs[0]->rank, &axis))
        return shape_fail(context, "axis is out of range");
    return ONYX_OK;
}

onyx_status op_run_qlinear_softmax(op_run_context *context)
{
    const softmax_params *p = context->params;
    const onyx_tensor *x = context->inputs[0];
    const uint8_t *src = x->data;
    uint8_t *dst = context->outputs[0]->data;
    float values[256], y_scale = scale_at(context->inputs[3], 0);
    int32_t low, high, y_zero = zero_point_at(run_input(context, 4), 0);
    int axis = 0;
    axis_resolve(p->axis, x->rank, &axis);
    size_t outer = dims_product(x->dims, 0, axis), n = x->rank ? (size_t)x->dims[axis] : 1;
    size_t inner = x->rank ? dims_product(x->dims, axis + 1, x->rank) : 1;
    if (p->flatten) {
        n *= inner;
        inner = 1;
    }
    quantized_range(x->type, &low, &high);
    dequantize_table(x->type, scale_at(context->inputs[1], 0), zero_point_at(context->inputs[2], 0), values);
    for (size_t o = 0; o < outer * inner; o++) {
        size_t first = o / inner * n * inner + o % inner;
        double sum = 0;
        float largest = -INFINITY;
        for (size_t i = 0; i < n; i++)
            largest = MAX(largest, values[src[first + i * inner]]);
        for (size_t i = 0; i < n; i++)
            sum += exp((double)(values[src[first + i * inner]] - largest));
        for (size_t i = 0; i < n; i++) {
            double e = exp((double)(values[src[first + i * inner]] - largest)) / sum;
            dst[first + i * inner] = (uint8_t)quantized((float)e / y_scale, y_zero, low, high);
        }
    }
    return ONYX_OK;
}
