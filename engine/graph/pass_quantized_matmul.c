/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Part of the pass `quantized`: matrix products of bytes by constant matrices, however they are written.
 *
 *   MatMul(DQ(x), DQ(w)), Gemm(DQ(x), DQ(w), bias)          -> QMatMulFloat
 *   Cast(MatMulInteger(x, w)), the same * scale             -> QMatMulFloat
 *   QGemm without a scale for its result                    -> QMatMulFloat
 *   QMatMulFloat + row; + another value; activation of it   -> QMatMulFloat
 *   Q(QMatMulFloat); QLinearMatMul; QGemm                   -> QMatMul
 *   Reshape(QMatMul(x)), columns kept                       -> QMatMul(Reshape(x))
 *   Reshape(DynamicQuantizeLinear(x))                       -> DynamicQuantizeLinear(Reshape(x)) */
#include <stdlib.h>
#include <string.h>

#include "graph/pass_quantized.h"

enum { X, X_SCALE, X_ZERO, W, W_SCALE, W_ZERO, BIAS, RESIDUAL, FLOAT_INPUTS };            /* of QMatMulFloat */
enum { Y_SCALE = BIAS, Y_ZERO, SUM_BIAS, TABLE, BYTE_INPUTS };                            /* of QMatMul */
enum { G_X, G_X_SCALE, G_X_ZERO, G_W, G_W_SCALE, G_W_ZERO, G_BIAS, G_Y_SCALE, G_Y_ZERO }; /* of QGemm */

/* ---- constants ---- */

/* A constant of one element, or of one per column. */
static bool per_column(graph *g, graph_value *value, int64_t columns)
{
    return value && value->is_constant && value->info.rank <= 1 && graph_constant(g, value) &&
           (graph_element_count(value) == 1 || graph_element_count(value) == columns);
}

/* Weights as the product takes them: [k, n], with inputs W_SCALE and W_ZERO (zeros where it is NULL). */
static bool fits_weights(graph *g, graph_value *const *in, int64_t columns)
{
    graph_value *w = in[W];
    return w && w->is_constant && quantized_is_byte(w) && w->info.rank == 2 && graph_element_count(w) > 0 &&
           graph_constant(g, w) && graph_is_f32(in[W_SCALE]) && per_column(g, in[W_SCALE], columns) &&
           (!in[W_ZERO] || (in[W_ZERO]->info.type == w->info.type && per_column(g, in[W_ZERO], columns)));
}

static onyx_status transposed(graph *g, graph_value *w, graph_value **result, onyx_error *error)
{
    const onyx_tensor *tensor = graph_constant(g, w);
    const size_t rows = (size_t)w->info.dims[0], columns = (size_t)w->info.dims[1];
    onyx_tensor turned = *tensor;
    buffer *storage = buffer_new(rows * columns);
    uint8_t *data = storage ? buffer_data(storage) : NULL;
    if (!data)
        return status_no_memory(error, rows * columns, "a constant");
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            data[j * rows + i] = ((const uint8_t *)tensor->data)[i * columns + j];
    turned.dims[0] = w->info.dims[1];
    turned.dims[1] = w->info.dims[0];
    turned.data = data;
    turned.size_bytes = rows * columns;
    *result = graph_add_constant(g, w->name, &turned, storage);
    return *result ? ONYX_OK : status_no_memory(error, rows * columns, "a constant");
}

static onyx_status default_zeros(graph *g, graph_value **in, onyx_error *error)
{
    STATUS_TRY(quantized_default_zero(g, in[X]->info.type, &in[X_ZERO], error));
    return quantized_default_zero(g, in[W]->info.type, &in[W_ZERO], error);
}

/* ---- the nodes ---- */

static onyx_status put_float(graph *g, graph_node *last, const char *name, graph_value **in,
                             const op_activation *activation, bool *changed, onyx_error *error)
{
    op_attribute attributes[ACTIVATION_ATTRIBUTES];
    int count = FLOAT_INPUTS;
    STATUS_TRY(default_zeros(g, in, error));
    while (count > BIAS && !in[count - 1])
        count--;
    attribute_activation(activation, attributes);
    *changed = true;
    return graph_substitute(g, last, OP_DOMAIN_ONYX, "QMatMulFloat", name, in, count, attributes, ACTIVATION_ATTRIBUTES,
                            NULL, error);
}

static onyx_status put_bytes(graph *g, graph_node *last, const char *name, graph_value **in, bool *changed,
                             onyx_error *error)
{
    int count = BYTE_INPUTS;
    STATUS_TRY(default_zeros(g, in, error));
    while (count > SUM_BIAS && !in[count - 1])
        count--;
    *changed = true;
    return graph_substitute(g, last, OP_DOMAIN_ONYX, "QMatMul", name, in, count, NULL, 0, NULL, error);
}

static const op_activation no_activation = { .act = OP_ACT_NONE };

/* The QMatMulFloat without activation that alone makes the value, or NULL; its inputs. */
static graph_node *bare_product(const graph_value *x, graph_value *in[FLOAT_INPUTS])
{
    graph_node *product = graph_maker_in(x, OP_DOMAIN_ONYX, "QMatMulFloat");
    if (!product || !graph_sole(x) || ((const qmatmul_params *)product->params)->activation.act != OP_ACT_NONE)
        return NULL;
    for (int i = 0; i < FLOAT_INPUTS; i++)
        in[i] = graph_input(product, i);
    return product;
}

/* ---- products between DequantizeLinears ---- */

/* Inputs X .. W_ZERO from DequantizeLinears of a and b; trans: b is [n, k]. */
static onyx_status read_factors(graph *g, graph_value *a, graph_value *b, bool trans, graph_value **in, bool *done,
                                onyx_error *error)
{
    byte_scale scale;
    const graph_node *x = quantized_maker_dq(g, a, &scale), *w = graph_maker(b, "DequantizeLinear");
    *done = false;
    if (!x || x->inputs[0]->is_constant || a->info.rank < 2 || !w || !graph_is_f32(b) || b->info.rank != 2)
        return ONYX_OK;
    const quantize_params *params = w->params;
    const int64_t axis = params->axis < 0 ? params->axis + 2 : params->axis;
    in[X] = x->inputs[0];
    in[X_SCALE] = scale.scale_value;
    in[X_ZERO] = scale.zero_value;
    in[W] = w->inputs[0];
    in[W_SCALE] = w->inputs[1];
    in[W_ZERO] = graph_input(w, 2);
    if (params->block_size || !fits_weights(g, in, b->info.dims[!trans]) ||
        (graph_element_count(in[W_SCALE]) > 1 && axis != !trans))
        return ONYX_OK;
    *done = true;
    return trans ? transposed(g, in[W], &in[W], error) : ONYX_OK;
}

static onyx_status take_matmul(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    graph_value *in[FLOAT_INPUTS] = { NULL };
    bool done;
    STATUS_TRY(read_factors(g, node->inputs[0], node->inputs[1], false, in, &done, error));
    return done ? put_float(g, node, node->name, in, &no_activation, changed, error) : ONYX_OK;
}

/* bias: NULL where there is none. *done false where it is no row of constants. */
static onyx_status read_bias(graph *g, graph_value *bias, int64_t columns, graph_value **result, bool *done,
                             onyx_error *error)
{
    double *numbers = malloc((size_t)columns * sizeof(double) + 1);
    onyx_status status = ONYX_OK;
    if (!numbers)
        return status_no_memory(error, (size_t)columns * sizeof(double), "a constant");
    *done = quantized_read_bias(g, bias, columns, numbers);
    if (*done && bias)
        status = graph_add_numbers(g, bias->name, numbers, 1, &columns, result, error);
    free(numbers);
    return status;
}

static onyx_status take_gemm(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    const gemm_params *params = node->params;
    graph_value *in[FLOAT_INPUTS] = { NULL }, *bias = graph_input(node, 2);
    bool done;
    if (params->alpha != 1 || params->trans_a || (bias && params->beta != 1) || node->inputs[1]->info.rank != 2)
        return ONYX_OK;
    const int64_t columns = node->inputs[1]->info.dims[!params->trans_b];
    if (columns < 1 || (bias && bias->info.rank > 0 && bias->info.dims[bias->info.rank - 1] != columns))
        return ONYX_OK;
    STATUS_TRY(read_bias(g, bias, columns, &in[BIAS], &done, error));
    if (done)
        STATUS_TRY(read_factors(g, node->inputs[0], node->inputs[1], params->trans_b, in, &done, error));
    return done ? put_float(g, node, node->name, in, &no_activation, changed, error) : ONYX_OK;
}

/* ---- MatMulInteger ---- */

static bool read_integer(const graph_node *product, graph_value **in)
{
    in[X] = product->inputs[0];
    in[X_ZERO] = graph_input(product, 2);
    in[W] = product->inputs[1];
    in[W_ZERO] = graph_input(product, 3);
    return quantized_is_byte(in[X]) && in[X]->info.rank >= 2 && (!in[X_ZERO] || graph_element_count(in[X_ZERO]) == 1);
}

/* Mul(Cast(MatMulInteger), scale): scale a constant, or the product of one and a scalar. */
static onyx_status take_scaled(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    graph_value *in[FLOAT_INPUTS] = { NULL }, *factor, *like = node->outputs[0];
    const graph_node *product = quantized_maker_integer(node, "MatMulInteger", &factor);
    const int last = like->info.rank - 1;
    if (!product || last < 0 || !read_integer(product, in))
        return ONYX_OK;
    STATUS_TRY(quantized_read_scales(g, factor, like, last, &in[X_SCALE], &in[W_SCALE], error));
    if (!in[W_SCALE] || !fits_weights(g, in, like->info.dims[last]))
        return ONYX_OK;
    return put_float(g, node, node->name, in, &no_activation, changed, error);
}

/* Cast(MatMulInteger), for whatever follows it. */
static onyx_status take_cast(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    graph_value *in[FLOAT_INPUTS] = { NULL };
    const graph_node *product = graph_maker(node->inputs[0], "MatMulInteger");
    if (!product || !graph_sole(node->inputs[0]) || !graph_is_f32(node->outputs[0]) || !read_integer(product, in))
        return ONYX_OK;
    STATUS_TRY(graph_add_numbers(g, "one", &(double){ 1 }, 0, NULL, &in[X_SCALE], error));
    in[W_SCALE] = in[X_SCALE];
    if (!fits_weights(g, in, node->outputs[0]->info.dims[node->outputs[0]->info.rank - 1]))
        return ONYX_OK;
    return put_float(g, node, node->name, in, &no_activation, changed, error);
}

/* ---- QLinearMatMul, QGemm ---- */

static bool fixed_scale(graph *g, graph_value *scale, graph_value *zero)
{
    float number;
    int point;
    return scale && graph_is_f32(scale) && graph_element_count(scale) == 1 && graph_scalar(g, scale, &number) &&
           (!zero || quantized_zero(g, zero, &point));
}

static onyx_status take_qlinear(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    graph_value *in[BYTE_INPUTS] = { NULL };
    for (int i = 0; i < node->input_count; i++)
        in[i] = node->inputs[i];
    if (in[X]->info.rank < 2 || !fixed_scale(g, in[X_SCALE], in[X_ZERO]) || !fixed_scale(g, in[Y_SCALE], in[Y_ZERO]) ||
        in[W]->info.rank != 2 || !fits_weights(g, in, in[W]->info.dims[1]))
        return ONYX_OK;
    return put_bytes(g, node, node->name, in, changed, error);
}

/* c of a QGemm as a row of int32, and as one of floats in the unit of the sums; *done false: it is none. */
static onyx_status read_sum_bias(graph *g, graph_value *c, int64_t columns, graph_value *const *in, graph_value **sums,
                                 graph_value **floats, bool *done, onyx_error *error)
{
    const onyx_tensor *tensor = c && c->is_constant ? graph_constant(g, c) : NULL;
    const int64_t count = c ? graph_element_count(c) : 0;
    const float *w_scale = graph_constant_f32(g, in[W_SCALE]);
    const int w_step = graph_element_count(in[W_SCALE]) > 1;
    buffer *storage;
    float *data, x_scale;
    *done = !c || (tensor && tensor->type == ONYX_TYPE_INT32 &&
                   (count == 1 || (count == columns && c->info.dims[c->info.rank - 1] == columns)));
    if (!c || !*done || !w_scale || !graph_scalar(g, in[X_SCALE], &x_scale))
        return ONYX_OK;
    int32_t *numbers = arena_alloc(g->arena, (size_t)columns * sizeof(int32_t));
    if (!numbers)
        return status_no_memory(error, (size_t)columns * sizeof(int32_t), "a constant");
    STATUS_TRY(graph_new_floats((size_t)columns, &storage, &data, error));
    for (int64_t i = 0; i < columns; i++) {
        numbers[i] = ((const int32_t *)tensor->data)[count > 1 ? i : 0];
        data[i] = (float)((double)numbers[i] * x_scale * w_scale[i * w_step]);
    }
    STATUS_TRY(graph_add_f32(g, c->name, 1, &columns, storage, floats, error));
    return quantized_add_sums(g, c->name, numbers, columns, sums, error);
}

static onyx_status take_qgemm(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    const gemm_params *params = node->params;
    graph_value *in[BYTE_INPUTS] = { NULL }, *sums = NULL, *floats = NULL, *y_scale = graph_input(node, G_Y_SCALE);
    bool done;
    for (int i = 0; i <= G_W_ZERO; i++)
        in[i] = node->inputs[i];
    if (params->alpha != 1 || params->trans_a || in[W]->info.rank != 2 || !fixed_scale(g, in[X_SCALE], in[X_ZERO]) ||
        (y_scale && !fixed_scale(g, y_scale, graph_input(node, G_Y_ZERO))))
        return ONYX_OK;
    const int64_t columns = in[W]->info.dims[!params->trans_b];
    if (!fits_weights(g, in, columns))
        return ONYX_OK;
    STATUS_TRY(read_sum_bias(g, graph_input(node, G_BIAS), columns, in, &sums, &floats, &done, error));
    if (!done)
        return ONYX_OK;
    if (params->trans_b)
        STATUS_TRY(transposed(g, in[W], &in[W], error));
    if (!y_scale) {
        in[BIAS] = floats;
        return put_float(g, node, node->name, in, &no_activation, changed, error);
    }
    in[Y_SCALE] = y_scale;
    in[Y_ZERO] = graph_input(node, G_Y_ZERO);
    in[SUM_BIAS] = sums;
    return put_bytes(g, node, node->name, in, changed, error);
}

/* ---- behind QMatMulFloat ---- */

/* *bias, or nothing, + numbers[i * step] */
static onyx_status add_to_bias(graph *g, const char *name, const float *numbers, int step, int64_t columns,
                               graph_value **bias, onyx_error *error)
{
    const float *old = *bias ? graph_constant_f32(g, *bias) : NULL;
    buffer *storage;
    float *data;
    if (*bias && !old)
        return status_no_memory(error, (*bias)->constant.size_bytes, "a constant");
    STATUS_TRY(graph_new_floats((size_t)columns, &storage, &data, error));
    for (int64_t i = 0; i < columns; i++)
        data[i] = (old ? old[i] : 0) + numbers[i * step];
    return graph_add_f32(g, name, 1, &columns, storage, bias, error);
}

static onyx_status take_sum(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    for (int i = 0; i < 2; i++) {
        graph_value *in[FLOAT_INPUTS], *x = node->inputs[i], *other = node->inputs[1 - i], *like = node->outputs[0];
        const graph_node *product = bare_product(x, in);
        const float *data;
        int step;
        if (!product || in[RESIDUAL] || !graph_same_shape(x, like) || like->info.rank < 1)
            continue;
        const int64_t columns = like->info.dims[like->info.rank - 1];
        if (graph_along_axis(g, other, like, like->info.rank - 1, &data, &step)) {
            STATUS_TRY(add_to_bias(g, other->name, data, step, columns, &in[BIAS], error));
        } else if (!other->is_constant && graph_is_f32(other) && graph_same_shape(x, other) && other != x) {
            in[RESIDUAL] = other;
        } else {
            continue;
        }
        return put_float(g, node, product->name, in, &no_activation, changed, error);
    }
    return ONYX_OK;
}

static onyx_status take_activation(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    graph_value *in[FLOAT_INPUTS];
    op_activation activation;
    const graph_node *product = bare_product(node->inputs[0], in);
    if (!product || !graph_activation_of(g, node, &activation) || activation.act == OP_ACT_NONE ||
        activation.act == OP_ACT_SWISH)
        return ONYX_OK;
    return put_float(g, node, product->name, in, &activation, changed, error);
}

/* The bias as a summand of the integer sums; *value NULL where it is none. */
static onyx_status integer_bias(graph *g, graph_value *const *in, float x_scale, float y_scale, graph_value **value,
                                onyx_error *error)
{
    const int64_t columns = in[W]->info.dims[1];
    const byte_weights weights = { in[W], in[W_SCALE], in[W_ZERO], columns, true };
    double *bias = malloc((size_t)columns * sizeof(*bias));
    if (!bias)
        return status_no_memory(error, (size_t)columns * sizeof(*bias), "a constant");
    onyx_status status = ONYX_OK;
    if (quantized_read_bias(g, in[BIAS], columns, bias))
        status = quantized_integer_bias(g, in[BIAS]->name, bias, x_scale, y_scale, &weights, value, error);
    free(bias);
    return status;
}

/* Q(QMatMulFloat) */
static onyx_status take_quantize(graph *g, graph_node *node, const byte_scale *y, bool *changed, onyx_error *error)
{
    graph_value *in[FLOAT_INPUTS], *bytes[BYTE_INPUTS] = { NULL };
    const graph_node *product = bare_product(node->inputs[0], in);
    float x_scale;
    if (!product || in[RESIDUAL] || !graph_one_output(node) || !fixed_scale(g, in[X_SCALE], in[X_ZERO]) ||
        !graph_scalar(g, in[X_SCALE], &x_scale))
        return ONYX_OK;
    if (in[BIAS]) {
        STATUS_TRY(integer_bias(g, in, x_scale, y->scale, &bytes[SUM_BIAS], error));
        if (!bytes[SUM_BIAS])
            return ONYX_OK;
    }
    memcpy(bytes, in, sizeof(*in) * BIAS);
    bytes[Y_SCALE] = y->scale_value;
    STATUS_TRY(quantized_zero_value(g, y, &bytes[Y_ZERO], error));
    return put_bytes(g, node, product->name, bytes, changed, error);
}

/* ---- Reshape ---- */

/* `x` with these dims, where it is a Reshape itself what that reads; as it is where it has them. */
static onyx_status reshaped(graph *g, graph_node *before, graph_value *x, int rank, const int64_t *dims,
                            graph_value **result, onyx_error *error)
{
    const graph_node *reshape = graph_maker(x, "Reshape");
    if (reshape && graph_shape_known(reshape->inputs[0]))
        x = reshape->inputs[0];
    *result = x;
    bool same = x->info.rank == rank;
    for (int i = 0; i < rank && same; i++)
        same = x->info.dims[i] == dims[i];
    if (same)
        return ONYX_OK;
    *result = NULL;
    return graph_insert_reshape(g, before, before->name, x, rank, dims, result, error);
}

/* Reshape of a product whose columns stay: its rows are dealt out before it. */
static onyx_status rows_up(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    graph_value *in[BYTE_INPUTS] = { NULL }, *y = node->outputs[0];
    graph_node *product = graph_maker_in(node->inputs[0], OP_DOMAIN_ONYX, "QMatMul");
    const bool floats = !product;
    if (floats)
        product = graph_maker_in(node->inputs[0], OP_DOMAIN_ONYX, "QMatMulFloat");
    if (!product || !graph_sole(node->inputs[0]) || !graph_shape_known(y) || !graph_shape_known(product->inputs[X]) ||
        y->info.rank < 2 || graph_element_count(y) < 1 || (floats && graph_input(product, RESIDUAL)))
        return ONYX_OK;
    int64_t dims[ONYX_MAX_RANK];
    const graph_value *x = product->inputs[X];
    memcpy(dims, y->info.dims, sizeof(dims));
    if (dims[y->info.rank - 1] != product->inputs[W]->info.dims[1])
        return ONYX_OK;
    dims[y->info.rank - 1] = x->info.dims[x->info.rank - 1];
    for (int i = 0; i < product->input_count; i++)
        in[i] = product->inputs[i];
    STATUS_TRY(reshaped(g, product, product->inputs[X], y->info.rank, dims, &in[X], error));
    if (!floats)
        return put_bytes(g, node, product->name, in, changed, error);
    return put_float(g, node, product->name, in, &((const qmatmul_params *)product->params)->activation, changed,
                     error);
}

/* Reshape of the bytes of a DynamicQuantizeLinear, the only one. */
static onyx_status quantizer_down(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    graph_node *quantizer = graph_maker(node->inputs[0], "DynamicQuantizeLinear");
    graph_value *y = node->outputs[0], *x, *outputs[3];
    if (!quantizer || quantizer->outputs[0] != node->inputs[0] || !graph_sole(node->inputs[0]) ||
        quantizer->output_count < 3 || !quantizer->outputs[1] || !quantizer->outputs[2] || !graph_shape_known(y) ||
        graph_element_count(y) < 1 || y->output_uses || quantizer->outputs[1]->output_uses ||
        quantizer->outputs[2]->output_uses)
        return ONYX_OK;
    STATUS_TRY(reshaped(g, quantizer, quantizer->inputs[0], y->info.rank, y->info.dims, &x, error));
    for (int i = 0; i < 3; i++)
        if (!(outputs[i] = graph_add_value(g, quantizer->outputs[i]->name)))
            return status_no_memory(error, sizeof(graph_value), "a value");
    STATUS_TRY(graph_clone(g, quantizer, &x, outputs, error));
    STATUS_TRY(graph_replace_value(g, y, outputs[0], error));
    STATUS_TRY(graph_replace_value(g, quantizer->outputs[1], outputs[1], error));
    STATUS_TRY(graph_replace_value(g, quantizer->outputs[2], outputs[2], error));
    graph_prune(g, node);
    *changed = true;
    return ONYX_OK;
}

/* ---- the sweeps ---- */

static onyx_status take_node(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    byte_scale y;
    if (graph_is(node, "MatMul"))
        return take_matmul(g, node, changed, error);
    if (graph_is(node, "Gemm"))
        return take_gemm(g, node, changed, error);
    if (graph_is(node, "QLinearMatMul"))
        return take_qlinear(g, node, changed, error);
    if (graph_is_in(node, OP_DOMAIN_MICROSOFT, "QGemm"))
        return take_qgemm(g, node, changed, error);
    if (graph_is(node, "Mul"))
        return take_scaled(g, node, changed, error);
    if (graph_is(node, "Add"))
        return take_sum(g, node, changed, error);
    if (quantized_is_q(g, node, &y))
        return take_quantize(g, node, &y, changed, error);
    if (graph_is(node, "Reshape")) {
        STATUS_TRY(rows_up(g, node, changed, error));
        return node->removed ? ONYX_OK : quantizer_down(g, node, changed, error);
    }
    return take_activation(g, node, changed, error);
}

onyx_status quantized_matmuls(graph *g, bool *changed, onyx_error *error)
{
    GRAPH_EACH_NODE(g, node)
    if (graph_output(node, 0) && graph_one_output(node) && graph_input(node, 0))
        STATUS_TRY(take_node(g, node, changed, error));
    GRAPH_EACH_NODE(g, node) /* not before what scales it is taken */
    if (graph_is(node, "Cast") && graph_output(node, 0) && graph_one_output(node))
        STATUS_TRY(take_cast(g, node, changed, error));
    return ONYX_OK;
}
