/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Convolutions of bytes, however they are written:
 *   QLinearConv; Q(Conv(DQ(x), DQ(w), bias))                        -> QConv
 *   Conv(DQ(x), DQ(w), bias); Cast(ConvInteger) * scale             -> QConvFloat
 *   QConvFloat + bias; activation(QConvFloat)                       -> QConvFloat */
#include <stdlib.h>
#include <string.h>

#include "graph/pass_quantized.h"

/* ---- constants ---- */

static bool is_scale_constant(graph *g, graph_value *value)
{
    return value && value->is_constant && graph_is_f32(value) && value->info.rank <= 1 && graph_constant_f32(g, value);
}

static bool read_weights(graph *g, graph_value *value, byte_weights *weights)
{
    const graph_node *dq = graph_maker(value, "DequantizeLinear");
    if (!dq || !dq->inputs[0]->is_constant || !quantized_is_byte(dq->inputs[0]) || dq->inputs[0]->info.rank < 3 ||
        !graph_is_f32(value))
        return false;
    *weights = (byte_weights){
        .w = dq->inputs[0], .scale = dq->inputs[1], .zero = graph_input(dq, 2), .outputs = dq->inputs[0]->info.dims[0]
    };
    const quantize_params *params = dq->params;
    const int64_t scales = graph_element_count(weights->scale);
    const int64_t axis = params->axis < 0 ? params->axis + weights->w->info.rank : params->axis;
    if (params->block_size || !is_scale_constant(g, weights->scale) || (scales != 1 && axis != 0) ||
        (scales != 1 && scales != weights->outputs))
        return false;
    if (!weights->zero)
        return true;
    const int64_t zeros = graph_element_count(weights->zero);
    return weights->zero->is_constant && weights->zero->info.rank <= 1 &&
           weights->zero->info.type == weights->w->info.type && (zeros == 1 || zeros == weights->outputs);
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
    c->bias = malloc((size_t)c->weights.outputs * sizeof(double) + 1);
    if (c->bias && quantized_read_bias(g, graph_input(c->conv, 2), c->weights.outputs, c->bias))
        return true;
    free(c->bias);
    return false;
}

static onyx_status conv_to_bytes(graph *g, graph_node *q, const byte_scale *y, byte_conv *c, bool *changed,
                                 onyx_error *error)
{
    graph_value *inputs[9] = {
        c->x, c->x_scale.scale_value, NULL, c->weights.w, c->weights.scale, c->weights.zero, y->scale_value, NULL, NULL
    };
    STATUS_TRY(
        quantized_integer_bias(g, c->conv->name, c->bias, c->x_scale.scale, y->scale, &c->weights, &inputs[8], error));
    if (!inputs[8])
        return ONYX_OK;
    STATUS_TRY(quantized_zero_value(g, &c->x_scale, &inputs[2], error));
    STATUS_TRY(quantized_default_zero(g, c->weights.w->info.type, &inputs[5], error));
    STATUS_TRY(quantized_zero_value(g, y, &inputs[7], error));
    *changed = true;
    return graph_substitute(g, q, OP_DOMAIN_ONYX, "QConv", c->conv->name, inputs, 9, c->conv->attributes,
                            c->conv->attribute_count, NULL, error);
}

static onyx_status conv_to_floats(graph *g, byte_conv *c, bool *changed, onyx_error *error)
{
    graph_value *inputs[7] = {
        c->x, c->x_scale.scale_value, NULL, c->weights.w, c->weights.scale, c->weights.zero, NULL
    };
    STATUS_TRY(quantized_zero_value(g, &c->x_scale, &inputs[2], error));
    STATUS_TRY(quantized_default_zero(g, c->weights.w->info.type, &inputs[5], error));
    STATUS_TRY(graph_add_numbers(g, c->conv->name, c->bias, 1, &c->weights.outputs, &inputs[6], error));
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

/* Mul(Cast(ConvInteger(x, w, zx, zw)), scale): scale a constant, or the product of one and a scalar. */
static onyx_status take_integer(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    graph_value *factor, *inputs[6], *like = node->outputs[0];
    const graph_node *conv = quantized_maker_integer(node, "ConvInteger", &factor);
    const graph_value *w_zero = conv ? graph_input(conv, 3) : NULL;
    if (!conv || !conv->inputs[1]->is_constant || like->info.rank < 3 ||
        (w_zero && (!w_zero->is_constant || w_zero->info.rank > 1)))
        return ONYX_OK;
    STATUS_TRY(quantized_read_scales(g, factor, like, 1, &inputs[1], &inputs[4], error));
    if (!inputs[4])
        return ONYX_OK;
    for (int i = 0; i < 2; i++) {
        inputs[3 * i] = conv->inputs[i];
        inputs[3 * i + 2] = graph_input(conv, 2 + i);
        STATUS_TRY(quantized_default_zero(g, conv->inputs[i]->info.type, &inputs[3 * i + 2], error));
    }
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
        graph_value *like = node->outputs[0];
        const float *data;
        int step;
        if (!conv || graph_input(conv, 6) || !graph_same_shape(node->inputs[i], like) || like->info.rank < 3 ||
            !graph_along_axis(g, node->inputs[1 - i], like, 1, &data, &step))
            continue;
        graph_value *inputs[7];
        memcpy(inputs, conv->inputs, 6 * sizeof(*inputs));
        STATUS_TRY(
            graph_add_strided(g, node->inputs[1 - i]->name, data, step, 1, &like->info.dims[1], &inputs[6], error));
        *changed = true;
        return graph_substitute(g, node, OP_DOMAIN_ONYX, "QConvFloat", conv->name, inputs, 7, conv->attributes,
                                conv->attribute_count, NULL, error);
    }
    return ONYX_OK;
}

static onyx_status add_activation(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    op_activation activation;
    op_attribute attributes[MOST_CONV_ATTRIBUTES + ACTIVATION_ATTRIBUTES];
    graph_node *conv = float_conv(node->inputs[0]);
    if (!conv || !graph_activation_of(g, node, &activation) || activation.act == OP_ACT_SWISH ||
        conv->attribute_count > MOST_CONV_ATTRIBUTES)
        return ONYX_OK;
    const int count = attributes_with_activation(conv, &activation, attributes);
    *changed = true;
    return graph_substitute(g, node, OP_DOMAIN_ONYX, "QConvFloat", conv->name, conv->inputs, conv->input_count,
                            attributes, count, NULL, error);
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
