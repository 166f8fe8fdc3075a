/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Convolutions of bytes, however they are written:
 *   QLinearConv; Q(Conv(DQ(x), DQ(w), bias))                        -> QConv
 *   Conv(DQ(x), DQ(w), bias); Cast(ConvInteger) * scale             -> QConvFloat
 *   QConvFloat + bias; activation(QConvFloat)                       -> QConvFloat */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/pass_quantized.h"

/* ---- constants ---- */

static bool is_scale_constant(graph *g, graph_value *value)
{
    return value && value->is_constant && graph_is_f32(value) && value->info.rank <= 1 && graph_constant_f32(g, value);
}

/* Weights of a convolution: constant bytes with a scale and zero point for all filters or for each. */
typedef struct byte_weights {
    graph_value *w, *scale, *zero; /* zero: NULL where absent */
    int64_t filters;
} byte_weights;

static bool read_weights(graph *g, graph_value *value, byte_weights *weights)
{
    const graph_node *dq = graph_maker(value, "DequantizeLinear");
    if (!dq || !dq->inputs[0]->is_constant || !quantized_is_byte(dq->inputs[0]) || dq->inputs[0]->info.rank < 3 ||
        !graph_is_f32(value))
        return false;
    *weights = (byte_weights){
        .w = dq->inputs[0], .scale = dq->inputs[1], .zero = graph_input(dq, 2), .filters = dq->inputs[0]->info.dims[0]
    };
    const quantize_params *params = dq->params;
    const int64_t scales = graph_element_count(weights->scale);
    const int64_t axis = params->axis < 0 ? params->axis + weights->w->info.rank : params->axis;
    if (params->block_size || !is_scale_constant(g, weights->scale) || (scales != 1 && axis != 0) ||
        (scales != 1 && scales != weights->filters))
        return false;
    if (!weights->zero)
        return true;
    const int64_t zeros = graph_element_count(weights->zero);
    return weights->zero->is_constant && weights->zero->info.rank <= 1 &&
           weights->zero->info.type == weights->w->info.type && (zeros == 1 || zeros == weights->filters);
}

static onyx_status weights_zero(graph *g, const byte_weights *weights, graph_value **zero, onyx_error *error)
{
    *zero = weights->zero;
    return *zero ? ONYX_OK : quantized_new_zero(g, weights->w->info.type, zero, error);
}

bool quantized_read_bias(graph *g, graph_value *value, int64_t channels, double *bias)
{
    const graph_node *dq = graph_maker(value, "DequantizeLinear");
    if (value && graph_element_count(value) != channels)
        return false;
    const float *floats = value && value->is_constant ? graph_constant_f32(g, value) : NULL;
    if (!value || floats) {
        for (int64_t i = 0; i < channels; i++)
            bias[i] = floats ? floats[i] : 0;
        return true;
    }
    if (!dq || !dq->inputs[0]->is_constant || dq->inputs[0]->info.type != ONYX_TYPE_INT32 ||
        !is_scale_constant(g, dq->inputs[1]))
        return false;
    const int32_t *numbers = graph_constant(g, dq->inputs[0]) ? graph_constant(g, dq->inputs[0])->data : NULL;
    const float *scales = graph_constant_f32(g, dq->inputs[1]);
    const int64_t step = graph_element_count(dq->inputs[1]) > 1;
    double zero;
    if (!numbers || (graph_input(dq, 2) && (!graph_uniform(g, dq->inputs[2], &zero) || zero != 0)) ||
        (step && graph_element_count(dq->inputs[1]) != channels))
        return false;
    for (int64_t i = 0; i < channels; i++)
        bias[i] = (double)numbers[i] * scales[i * step];
    return true;
}

bool quantized_bias_rounds(double bias, double unit, float step)
{
    return fabs(bias - rint(bias / unit) * unit) <= fabs((double)step) / 4;
}

/* What the sum over filter c may reach without its bias, for any bytes. */
static double largest_sum(const onyx_tensor *w, int64_t filter, int64_t c, int zero)
{
    const uint8_t *bytes = (const uint8_t *)w->data + c * filter;
    double sum = 0;
    for (int64_t i = 0; i < filter; i++)
        sum += abs((w->type == ONYX_TYPE_INT8 ? (int8_t)bytes[i] : bytes[i]) - zero);
    return sum * 255;
}

/* A new int32 constant round(bias / (x_scale * w_scale)); *value NULL where a sum may not fit, or results of y_scale
 * would show that it was rounded. */
static onyx_status integer_bias(graph *g, const char *name, const double *bias, int64_t channels, float x_scale,
                                float y_scale, const byte_weights *weights, graph_value **value, onyx_error *error)
{
    const float *scales = graph_constant_f32(g, weights->scale);
    const int64_t step = graph_element_count(weights->scale) > 1, filter = graph_element_count(weights->w) / channels;
    const onyx_tensor *w = graph_constant(g, weights->w),
                      *zeros = weights->zero ? graph_constant(g, weights->zero) : NULL;
    const size_t bytes = (size_t)channels * sizeof(int32_t);
    int32_t *numbers = malloc(bytes);
    *value = NULL;
    if (!numbers || !w || (weights->zero && !zeros)) {
        free(numbers);
        return status_no_memory(error, bytes, "a constant");
    }
    for (int64_t i = 0; i < channels; i++) {
        const int64_t at = zeros && graph_element_count(weights->zero) > 1 ? i : 0;
        const int zero = !zeros                          ? 0
                         : zeros->type == ONYX_TYPE_INT8 ? ((const int8_t *)zeros->data)[at]
                                                         : ((const uint8_t *)zeros->data)[at];
        const double unit = (double)x_scale * scales[i * step], number = rint(bias[i] / unit);
        if (!(fabs(number) + largest_sum(w, filter, i, zero) <= INT32_MAX) ||
            !quantized_bias_rounds(bias[i], unit, y_scale)) {
            free(numbers);
            return ONYX_OK;
        }
        numbers[i] = (int32_t)number;
    }
    const onyx_tensor tensor = {
        .type = ONYX_TYPE_INT32, .rank = 1, .dims = { channels }, .data = numbers, .size_bytes = bytes
    };
    *value = graph_add_constant(g, name, &tensor, NULL);
    free(numbers);
    return *value ? ONYX_OK : status_no_memory(error, bytes, "a constant");
}

static onyx_status float_constant(graph *g, const char *name, const double *numbers, int64_t count, graph_value **value,
                                  onyx_error *error)
{
    buffer *storage;
    float *data;
    STATUS_TRY(graph_new_floats((size_t)count, &storage, &data, error));
    for (int64_t i = 0; i < count; i++)
        data[i] = (float)numbers[i];
    return graph_add_f32(g, name, 1, &count, storage, value, error);
}

/* ---- Conv between DequantizeLinears ---- */

typedef struct byte_conv {
    graph_node *conv;
    graph_value *x;
    byte_scale x_scale;
    byte_weights weights;
    double *bias;
} byte_conv;

/* The Conv that makes the value, if it is of bytes. bias is malloc'ed. */
static bool find_conv(graph *g, const graph_value *value, byte_conv *c)
{
    c->conv = graph_maker(value, "Conv");
    if (!c->conv || !graph_one_output(c->conv) || !read_weights(g, c->conv->inputs[1], &c->weights))
        return false;
    const graph_node *dq = quantized_maker_dq(g, c->conv->inputs[0], &c->x_scale);
    if (!dq)
        return false;
    c->x = dq->inputs[0];
    c->bias = malloc((size_t)c->weights.filters * sizeof(double) + 1);
    if (c->bias && quantized_read_bias(g, graph_input(c->conv, 2), c->weights.filters, c->bias))
        return true;
    free(c->bias);
    return false;
}

static onyx_status conv_to_bytes(graph *g, graph_node *q, const byte_scale *y, byte_conv *c, bool *changed,
                                 onyx_error *error)
{
    graph_value *inputs[9] = { c->x, c->x_scale.scale_value, NULL, c->weights.w, c->weights.scale,
                               NULL, y->scale_value,         NULL, NULL };
    STATUS_TRY(integer_bias(g, c->conv->name, c->bias, c->weights.filters, c->x_scale.scale, y->scale, &c->weights,
                            &inputs[8], error));
    if (!inputs[8])
        return ONYX_OK;
    STATUS_TRY(quantized_zero_value(g, &c->x_scale, &inputs[2], error));
    STATUS_TRY(weights_zero(g, &c->weights, &inputs[5], error));
    STATUS_TRY(quantized_zero_value(g, y, &inputs[7], error));
    *changed = true;
    return graph_substitute(g, q, OP_DOMAIN_ONYX, "QConv", c->conv->name, inputs, 9, c->conv->attributes,
                            c->conv->attribute_count, NULL, error);
}

static onyx_status conv_to_floats(graph *g, byte_conv *c, bool *changed, onyx_error *error)
{
    graph_value *inputs[7] = { c->x, c->x_scale.scale_value, NULL, c->weights.w, c->weights.scale, NULL, NULL };
    STATUS_TRY(quantized_zero_value(g, &c->x_scale, &inputs[2], error));
    STATUS_TRY(weights_zero(g, &c->weights, &inputs[5], error));
    STATUS_TRY(float_constant(g, c->conv->name, c->bias, c->weights.filters, &inputs[6], error));
    *changed = true;
    return graph_substitute(g, c->conv, OP_DOMAIN_ONYX, "QConvFloat", c->conv->name, inputs, 7, c->conv->attributes,
                            c->conv->attribute_count, NULL, error);
}

static onyx_status take_conv(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    byte_scale y, next;
    byte_conv c;
    onyx_status status = ONYX_OK;
    const bool quantized = quantized_is_q(g, node, &y);
    if (quantized && graph_one_output(node) && graph_sole(node->inputs[0]) && find_conv(g, node->inputs[0], &c)) {
        status = conv_to_bytes(g, node, &y, &c, changed, error);
        free(c.bias);
    } else if (graph_is(node, "Conv") && find_conv(g, node->outputs[0], &c)) {
        const graph_node *user = graph_single_user(node->outputs[0]);
        if (!user || !quantized_is_q(g, user, &next))
            status = conv_to_floats(g, &c, changed, error);
        free(c.bias);
    }
    return status;
}

/* ---- QLinearConv ---- */

static onyx_status take_qlinear(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    float scale;
    int zero;
    for (int i = 0; i < node->input_count; i++) {
        graph_value *x = node->inputs[i];
        const bool ok = i == 0             ? true
                        : i == 1 || i == 6 ? graph_is_f32(x) && graph_scalar(g, x, &scale)
                        : i == 2 || i == 7 ? quantized_zero(g, x, &zero)
                                           : !x || x->is_constant;
        if (!ok)
            return ONYX_OK;
    }
    *changed = true;
    return graph_substitute(g, node, OP_DOMAIN_ONYX, "QConv", node->name, node->inputs, node->input_count,
                            node->attributes, node->attribute_count, NULL, error);
}

/* ---- ConvInteger ---- */

/* One number for all channels, or one for each: as a constant of rank 0 or 1. */
static onyx_status channel_scale(graph *g, graph_value *value, const graph_value *like, graph_value **scale,
                                 onyx_error *error)
{
    const float *data;
    int step;
    *scale = NULL;
    if (!value || !value->is_constant || !graph_is_f32(value) || like->info.rank < 3 ||
        !graph_along_axis(g, value, like, 1, &data, &step))
        return ONYX_OK;
    const int64_t count = step ? like->info.dims[1] : 1;
    buffer *storage;
    float *copy;
    STATUS_TRY(graph_new_floats((size_t)count, &storage, &copy, error));
    memcpy(copy, data, (size_t)count * sizeof(float));
    return graph_add_f32(g, value->name, 1, &count, storage, scale, error);
}

/* Mul(Cast(ConvInteger(x, w, zx, zw)), scale): scale a constant, or the product of one and a scalar. */
static onyx_status take_integer(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    const graph_node *cast = NULL, *conv = NULL;
    graph_value *factor = NULL, *x_scale = NULL, *w_scale = NULL, *like = node->outputs[0];
    for (int i = 0; i < 2 && !conv; i++) {
        cast = graph_maker(node->inputs[i], "Cast");
        conv = cast && graph_is_f32(node->inputs[i]) && graph_sole(node->inputs[i])
                   ? graph_maker(cast->inputs[0], "ConvInteger")
                   : NULL;
        factor = node->inputs[1 - i];
    }
    if (!conv || !graph_sole(cast->inputs[0]) || !graph_same_shape(cast->inputs[0], like) ||
        !conv->inputs[1]->is_constant)
        return ONYX_OK;
    graph_value *w_zero = graph_input(conv, 3), *x_zero = graph_input(conv, 2);
    if (w_zero && (!w_zero->is_constant || w_zero->info.rank > 1))
        return ONYX_OK;
    const graph_node *product = graph_maker(factor, "Mul");
    for (int i = 0; product && i < 2 && !w_scale; i++) {
        x_scale = product->inputs[i];
        if (graph_is_f32(x_scale) && graph_element_count(x_scale) == 1)
            STATUS_TRY(channel_scale(g, product->inputs[1 - i], like, &w_scale, error));
    }
    if (!w_scale) {
        const float one = 1;
        const onyx_tensor tensor = { .type = ONYX_TYPE_FLOAT32, .data = (void *)&one, .size_bytes = sizeof(one) };
        STATUS_TRY(channel_scale(g, factor, like, &w_scale, error));
        if (!w_scale)
            return ONYX_OK;
        if (!(x_scale = graph_add_constant(g, "one", &tensor, NULL)))
            return status_no_memory(error, sizeof(one), "a constant");
    }
    if (!x_zero)
        STATUS_TRY(quantized_new_zero(g, conv->inputs[0]->info.type, &x_zero, error));
    if (!w_zero)
        STATUS_TRY(quantized_new_zero(g, conv->inputs[1]->info.type, &w_zero, error));
    graph_value *inputs[6] = { conv->inputs[0], x_scale, x_zero, conv->inputs[1], w_scale, w_zero };
    *changed = true;
    return graph_substitute(g, node, OP_DOMAIN_ONYX, "QConvFloat", conv->name, inputs, 6, conv->attributes,
                            conv->attribute_count, NULL, error);
}

/* ---- behind QConvFloat ---- */

static graph_node *float_conv(const graph_value *x)
{
    graph_node *conv = graph_maker_in(x, OP_DOMAIN_ONYX, "QConvFloat");
    return conv && graph_sole(x) && graph_conv_activation(conv)->act == OP_ACT_NONE ? conv : NULL;
}

static onyx_status add_bias(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    for (int i = 0; i < 2; i++) {
        graph_node *conv = float_conv(node->inputs[i]);
        graph_value *like = node->outputs[0], *bias;
        const float *data;
        int step;
        if (!conv || graph_input(conv, 6) || !graph_same_shape(node->inputs[i], like) || like->info.rank < 3 ||
            !graph_along_axis(g, node->inputs[1 - i], like, 1, &data, &step))
            continue;
        graph_value *inputs[7];
        buffer *storage;
        float *copy;
        const int64_t channels = like->info.dims[1];
        STATUS_TRY(graph_new_floats((size_t)channels, &storage, &copy, error));
        for (int64_t c = 0; c < channels; c++)
            copy[c] = data[c * step];
        STATUS_TRY(graph_add_f32(g, node->inputs[1 - i]->name, 1, &channels, storage, &bias, error));
        memcpy(inputs, conv->inputs, 6 * sizeof(*inputs));
        inputs[6] = bias;
        *changed = true;
        return graph_substitute(g, node, OP_DOMAIN_ONYX, "QConvFloat", conv->name, inputs, 7, conv->attributes,
                                conv->attribute_count, NULL, error);
    }
    return ONYX_OK;
}

static onyx_status add_activation(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    op_activation activation;
    op_attribute attributes[16 + ACTIVATION_ATTRIBUTES];
    int count = 0;
    graph_node *conv = float_conv(node->inputs[0]);
    if (!conv || !graph_activation_of(g, node, &activation) || conv->attribute_count > 16)
        return ONYX_OK;
    for (int i = 0; i < conv->attribute_count; i++)
        if (strncmp(conv->attributes[i].name, "activation", 10) != 0)
            attributes[count++] = conv->attributes[i];
    attribute_activation(&activation, attributes + count);
    *changed = true;
    return graph_substitute(g, node, OP_DOMAIN_ONYX, "QConvFloat", conv->name, conv->inputs, conv->input_count,
                            attributes, count + ACTIVATION_ATTRIBUTES, NULL, error);
}

onyx_status quantized_convs(graph *g, bool *changed, onyx_error *error)
{
    GRAPH_EACH_NODE(g, node)
    {
        if (node->output_count < 1 || !node->outputs[0] || node->input_count < 1 || !node->inputs[0])
            continue;
        if (graph_is(node, "QLinearConv"))
            STATUS_TRY(take_qlinear(g, node, changed, error));
        else if (graph_is(node, "Mul"))
            STATUS_TRY(take_integer(g, node, changed, error));
        else if (graph_is(node, "Add"))
            STATUS_TRY(add_bias(g, node, changed, error));
        else if (graph_maker_in(node->inputs[0], OP_DOMAIN_ONYX, "QConvFloat"))
            STATUS_TRY(add_activation(g, node, changed, error));
        else
            STATUS_TRY(take_conv(g, node, changed, error));
    }
    return ONYX_OK;
}
