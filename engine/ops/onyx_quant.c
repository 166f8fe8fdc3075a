/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The quantised operators of the onyx domain, which only the pass `quantized` makes: convolutions and matrix products
 * of bytes with what follows them, and functions of one byte as tables of 256 entries (indexed by the byte's bits). */
#include "ops/quantize.h"
#include "ops/rows.h"
#include "ops/shape.h"

/* Input `index`, if there, is uint8[256]. */
static onyx_status shape_table(op_shape_context *context, int index)
{
    const op_value *table = shape_input(context, index);
    STATUS_TRY(shape_type(context, index, TYPE_BIT(ONYX_TYPE_UINT8)));
    STATUS_TRY(shape_rank(context, index, 1));
    if (table && table->rank == 1 && table->dims[0] >= 0 && table->dims[0] != 256)
        return shape_fail(context, "input %d is no table of 256 entries", index);
    return ONYX_OK;
}

static void look_up(const uint8_t *src, uint8_t *dst, size_t n, const onyx_tensor *table)
{
    const uint8_t *entries = table->data;
    for (size_t i = 0; i < n; i++)
        dst[i] = entries[src[i]];
}

/* ---- what ConvInteger or MatMulInteger gives for inputs 0 and 3 with the zero points 2 and 5 ---- */

static onyx_status shape_sums(op_shape_context *context, op_shape_function *operator)
{
    const op_value *inputs[4] = { context->inputs[0], context->inputs[3], shape_input(context, 2),
                                  shape_input(context, 5) };
    op_shape_context integer = *context;
    integer.inputs = inputs;
    integer.input_count = 4;
    return operator(&integer);
}

/* int32 in scratch; NULL with *status when that fails. */
static int32_t *run_sums(op_run_context *context, op_run_function *operator, onyx_status *status)
{
    const onyx_tensor *inputs[4] = { context->inputs[0], context->inputs[3], run_input(context, 2),
                                     run_input(context, 5) };
    onyx_tensor sums = *context->outputs[0], *list[1] = { &sums };
    sums.type = ONYX_TYPE_INT32;
    sums.data = run_scratch(context, tensor_count(&sums), sizeof(int32_t), status);
    if (!sums.data)
        return NULL;
    op_run_context integer = *context;
    integer.inputs = inputs;
    integer.input_count = 4;
    integer.outputs = list;
    *status = operator(&integer);
    return *status == ONYX_OK ? sums.data : NULL;
}

/* Input `index`, if there, has one element for each of `lines` (-1: not known) filters or columns, or maybe one for
 * all. */
static onyx_status check_per_line(op_shape_context *context, int index, bool one_may_do, int64_t lines)
{
    const op_value *v = shape_input(context, index);
    if (!v || v->rank < 0 || (one_may_do && (v->rank == 0 || (v->rank == 1 && v->dims[0] == 1))))
        return ONYX_OK;
    if (v->rank != 1 || (v->dims[0] >= 0 && lines >= 0 && v->dims[0] != lines))
        return shape_fail(context, "input %d does not have one element per filter or column", index);
    return ONYX_OK;
}

/* ---- QConv: the inputs of QLinearConv, then a table or nothing; table[QLinearConv(...)]. Input 10: sums to be added
 * to those of the convolution, each for as many pixels as the output is larger (QLinearConv's kernel adds them) ---- */

onyx_status op_shape_qconv(op_shape_context *context)
{
    const op_value *sum = shape_input(context, 10), *y = &context->outputs[0];
    STATUS_TRY(shape_table(context, 9));
    STATUS_TRY(shape_type(context, 10, TYPE_BIT(ONYX_TYPE_INT32)));
    STATUS_TRY(op_shape_qlinear_conv(context));
    if (!sum || sum->rank < 0 || y->rank < 0)
        return ONYX_OK;
    bool fits = sum->rank == y->rank;
    for (int i = 0; fits && i < y->rank; i++)
        if (sum->dims[i] >= 0 && y->dims[i] >= 0)
            fits = i < 2 ? sum->dims[i] == y->dims[i] : sum->dims[i] > 0 && y->dims[i] % sum->dims[i] == 0;
    return fits ? ONYX_OK : shape_fail(context, "the output does not repeat the sums of input 10");
}

onyx_status op_run_qconv(op_run_context *context)
{
    const onyx_tensor *table = run_input(context, 9);
    onyx_tensor *out = context->outputs[0];
    STATUS_TRY(op_run_qlinear_conv(context));
    if (table)
        look_up(out->data, out->data, tensor_count(out), table);
    return ONYX_OK;
}

/* ---- QConvFloat: x, x_scale, x_zero, w, w_scale, w_zero, bias; act(float(acc) * x_scale * w_scale[c] + bias[c]).
 * Scale and zero point of x may be known at run time only. ---- */

onyx_status op_parse_qconv_float(const op_parse_context *context, void *params)
{
    conv_params *p = params;
    STATUS_TRY(op_parse_conv(context, params));
    return op_parse_activation(context, &p->activation);
}

onyx_status op_shape_qconv_float(op_shape_context *context)
{
    STATUS_TRY(shape_scale(context, 1));
    STATUS_TRY(shape_type(context, 4, TYPES_F32));
    STATUS_TRY(shape_type(context, 6, TYPES_F32));
    STATUS_TRY(shape_sums(context, op_shape_conv_integer));
    const int64_t filters = context->inputs[3]->rank > 0 ? context->inputs[3]->dims[0] : -1;
    STATUS_TRY(check_per_line(context, 4, true, filters));
    STATUS_TRY(check_per_line(context, 6, false, filters));
    context->outputs[0].type = ONYX_TYPE_FLOAT32;
    return ONYX_OK;
}

onyx_status op_run_qconv_float(op_run_context *context)
{
    const conv_params *p = context->params;
    const onyx_tensor *w_scale = context->inputs[4], *bias = run_input(context, 6);
    onyx_tensor *out = context->outputs[0];
    onyx_status status = ONYX_OK;
    const int32_t *src = run_sums(context, op_run_conv_integer, &status);
    STATUS_TRY(status);
    const size_t count = tensor_count(out), channels = (size_t)out->dims[1];
    const float x_scale = scale_at(context->inputs[1], 0), *biases = bias ? bias->data : NULL;
    const size_t planes = channels * (size_t)out->dims[0], plane = planes ? count / planes : 0;
    float *dst = out->data;
    for (size_t i = 0; i < planes; i++) {
        const float scale = x_scale * scale_at(w_scale, i % channels), b = biases ? biases[i % channels] : 0;
        for (size_t k = 0; k < plane; k++)
            dst[i * plane + k] = (float)src[i * plane + k] * scale + b;
    }
    op_activation_apply_f32(&p->activation, dst, count);
    return ONYX_OK;
}

/* ---- QMatMul: x, x_scale, x_zero, w [k, n], w_scale, w_zero, y_scale, y_zero, bias, table; as QConv, for products
 * ---- */

/* The product in int32; bias: the number of that input. */
static onyx_status shape_qproduct(op_shape_context *context, int bias)
{
    STATUS_TRY(shape_scale(context, 1));
    STATUS_TRY(shape_scalar(context, 2));
    STATUS_TRY(shape_type(context, 4, TYPES_F32));
    STATUS_TRY(shape_rank(context, 3, 2));
    STATUS_TRY(shape_sums(context, op_shape_matmul_integer));
    const int64_t columns = context->inputs[3]->rank == 2 ? context->inputs[3]->dims[1] : -1;
    STATUS_TRY(check_per_line(context, 4, true, columns));
    STATUS_TRY(check_per_line(context, 5, true, columns));
    return check_per_line(context, bias, false, columns);
}

onyx_status op_shape_qmatmul(op_shape_context *context)
{
    STATUS_TRY(shape_table(context, 9));
    STATUS_TRY(shape_scale(context, 6));
    STATUS_TRY(shape_type(context, 7, TYPES_BYTE));
    STATUS_TRY(shape_scalar(context, 7));
    STATUS_TRY(shape_type(context, 8, TYPE_BIT(ONYX_TYPE_INT32)));
    STATUS_TRY(shape_qproduct(context, 8));
    context->outputs[0].type = context->inputs[7]->type;
    return ONYX_OK;
}

onyx_status op_run_qmatmul(op_run_context *context)
{
    const onyx_tensor *const *in = context->inputs, *bias = run_input(context, 8), *table = run_input(context, 9);
    onyx_tensor *out = context->outputs[0];
    onyx_status status = ONYX_OK;
    int32_t *sums = run_sums(context, op_run_matmul_integer, &status);
    STATUS_TRY(status);
    const size_t count = tensor_count(out), columns = (size_t)in[3]->dims[1];
    for (size_t i = 0; i < count; i++) {
        const size_t c = i % columns;
        if (bias)
            sums[i] = (int32_t)((uint32_t)sums[i] + (uint32_t)((const int32_t *)bias->data)[c]);
        requantize(out, i, sums + i, 1, scale_at(in[1], 0) * scale_at(in[4], c) / scale_at(in[6], 0),
                   zero_point_at(in[7], 0));
    }
    if (table)
        look_up(out->data, out->data, count, table);
    return ONYX_OK;
}

/* ---- QMatMulFloat: x, x_scale, x_zero, w [k, n], w_scale, w_zero, bias, residual; act(float(acc) * x_scale *
 * w_scale[c] + bias[c] + residual). Scale and zero point of x may be known at run time only. ---- */

onyx_status op_parse_qmatmul_float(const op_parse_context *context, void *params)
{
    return op_parse_activation(context, &((qmatmul_params *)params)->activation);
}

onyx_status op_shape_qmatmul_float(op_shape_context *context)
{
    const op_value *residual = shape_input(context, 7);
    STATUS_TRY(shape_type(context, 6, TYPES_F32));
    STATUS_TRY(shape_type(context, 7, TYPES_F32));
    STATUS_TRY(shape_qproduct(context, 6));
    op_value *y = &context->outputs[0];
    y->type = ONYX_TYPE_FLOAT32;
    bool fits = !residual || residual->rank < 0 || residual->rank == y->rank;
    for (int i = 0; fits && residual && i < residual->rank; i++)
        fits = residual->dims[i] < 0 || y->dims[i] < 0 || residual->dims[i] == y->dims[i];
    return fits ? ONYX_OK : shape_fail(context, "input 7 is not as large as the product");
}

onyx_status op_run_qmatmul_float(op_run_context *context)
{
    const qmatmul_params *p = context->params;
    const onyx_tensor *const *in = context->inputs, *bias = run_input(context, 6), *residual = run_input(context, 7);
    onyx_tensor *out = context->outputs[0];
    onyx_status status = ONYX_OK;
    const int32_t *sums = run_sums(context, op_run_matmul_integer, &status);
    STATUS_TRY(status);
    const size_t count = tensor_count(out), columns = (size_t)in[3]->dims[1];
    const float x_scale = scale_at(in[1], 0), *biases = bias ? bias->data : NULL;
    const float *added = residual ? residual->data : NULL;
    float *dst = out->data;
    for (size_t i = 0; i < count; i++) {
        const size_t c = i % columns;
        dst[i] = (float)sums[i] * (x_scale * scale_at(in[4], c)) + (biases ? biases[c] : 0) + (added ? added[i] : 0);
    }
    op_activation_apply_f32(&p->activation, dst, count);
    return ONYX_OK;
}

/* ---- QLookup: x, table; attribute `to`: the type of the result ---- */

onyx_status op_shape_qlookup(op_shape_context *context)
{
    const cast_params *p = context->params;
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_table(context, 1));
    shape_copy(&context->outputs[0], context->inputs[0]);
    if (!type_in(p->to, TYPES_BYTE))
        return shape_fail(context, "attribute to is no 8-bit type");
    context->outputs[0].type = p->to;
    return ONYX_OK;
}

onyx_status op_run_qlookup(op_run_context *context)
{
    look_up(context->inputs[0]->data, context->outputs[0]->data, tensor_count(context->inputs[0]), context->inputs[1]);
    return ONYX_OK;
}
