/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Part of the pass `quantized`: what of a quantised transformer has no kernel on bytes is computed in float32.
 *
 * Products by constant matrices are pass_quantized_matmul.c's, of equally many matrices, where a processor has units
 * for them, pass_quantized_pairs.c's; these are the others:
 *
 *   Cast(MatMulInteger(a, b))                                -> MatMul(a - zero, b - zero)
 *   QLinearMatMul, QLinearSoftmax, QLinearAveragePool, QLinearGlobalAveragePool  -> Q(operator(DQ, ...))
 *   QGemm with one scale for each operand                    -> Q(Gemm(DQ, DQ, c))
 *
 * Products of bytes are exact in float32, and so are sums of 258 of them; longer ones are rounded as their conversion
 * to float32 would. */
#include "graph/pass_quantized.h"

#include <assert.h>

/* (x - zero) * scale of constant bytes, or DequantizeLinear in front of `before`; *done false where scale and zero
 * point are not one constant number each. */
static onyx_status dequantised(graph *g, graph_node *before, graph_value *x, graph_value *scale, graph_value *zero,
                               graph_value **y, bool *done, onyx_error *error)
{
    int number = 0;
    double factor;
    *done = quantized_is_byte(x) && graph_element_count(x) > 0 && graph_uniform(g, scale, &factor) &&
            graph_element_count(scale) == 1 && (!zero || quantized_zero(g, zero, &number));
    if (!*done)
        return ONYX_OK;
    if (!x->is_constant) {
        *y = NULL;
        return graph_insert(g, before, "", "DequantizeLinear", before->name, (graph_value *[]){ x, scale, zero },
                            zero ? 3 : 2, NULL, 0, y, error);
    }
    const onyx_tensor *bytes = graph_constant(g, x);
    const size_t count = (size_t)graph_element_count(x);
    buffer *storage;
    float *data;
    if (!bytes)
        return status_no_memory(error, count, "a constant");
    STATUS_TRY(graph_new_floats(count, &storage, &data, error));
    for (size_t i = 0; i < count; i++) {
        const uint8_t byte = ((const uint8_t *)bytes->data)[i];
        data[i] = (float)((bytes->type == ONYX_TYPE_INT8 ? (int8_t)byte : byte) - number) * (float)factor;
    }
    return graph_add_f32(g, x->name, x->info.rank, x->info.dims, storage, y, error);
}

/* QuantizeLinear in place of `last`. */
static onyx_status quantise(graph *g, graph_node *last, graph_value *x, graph_value *scale, graph_value *zero,
                            onyx_error *error)
{
    return graph_substitute(g, last, "", "QuantizeLinear", last->name, (graph_value *[]){ x, scale, zero },
                            zero ? 3 : 2, NULL, 0, NULL, error);
}

static bool one_number(const graph_value *value)
{
    return value && graph_element_count(value) == 1;
}

/* a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero */
static onyx_status qlinear_matmul(graph *g, graph_node *node, bool float_pairs, bool *changed, onyx_error *error)
{
    graph_value *a, *b, *y = NULL;
    graph_value *const *in = node->inputs;
    bool done;
    if (!one_number(in[6]) || (!float_pairs && quantized_is_pair(g, node)))
        return ONYX_OK;
    STATUS_TRY(dequantised(g, node, in[3], in[4], in[5], &b, &done, error));
    if (done)
        STATUS_TRY(dequantised(g, node, in[0], in[1], in[2], &a, &done, error));
    if (!done)
        return ONYX_OK;
    *changed = true;
    STATUS_TRY(graph_insert(g, node, "", "MatMul", node->name, (graph_value *[]){ a, b }, 2, NULL, 0, &y, error));
    return quantise(g, node, y, in[6], in[7], error);
}

/* x, x_scale, x_zero, y_scale, y_zero */
static onyx_status qlinear_unary(graph *g, graph_node *node, const char *op, bool *changed, onyx_error *error)
{
    graph_value *x, *y = NULL;
    graph_value *const *in = node->inputs;
    op_attribute attributes[8];
    int count = 0;
    bool done;
    if (!one_number(in[3]))
        return ONYX_OK;
    if (graph_is_in(node, OP_DOMAIN_MICROSOFT, "QLinearSoftmax")) {
        const softmax_params *params = node->params;
        const int64_t rank = in[0]->info.rank;
        if (params->flatten && params->axis != -1 && params->axis != rank - 1)
            return ONYX_OK;
        attributes[count++] = attribute_int("axis", params->axis);
    } else if (graph_is_in(node, OP_DOMAIN_MICROSOFT, "QLinearAveragePool")) {
        if (node->attribute_count > (int)ARRAY_LENGTH(attributes))
            return ONYX_OK;
        count = attributes_but(node, (const char *const[]){ "channels_last" }, 1, attributes);
    }
    STATUS_TRY(dequantised(g, node, in[0], in[1], in[2], &x, &done, error));
    if (!done)
        return ONYX_OK;
    *changed = true;
    STATUS_TRY(graph_insert(g, node, "", op, node->name, &x, 1, attributes, count, &y, error));
    return quantise(g, node, y, in[3], graph_input(node, 4), error);
}

/* c of a QGemm, whose scale is that of the product of a and b. */
static onyx_status gemm_addend(graph *g, graph_value *c, double scale, graph_value **floats, bool *done,
                               onyx_error *error)
{
    const onyx_tensor *tensor = c && c->is_constant ? graph_constant(g, c) : NULL;
    buffer *storage;
    float *data;
    *floats = NULL;
    *done = !c || (tensor && tensor->type == ONYX_TYPE_INT32 && graph_element_count(c) > 0);
    if (!c || !*done)
        return ONYX_OK;
    const size_t count = (size_t)graph_element_count(c);
    STATUS_TRY(graph_new_floats(count, &storage, &data, error));
    for (size_t i = 0; i < count; i++)
        data[i] = (float)(((const int32_t *)tensor->data)[i] * scale);
    return graph_add_f32(g, c->name, c->info.rank, c->info.dims, storage, floats, error);
}

/* a, a_scale, a_zero, b, b_scale, b_zero, c?, y_scale?, y_zero? */
static onyx_status qgemm(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    const gemm_params *params = node->params;
    graph_value *const *in = node->inputs, *inputs[3], *y = NULL, *y_scale = graph_input(node, 7);
    double a_scale, b_scale;
    bool done;
    if ((y_scale && !one_number(y_scale)) || !graph_uniform(g, in[1], &a_scale) || !graph_uniform(g, in[4], &b_scale))
        return ONYX_OK;
    const op_attribute attributes[] = { attribute_float("alpha", params->alpha),
                                        attribute_int("transA", params->trans_a),
                                        attribute_int("transB", params->trans_b) };
    STATUS_TRY(
        gemm_addend(g, graph_input(node, 6), (double)params->alpha * a_scale * b_scale, &inputs[2], &done, error));
    if (done)
        STATUS_TRY(dequantised(g, node, in[3], in[4], in[5], &inputs[1], &done, error));
    if (done)
        STATUS_TRY(dequantised(g, node, in[0], in[1], in[2], &inputs[0], &done, error));
    if (!done)
        return ONYX_OK;
    *changed = true;
    const int count = inputs[2] ? 3 : 2;
    if (!y_scale)
        return graph_substitute(g, node, "", "Gemm", node->name, inputs, count, attributes, 3, NULL, error);
    STATUS_TRY(graph_insert(g, node, "", "Gemm", node->name, inputs, count, attributes, 3, &y, error));
    return quantise(g, node, y, y_scale, graph_input(node, 8), error);
}

/* x - zero in float32; the zero point: one number, known at run time maybe, or absent. */
static onyx_status centred(graph *g, graph_node *before, graph_value *x, graph_value *zero, graph_value *unit,
                           graph_value **y, onyx_error *error)
{
    graph_value *pair[2] = { NULL, NULL }, *number = NULL;
    const op_attribute to = attribute_int("to", ONYX_TYPE_FLOAT32);
    bool done;
    STATUS_TRY(dequantised(g, before, x, unit, zero && zero->is_constant ? zero : NULL, y, &done, error));
    assert(done);
    if (!zero || zero->is_constant)
        return ONYX_OK;
    STATUS_TRY(graph_insert(g, before, "", "Cast", before->name, &zero, 1, &to, 1, &number, error));
    pair[0] = *y;
    pair[1] = number;
    if (number->info.rank > 0) {
        pair[1] = NULL;
        STATUS_TRY(graph_insert_reshape(g, before, before->name, number, 0, NULL, &pair[1], error));
    }
    *y = NULL;
    return graph_insert(g, before, "", "Sub", before->name, pair, 2, NULL, 0, y, error);
}

/* Bytes with one zero point. */
static bool can_centre(graph *g, const graph_value *x, graph_value *zero)
{
    int number;
    return quantized_is_byte(x) && graph_element_count(x) > 0 &&
           (!zero || (one_number(zero) && (!zero->is_constant || quantized_zero(g, zero, &number))));
}

/* The Cast to float32 of MatMulInteger(a, b, a_zero, b_zero). */
static onyx_status matmul_integer(graph *g, graph_node *cast, bool *changed, onyx_error *error)
{
    graph_node *product = graph_maker(cast->inputs[0], "MatMulInteger");
    if (!product || !graph_is_f32(cast->outputs[0]) || !graph_one_output(product) ||
        !can_centre(g, product->inputs[0], graph_input(product, 2)) ||
        !can_centre(g, product->inputs[1], graph_input(product, 3)))
        return ONYX_OK;
    graph_value *inputs[2] = { NULL, NULL }, *one;
    STATUS_TRY(graph_add_numbers(g, cast->name, &(double){ 1 }, 0, NULL, &one, error));
    for (int i = 0; i < 2; i++)
        STATUS_TRY(centred(g, cast, product->inputs[i], graph_input(product, 2 + i), one, &inputs[i], error));
    *changed = true;
    return graph_substitute(g, cast, "", "MatMul", cast->name, inputs, 2, NULL, 0, NULL, error);
}

onyx_status quantized_floats(graph *g, bool float_pairs, bool *changed, onyx_error *error)
{
    GRAPH_EACH_NODE(g, node)
    {
        if (!graph_output(node, 0) || !graph_one_output(node))
            continue;
        if (graph_is(node, "Cast"))
            STATUS_TRY(matmul_integer(g, node, changed, error));
        else if (graph_is(node, "QLinearMatMul"))
            STATUS_TRY(qlinear_matmul(g, node, float_pairs, changed, error));
        else if (graph_is_in(node, OP_DOMAIN_MICROSOFT, "QLinearSoftmax"))
            STATUS_TRY(qlinear_unary(g, node, "Softmax", changed, error));
        else if (graph_is_in(node, OP_DOMAIN_MICROSOFT, "QLinearAveragePool"))
            STATUS_TRY(qlinear_unary(g, node, "AveragePool", changed, error));
        else if (graph_is_in(node, OP_DOMAIN_MICROSOFT, "QLinearGlobalAveragePool"))
            STATUS_TRY(qlinear_unary(g, node, "GlobalAveragePool", changed, error));
        else if (graph_is_in(node, OP_DOMAIN_MICROSOFT, "QGemm"))
            STATUS_TRY(qgemm(g, node, changed, error));
    }
    return ONYX_OK;
}
